#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod auth;
mod codes;
pub mod metrics;
mod observed;
pub mod page;
mod rest;
mod scope;
mod status;

use actix_web::web;
use countersign_actors_ns::Heart;
use countersign_domain_ns::{
    handles::{ApiKeys, Clients, Events, Quarantines, Roles, Users},
    ports::Ports,
};
use countersign_edge::rest::paging::PageTokens;

pub use codes::CODES;
pub use observed::{Observed, Storage};

use auth::Keys;
use metrics::Metrics;
use page::{AppUrl, Leaving};

/// The public URLs of this NS.
#[derive(Clone, Debug)]
pub struct PublicUrls {
    /// The page socket, `ws://…/page`.
    pub page: String,
    /// The phone socket, `ws://…/ns/sigmai`.
    pub phone: String,
    /// The page that is the base of links and QR codes, `http://…/app`.
    pub app: String,
}

/// The state that the routes need.
#[derive(Clone)]
pub struct Parts {
    pub heart: Heart,
    pub ports: Ports,
    pub keys: Keys,
    pub urls: PublicUrls,
    pub leaving: Leaving,
    pub metrics: Metrics,
}

/// The routes of the REST port.
pub fn rest_routes(config: &mut web::ServiceConfig, parts: &Parts) {
    config
        .app_data(web::Data::new(parts.heart.realms.clone()))
        .app_data(web::Data::new(parts.heart.logins.clone()))
        .app_data(web::Data::new(parts.heart.enrolments.clone()))
        .app_data(web::Data::new(parts.heart.accounts.clone()))
        .app_data(web::Data::new(ApiKeys::new(parts.ports.clone())))
        .app_data(web::Data::new(Roles::new(parts.ports.clone())))
        .app_data(web::Data::new(Clients::new(parts.ports.clone())))
        .app_data(web::Data::new(Users::new(parts.ports.clone())))
        .app_data(web::Data::new(Quarantines::new(parts.ports.clone())))
        .app_data(web::Data::new(Events::new(parts.ports.clone())))
        .app_data(web::Data::new(PageTokens::new(parts.ports.vault.clone())))
        .app_data(web::Data::new(parts.keys.clone()))
        .app_data(web::Data::new(parts.urls.clone()));
    rest::routes(config);
}

/// The routes of the page port.
pub fn page_routes(config: &mut web::ServiceConfig, parts: &Parts) {
    config
        .app_data(web::Data::new(parts.heart.logins.clone()))
        .app_data(web::Data::new(parts.metrics.clone()))
        .app_data(web::Data::new(AppUrl(parts.urls.app.clone())))
        .app_data(web::Data::new(parts.leaving.clone()));
    page::routes(config);
}
