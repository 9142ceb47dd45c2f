//! Conversions between rows and domain types. A row that cannot be interpreted is a
//! [`StoreError::Row`], which names the table and the row but shows no value.

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
pub(crate) use realm::{AppRow, RealmKeyRow, RealmRow, entries, sealed_realm};

pub(crate) use countersign_store::row::{At, millis, time};
