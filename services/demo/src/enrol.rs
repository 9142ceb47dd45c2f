//! Enrolling a phone. A real application offers this behind the login it already has, or to its
//! help desk.

use actix_web::{HttpRequest, HttpResponse, web};
use countersign_api::{Confirm, Enrolment, NewEnrolment};
use serde::Deserialize;
use serde_json::json;

use crate::{Demo, error::DemoError, session::SessionId};

/// Seconds the page's long poll is held: shorter than the timeouts of proxies.
const WAIT: u64 = 25;

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/enrol", web::post().to(begin))
        .route("/enrol/{id}", web::get().to(state))
        .route("/enrol/{id}/confirm", web::post().to(confirm));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    user_id: String,
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    number: String,
}

async fn begin(
    demo: web::Data<Demo>,
    request: HttpRequest,
    body: web::Json<Begin>,
) -> Result<HttpResponse, DemoError> {
    let enrolment = invite(&demo, body.into_inner().user_id).await?;
    let session = demo
        .sessions
        .with_or_new(SessionId::of(&request), |session| session.add_enrolment(enrolment.id.clone()))?;
    let answer = json!({ "id": enrolment.id, "link": enrolment.link, "expires_at": enrolment.expires_at });
    Ok(HttpResponse::Ok().cookie(demo.cookie(&session)).json(answer))
}

/// Creates an enrolment. A first phone is confirmed by its number; a further one by a phone that
/// the user has already.
async fn invite(demo: &Demo, user_id: String) -> Result<Enrolment, DemoError> {
    let first = NewEnrolment::new(user_id, Confirm::Number);
    let refused = match demo.api.create_enrolment(&demo.realm, &first).await {
        Err(error) if error.code() == Some("further_phone") => error,
        other => return Ok(other?),
    };
    let further = NewEnrolment { confirm: Confirm::Phone, ..first };
    match demo.api.create_enrolment(&demo.realm, &further).await {
        // None of the user's phones works. An administrator would have to let the next one in, and
        // the demo has none.
        Err(error) if error.code() == Some("confirm_not_allowed") => Err(refused.into()),
        other => Ok(other?),
    }
}

async fn state(
    demo: web::Data<Demo>,
    request: HttpRequest,
    id: web::Path<String>,
    query: web::Query<After>,
) -> Result<HttpResponse, DemoError> {
    own(&demo, &request, &id)?;
    Ok(told(&demo.api.enrolment(&demo.realm, &id, WAIT, query.after).await?))
}

async fn confirm(
    demo: web::Data<Demo>,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Json<Number>,
) -> Result<HttpResponse, DemoError> {
    own(&demo, &request, &id)?;
    Ok(told(&demo.api.confirm_enrolment(&demo.realm, &id, &body.number).await?))
}

/// Checks that this browser began the enrolment. No other browser sees it, because the number must
/// be typed by the person who holds the phone.
fn own(demo: &Demo, request: &HttpRequest, id: &str) -> Result<(), DemoError> {
    let owns = SessionId::of(request)
        .and_then(|session| demo.sessions.with(&session, |session| session.has_enrolment(id)));
    if owns == Some(true) { Ok(()) } else { Err(DemoError::NotFound) }
}

fn told(enrolment: &Enrolment) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "state": enrolment.state, "v": enrolment.v, "device": enrolment.device,
        "confirm": enrolment.confirm }))
}
