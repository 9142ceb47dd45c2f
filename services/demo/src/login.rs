//! Logging in and out: the four calls of a login, as the application makes them.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use countersign_api::{ApiError, Initiator, LoginState, NewLogin};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Demo, browser,
    error::DemoError,
    session::{LoggedIn, SessionId, no_cookie},
};

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/login", web::post().to(begin))
        .route("/login/finish", web::post().to(finish))
        .route("/me", web::get().to(me))
        .route("/logout", web::post().to(logout));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finish {
    #[serde(default)]
    pub(crate) return_token: Option<String>,
}

/// Creates a login and stores it in this browser's session.
async fn begin(demo: web::Data<Demo>, request: HttpRequest) -> Result<HttpResponse, DemoError> {
    let user_agent =
        request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let new = NewLogin {
        text: Some("Log in to the demo shop".to_owned()),
        browser: Some(browser::readable(user_agent)),
        return_url: Some(format!("{}/", demo.own_origin)),
        initiator: Some(Initiator { address: request.peer_addr().map(|a| a.ip()), binding: None }),
        ..NewLogin::default()
    };
    let login = demo.api.create_login(&demo.realm, &new).await?;
    // A new id already at this point: if an attacker has planted a session id in this browser, the
    // login must not be stored under it.
    let before = SessionId::of(&request).and_then(|id| demo.sessions.take(&id)).unwrap_or_default();
    let session = demo.sessions.insert(before.asking(login.id))?;
    let answer = json!({ "page_url": login.page_url, "page_token": login.page_token });
    Ok(HttpResponse::Ok().cookie(demo.cookie(&session)).json(answer))
}

/// Redeems the login of this browser's own session. The page only reports *that* a login was
/// approved; which user it was comes from Countersign, for the login that we stored ourselves.
async fn finish(
    demo: web::Data<Demo>,
    request: HttpRequest,
    body: web::Json<Finish>,
) -> Result<HttpResponse, DemoError> {
    let session = SessionId::of(&request).ok_or(DemoError::NoLogin)?;
    let (login, user) = demo
        .sessions
        .with(&session, |session| (session.login.clone(), session.user.clone()))
        .ok_or(DemoError::NoLogin)?;
    let Some(login) = login else {
        // Another tab of this browser has already redeemed it.
        return user
            .map(|user| HttpResponse::Ok().json(json!({ "user_id": user.user_id })))
            .ok_or(DemoError::NoLogin);
    };
    let identity = demo.api.redeem(&demo.realm, &login, body.return_token.as_deref()).await?;
    let user = LoggedIn { user_id: identity.user_id.clone(), login_id: identity.login_id };
    let Some(before) = demo.sessions.take(&session) else {
        // The browser logged out, or its session ended, during the request: there is no session to
        // log in to.
        demo.end(&user.login_id).await?;
        return Err(DemoError::NoLogin);
    };
    let replaced = before.user.clone();
    // A new id: an id that somebody knew before the login must be worthless after it.
    let session = demo.sessions.insert(before.logged_in(user))?;
    if let Some(replaced) = replaced
        && let Err(error) = demo.end(&replaced.login_id).await
    {
        tracing::warn!(%error, "the login before this one could not be ended");
    }
    Ok(HttpResponse::Ok().cookie(demo.cookie(&session)).json(json!({ "user_id": identity.user_id })))
}

/// Returns the user who is logged in. Asks Countersign each time, so that a logout on the phone
/// takes effect at once.
async fn me(demo: web::Data<Demo>, request: HttpRequest) -> Result<HttpResponse, DemoError> {
    let session = SessionId::of(&request).ok_or(DemoError::NotLoggedIn)?;
    let user = demo
        .sessions
        .with(&session, |session| session.user.clone())
        .flatten()
        .ok_or(DemoError::NotLoggedIn)?;
    let lives = match demo.api.login(&demo.realm, &user.login_id, 0, 0).await {
        Ok(login) => login.state == LoginState::Approved,
        Err(error) if error.code() == Some("not_found") => false,
        Err(error) => return Err(error.into()),
    };
    if lives {
        return Ok(HttpResponse::Ok().json(json!({ "user_id": user.user_id })));
    }
    // Removes only this login: during the request the session may have got another.
    demo.sessions.with(&session, |session| session.user.take_if(|current| *current == user));
    Err(DemoError::NotLoggedIn)
}

/// Logs out: always in the demo's session, and then at Countersign.
async fn logout(demo: web::Data<Demo>, request: HttpRequest) -> Result<HttpResponse, DemoError> {
    let user = SessionId::of(&request)
        .and_then(|session| demo.sessions.take(&session))
        .and_then(|session| session.user);
    if let Some(user) = user {
        demo.end(&user.login_id).await?;
    }
    Ok(HttpResponse::Ok().cookie(no_cookie()).json(json!({ "state": "ended" })))
}

impl Demo {
    /// Ends a login at Countersign. A login that has already ended is not an error.
    pub(crate) async fn end(&self, login: &str) -> Result<(), ApiError> {
        match self.api.logout(&self.realm, login).await {
            Err(error) if !matches!(error.code(), Some("not_approved" | "not_found")) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the session's cookie; `Secure` when the demo's origin is https.
    pub(crate) fn cookie(&self, session: &SessionId) -> actix_web::cookie::Cookie<'static> {
        session.cookie(self.own_origin.starts_with("https:"))
    }
}
