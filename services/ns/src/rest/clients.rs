//! Clients.

use std::collections::BTreeMap;

use crate::auth::{InRealm, Keys};
use actix_web::{HttpResponse, web};
use countersign_api::{Client as Dto, List, NewClient, PutClient, limits};
use countersign_domain_ns::{
    client::{self, Client, is_web_url},
    handles::Clients,
    text as rules,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_protocol::ids::ClientId;

use super::{Body, Paging, factors, no_content, text};
use crate::scope;

/// Clients whose enrolments are accepted are shown by name, or by id when they have been deleted.
async fn dto(c: Client, clients: &Clients) -> Result<Dto, ApiProblem> {
    let mut accepts = Vec::with_capacity(c.accepts.len());
    for id in c.accepts {
        accepts.push(clients.find(c.realm, id).await?.map_or_else(|| id.to_string(), |c| c.name));
    }
    Ok(Dto {
        id: c.id.to_string(),
        name: c.name,
        display_name: c.display_name,
        logo: c.logo,
        origins: c.origins,
        return_urls: c.return_urls,
        callback_urls: c.callback_urls,
        templates: c.templates,
        accepts_enrolments_of: accepts,
        second_factor: c.second_factor.map(|need| factors::need_dto(Some(need))),
        created_at: rfc3339(c.created_at),
    })
}

/// Resolves the named clients of the realm, by id or name; `own` may name itself before it is
/// stored.
async fn accepts(clients: &Clients, own: &Client, named: &[String]) -> Result<Vec<ClientId>, ApiProblem> {
    if named.len() > limits::URLS {
        return Err(ApiProblem::invalid("/accepts_enrolments_of", format!("at most {}", limits::URLS)));
    }
    let mut ids = Vec::with_capacity(named.len());
    for (i, text) in named.iter().enumerate() {
        let id = match text.parse() {
            _ if *text == own.name => Some(own.id),
            Ok(id) if own.accepts.contains(&id) => Some(id),
            Ok(id) => clients.find(own.realm, id).await?.map(|c| c.id),
            Err(_) => clients.by_name(own.realm, text).await?.map(|c| c.id),
        };
        ids.push(id.ok_or_else(|| {
            ApiProblem::invalid(&format!("/accepts_enrolments_of/{i}"), "no such client in this realm")
        })?);
    }
    Ok(ids)
}

/// What is wrong with a URL.
type Fault = fn(&str) -> Result<(), String>;

fn urls(member: &str, urls: &[String], check: Fault) -> Result<(), ApiProblem> {
    if urls.len() > limits::URLS {
        return Err(ApiProblem::invalid(&format!("/{member}"), format!("at most {}", limits::URLS)));
    }
    for (i, url) in urls.iter().enumerate() {
        let short =
            if url.len() > limits::URL { Err(format!("at most {} bytes", limits::URL)) } else { Ok(()) };
        short.and_then(|()| check(url)).map_err(|why| ApiProblem::invalid(&format!("/{member}/{i}"), why))?;
    }
    Ok(())
}

fn web_url(url: &str) -> Result<(), String> {
    let why = "an https URL without a fragment; http on loopback only";
    if is_web_url(url) { Ok(()) } else { Err(why.to_owned()) }
}

fn templates(templates: &BTreeMap<String, String>) -> Result<(), ApiProblem> {
    if templates.len() > limits::URLS {
        return Err(ApiProblem::invalid("/templates", format!("at most {}", limits::URLS)));
    }
    for (name, template) in templates {
        text(&format!("/templates/{name}"), rules::name(name))?;
        text(&format!("/templates/{name}"), rules::shown(template, limits::TEXT, true))?;
    }
    Ok(())
}

pub(crate) fn check(new: &PutClient) -> Result<(), ApiProblem> {
    text("/display_name", rules::shown(&new.display_name, limits::DISPLAY_NAME, false))?;
    let logos: Vec<String> = new.logo.iter().cloned().collect();
    urls("logo", &logos, web_url)?;
    urls("origins", &new.origins, client::origin)?;
    urls("return_urls", &new.return_urls, web_url)?;
    urls("callback_urls", &new.callback_urls, web_url)?;
    templates(&new.templates)
}

pub(super) async fn create(
    at: InRealm,
    clients: web::Data<Clients>,
    new: Body<NewClient>,
) -> Result<HttpResponse, ApiProblem> {
    if at.caller.client.is_some() {
        return Err(ApiProblem::forbidden().because("a client's key makes no other clients"));
    }
    text("/name", rules::name(&new.name))?;
    let who = at.caller.who_with(&new.0.0);
    let new = new.into_inner().0;
    let name = new.name.clone();
    let put = PutClient::from(new);
    check(&put)?;
    let draft = clients.draft(who, at.id(), name);
    let client = clients.create(with(&clients, draft, put).await?, who).await?;
    Ok(HttpResponse::Created().json(dto(client, &clients).await?))
}

async fn with(clients: &Clients, client: Client, put: PutClient) -> Result<Client, ApiProblem> {
    let PutClient {
        display_name,
        logo,
        origins,
        return_urls,
        callback_urls,
        templates,
        accepts_enrolments_of,
        second_factor,
    } = put;
    let second_factor =
        second_factor.as_ref().map(|need| factors::need("/second_factor", need)).transpose()?.flatten();
    let accepts = accepts(clients, &client, &accepts_enrolments_of).await?;
    Ok(Client {
        display_name,
        logo,
        origins,
        return_urls,
        callback_urls,
        templates,
        accepts,
        second_factor,
        ..client
    })
}

pub(super) async fn list(
    at: InRealm,
    clients: web::Data<Clients>,
    tokens: web::Data<PageTokens>,
    page: web::Query<Paging>,
) -> Result<HttpResponse, ApiProblem> {
    let limit = limit(page.limit)?;
    let tokens = tokens.of("clients", &at.realm.name());
    let after: Option<String> = tokens.read(page.page_token.as_ref())?;
    if let Some(mine) = at.caller.client {
        let own = clients.find(at.id(), mine).await?;
        return Ok(HttpResponse::Ok().json(List { items: all(own, &clients).await?, next: None }));
    }
    let found = clients.list(at.id(), after.as_deref(), limit).await?;
    let next = tokens.next(&found, limit, |c| c.name.clone());
    Ok(HttpResponse::Ok().json(List { items: all(found, &clients).await?, next }))
}

async fn all(found: impl IntoIterator<Item = Client>, clients: &Clients) -> Result<Vec<Dto>, ApiProblem> {
    let mut items = Vec::new();
    for client in found {
        items.push(dto(client, clients).await?);
    }
    Ok(items)
}

type ClientPath = web::Path<(String, String)>;

async fn find(at: &InRealm, clients: &Clients, path: &ClientPath) -> Result<Client, ApiProblem> {
    let id = scope::id(&path.1)?;
    at.caller.owns(id)?;
    clients.find(at.id(), id).await?.ok_or_else(ApiProblem::not_found)
}

pub(super) async fn get(
    at: InRealm,
    clients: web::Data<Clients>,
    path: ClientPath,
) -> Result<HttpResponse, ApiProblem> {
    Ok(HttpResponse::Ok().json(dto(find(&at, &clients, &path).await?, &clients).await?))
}

pub(super) async fn put(
    at: InRealm,
    clients: web::Data<Clients>,
    path: ClientPath,
    put: Body<PutClient>,
) -> Result<HttpResponse, ApiProblem> {
    let there = find(&at, &clients, &path).await?;
    check(&put)?;
    let client = with(&clients, there, put.into_inner().0).await?;
    if !clients.change(&client, at.caller.who()).await? {
        return Err(ApiProblem::not_found());
    }
    Ok(HttpResponse::Ok().json(dto(client, &clients).await?))
}

pub(super) async fn delete(
    at: InRealm,
    clients: web::Data<Clients>,
    keys: web::Data<Keys>,
    path: ClientPath,
) -> Result<HttpResponse, ApiProblem> {
    let id = scope::id(&path.1)?;
    at.caller.owns(id)?;
    let gone = clients.delete(at.id(), id, at.caller.who()).await?;
    keys.forget();
    if gone { Ok(no_content()) } else { Err(ApiProblem::not_found()) }
}
