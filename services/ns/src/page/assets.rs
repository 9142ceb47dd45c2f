//! Files for browsers: the login element, and the page that a phone without the app opens. A web
//! server may serve them instead.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use countersign_edge::problem::only;

/// A file that browsers load.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// The path below the root of the server.
    pub path: &'static str,
    /// The file name under which a static web server finds it.
    pub file: &'static str,
    pub text: &'static str,
}

const fn script(path: &'static str, file: &'static str, text: &'static str) -> Asset {
    Asset { path, file, text }
}

/// The page of app links.
const APP: Asset = script("/app", "app.html", include_str!("../../../../web/app.html"));

/// The login element: the file that a site includes, and the files it imports.
const SCRIPTS: [Asset; 6] = [
    script(
        "/countersign-login.js",
        "countersign-login.js",
        include_str!("../../../../web/countersign-login.js"),
    ),
    script("/login/channel.js", "login/channel.js", include_str!("../../../../web/login/channel.js")),
    script("/login/style.js", "login/style.js", include_str!("../../../../web/login/style.js")),
    script("/login/texts.js", "login/texts.js", include_str!("../../../../web/login/texts.js")),
    script("/login/view.js", "login/view.js", include_str!("../../../../web/login/view.js")),
    script("/vendor/uqr.mjs", "vendor/uqr.mjs", include_str!("../../../../web/vendor/uqr.mjs")),
];

/// Lists all files.
pub fn all() -> impl Iterator<Item = Asset> {
    SCRIPTS.into_iter().chain([APP])
}

/// Adds the routes of the files.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(only(APP.path, Method::GET, web::route().to(app)));
    for Asset { path, text, .. } in SCRIPTS {
        let route = web::route().to(move |request: HttpRequest| serve(request, text));
        config.service(only(path, Method::GET, route));
    }
}

/// Serves a script. Scripts are public and loaded by pages of other origins. Browsers revalidate
/// each time, because after an upgrade old and new scripts would not fit together.
async fn serve(request: HttpRequest, text: &'static str) -> HttpResponse {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let sent = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let known = sent.is_some_and(|known| known.contains(&tag));
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
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(APP.text)
}
