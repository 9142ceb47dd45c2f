//! The page port: the page channel by socket and by HTTP, and the files for browsers.

pub mod assets;
mod http;
mod socket;
mod view;

use actix_web::{Resource, Route, http::Method, middleware::from_fn, web};
use countersign_edge::problem;

pub use view::{AppUrl, Leaving};
pub(crate) use view::{claim, public, via};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/page", web::get().to(socket::open))
        .configure(|c| fallback(c, "/page/events", web::get().to(http::events)))
        .configure(|c| fallback(c, "/page/state", web::get().to(http::state)))
        .configure(|c| fallback(c, "/page/cancel", web::post().to(http::cancel)));
}

/// Adds a route that pages of other origins may use.
fn fallback(config: &mut web::ServiceConfig, path: &str, route: Route) {
    let resource: Resource = web::resource(path)
        .route(route)
        .route(web::method(Method::OPTIONS).to(http::preflight))
        .default_service(web::to(problem::method_not_allowed));
    config.service(resource.wrap(from_fn(http::cors)));
}
