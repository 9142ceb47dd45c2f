//! The query body, compiled once per database. Functions that write run inside a transaction of
//! their caller and insert their own row of the trail.

pub(crate) mod server;

use super::{Conn, insert_new};
