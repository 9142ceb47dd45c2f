#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod browser;
mod enrol;
mod error;
mod guard;
mod login;
mod pages;
mod pay;
mod session;
#[cfg(test)]
mod tests;

use std::{fmt, io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpServer,
    body::MessageBody,
    dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{DefaultHeaders, from_fn},
    web,
};
use countersign_api::ApiClient;

use crate::{pages::Pages, session::Sessions};

/// How many browser sessions the demo keeps, and for how long: as long as a login lasts.
const SESSIONS: usize = 10_000;
const SESSION_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// Settings of the demo.
#[derive(Clone)]
pub struct Settings {
    /// Base URL of the REST API.
    pub rest: String,
    /// The demo client's key. Never shown.
    pub api_key: String,
    /// Name of the demo's realm.
    pub realm: String,
    /// Origin of the page socket and the login element, like `http://127.0.0.1:9999`.
    pub page_origin: String,
    /// Origin of the demo itself, like `http://127.0.0.1:8000`; one of the client's `origins`, and
    /// with `/` one of its `return_urls`.
    pub own_origin: String,
    /// The command that starts the virtual phone in a terminal.
    pub phone_command: String,
    /// The link of the SFS that the realm trusts, with which phones can have a PIN.
    pub sfs: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rest", &self.rest)
            .field("realm", &self.realm)
            .field("page_origin", &self.page_origin)
            .field("own_origin", &self.own_origin)
            .finish_non_exhaustive()
    }
}

/// State that all request handlers share.
struct Demo {
    api: ApiClient,
    realm: String,
    own_origin: String,
    sessions: Sessions,
    pages: Pages,
}

impl Demo {
    fn new(settings: &Settings) -> io::Result<Self> {
        let own_origin = settings.own_origin.trim_end_matches('/').to_owned();
        Ok(Self {
            api: ApiClient::new(&settings.rest, &settings.api_key).map_err(io::Error::other)?,
            realm: settings.realm.clone(),
            sessions: Sessions::new(SESSIONS, SESSION_LIFETIME),
            pages: Pages::new(settings),
            own_origin,
        })
    }
}

/// Serves the demo on this listener until the returned server is stopped.
///
/// # Errors
/// When the listener cannot be used, or no HTTP client can be made.
pub fn serve(listener: TcpListener, settings: Settings) -> io::Result<Server> {
    let demo = web::Data::new(Demo::new(&settings)?);
    let server = HttpServer::new(move || app(demo.clone()))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?;
    tracing::info!(origin = %settings.own_origin, "demo shop is open");
    Ok(server.run())
}

fn app(
    demo: web::Data<Demo>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let headers = DefaultHeaders::new()
        .add(("Content-Security-Policy", demo.pages.policy.as_str()))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"));
    App::new()
        .app_data(demo)
        .app_data(guard::json())
        .app_data(guard::query())
        .wrap(from_fn(guard::same_origin))
        .wrap(headers)
        .configure(pages::routes)
        .configure(enrol::routes)
        .configure(login::routes)
        .configure(pay::routes)
        .default_service(web::to(|| async { Err::<&str, _>(error::DemoError::NotFound) }))
}
