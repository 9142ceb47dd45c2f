//! Measures one, two and three pods that share PostgreSQL and Redis.

use std::{sync::Arc, time::Duration};

use countersign_sim::swarm::{Fleet, Scenario};
use tokio::time::Instant;

use crate::{
    Stop, WIDE, enrol,
    pod::{Pods, Shared},
    raw_redis, reference,
    results::{Figure, PerCore, Results, Series, median, say},
    scene,
};

const PODS: [usize; 3] = [1, 2, 3];
/// The number of pods whose figures count: the smallest at which messages cross from pod to pod.
const COUNTED: usize = 2;
const PHONES: usize = 2000;
const LOGINS: usize = 1000;
const ROUNDS: usize = 3;
/// `QUIET` is the number of messages sent one at a time, and their rate per second; `BUSY` is the
/// number sent as fast as possible.
const QUIET: (usize, u32) = (600, 200);
const BUSY: usize = 6400;

/// For 30 seconds after pods first connect to a Redis, they also look up undecided logins among the
/// stored outcomes, because a failover may have lost writes (ADR 0017). This is not the normal
/// case, so measuring starts later.
const TRUSTED_AFTER: Duration = Duration::from_secs(32);

/// Measured seconds, with one value per round.
#[derive(Default)]
struct Seen {
    logins: Vec<f64>,
    login_ceiling: Vec<f64>,
    reconnects: Vec<f64>,
    reconnect_ceiling: Vec<f64>,
    login_shared: [Vec<f64>; 2],
    notify: Vec<f64>,
    raw: Vec<f64>,
    busy: [Vec<f64>; 3],
    raw_busy: Vec<f64>,
}

fn ratios(ours: &[f64], raw: &[f64]) -> f64 {
    median(ours.iter().zip(raw).map(|(ours, raw)| ours / raw).collect())
}

/// Measures all numbers of pods, or only the number `only`.
///
/// # Errors
/// When a server or pod does not start or an operation fails.
pub async fn measure(results: &mut Results, only: Option<usize>) -> Result<(), Stop> {
    if let Some(pods) = only {
        figures(results, &on(pods).await?);
        return Ok(());
    }
    let mut all = Vec::new();
    for pods in PODS {
        all.push(on(pods).await?);
        if pods == COUNTED {
            figures(results, &all[all.len() - 1]);
        }
    }
    plots(results, &all);
    Ok(())
}

async fn on(number: usize) -> Result<Seen, Stop> {
    say(&format!("{number} pods on PostgreSQL and Redis"));
    let pods = Pods::sharing(number)?;
    let trusted = Instant::now() + TRUSTED_AFTER;
    let shared = pods.shared.as_ref().ok_or("nothing is shared")?;
    let fleet = enrol(&pods.aim()?, PHONES).await?;
    let mut seen = Seen::default();
    tokio::time::sleep_until(trusted).await;
    for round in 1..=ROUNDS {
        say(&format!(
            "round {round} of {ROUNDS}: {LOGINS} cold logins, {PHONES} reconnects, {} and {BUSY} messages",
            QUIET.0
        ));
        let (hello, verify) = (reference::answer_hello()?, reference::verify()?);
        let before = shared.cpu()?;
        let login = scene(Scenario::Login, &fleet, LOGINS, WIDE, 0).await?;
        for (seen, (now, before)) in seen.login_shared.iter_mut().zip(shared.cpu()?.iter().zip(before)) {
            seen.push((now - before) / LOGINS as f64);
        }
        seen.logins.push(login.cpu_us_per_operation / 1e6);
        seen.login_ceiling.push(hello + 2.0 * verify);
        let back = scene(Scenario::Reconnect, &fleet, 0, WIDE, 0).await?;
        seen.reconnects.push(back.cpu_us_per_operation / 1e6);
        seen.reconnect_ceiling.push(hello + verify);
        notify(&mut seen, &pods, shared, &fleet).await?;
    }
    Ok(seen)
}

async fn notify(seen: &mut Seen, pods: &Pods, shared: &Shared, fleet: &Arc<Fleet>) -> Result<(), Stop> {
    seen.raw.push(raw_redis::p50(shared.redis.port(), QUIET.0, QUIET.1)?);
    let one =
        scene(Scenario::Notify, &Arc::new(fleet.first(number_of_listeners(1, pods))), QUIET.0, 1, QUIET.1)
            .await?;
    seen.notify.push(f64::from(one.latency_us.p50) / 1e6);
    seen.raw_busy.push(raw_redis::cpu(shared.redis.port(), shared.redis.pid(), WIDE, BUSY)?);
    let before = shared.cpu()?;
    let many =
        scene(Scenario::Notify, &Arc::new(fleet.first(number_of_listeners(WIDE, pods))), BUSY, WIDE, 0)
            .await?;
    let after = shared.cpu()?;
    seen.busy[0].push(many.cpu_us_per_operation / 1e6);
    for n in 0..2 {
        seen.busy[n + 1].push((after[n] - before[n]) / BUSY as f64);
    }
    Ok(())
}

