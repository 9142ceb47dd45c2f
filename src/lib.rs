//! The program: it assembles a process from the crates, and makes no decisions of its own.
//!
//! `cli` reads the command and `config` the settings, `roles` builds a process, and `lifecycle`
//! shuts it down. `data_dir` handles the files beside the database and `secret_files` those
//! that hold secrets, `sfs_files` those of SFS, `telemetry` the logs, `ports`
//! the real clock and randomness, `retention` deletes what has passed its time, and `tls_files`
//! watches certificates. `apply` changes a running NS to match a file, `app_config` is for
//! publishers of apps, and `api_key` is for operators who have lost the last root key. `manual`
//! writes completions and man pages.

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
mod manual;
mod output;
mod ports;
mod retention;
mod roles;
#[cfg(feature = "faults")]
mod sabotage;
mod secret_files;
mod sfs_command;
mod sfs_files;
mod telemetry;
mod tls_files;
