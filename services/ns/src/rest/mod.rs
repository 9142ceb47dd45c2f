//! `/v1`, one file a noun.

mod accounts;
mod api_keys;
mod clients;
mod enrolments;
mod logins;
mod realms;
mod users;

use std::time::Duration;

use actix_web::{HttpResponse, Resource, Route, http::StatusCode, web};
use countersign_api::{Object, limits};
use countersign_domain::text::BadText;
use countersign_edge::problem::{Oops, method_not_allowed};
use serde::{Deserialize, de::DeserializeOwned};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/v1/realms", [web::get().to(realms::list), web::post().to(realms::create)]))
        .service(resource("/v1/realms/{realm}", [web::get().to(realms::get)]))
        .service(resource("/v1/realms/{realm}/clients", [web::get().to(clients::list), web::post().to(clients::create)]))
        .service(resource("/v1/realms/{realm}/clients/{id}", [web::get().to(clients::get), web::delete().to(clients::delete)]))
        .service(resource("/v1/api-keys", [web::get().to(api_keys::list), web::post().to(api_keys::create)]))
        .service(resource("/v1/api-keys/{id}", [web::delete().to(api_keys::delete)]))
        .service(resource("/v1/realms/{realm}/users", [web::get().to(users::list)]))
        .service(resource(
            "/v1/realms/{realm}/users/{user}",
            [web::get().to(users::get), web::put().to(users::put), web::delete().to(users::delete)],
        ))
        .service(resource("/v1/realms/{realm}/enrolments", [web::post().to(enrolments::create)]))
        .service(resource("/v1/realms/{realm}/enrolments/{id}", [web::get().to(enrolments::get)]))
        .service(resource("/v1/realms/{realm}/enrolments/{id}/confirm", [web::post().to(enrolments::confirm)]))
        .service(resource("/v1/realms/{realm}/enrolments/{id}/cancel", [web::post().to(enrolments::cancel)]))
        .service(resource("/v1/realms/{realm}/accounts", [web::get().to(accounts::list)]))
        .service(resource("/v1/realms/{realm}/accounts/{id}", [web::get().to(accounts::get), web::delete().to(accounts::delete)]))
        .service(resource("/v1/realms/{realm}/accounts/{id}/block", [web::post().to(accounts::block)]))
        .service(resource("/v1/realms/{realm}/accounts/{id}/unblock", [web::post().to(accounts::unblock)]))
        .service(resource("/v1/realms/{realm}/logins", [web::post().to(logins::create)]))
        .service(resource("/v1/realms/{realm}/logins/{id}", [web::get().to(logins::get)]))
        .service(resource("/v1/realms/{realm}/logins/{id}/cancel", [web::post().to(logins::cancel)]))
        .service(resource("/v1/realms/{realm}/logins/{id}/redeem", [web::post().to(logins::redeem)]))
        .service(resource("/v1/realms/{realm}/logins/{id}/logout", [web::post().to(logins::logout)]));
}

/// A path with its methods; any other method is a problem, too.
fn resource<const N: usize>(path: &'static str, routes: [Route; N]) -> Resource {
    routes.into_iter().fold(web::resource(path), Resource::route).default_service(web::to(method_not_allowed))
}

/// `?wait=30&after=1`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongPoll {
    #[serde(default)]
    wait: u64,
    #[serde(default)]
    after: u64,
}

impl LongPoll {
    fn wait(&self) -> Result<Duration, Oops> {
        if self.wait <= limits::WAIT {
            Ok(Duration::from_secs(self.wait))
        } else {
            Err(Oops::invalid("/wait", format!("at most {} seconds", limits::WAIT)))
        }
    }
}

/// Says which member holds a text that may not be shown.
fn text(pointer: &str, checked: Result<(), BadText>) -> Result<(), Oops> {
    checked.map_err(|why| Oops::invalid(pointer, why.to_string()))
}

/// A body that may be left out.
fn optional<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Oops> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map(|Object(shape)| shape)
        .map_err(|e| Oops::new(StatusCode::BAD_REQUEST, "malformed").because(e.to_string()))
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
