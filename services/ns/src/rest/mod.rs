//! The REST interface `/v1`: one file per kind of object, and the table of all endpoints.

mod accounts;
mod api_keys;
mod apps;
mod attributes;
mod certificates;
mod clients;
mod enrolments;
mod events;
mod factors;
mod holds;
mod life;
mod logins;
mod openapi;
mod quarantine;
mod realms;
mod roles;
mod settings;
mod stream;
mod table;
mod user_export;
mod users;

use std::time::Duration;

use actix_web::{HttpResponse, web};
use countersign_api::{Object, limits};
use countersign_domain_ns::text::BadText;
use countersign_edge::{problem::ApiProblem, rest::endpoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    endpoint::serve(config, &table::all());
    openapi::routes(config);
}

/// The query of a long poll: `?wait=30&after=1`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongPoll {
    /// Seconds to wait for a version above `after`.
    #[serde(default)]
    #[schemars(range(max = 60))]
    wait: u64,
    #[serde(default)]
    after: u64,
}

impl LongPoll {
    fn wait(&self) -> Result<Duration, ApiProblem> {
        wait(self.wait)
    }
}

fn wait(secs: u64) -> Result<Duration, ApiProblem> {
    if secs <= limits::WAIT {
        Ok(Duration::from_secs(secs))
    } else {
        Err(ApiProblem::invalid("/wait", format!("at most {} seconds", limits::WAIT)))
    }
}

/// The query of a paged list: `?limit=100&page_token=…`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paging {
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    page_token: Option<String>,
}

/// Converts a failed check of a text to a problem that names the member.
fn text(pointer: &str, checked: Result<(), BadText>) -> Result<(), ApiProblem> {
    checked.map_err(|why| ApiProblem::invalid(pointer, why.to_string()))
}

/// Parses a body that may be left out.
fn optional<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiProblem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map(|Object(shape)| shape)
        .map_err(|e| ApiProblem::malformed().because(e.to_string()))
}

/// A request body: a JSON object of this shape.
type Body<T> = web::Json<Object<T>>;

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
