//! The program as operators run it: settings, listeners, data, several pods, proxies, upgrades, and
//! faults in the servers below.

mod apply;
mod certificates;
#[cfg(feature = "faults")]
mod chaos;
mod examples;
#[cfg(feature = "faults")]
mod folders;
mod listeners;
mod logs;
mod memory;
mod observability;
mod outages;
mod outside;
mod pictures;
mod program;
mod proxies;
pub mod python;
#[cfg(feature = "faults")]
mod sabotage;
mod scarcity;
mod servers;
#[cfg(feature = "faults")]
mod supervision;
mod swarm;
#[cfg(feature = "faults")]
mod takeover;
mod texts;
mod tls;
mod tutorial;