/// Returns `wide`, rounded up so that each pod has the same number of listeners.
fn number_of_listeners(wide: usize, pods: &Pods) -> usize {
    wide.next_multiple_of(pods.processes.len())
}

fn figures(results: &mut Results, seen: &Seen) {
    let us = |seconds: &[f64]| median(seconds.to_vec()) * 1e6;
    let counts = "1 HELLO, 2 P-256 verify; as alone, with SQL and live state over sockets";
    let mut logins = PerCore::new("cold_logins_per_core_on_servers", LOGINS, counts);
    seen.logins.iter().zip(&seen.login_ceiling).for_each(|(each, ceiling)| logins.add(*each, *ceiling));
    let mut figure = logins.figure();
    figure.how = format!(
        "{}; beside it {:.0} us of Redis' CPU and {:.0} us of PostgreSQL's",
        figure.how,
        us(&seen.login_shared[0]),
        us(&seen.login_shared[1])
    );
    results.add(&figure);
    let mut back = PerCore::new(
        "reconnects_per_core",
        PHONES,
        "1 HELLO, 1 P-256 verify; ours adds the end of the old socket, 1 accept and upgrade, SQL and Redis \
            over sockets",
    );
    seen.reconnects.iter().zip(&seen.reconnect_ceiling).for_each(|(each, ceiling)| back.add(*each, *ceiling));
    results.add(&back.figure());
    results.add(&Figure {
        name: "notify_p50",
        value: us(&seen.notify),
        unit: "us",
        reference: us(&seen.raw),
        ratio: ratios(&seen.notify, &seen.raw),
        n: QUIET.0 * ROUNDS,
        how: format!(
            "REST call at one pod to the frame at a phone of the other, {} each second; the \
            reference is raw Redis, PUBLISH to message, 256 bytes",
            QUIET.1
        ),
    });
    let [ours, redis, postgres] = [0, 1, 2].map(|n| us(&seen.busy[n]));
    let all: Vec<f64> = (0..ROUNDS).map(|n| seen.busy.iter().map(|b| b[n]).sum()).collect();
    results.add(&Figure {
        name: "notify_cpu_us",
        value: us(&all),
        unit: "us",
        reference: us(&seen.raw_busy),
        ratio: ratios(&all, &seen.raw_busy),
        n: BUSY * ROUNDS,
        how: format!(
            "{WIDE} under way; pods {ours:.0}, Redis {redis:.0}, PostgreSQL {postgres:.0}; the reference is \
                the CPU of Redis alone"
        ),
    });
}

fn plots(results: &mut Results, all: &[Seen]) {
    let x = PODS.map(|n| n as f64);
    let each = |name: &'static str, f: &dyn Fn(&Seen) -> &Vec<f64>| {
        Series::new(name, all.iter().map(|s| median(f(s).clone()) * 1e6).collect())
    };
    let logins = vec![
        each("all pods", &|s| &s.logins),
        each("Redis", &|s| &s.login_shared[0]),
        each("PostgreSQL", &|s| &s.login_shared[1]),
        each("cryptography", &|s| &s.login_ceiling),
    ];
    results.plot("CPU of a cold login", "pods", "µs", &x, logins);
    results.plot(
        "CPU to reconnect",
        "pods",
        "µs",
        &x,
        vec![each("all pods", &|s| &s.reconnects), each("cryptography", &|s| &s.reconnect_ceiling)],
    );
    results.plot(
        "From the REST call to the phone, p50",
        "pods",
        "µs",
        &x,
        vec![each("Countersign", &|s| &s.notify), each("raw Redis", &|s| &s.raw)],
    );
    let busy = vec![
        each("all pods", &|s| &s.busy[0]),
        each("Redis", &|s| &s.busy[1]),
        each("PostgreSQL", &|s| &s.busy[2]),
        each("raw Redis", &|s| &s.raw_busy),
    ];
    results.plot("CPU to tell a phone", "pods", "µs", &x, busy);
}
