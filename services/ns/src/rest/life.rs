//! Everything about a user or a login: running logins, timeline, export, erasure.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::{Accounts, Logins};
use countersign_api::{Ended, Erased, List, LoginRecord, Step, Timeline, UserExport};
use countersign_domain_ns::{
    audit::{About, Filter},
    flows::login::Seen,
    handles::{Events, Users},
    login::{LoginProgress, Record},
    ports::AccountQuery,
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};
use countersign_ports::time::Time;
use countersign_protocol::ids::LoginId;

use super::{accounts, events, logins, users, users::UserPath};
use crate::{auth::InRealm, scope};

/// Rows of an export per read.
const PIECE: u32 = 500;

fn seen(record: &Record) -> Seen {
    Seen { login: record.outcome.login.clone(), state: record.state() }
}

pub(super) async fn running(
    at: InRealm,
    logins: web::Data<Logins>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    let found = logins.running_of_user(&at.realm, &path.1, at.caller.client).await?;
    Ok(HttpResponse::Ok().json(List { items: found.iter().map(logins::dto).collect(), next: None }))
}

pub(super) async fn logout(
    at: InRealm,
    logins: web::Data<Logins>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    rules::user_id(&path.1).map_err(|_| ApiProblem::not_found())?;
    let ended = logins.log_out_user(&at.realm, path.1.clone(), at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(Ended { ended: ended as u64 }))
}

pub(super) async fn timeline(
    at: InRealm,
    logins: web::Data<Logins>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiProblem> {
    let id: LoginId = scope::id(&path.1)?;
    let now = logins.look(&at.realm, id).await?.ok_or_else(ApiProblem::not_found)?;
    at.caller.owns(now.login.client)?;
    let step = |t: Time, step: &str, detail: Option<&str>| Step {
        at: rfc3339(t),
        step: step.to_owned(),
        detail: detail.map(str::to_owned),
    };
    let mut steps = vec![step(now.login.created_at, "created", None)];
    match logins.record(&at.realm, id).await? {
        Some(Record { outcome, redeemed, ended }) => {
            steps.extend(outcome.claim.as_ref().map(|c| step(c.at, "claimed", Some(c.via.as_str()))));
            steps.push(step(outcome.decided_at, outcome.state.as_str(), outcome.reason.as_deref()));
            steps.extend(redeemed.map(|t| step(t, "redeemed", None)));
            steps.extend(ended.map(|(by, t)| step(t, "ended", Some(by.as_str()))));
        }
        None => {
            if let LoginProgress::Claimed(c) = &now.state {
                steps.push(step(c.at, "claimed", Some(c.via.as_str())));
            }
        }
    }
    Ok(HttpResponse::Ok().json(Timeline { login: id.to_string(), steps }))
}

fn record(r: &Record) -> LoginRecord {
    LoginRecord {
        login: logins::dto(&seen(r)),
        client: r.outcome.login.client.to_string(),
        account_id: r.outcome.claim.as_ref().map(|c| c.account.to_string()),
        decision: r.outcome.decision.clone(),
    }
}

/// Reads all of a user's accounts, piece by piece.
async fn all_accounts(
    at: &InRealm,
    accounts: &Accounts,
    user_id: &str,
) -> Result<Vec<countersign_api::Account>, ApiProblem> {
    let mut query =
        AccountQuery { user_id: Some(user_id.to_owned()), limit: PIECE, ..AccountQuery::default() };
    let mut all = Vec::new();
    loop {
        let piece = accounts.list(&at.realm, &query).await?;
        all.extend(piece.items.into_iter().map(|a| accounts::dto(a, false)));
        query.after = piece.more;
        if query.after.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn export(
    at: InRealm,
    people: web::Data<Users>,
    trail: web::Data<Events>,
    logins: web::Data<Logins>,
    accounts: web::Data<Accounts>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    let user = people.find(at.id(), &path.1).await?.ok_or_else(ApiProblem::not_found)?;
    // Recorded first, so that no export happens without a row in the trail.
    let about = About::of(at.id(), &path.1).user(&path.1);
    trail.exported("user.exported", &about, at.caller.who()).await?;
    let mut export = UserExport {
        user: users::dto(user),
        attributes: people.attributes(at.id(), &path.1).await?,
        accounts: all_accounts(&at, &accounts, &path.1).await?,
        logins: Vec::new(),
        events: Vec::new(),
    };
    let mut after = None;
    loop {
        let piece = logins.records_of_user(&at.realm, &path.1, after, PIECE).await?;
        after = piece.last().map(|r| r.outcome.login.id);
        export
            .logins
            .extend(piece.iter().filter(|r| at.caller.owns(r.outcome.login.client).is_ok()).map(record));
        if piece.len() < PIECE as usize {
            break;
        }
    }
    let mut filter = Filter {
        realm: Some(at.id()),
        client: at.caller.client,
        user_id: Some(path.1.clone()),
        limit: PIECE,
        ..Filter::default()
    };
    loop {
        let piece = trail.list(&filter).await?;
        export.events.extend(piece.items.into_iter().map(|e| events::dto(e, events::Sight::Whole)));
        let Some(after) = piece.more else { return Ok(HttpResponse::Ok().json(export)) };
        filter.after = after;
    }
}

/// Deletes everything that names the user; records that are counted stay under a pseudonym.
pub(super) async fn erase(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    let pseudonym = accounts.erase_user(&at.realm, path.1.clone(), at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(Erased { pseudonym }))
}
