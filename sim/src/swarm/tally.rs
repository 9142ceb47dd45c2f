//! The running count of what happened: printed as progress, and kept per second.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Pod, outcome::Latency};

/// Number of different failures that are counted separately; all others count as `other`.
const MOST_KINDS: usize = 32;
/// Most latencies that are kept.
const MOST_KEPT: usize = 1_000_000;

/// One second of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Point {
    /// Seconds since the tally was created.
    pub at: f64,
    pub operations: usize,
    pub failed: usize,
    /// Phones that are connected.
    pub online: usize,
    /// Latency of this second's operations, in microseconds.
    pub latency: Latency,
    /// Busy cores of each pod on this machine; `bytes` is the memory of each.
    pub cores: Vec<f64>,
    pub bytes: Vec<f64>,
}

#[derive(Default)]
struct Kept {
    all: Vec<u32>,
    this_second: Vec<u32>,
    failures: BTreeMap<String, usize>,
    points: Vec<Point>,
    phase: (String, usize),
}

/// The running count.
pub struct Tally {
    from: Instant,
    quiet: bool,
    done: AtomicUsize,
    failed: AtomicUsize,
    steps: AtomicUsize,
    online: AtomicUsize,
    kept: Mutex<Kept>,
}

impl Tally {
    /// Creates a tally; a quiet one prints no progress.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let zero = AtomicUsize::default;
        Self {
            from: Instant::now(),
            quiet,
            done: zero(),
            failed: zero(),
            steps: zero(),
            online: zero(),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a phase of `of` steps; 0 if the number is unknown.
    pub(super) fn begin(&self, what: &str, of: usize) {
        self.steps.store(0, Ordering::Relaxed);
        self.kept().phase = (what.to_owned(), of);
    }

    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an operation that succeeded, and its latency.
    pub(super) fn well(&self, took: Duration) {
        self.step();
        self.done.fetch_add(1, Ordering::Relaxed);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let mut kept = self.kept();
        if kept.all.len() < MOST_KEPT {
            kept.all.push(micros);
            kept.this_second.push(micros);
        }
    }

    /// Counts an operation that failed, by its reason.
    pub(super) fn badly(&self, why: &dyn std::fmt::Display) {
        self.step();
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept();
        let why = why.to_string();
        let why = if kept.failures.len() < MOST_KINDS || kept.failures.contains_key(&why) {
            why
        } else {
            "other".to_owned()
        };
        *kept.failures.entry(why).or_default() += 1;
    }

    pub(super) fn came(&self) {
        self.online.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn went(&self) {
        self.online.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn online(&self) -> usize {
        self.online.load(Ordering::Relaxed)
    }

    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Resets counts, failures and latencies: the measured part begins. The points per second stay.
    pub(super) fn start(&self) {
        self.done.store(0, Ordering::Relaxed);
        self.failed.store(0, Ordering::Relaxed);
        let mut kept = self.kept();
        (kept.all, kept.this_second) = (Vec::new(), Vec::new());
        kept.failures.clear();
    }

    pub(super) fn latency(&self) -> Latency {
        Latency::of(&mut self.kept().all.clone())
    }

    pub(super) fn failures(&self) -> BTreeMap<String, usize> {
        self.kept().failures.clone()
    }

    /// Returns the points recorded so far, one per second.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        self.kept().points.clone()
    }

    /// Records a [`Point`] and prints progress each second, for as long as it is polled; never
    /// returns.
    pub async fn watch(&self, pods: &[Pod]) {
        let mut each = tokio::time::interval(Duration::from_secs(1));
        let cpu = || pods.iter().filter_map(Pod::cpu).collect::<Vec<f64>>();
        let (mut before, mut done, mut failed) = (cpu(), 0, 0);
        each.tick().await;
        loop {
            each.tick().await;
            let (cpu_now, done_now, failed_now) = (cpu(), self.done(), self.failed());
            let mut kept = self.kept();
            let latency = Latency::of(&mut std::mem::take(&mut kept.this_second));
            let point = Point {
                at: self.from.elapsed().as_secs_f64(),
                operations: done_now.saturating_sub(done),
                failed: failed_now.saturating_sub(failed),
                online: self.online(),
                latency,
                cores: cpu_now.iter().zip(&before).map(|(now, before)| now - before).collect(),
                bytes: pods.iter().filter_map(Pod::pss).collect(),
            };
            (before, done, failed) = (cpu_now, done_now, failed_now);
            self.say(&kept.phase, &point);
            kept.points.push(point);
        }
    }

    fn say(&self, (phase, of): &(String, usize), point: &Point) {
        if self.quiet {
            return;
        }
        let steps = self.steps.load(Ordering::Relaxed);
        let of = if *of > 0 { format!(" {steps} of {of}") } else { String::new() };
        let line = format!(
            "{:4.0} s  {phase}{of}; {} online, {} done, {} failed",
            point.at,
            point.online,
            self.done(),
            self.failed()
        );
        // On a terminal, one line is rewritten; elsewhere, a line is printed every ten seconds.
        let mut err = std::io::stderr();
        let _nobody_reads = if err.is_terminal() {
            write!(err, "\r{line:78}")
        } else if point.at as u64 % 10 == 1 {
            writeln!(err, "{line}")
        } else {
            Ok(())
        };
    }
}
