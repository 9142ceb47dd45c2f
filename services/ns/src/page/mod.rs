//! The page port: the page channel by socket and by HTTP, the login element, and the page a phone without the app lands on.

mod http;
mod socket;
mod view;

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::{
    HttpRequest, HttpResponse, Resource, Route,
    http::{Method, header},
    middleware::from_fn,
    web,
};
use countersign_edge::problem;

pub use view::{AppUrl, Leaving};
pub(crate) use view::{claim, public, via};

/// The login element: the file a site names, and what it imports, by path.
const SCRIPTS: [(&str, &str); 6] = [
    ("/countersign-login.js", include_str!("../../../../web/countersign-login.js")),
    ("/login/channel.js", include_str!("../../../../web/login/channel.js")),
    ("/login/style.js", include_str!("../../../../web/login/style.js")),
    ("/login/texts.js", include_str!("../../../../web/login/texts.js")),
    ("/login/view.js", include_str!("../../../../web/login/view.js")),
    ("/vendor/uqr.mjs", include_str!("../../../../web/vendor/uqr.mjs")),
];
const APP: &str = include_str!("../../../../web/app.html");

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/page", web::get().to(socket::open))
        .configure(|c| fallback(c, "/page/events", web::get().to(http::events)))
        .configure(|c| fallback(c, "/page/state", web::get().to(http::state)))
        .configure(|c| fallback(c, "/page/cancel", web::post().to(http::cancel)))
        .route("/app", web::get().to(app));
    for (path, text) in SCRIPTS {
        config.route(path, web::get().to(move |request: HttpRequest| script(request, text)));
    }
}

/// A door for pages of other origins.
fn fallback(config: &mut web::ServiceConfig, path: &str, route: Route) {
    let resource: Resource = web::resource(path)
        .route(route)
        .route(web::method(Method::OPTIONS).to(http::preflight))
        .default_service(web::to(problem::method_not_allowed));
    config.service(resource.wrap(from_fn(http::cors)));
}

/// Scripts are public and loaded by pages of other origins. Browsers ask each time whether theirs is still right: after an upgrade an old one beside new ones
/// would not fit.
async fn script(request: HttpRequest, text: &'static str) -> HttpResponse {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|known| known.contains(&tag));
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::ETAG, tag))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::CACHE_CONTROL, "public, no-cache"))
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(if known { "" } else { text })
}

async fn app() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(APP)
}
