#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod auth;
pub mod body;
pub mod certificates;
pub mod codes;
pub mod gate;
pub mod http;
pub mod metrics;
pub mod page;
pub mod page_http;
mod page_view;
pub mod phone;
mod phone_ws;
pub mod problem;
pub mod status;
pub mod tls;
pub mod trace;
mod wire;
#[cfg(test)]
mod ws_corpus;
mod ws_frames;
