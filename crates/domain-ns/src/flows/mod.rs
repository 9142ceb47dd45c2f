//! The flows: load, judge, save if unchanged; then announce. Every function here awaits ports and
//! nothing else, runs in the caller's task, and may be repeated.
//!
//! The order is always the same: the store commits first, then the KV is updated from it, and the
//! wake-up comes last. A crash in between costs a wake-up, never a fact.

pub mod account;
pub mod accusation;
pub mod devices;
pub mod enrolment;
pub mod factor;
pub mod keys;
pub mod limits;
pub mod login;
pub mod people;
pub mod realms;
pub mod siblings;
