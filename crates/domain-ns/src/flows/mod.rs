//! Load, judge, save if unchanged; then tell. Every function here awaits ports and nothing else,
//! runs in the asker's task, and may be repeated.
//!
//! The order is always the same: the store commits first, the KV is settled from it, the wake-up
//! comes last. A crash in between costs a wake-up, never a fact.

pub mod account;
pub mod accusation;
pub mod devices;
pub mod enrolment;
pub mod keys;
pub mod limits;
pub mod login;
pub mod people;
pub mod realms;
