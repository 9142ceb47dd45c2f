//! What the page port serves beside the page socket: the login element and the page a phone without the app lands on.

use actix_web::{HttpResponse, http::header, web};
use countersign_edge::page;

const ELEMENT: &str = include_str!("../../../web/countersign-login.js");
const QR_ENCODER: &str = include_str!("../../../web/vendor/uqr.mjs");
const APP: &str = include_str!("../../../web/app.html");

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/page", web::get().to(page::open))
        .route("/countersign-login.js", web::get().to(|| script(ELEMENT)))
        .route("/vendor/uqr.mjs", web::get().to(|| script(QR_ENCODER)))
        .route("/app", web::get().to(app));
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
