#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod body;
pub mod certificates;
pub mod head;
pub mod header;
pub mod http;
pub mod listener;
pub mod metrics;
pub mod observed;
pub mod phone;
pub mod problem;
pub mod rest;
pub mod status;
pub mod tls;
pub mod trace;
pub mod workers;
