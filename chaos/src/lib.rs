#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod clients;
pub mod fault;
pub mod history;
pub mod proxy;
pub mod rules;
pub mod run;
pub mod story;
pub mod world;

/// Any error that stops a run.
pub type Stop = Box<dyn std::error::Error + Send + Sync>;
