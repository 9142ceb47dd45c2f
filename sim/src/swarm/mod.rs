//! Load of many phones: one process connects them over the real channel to running pods.
//!
//! A [`Fleet`] is a set of phones enrolled at pods that share all their state. [`run`] runs a
//! [`Scenario`] with all of them and returns an [`Outcome`], which has CPU and memory figures of
//! the pods on this machine.

mod fleet;
mod outcome;
mod page;
pub mod plot;
mod pods;
mod present;
mod report;
mod scenes;
mod tally;

pub use fleet::{Aim, Fleet, Phone};
pub use outcome::{Latency, Outcome, PodFigures};
pub use page::Page;
pub use pods::{Pod, cpu_of, pss_of};
pub use report::html;
pub use scenes::{Load, Scenario, run};
pub use tally::{Point, Tally};

/// Any error that stops a run.
pub type Stop = Box<dyn std::error::Error + Send + Sync>;
