//! The query body, compiled for MySQL and MariaDB.

use countersign_store::shared::mysql::{Conn, insert_new, lock};

#[path = "queries/mod.rs"]
pub(crate) mod q;
