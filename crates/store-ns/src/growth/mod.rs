//! Tests that what is asked of large tables visits few rows, on every database: by counting the rows
//! that the database visits, because times differ from machine to machine.
//!
//! The queries run on a connection of the test, whose own counters are read before and after.

use countersign_domain_ns::ports::{Page, Purged};
use countersign_store::{
    migrate::{What, migrate},
    url::{DatabaseUrl, TlsOptions},
};
use diesel::{QueryableByName, sql_types::BigInt};

mod fill;
pub(crate) mod mariadb;
pub(crate) mod postgres;
pub(crate) mod sqlite;

pub(crate) use self::fill::{CLIENT, MANY, NOW, OTHER_CLIENT, REALM, Words, id, statements};

/// The most rows that a page of a hundred may visit, counting an entry of an index and the row it
/// leads to as two.
pub(crate) const PAGE: i64 = 2_000;
/// The most rows visited by a page whose filter has no index of its own: the walk finds its end, and
/// is then gone through, each time with the rows that belong to it.
pub(crate) const WALK: i64 = 6 * crate::sqlite::q::WALK;

/// How many an answer has.
pub(crate) trait Found {
    fn found(&self) -> usize;
}

impl<T, P> Found for Page<T, P> {
    fn found(&self) -> usize {
        self.items.len()
    }
}

impl<T> Found for Vec<T> {
    fn found(&self) -> usize {
        self.len()
    }
}

impl Found for u64 {
    fn found(&self) -> usize {
        usize::from(*self > 0)
    }
}

impl Found for bool {
    fn found(&self) -> usize {
        usize::from(*self)
    }
}

impl Found for Purged {
    fn found(&self) -> usize {
        self.events + self.outcomes + self.requests
    }
}

impl<T> Found for Option<T> {
    fn found(&self) -> usize {
        usize::from(self.is_some())
    }
}

/// A number of the database.
#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Migrates an empty database of a server.
async fn migrated(url: &DatabaseUrl) {
    migrate(url, &TlsOptions::default(), crate::migrations(), What::Run).await.unwrap();
}
