//! Rows to nouns and back. A row that makes no sense is a [`StoreError::Row`], which names table
//! and row and shows no value.

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

pub(crate) use countersign_store::row::{At, millis, time};
