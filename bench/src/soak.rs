//! Keeps one pod busy for some time and then leaves it alone: whether it gets slower, what the worst
//! answer is beside the median, and whether it keeps anything that is over.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use countersign_sim::swarm::{Outcome, Scenario};
use countersign_testkit::Pod;
use tokio::time::sleep;

use crate::{
    Stop, WIDE, enrol,
    pod::Pods,
    results::{Figure, Results, Series, median, say},
    scene,
};

const PHONES: usize = 500;
/// Logins between two lines of the report.
const LOGINS: usize = 4000;
/// The last minutes are without load. A login is over after two minutes, what limits count after
/// one.
const REST_MINUTES: u64 = 4;
const LOOK: Duration = Duration::from_secs(5);

/// One line of the report.
struct Round {
    minute: f64,
    per_second: f64,
    p50_ms: f64,
    worst_ms: f64,
    megabytes: f64,
    /// Bytes of the database for a login.
    stored: f64,
}

/// The values of the pod's own gauges, by series. Those of the process are left out: memory that an
/// allocator keeps, and files that threads keep open to the database, are not a leak.
async fn gauges(pod: &Pod) -> BTreeMap<String, String> {
    let (_, text) = pod.admin("/metrics").await;
    let kinds: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).collect();
    let gauge = |series: &str| {
        let name = series.split('{').next().unwrap_or(series);
        name.starts_with("countersign_")
            && kinds.iter().any(|kind| kind.split_once(' ') == Some((name, "gauge")))
    };
    let lines = text.lines().filter_map(|l| l.rsplit_once(' '));
    lines.filter(|(series, _)| gauge(series)).map(|(s, v)| (s.to_owned(), v.to_owned())).collect()
}

/// Bytes of the embedded database and its log.
fn stored(pod: &Path) -> f64 {
    let size = |name: &str| fs::metadata(pod.join("ns").join(name)).map_or(0, |m| m.len());
    (size("ns.sqlite") + size("ns.sqlite-wal")) as f64
}

/// Runs logins for `minutes`, of which the last few are without load.
///
/// # Errors
/// When the pod does not start, an operation fails, or a gauge is not back where it was.
pub async fn measure(results: &mut Results, minutes: u64) -> Result<(), Stop> {
    let pods = Pods::embedded()?;
    let pod = &pods.processes[0];
    let before = gauges(pod).await;
    let fleet = enrol(&pods.aim()?, PHONES).await?;
    let (from, load) =
        (Instant::now(), Duration::from_secs(60 * minutes.saturating_sub(REST_MINUTES).max(1)));
    let mut rounds: Vec<Round> = Vec::new();
    let mut at_first = stored(&pod.data);
    while from.elapsed() < load {
        let outcome = scene(Scenario::Login, &fleet, LOGINS, WIDE, 0).await?;
        let now = stored(&pod.data);
        let round = Round::of(&outcome, from, now - at_first);
        at_first = now;
        round.say();
        rounds.push(round);
    }
    report(results, &rounds);
    back(pod, &before).await
}

impl Round {
    fn of(outcome: &Outcome, from: Instant, grown: f64) -> Self {
        let bytes = outcome.pods.first().map_or(0.0, |p| p.bytes[1]);
        Self {
            minute: from.elapsed().as_secs_f64() / 60.0,
            per_second: outcome.per_second,
            p50_ms: f64::from(outcome.latency_us.p50) / 1000.0,
            worst_ms: f64::from(outcome.latency_us.max) / 1000.0,
            megabytes: bytes / 1e6,
            stored: grown / outcome.operations as f64,
        }
    }

    fn say(&self) {
        say(&format!(
            "minute {:.1}: {:.0} logins/s, median {:.0} ms, worst {:.0} ms, memory {:.0} MB, {:.0} B of \
                database a login",
            self.minute, self.per_second, self.p50_ms, self.worst_ms, self.megabytes, self.stored
        ));
    }
}

fn report(results: &mut Results, rounds: &[Round]) {
    let all = |of: fn(&Round) -> f64| rounds.iter().map(of).collect::<Vec<f64>>();
    let n = rounds.len() * LOGINS;
    let (first, last) = (&rounds[0], &rounds[rounds.len() - 1]);
    let middle = median(all(|r| r.p50_ms));
    let worst = all(|r| r.worst_ms).into_iter().fold(0.0, f64::max);
    let mut add = |name, unit, value: f64, reference: f64, how: &str| {
        let ratio = value / reference;
        results.add(&Figure { name, value, unit, reference, ratio, n, how: how.into() });
    };
    add(
        "logins_per_second",
        "1/s",
        last.per_second,
        first.per_second,
        "last round; the reference is the first",
    );
    add("worst_answer_ms", "ms", worst, middle, "a whole login; the reference is the median");
    add("memory_mb", "MB", last.megabytes, first.megabytes, "last round; the reference is the first");
    add(
        "bytes_a_login",
        "B",
        last.stored,
        first.stored,
        "growth of the database; the reference is the first round",
    );
    let x = all(|r| r.minute);
    let lines = vec![Series::new("worst", all(|r| r.worst_ms)), Series::new("median", all(|r| r.p50_ms))];
    results.plot("How long a login takes, by the program's own clock", "minutes", "ms", &x, lines);
    let per_second = vec![Series::new("logins", all(|r| r.per_second))];
    results.plot("Logins per second", "minutes", "1/s", &x, per_second);
    results.plot("Memory", "minutes", "MB", &x, vec![Series::new("Pss", all(|r| r.megabytes))]);
}

/// Waits until every gauge is where it was before the first phone came.
async fn back(pod: &Pod, before: &BTreeMap<String, String>) -> Result<(), Stop> {
    let from = Instant::now();
    loop {
        let now = gauges(pod).await;
        let off: Vec<String> = now
            .iter()
            .filter(|(series, value)| before.get(*series) != Some(value))
            .map(|(series, value)| format!("{series} {value}"))
            .collect();
        if off.is_empty() {
            let pss = countersign_sim::swarm::pss_of(pod.pid()).unwrap_or_default() / 1e6;
            let after = from.elapsed().as_secs();
            say(&format!(
                "every gauge is back where it was, {after} s after the last login; memory {pss:.0} MB"
            ));
            return Ok(());
        }
        if from.elapsed() > Duration::from_secs(60 * REST_MINUTES) {
            return Err(format!("after {REST_MINUTES} minutes without load: {}", off.join(", ")).into());
        }
        sleep(LOOK).await;
    }
}
