//! Black box: real pods, real sockets, real SQLite, driven by virtual phones, pages and REST.
//!
//! `support` starts and drives; `stories` hold what people do, and are told again by `sabotage` on pods that break a promise on purpose.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, unreachable_pub, reason = "tests")]

mod support;

mod accounts;
mod accusations;
mod any_day;
mod apply;
mod authority;
mod bad_input;
mod browser;
mod certificates;
#[cfg(feature = "faults")]
mod chaos;
mod corpora;
mod devices;
mod docs;
mod element;
mod element_looks;
mod enrolment;
mod examples;
#[cfg(feature = "faults")]
mod folders;
mod forms;
mod hostile;
mod idempotency;
mod isolation;
mod keys;
#[cfg(feature = "faults")]
mod last_release;
mod licences;
mod limits;
mod listeners;
mod login;
mod metric_names;
mod observability;
mod openapi;
mod outages;
mod outside;
mod page_http;
mod pages;
mod people;
mod phases;
mod pictures;
mod pods;
mod program;
mod proxies;
mod python;
mod rest;
#[cfg(feature = "faults")]
mod sabotage;
mod sfs;
mod stories;
mod strangers;
#[cfg(feature = "faults")]
mod supervision;
mod swarm;
mod tls;
mod tutorial;
mod walls;
