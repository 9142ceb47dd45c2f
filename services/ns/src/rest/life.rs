//! The life of a user and of a login: running logins, timeline, erasure.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::{Accounts, Logins};
use countersign_api::{Ended, Erased, List, Step, Timeline};
use countersign_domain_ns::{
    login::{LoginProgress, Record},
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};
use countersign_ports::time::Time;
use countersign_protocol::ids::LoginId;

use super::{logins, users::UserPath};
use crate::{auth::InRealm, scope};

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
