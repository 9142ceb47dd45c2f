//! What the page port serves beside the page socket: the login element and the page a phone without the app lands on.

use actix_web::{
    HttpResponse, Resource, Route,
    http::{Method, header},
    middleware::from_fn,
    web,
};
use countersign_edge::{page, page_http, problem};

/// The login element: the file a site names, and what it imports, by path.
const SCRIPTS: [(&str, &str); 6] = [
    ("/countersign-login.js", include_str!("../../../web/countersign-login.js")),
    ("/login/channel.js", include_str!("../../../web/login/channel.js")),
    ("/login/style.js", include_str!("../../../web/login/style.js")),
    ("/login/texts.js", include_str!("../../../web/login/texts.js")),
    ("/login/view.js", include_str!("../../../web/login/view.js")),
    ("/vendor/uqr.mjs", include_str!("../../../web/vendor/uqr.mjs")),
];
const APP: &str = include_str!("../../../web/app.html");

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/page", web::get().to(page::open))
        .configure(|c| fallback(c, "/page/events", web::get().to(page_http::events)))
        .configure(|c| fallback(c, "/page/state", web::get().to(page_http::state)))
        .configure(|c| fallback(c, "/page/cancel", web::post().to(page_http::cancel)))
        .route("/app", web::get().to(app));
    for (path, text) in SCRIPTS {
        config.route(path, web::get().to(move || script(text)));
    }
}

/// A door for pages of other origins.
fn fallback(config: &mut web::ServiceConfig, path: &str, route: Route) {
    let resource: Resource = web::resource(path)
        .route(route)
        .route(web::method(Method::OPTIONS).to(page_http::preflight))
        .default_service(web::to(problem::method_not_allowed));
    config.service(resource.wrap(from_fn(page_http::cors)));
}

/// Scripts are public and loaded by pages of other origins.
async fn script(text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}

async fn app() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(APP)
}
