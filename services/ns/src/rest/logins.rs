//! Logins.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    web::{self, Bytes},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_actors_ns::Logins;
use countersign_api::{Identity, Login as Dto, NewLogin, Redeem, limits};
use countersign_domain_ns::{
    capability::write_page_token,
    client::{Client, fill},
    flows::login::{self as flow, Redemption, Seen},
    handles::Clients,
    login::{Target, Via},
    permission::Permission,
    realm::OpenRealm,
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};
use countersign_protocol::ids::LoginId;
use futures_util::{future::try_join, stream::unfold};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Body, LongPoll, accounts, factors, optional, stream, text};
use crate::{
    PublicUrls,
    auth::{InRealm, Standing},
    page::{claim, public, via},
    scope,
};

pub(super) fn dto(seen: &Seen) -> Dto {
    let state = seen.state.public();
    Dto {
        id: seen.login.id.to_string(),
        state: public(state),
        v: state.version(),
        reason: seen.state.reason().map(str::to_owned),
        via: claim(&seen.state).map(|c| via(c.via)),
        created_at: rfc3339(seen.login.created_at),
        expires_at: rfc3339(seen.login.expires_at),
        redeemed: seen.state.redeemed(),
        page_token: None,
        page_url: None,
    }
}

pub(super) type LoginPath = web::Path<(String, String)>;

/// Returns the login in the path, if it is the caller's.
pub(super) async fn mine(
    at: &InRealm,
    logins: &Logins,
    path: &LoginPath,
) -> Result<(LoginId, Seen), ApiProblem> {
    let id = scope::id(&path.1)?;
    let seen = logins.look(&at.realm, id).await?.ok_or_else(ApiProblem::not_found)?;
    at.caller.owns(seen.login.client)?;
    Ok((id, seen))
}

fn check(new: &NewLogin) -> Result<(), ApiProblem> {
    for (pointer, user) in [("/expected_user", &new.expected_user), ("/to_user", &new.to_user)] {
        if let Some(user) = user {
            text(pointer, rules::user_id(user))?;
        }
    }
    if new.to_user.is_some()
        && (new.to_account.is_some()
            || new.expected_user.as_ref().is_some_and(|u| new.to_user.as_ref() != Some(u)))
    {
        return Err(ApiProblem::invalid(
            "/to_user",
            "one user or one account, and the expected user if there is one",
        ));
    }
    if new.number_off && new.number_match {
        return Err(ApiProblem::invalid("/number_off", "a number or none, not both"));
    }
    for (pointer, value, max, lines) in [
        ("/text", &new.text, limits::TEXT, true),
        ("/browser", &new.browser, limits::CONTEXT, false),
        ("/place", &new.place, limits::CONTEXT, false),
    ] {
        if let Some(value) = value {
            text(pointer, rules::shown(value, max, lines))?;
        }
    }
    let binding = new.initiator.as_ref().and_then(|i| i.binding.as_ref());
    if binding.is_some_and(|b| b.is_empty() || b.len() > limits::CONTEXT) {
        return Err(ApiProblem::invalid("/initiator/binding", format!("1 to {} bytes", limits::CONTEXT)));
    }
    Ok(())
}

/// Returns the text that the phone shows for the client: the request's own text, or a template of
/// the client, filled in.
fn words(new: &NewLogin, client: &Client) -> Result<Option<String>, ApiProblem> {
    let Some(name) = &new.template else {
        if !client.templates.is_empty() && new.text.is_some() {
            return Err(ApiProblem::invalid("/text", "this client has templates: use one of them"));
        }
        return if new.values.is_empty() {
            Ok(new.text.clone())
        } else {
            Err(ApiProblem::invalid("/values", "there is no template to fill"))
        };
    };
    if new.text.is_some() {
        return Err(ApiProblem::invalid("/text", "a template or a text, not both"));
    }
    let template = client
        .templates
        .get(name)
        .ok_or_else(|| ApiProblem::invalid("/template", "not one of the client's templates"))?;
    let filled = fill(template, &new.values)
        .map_err(|(place, why)| ApiProblem::invalid(&format!("/values/{place}"), why.to_string()))?;
    text("/values", rules::shown(&filled, limits::TEXT, true))?;
    Ok(Some(filled))
}

pub(super) async fn create(
    at: InRealm,
    logins: web::Data<Logins>,
    clients: web::Data<Clients>,
    urls: web::Data<PublicUrls>,
    new: Body<NewLogin>,
) -> Result<HttpResponse, ApiProblem> {
    check(&new)?;
    if new.number_off && !at.caller.may(Permission::NumberOff) {
        return Err(
            ApiProblem::forbidden().because("a login without a number takes the permission number_off")
        );
    }
    let account = |a: &String| {
        a.parse().map(Target::Account).map_err(|_| ApiProblem::invalid("/to_account", "not an account id"))
    };
    let target =
        new.to_account.as_ref().map(account).transpose()?.or_else(|| new.to_user.clone().map(Target::User));
    let directed = async {
        match target {
            Some(target) => logins.direct(&at.realm, target).await.map(Some),
            None => Ok(None),
        }
    };
    // The client and the target are independent reads, so they run concurrently.
    let (client, directed) = try_join(clients.find(at.id(), at.caller.client()?), directed).await?;
    let client = client.ok_or_else(ApiProblem::unauthorized)?;
    let who = at.caller.who_with(&new.0.0);
    let words = words(&new, &client)?;
    let new = new.into_inner().0;
    if new.return_url.as_ref().is_some_and(|url| !client.return_urls.contains(url)) {
        return Err(ApiProblem::invalid("/return_url", "not one of the client's return_urls"));
    }
    let second_factor =
        new.second_factor.as_ref().map(|need| factors::need("/second_factor", need)).transpose()?.flatten();
    let initiator = new.initiator.unwrap_or_default();
    let new = flow::NewLogin {
        expected_user: new.expected_user,
        text: words,
        browser: new.browser,
        place: new.place,
        return_url: new.return_url,
        directed,
        binding: initiator.binding,
        address: initiator.address.map(|ip| ip.to_canonical().to_string()),
        number_match: new.number_match,
        number_off: new.number_off,
        second_factor,
    };
    let made = logins.create(&at.realm, &client, new, who).await?;
    let mut body = dto(&made.seen);
    body.page_token = Some(write_page_token(at.id(), made.seen.login.id, &made.page).into());
    body.page_url = Some(urls.page.clone());
    Ok(HttpResponse::Created().json(body))
}

