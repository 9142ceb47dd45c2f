//! OpenAPI 3.1 from the table of endpoints.

use actix_web::web;

pub(crate) fn routes(_: &mut web::ServiceConfig) {}
