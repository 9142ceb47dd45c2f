//! The program: it puts the rooms together and decides nothing.
//!
//! `cli` reads the command, `config` the settings, `roles` builds one process out of the rooms,
//! `lifecycle` ends it in good order. `data_dir` is what lies on disk beside the database,
//! `telemetry` the logs, `ports` the real clock and randomness, `retention` forgets, `tls_files`
//! watches certificates. `apply` brings a file's wishes to a running NS, `app_config` is for
//! publishers of apps, `api_key` for whoever has lost the last root key.

#![deny(unsafe_code)]

mod api_key;
mod app_config;
mod apply;
mod assets;
pub mod cli;
pub mod config;
mod data_dir;
mod data_layout;
mod lifecycle;
mod ports;
mod retention;
mod roles;
mod telemetry;
mod tls_files;
