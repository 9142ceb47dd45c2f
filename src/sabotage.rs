//! Sabotage of a test build: promises that it breaks, to show that the tests notice.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};

/// Breaks a promise from now on; returns whether there is one of this name.
pub(crate) fn start(name: &str) -> bool {
    let known = countersign_ports::sabotage::activate(name);
    if known && name == "ack-before-commit" {
        countersign_store::lite::faults::LOSE_COMMITS.store(true, Ordering::Relaxed);
    }
    known
}

/// Routes for tests, which move the clock of every service of this process and activate faults.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/faults/later/{secs}", web::post().to(later))
        .route("/faults/clock/{ahead}", web::post().to(clock))
        .route("/faults/sabotage/{name}", web::post().to(sabotage));
}

async fn later(secs: web::Path<i64>) -> HttpResponse {
    crate::ports::AHEAD_MS.fetch_add(*secs * 1000, Ordering::Relaxed);
    HttpResponse::Ok().finish()
}

/// Sets the clock this many seconds ahead of the real one; a negative number sets it behind.
async fn clock(ahead: web::Path<i64>) -> HttpResponse {
    crate::ports::AHEAD_MS.store(*ahead * 1000, Ordering::Relaxed);
    HttpResponse::Ok().finish()
}

async fn sabotage(name: web::Path<String>) -> HttpResponse {
    if start(&name) { HttpResponse::Ok().finish() } else { HttpResponse::NotFound().finish() }
}
