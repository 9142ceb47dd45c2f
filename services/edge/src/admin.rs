//! The admin port: whether the process is alive, whether it is ready and if not why, its metrics,
//! and a status page with all of that.

use actix_web::{HttpResponse, http::Method, web};
use serde::Serialize;

use crate::{observed::Admin, problem::only, status};

/// Body of `/readyz`.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    causes: Vec<String>,
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(admin: web::Data<Admin>) -> HttpResponse {
    let causes = admin.look().await;
    let ready = causes.is_empty();
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Ready { ready, causes })
}

async fn metrics(admin: web::Data<Admin>) -> HttpResponse {
    admin.look().await;
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(admin.exposition.render())
}

/// The routes of the admin port.
pub fn routes(config: &mut web::ServiceConfig, admin: Admin) {
    config
        .app_data(web::Data::new(admin))
        .service(only("/livez", Method::GET, web::route().to(livez)))
        .service(only("/readyz", Method::GET, web::route().to(readyz)))
        .service(only("/metrics", Method::GET, web::route().to(metrics)))
        .service(only("/", Method::GET, web::route().to(status::page)))
        .service(only("/status.json", Method::GET, web::route().to(status::json)))
        .service(only("/status.css", Method::GET, web::route().to(status::style)));
}
