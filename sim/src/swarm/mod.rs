//! Many phones at once: load over the real channel, from one process, on pods that run already.
//!
//! A [`Fleet`] is phones enrolled at pods that share everything; a scene does something with all of
//! them and gives an [`Outcome`]. Figures about a pod (CPU, memory) are there when the pod runs on
//! this machine.

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

/// Anything that stops a run.
pub type Stop = Box<dyn std::error::Error + Send + Sync>;
