//! Rows to nouns and back. A row that makes no sense is a [`StoreError::Row`], which names table and row and shows no value.

mod account;
mod api_key;
mod client;
mod enrolment;
mod outcome;
mod realm;

pub(crate) use account::{AccountRow, UserRow};
pub(crate) use api_key::{ApiKeyRow, RoleRow, permissions, scope};
pub(crate) use client::ClientRow;
pub(crate) use enrolment::EnrolmentRow;
pub(crate) use outcome::{OutcomeRow, record};
pub(crate) use realm::{AppRow, RealmKeyRow, RealmRow, sealed_realm};

use countersign_ports::time::Time;
use countersign_store::StoreError;

/// Milliseconds as every database stores them.
pub(crate) fn millis(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(crate) fn time(millis: i64) -> Time {
    Time(u64::try_from(millis).unwrap_or(0))
}

/// Names the row whose conversion failed.
pub(crate) struct At<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a [u8],
}

impl At<'_> {
    pub(crate) fn bad(&self, why: &str) -> StoreError {
        StoreError::Row { table: self.table, row: self.row.iter().map(|b| format!("{b:02x}")).collect(), why: why.to_owned() }
    }

    pub(crate) fn fixed<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], StoreError> {
        bytes.try_into().map_err(|_| self.bad("a column has the wrong length"))
    }

    pub(crate) fn fixed_option<const N: usize>(&self, bytes: Option<&Vec<u8>>) -> Result<Option<[u8; N]>, StoreError> {
        bytes.map(|b| self.fixed(b)).transpose()
    }
}
