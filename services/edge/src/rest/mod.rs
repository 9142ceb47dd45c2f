//! What REST interfaces share: one table of endpoints makes routes, needs and documents.

pub mod endpoint;
pub mod openapi;
pub mod paging;
pub mod times;
