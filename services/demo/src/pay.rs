//! A step-up: whoever is logged in confirms a payment with the PIN of their phone.

use actix_web::{HttpRequest, HttpResponse, web};
use countersign_api::{FactorKind, Initiator, NewLogin, SecondFactor};
use serde_json::json;

use crate::{Demo, error::DemoError, login::Finish, session::SessionId};

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/pay", web::post().to(begin)).route("/pay/finish", web::post().to(finish));
}

/// Creates a login that only this user can approve, and only with a PIN that is entered for it.
async fn begin(demo: web::Data<Demo>, request: HttpRequest) -> Result<HttpResponse, DemoError> {
    let (session, user) = logged_in(&demo, &request)?;
    let new = NewLogin {
        text: Some("Pay 20 EUR to the demo shop".to_owned()),
        expected_user: Some(user),
        return_url: Some(format!("{}/", demo.own_origin)),
        initiator: Some(Initiator { address: request.peer_addr().map(|a| a.ip()), binding: None }),
        second_factor: Some(SecondFactor { kinds: vec![FactorKind::Pin], max_age: 0 }),
        ..NewLogin::default()
    };
    let login = demo.api.create_login(&demo.realm, &new).await?;
    let answer = json!({ "page_url": login.page_url, "page_token": login.page_token });
    demo.sessions.with(&session, |session| session.paying = Some(login.id)).ok_or(DemoError::NotLoggedIn)?;
    Ok(HttpResponse::Ok().json(answer))
}

/// Redeems the payment of this session. What counts is what Countersign says of it: the user and the
/// second factor.
async fn finish(
    demo: web::Data<Demo>,
    request: HttpRequest,
    body: web::Json<Finish>,
) -> Result<HttpResponse, DemoError> {
    let (session, user) = logged_in(&demo, &request)?;
    let paying = demo.sessions.with(&session, |session| session.paying.clone()).flatten();
    let login = paying.ok_or(DemoError::NoLogin)?;
    let identity = demo.api.redeem(&demo.realm, &login, body.return_token.as_deref()).await?;
    demo.sessions.with(&session, |session| session.paying.take_if(|paid| *paid == login));
    // A payment is no session: it does not stay in the list on the phone.
    demo.end(&login).await?;
    match identity.second_factor {
        Some(factor) if identity.user_id == user => {
            Ok(HttpResponse::Ok().json(json!({ "paid": "20 EUR", "with": factor.kind, "at": factor.at })))
        }
        _ => Err(DemoError::NotConfirmed),
    }
}

fn logged_in(demo: &Demo, request: &HttpRequest) -> Result<(SessionId, String), DemoError> {
    let session = SessionId::of(request).ok_or(DemoError::NotLoggedIn)?;
    let user = demo.sessions.with(&session, |session| session.user.clone()).flatten();
    Ok((session, user.ok_or(DemoError::NotLoggedIn)?.user_id))
}
