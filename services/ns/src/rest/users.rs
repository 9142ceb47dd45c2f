//! Users.

use crate::auth::InRealm;
use actix_web::{HttpResponse, web};
use countersign_actors_ns::Accounts;
use countersign_api::{List, PutUser, User as Dto, limits};
use countersign_domain_ns::{
    Refused,
    handles::Users,
    ports::{UserQuery, UserSort},
    refused::Stop,
    text as rules,
    user::User,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_ports::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, no_content, text};

pub(super) fn dto(u: User) -> Dto {
    Dto { user_id: u.user_id, display_name: u.display_name, created_at: rfc3339(u.created_at) }
}

pub(super) type UserPath = web::Path<(String, String)>;

/// The query of the list of users.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// A part of user id or display name.
    #[schemars(length(min = 1, max = 100))]
    q: Option<String>,
    /// `name:value` of an attribute.
    #[schemars(length(max = 1100), regex(pattern = "^[a-z][a-z0-9_.-]*:"))]
    attribute: Option<String>,
    #[serde(default)]
    sort: Sort,
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    page_token: Option<String>,
}

/// What they are sorted by; with `-` the other way round.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
enum Sort {
    #[default]
    #[serde(rename = "user_id")]
    UserId,
    #[serde(rename = "-user_id")]
    UserIdDown,
    #[serde(rename = "created_at")]
    CreatedAt,
    #[serde(rename = "-created_at")]
    CreatedAtDown,
}

impl Search {
    fn query(&self, after: Option<(u64, String)>) -> Result<UserQuery, ApiProblem> {
        if self.q.as_ref().is_some_and(|q| q.is_empty() || q.len() > limits::NAME) {
            return Err(ApiProblem::invalid("/q", format!("1 to {} bytes", limits::NAME)));
        }
        let split = |a: &String| a.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned()));
        let bad = || ApiProblem::invalid("/attribute", "a name, a colon and a value");
        let attribute = self.attribute.as_ref().map(|a| split(a).ok_or_else(bad)).transpose()?;
        let (sort, descending) = match self.sort {
            Sort::UserId => (UserSort::UserId, false),
            Sort::UserIdDown => (UserSort::UserId, true),
            Sort::CreatedAt => (UserSort::CreatedAt, false),
            Sort::CreatedAtDown => (UserSort::CreatedAt, true),
        };
        let after = after.map(|(at, id)| (Time(at), id));
        Ok(UserQuery { text: self.q.clone(), attribute, sort, descending, after, limit: limit(self.limit)? })
    }
}

pub(super) async fn list(
    at: InRealm,
    users: web::Data<Users>,
    tokens: web::Data<PageTokens>,
    search: web::Query<Search>,
) -> Result<HttpResponse, ApiProblem> {
    let tokens = tokens.of(&format!("{}/users", at.realm.name()), &*search);
    let query = search.query(tokens.read(search.page_token.as_ref())?)?;
    let found = users.list(at.id(), &query).await?;
    let next = tokens.after(found.more.map(|(created, id)| (created.0, id)));
    Ok(HttpResponse::Ok().json(List { items: found.items.into_iter().map(dto).collect(), next }))
}

pub(super) async fn put(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
    body: Body<PutUser>,
) -> Result<HttpResponse, ApiProblem> {
    text("/user_id", rules::user_id(&path.1))?;
    if let Some(name) = &body.display_name {
        text("/display_name", rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    let user = users.put(at.id(), &path.1, body.display_name.clone(), at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(dto(user)))
}

pub(super) async fn get(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    let user = users.find(at.id(), &path.1).await?.ok_or_else(ApiProblem::not_found)?;
    Ok(HttpResponse::Ok().json(dto(user)))
}

pub(super) async fn delete(
    at: InRealm,
    accounts: web::Data<Accounts>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    let there =
        accounts.delete_user(&at.realm, path.1.clone(), at.caller.who()).await.map_err(
            |stop| match stop {
                Stop::Refused(Refused::Lacking) => ApiProblem::forbidden()
                    .because("the user has phones: deleting them takes the permission accounts"),
                other => other.into(),
            },
        )?;
    if there { Ok(no_content()) } else { Err(ApiProblem::not_found()) }
}
