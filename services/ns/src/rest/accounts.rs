//! Accounts.

use actix_web::{HttpResponse, web};
use countersign_actors::{Accounts, Realms};
use countersign_api::{Account as Dto, AccountState, List};
use countersign_domain::account::{Account, Event};
use countersign_edge::{auth::Caller, problem::Oops};
use countersign_protocol::codes;
use serde::Deserialize;

use super::no_content;
use crate::{scope, times::rfc3339};

fn dto(a: Account, online: bool) -> Dto {
    let state = match a.state {
        codes::AccountState::Pending => AccountState::Pending,
        codes::AccountState::Active => AccountState::Active,
        codes::AccountState::Blocked => AccountState::Blocked,
        codes::AccountState::Deleted => AccountState::Deleted,
    };
    Dto { id: a.id.to_string(), user_id: a.user_id, state, app: a.app, device: a.device, created_at: rfc3339(a.created_at), online }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    user_id: Option<String>,
}

type AccountPath = web::Path<(String, String)>;

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    accounts: web::Data<Accounts>,
    path: web::Path<String>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path, &caller).await?;
    let mut items = Vec::new();
    for account in accounts.list(&realm, filter.user_id.as_deref()).await? {
        let online = accounts.online(account.id).await;
        items.push(dto(account, online));
    }
    Ok(HttpResponse::Ok().json(List { items }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path.0, &caller).await?;
    let account = accounts
        .look(&realm, scope::id(&path.1)?)
        .await?
        .filter(|a| a.state != codes::AccountState::Deleted)
        .ok_or_else(Oops::not_found)?;
    let online = accounts.online(account.id).await;
    Ok(HttpResponse::Ok().json(dto(account, online)))
}

async fn change(caller: Caller, realms: &Realms, accounts: &Accounts, path: &(String, String), event: Event) -> Result<Account, Oops> {
    let realm = scope::realm(realms, &path.0, &caller).await?;
    Ok(accounts.change(&realm, scope::id(&path.1)?, event, caller.actor()).await?)
}

pub(super) async fn block(
    caller: Caller,
    realms: web::Data<Realms>,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, Oops> {
    let account = change(caller, &realms, &accounts, &path, Event::Block).await?;
    Ok(HttpResponse::Ok().json(dto(account, false)))
}

pub(super) async fn unblock(
    caller: Caller,
    realms: web::Data<Realms>,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, Oops> {
    let account = change(caller, &realms, &accounts, &path, Event::Unblock).await?;
    let online = accounts.online(account.id).await;
    Ok(HttpResponse::Ok().json(dto(account, online)))
}

pub(super) async fn delete(
    caller: Caller,
    realms: web::Data<Realms>,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, Oops> {
    change(caller, &realms, &accounts, &path, Event::Delete).await?;
    Ok(no_content())
}