pub(super) async fn get(
    at: InRealm,
    standing: Standing,
    logins: web::Data<Logins>,
    path: LoginPath,
    poll: web::Query<LongPoll>,
) -> Result<HttpResponse, ApiProblem> {
    let wait = poll.wait()?;
    let (id, seen) = mine(&at, &logins, &path).await?;
    if wait.is_zero() || seen.state.public().version() > poll.after {
        return Ok(HttpResponse::Ok().json(dto(&seen)));
    }
    let seen = logins.wait(&at.realm, id, poll.after, wait).await?.ok_or_else(ApiProblem::not_found)?;
    standing.check().await?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}

/// The query of a stream of a login: `?after=1`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// The highest `v` seen already.
    #[serde(default)]
    after: u64,
}

pub(super) async fn events(
    at: InRealm,
    standing: Standing,
    logins: web::Data<Logins>,
    path: LoginPath,
    after: web::Query<After>,
) -> Result<HttpResponse, ApiProblem> {
    let (id, _) = mine(&at, &logins, &path).await?;
    Ok(states((**logins).clone(), standing, at.realm, id, after.after))
}

pub(super) async fn cancel(
    at: InRealm,
    logins: web::Data<Logins>,
    path: LoginPath,
) -> Result<HttpResponse, ApiProblem> {
    let (id, _) = mine(&at, &logins, &path).await?;
    let seen = logins.cancel(&at.realm, id, at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}

pub(super) async fn redeem(
    at: InRealm,
    logins: web::Data<Logins>,
    path: LoginPath,
    body: web::Bytes,
) -> Result<HttpResponse, ApiProblem> {
    let id = scope::id(&path.1)?;
    // An identity is given only to the client it is for, or to a key that may act for that client.
    let may = at.caller.client.is_some() || at.caller.may(Permission::ActForClient);
    let why = "redeeming takes the client's API key, or the permission act_for_client";
    let asked: Result<Redeem, ApiProblem> =
        if may { optional(&body) } else { Err(ApiProblem::forbidden().because(why)) };
    let asked = match asked {
        Ok(asked) => asked,
        // A login of another client does not exist for the caller, whatever else is wrong.
        Err(oops) => return mine(&at, &logins, &path).await.and(Err(oops)),
    };
    let who = at.caller.who_with(&asked);
    // A text that is not a token counts as a wrong token.
    let token = asked.return_token.map(|t| {
        URL_SAFE_NO_PAD.decode(t.as_bytes()).ok().and_then(|b| b.try_into().ok()).unwrap_or([0; 16])
    });
    let Redemption { record, account } = logins.redeem(&at.realm, id, token, who).await?;
    let outcome = record.outcome;
    let identity = Identity {
        login_id: id.to_string(),
        user_id: account.user_id,
        account_id: account.id.to_string(),
        via: via(outcome.claim.as_ref().map_or(Via::Qr, |c| c.via)),
        approved_at: rfc3339(outcome.decided_at),
        ends_at: rfc3339(outcome.ends_at),
        decision: outcome.decision.unwrap_or_default(),
        context: URL_SAFE_NO_PAD.encode(outcome.login.context()),
        public_key: URL_SAFE_NO_PAD.encode(account.public_key),
        second_factor: outcome.evidence.as_ref().and_then(factors::used),
        origin: accounts::origin(account.origin),
    };
    Ok(HttpResponse::Ok().json(identity))
}

pub(super) async fn logout(
    at: InRealm,
    logins: web::Data<Logins>,
    path: LoginPath,
) -> Result<HttpResponse, ApiProblem> {
    let (id, _) = mine(&at, &logins, &path).await?;
    let seen = logins.log_out(&at.realm, id, at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}

/// Streams a login's states, from the first one above `after` to the last.
fn states(
    logins: Logins,
    standing: Standing,
    realm: Arc<OpenRealm>,
    id: LoginId,
    after: u64,
) -> HttpResponse {
    let until = tokio::time::Instant::now() + stream::LIFE;
    let body = unfold(Some(after), move |after| {
        let (logins, standing, realm) = (logins.clone(), standing.clone(), realm.clone());
        async move {
            let after = after?;
            if tokio::time::Instant::now() >= until {
                return None;
            }
            // A fault ends the stream: the reader connects again and gets the error then.
            let seen = logins.wait(&realm, id, after, stream::BEAT).await.ok()??;
            if standing.check().await.is_err() {
                return None;
            }
            let (state, v) = (seen.state.public(), seen.state.public().version());
            if v <= after {
                return Some((Ok(Bytes::from_static(stream::COMMENT)), Some(after)));
            }
            Some((Ok(stream::sse(v, &dto(&seen))), (!state.is_last()).then_some(v)))
        }
    });
    stream::answer("text/event-stream", body)
}
