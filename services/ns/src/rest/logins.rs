//! Logins.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_actors::{Logins, Realms};
use countersign_api::{Identity, Login as Dto, NewLogin, Object, Redeem, limits};
use countersign_domain::{
    capability::write_page_token,
    flows::login::{self as flow, Seen},
    ports::Ports,
    realm::OpenRealm,
    text as rules,
};
use countersign_edge::{auth::Caller, page::public, problem::Oops};
use countersign_protocol::ids::LoginId;

use super::{LongPoll, optional, text};
use crate::{PublicUrls, scope, times::rfc3339};

fn dto(seen: &Seen) -> Dto {
    let state = seen.state.public();
    Dto {
        id: seen.login.id.to_string(),
        state: public(state),
        v: state.version(),
        reason: seen.state.reason().map(str::to_owned),
        created_at: rfc3339(seen.login.created_at),
        expires_at: rfc3339(seen.login.expires_at),
        redeemed: seen.state.redeemed(),
        page_token: None,
        page_url: None,
    }
}

type LoginPath = web::Path<(String, String)>;

/// The realm and the id of the path, if the login is the caller's.
async fn mine(caller: &Caller, realms: &Realms, logins: &Logins, path: &(String, String)) -> Result<(Arc<OpenRealm>, LoginId), Oops> {
    let realm = scope::realm(realms, &path.0, caller).await?;
    let id = scope::id(&path.1)?;
    let seen = logins.look(&realm, id).await?.ok_or_else(Oops::not_found)?;
    caller.owns(seen.login.client)?;
    Ok((realm, id))
}

fn check(new: &NewLogin) -> Result<(), Oops> {
    if let Some(user) = &new.expected_user {
        text("/expected_user", rules::user_id(user))?;
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
    Ok(())
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    logins: web::Data<Logins>,
    ports: web::Data<Ports>,
    urls: web::Data<PublicUrls>,
    path: web::Path<String>,
    new: web::Json<Object<NewLogin>>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path, &caller).await?;
    check(&new)?;
    let client = ports.store.client(realm.realm.id, caller.client()?).await?.ok_or_else(Oops::unauthorized)?;
    let new = new.into_inner().0;
    if new.return_url.as_ref().is_some_and(|url| !client.return_urls.contains(url)) {
        return Err(Oops::invalid("/return_url", "not one of the client's return_urls"));
    }
    let new = flow::NewLogin {
        expected_user: new.expected_user,
        text: new.text,
        browser: new.browser,
        place: new.place,
        return_url: new.return_url,
    };
    let (login, secret) = logins.create(&realm, &client, new).await?;
    let page_token = write_page_token(realm.realm.id, login.id, &secret);
    let mut body = dto(&Seen { login, state: countersign_domain::login::State::Pending });
    body.page_token = Some(page_token.into());
    body.page_url = Some(urls.page.clone());
    Ok(HttpResponse::Created().json(body))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    logins: web::Data<Logins>,
    path: LoginPath,
    poll: web::Query<LongPoll>,
) -> Result<HttpResponse, Oops> {
    let wait = poll.wait()?;
    let realm = scope::realm(&realms, &path.0, &caller).await?;
    let id = scope::id(&path.1)?;
    let seen = logins.look(&realm, id).await?.ok_or_else(Oops::not_found)?;
    caller.owns(seen.login.client)?;
    if wait.is_zero() || seen.state.public().version() > poll.after {
        return Ok(HttpResponse::Ok().json(dto(&seen)));
    }
    let seen = logins.wait(&realm, id, poll.after, wait).await?.ok_or_else(Oops::not_found)?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}

pub(super) async fn cancel(
    caller: Caller,
    realms: web::Data<Realms>,
    logins: web::Data<Logins>,
    path: LoginPath,
) -> Result<HttpResponse, Oops> {
    let (realm, id) = mine(&caller, &realms, &logins, &path).await?;
    let seen = logins.cancel(&realm, id, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}

pub(super) async fn redeem(
    caller: Caller,
    realms: web::Data<Realms>,
    logins: web::Data<Logins>,
    path: LoginPath,
    body: web::Bytes,
) -> Result<HttpResponse, Oops> {
    let (realm, id) = mine(&caller, &realms, &logins, &path).await?;
    let Redeem { return_token: token } = optional(&body)?;
    // A text that is no token is a wrong token.
    let token = token.map(|t| URL_SAFE_NO_PAD.decode(t.as_bytes()).ok().and_then(|b| b.try_into().ok()).unwrap_or([0; 16]));
    let (record, account) = logins.redeem(&realm, id, token, caller.actor()).await?;
    let outcome = record.outcome;
    let identity = Identity {
        login_id: id.to_string(),
        user_id: account.user_id,
        account_id: account.id.to_string(),
        approved_at: rfc3339(outcome.decided_at),
        ends_at: rfc3339(outcome.ends_at),
        decision: outcome.decision.unwrap_or_default(),
        context: URL_SAFE_NO_PAD.encode(outcome.login.context()),
        public_key: URL_SAFE_NO_PAD.encode(account.public_key),
    };
    Ok(HttpResponse::Ok().json(identity))
}

pub(super) async fn logout(
    caller: Caller,
    realms: web::Data<Realms>,
    logins: web::Data<Logins>,
    path: LoginPath,
) -> Result<HttpResponse, Oops> {
    let (realm, id) = mine(&caller, &realms, &logins, &path).await?;
    let seen = logins.log_out(&realm, id, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(dto(&seen)))
}
