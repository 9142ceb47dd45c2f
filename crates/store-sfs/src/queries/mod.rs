//! The query body, compiled once per database. Functions that write run inside a transaction of
//! their caller and insert their own row of the trail.

pub(crate) mod devices;
pub(crate) mod factors;
pub(crate) mod keys;
mod limits;
pub(crate) mod server;
mod trail;
pub(crate) mod upkeep;

use super::{Conn, insert_new, lock};
