//! Shared parts of REST interfaces: routes, access checks and documents come from one table of
//! endpoints.

pub mod endpoint;
pub mod openapi;
pub mod paging;
pub mod times;
