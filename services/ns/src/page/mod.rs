//! The page port: the page channel by socket and by HTTP, and the files for browsers.

pub mod assets;
mod http;
mod socket;
mod view;

use actix_web::{Resource, Route, http::Method, middleware::from_fn, web};
use countersign_edge::problem::{self, PathMethods};

pub use view::{AppUrl, Leaving};
pub(crate) use view::{claim, public, via};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(problem::only("/page", Method::GET, web::route().to(socket::open)))
        .configure(|c| fallback(c, "/page/events", Method::GET, web::route().to(http::events)))
        .configure(|c| fallback(c, "/page/state", Method::GET, web::route().to(http::state)))
        .configure(|c| fallback(c, "/page/cancel", Method::POST, web::route().to(http::cancel)));
}

/// Adds a route that pages of other origins may use.
fn fallback(config: &mut web::ServiceConfig, path: &str, method: Method, route: Route) {
    let resource: Resource = problem::only(path, method.clone(), route)
        .app_data(PathMethods(vec![method, Method::OPTIONS]))
        .route(web::method(Method::OPTIONS).to(http::preflight));
    config.service(resource.wrap(from_fn(http::cors)));
}
