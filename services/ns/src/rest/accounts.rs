//! Accounts.

use crate::auth::InRealm;
use actix_web::{HttpResponse, web};
use countersign_actors_ns::Accounts;
use countersign_api::{Account as Dto, AccountState, ChangeAccount, List, Origin as OriginDto, limits};
use countersign_domain_ns::{
    account::{Account, Event, Origin},
    ports::AccountQuery,
    text as rules,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_ports::time::Time;
use countersign_protocol::{codes, ids::AccountId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, no_content, settings::confirm_dto, text};
use crate::scope;

pub(super) fn dto(a: Account, online: bool) -> Dto {
    let state = match a.state {
        codes::AccountState::Pending => AccountState::Pending,
        codes::AccountState::Active => AccountState::Active,
        codes::AccountState::Blocked => AccountState::Blocked,
        codes::AccountState::Deleted => AccountState::Deleted,
    };
    Dto {
        id: a.id.to_string(),
        user_id: a.user_id,
        state,
        app: a.app,
        app_version: a.app_version,
        device: a.device,
        created_at: rfc3339(a.created_at),
        blocked_by: a.blocked.map(|b| b.by),
        origin: origin(a.origin),
        active_from: a.active_from.map(rfc3339),
        online,
    }
}

pub(super) fn origin(o: Origin) -> OriginDto {
    OriginDto {
        enrolled_client: o.client.map(|c| c.to_string()),
        enrolled_by: o.enrolled_by,
        confirmed_by: o.confirmed_by,
        confirmed_at: o.confirmed_at.map(rfc3339),
        confirmed_way: o.way.filter(|_| o.confirmed_at.is_some()).map(confirm_dto),
        recovered_at: o.recovered_at.map(rfc3339),
    }
}

/// The query of the list of accounts.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    user_id: Option<String>,
    state: Option<AccountState>,
    app: Option<String>,
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    page_token: Option<String>,
}

pub(super) async fn list(
    at: InRealm,
    tokens: web::Data<PageTokens>,
    accounts: web::Data<Accounts>,
    search: web::Query<Search>,
) -> Result<HttpResponse, ApiProblem> {
    let tokens = tokens.of(&format!("{}/accounts", at.realm.name()), &*search);
    let after: Option<(u64, String)> = tokens.read(search.page_token.as_ref())?;
    let query = AccountQuery {
        user_id: search.user_id.clone(),
        state: search.state.map(|s| match s {
            AccountState::Pending => codes::AccountState::Pending,
            AccountState::Active => codes::AccountState::Active,
            AccountState::Blocked => codes::AccountState::Blocked,
            AccountState::Deleted => codes::AccountState::Deleted,
        }),
        app: search.app.clone(),
        after: after.map(|(created, id)| scope::id(&id).map(|id| (Time(created), id))).transpose()?,
        limit: limit(search.limit)?,
        ..AccountQuery::default()
    };
    let found = accounts.list(&at.realm, &query).await?;
    let next = tokens.after(found.more.map(|(created, id)| (created.0, id.to_string())));
    let ids: Vec<AccountId> = found.items.iter().map(|a| a.id).collect();
    let online = accounts.online(&ids).await;
    let items = found.items.into_iter().zip(online).map(|(account, online)| dto(account, online)).collect();
    Ok(HttpResponse::Ok().json(List { items, next }))
}

type AccountPath = web::Path<(String, String)>;

async fn find(at: &InRealm, accounts: &Accounts, path: &AccountPath) -> Result<Account, ApiProblem> {
    let found = accounts.look(&at.realm, scope::id(&path.1)?).await?;
    found.filter(|a| a.state != codes::AccountState::Deleted).ok_or_else(ApiProblem::not_found)
}

async fn answer(accounts: &Accounts, account: Account) -> HttpResponse {
    let online = accounts.online(&[account.id]).await == [true];
    HttpResponse::Ok().json(dto(account, online))
}

pub(super) async fn get(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, ApiProblem> {
    let account = find(&at, &accounts, &path).await?;
    Ok(answer(&accounts, account).await)
}

pub(super) async fn change(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: AccountPath,
    change: Body<ChangeAccount>,
) -> Result<HttpResponse, ApiProblem> {
    let account = find(&at, &accounts, &path).await?;
    text("/device", rules::shown(&change.device, limits::DISPLAY_NAME, false))?;
    let account = accounts.rename(&at.realm, account, change.into_inner().0.device, at.caller.who()).await?;
    Ok(answer(&accounts, account).await)
}

async fn step(
    at: &InRealm,
    accounts: &Accounts,
    path: &AccountPath,
    event: Event,
) -> Result<Account, ApiProblem> {
    Ok(accounts.change(&at.realm, scope::id(&path.1)?, event, at.caller.who()).await?)
}

pub(super) async fn block(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, ApiProblem> {
    let account = step(&at, &accounts, &path, Event::Block).await?;
    Ok(answer(&accounts, account).await)
}

pub(super) async fn unblock(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, ApiProblem> {
    let account = step(&at, &accounts, &path, Event::Unblock).await?;
    Ok(answer(&accounts, account).await)
}

pub(super) async fn delete(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: AccountPath,
) -> Result<HttpResponse, ApiProblem> {
    step(&at, &accounts, &path, Event::Delete).await?;
    Ok(no_content())
}
