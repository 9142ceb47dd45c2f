//! Result of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Point;

/// Quantiles in microseconds; all zero if there was no operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    pub p50: u32,
    pub p90: u32,
    pub p99: u32,
    pub max: u32,
}

impl Latency {
    pub(super) fn of(micros: &mut [u32]) -> Self {
        micros.sort_unstable();
        let at = |percent: usize| {
            micros
                .get((micros.len() * percent / 100).min(micros.len().saturating_sub(1)))
                .copied()
                .unwrap_or(0)
        };
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

/// Figures of one pod on this machine, over the measured part of a run.
#[derive(Clone, Debug, Serialize)]
pub struct PodFigures {
    pub name: String,
    pub cpu_seconds: f64,
    /// Memory before and after, in bytes (proportional set size).
    pub bytes: [f64; 2],
}

/// A run and its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub scenario: String,
    pub phones: usize,
    /// Description of one operation.
    pub operation: &'static str,
    pub operations: usize,
    pub failed: usize,
    /// Length of the measured part.
    pub seconds: f64,
    pub per_second: f64,
    pub latency_us: Latency,
    pub pods: Vec<PodFigures>,
    /// CPU time of all pods on this machine per operation, in microseconds.
    pub cpu_us_per_operation: f64,
    /// Figures that only this scenario has.
    pub more: BTreeMap<&'static str, f64>,
    pub failures: BTreeMap<String, usize>,
    pub timeline: Vec<Point>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_happened_and_nothing_is_zero() {
        assert_eq!(Latency::of(&mut []), Latency::default());
        let mut hundred: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(Latency::of(&mut hundred), Latency { p50: 51, p90: 91, p99: 100, max: 100 });
        assert_eq!(Latency::of(&mut [7]), Latency { p50: 7, p90: 7, p99: 7, max: 7 });
    }
}
