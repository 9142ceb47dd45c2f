#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod account;
pub mod api_key;
pub mod app;
pub mod audit;
pub mod authority;
pub mod capability;
pub mod client;
pub mod decision;
pub mod enrolment;
pub mod factor;
pub mod flows;
pub mod further;
pub mod grant;
pub mod handles;
pub mod limits;
pub mod login;
pub mod permission;
pub mod ports;
pub mod realm;
pub mod refused;
pub mod text;
pub mod user;

pub use refused::Refused;
