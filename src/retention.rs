//! Background maintenance: order the trail, purge in small steps what has passed its time, forget
//! live state that is over, and record failed authentications.

use std::time::Duration;

use countersign_actors_ns::Realms;
use countersign_actors_shell::Supervision;
use countersign_domain_ns::{
    ports::{Kept, Ports, Purged},
    realm::{Realm, RealmSettings},
};
use countersign_ns::auth::Keys;
use countersign_ports::{Fault, time::Time};

/// Interval between purges.
const EACH_MS: u64 = 3_600_000;
/// Interval at which the clock is checked.
const LOOK: Duration = Duration::from_secs(1);
/// Pause between two batches, so that other writers need not wait long.
const PAUSE: Duration = Duration::from_millis(200);
/// How long keyed requests are remembered.
const REQUEST_DAYS: u64 = 7;
const HOUR_MS: u64 = 3_600_000;

/// Starts all tasks, which run as long as the pod.
pub(crate) fn start(
    ports: Ports,
    realms: Realms,
    keys: Keys,
    live: impl Fn() + 'static,
    supervision: &Supervision,
) {
    actix_rt::spawn(supervision.task("the sweep of live state", sweep(live)));
    actix_rt::spawn(supervision.task("the purge of what has expired", run(ports.clone(), realms)));
    actix_rt::spawn(supervision.task("the order of the trail", order(ports)));
    actix_rt::spawn(supervision.task("the count of failed authentications", tell_failures(keys)));
}

/// Purges at each interval, as long as the pod runs.
async fn run(ports: Ports, realms: Realms) {
    let mut due = Time(0);
    loop {
        // The pod's clock decides, as for everything that is purged.
        if ports.now() < due {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        due = Time(ports.now().0.saturating_add(EACH_MS));
        let all = realms.all();
        let several = all.iter().map(Some).chain([None]);
        for realm in several {
            if let Err(fault) = forget(&ports, realm).await {
                tracing::warn!(%fault, "what is past its time could not be forgotten; tried again later");
            }
        }
    }
}

/// Interval at which the trail is ordered when it is not read.
const ORDER: Duration = Duration::from_secs(5);

/// Numbers committed rows of the trail, as long as the pod runs, so that a new reader does not have
/// to order days of rows first; and tends the database.
async fn order(ports: Ports) {
    loop {
        tokio::time::sleep(ORDER).await;
        if let Err(fault) = ports.store.order().await {
            tracing::warn!(%fault, "the trail could not be put in order; tried again later");
        }
        if let Err(fault) = ports.store.tend().await {
            tracing::warn!(%fault, "the upkeep of the database failed; tried again later");
        }
    }
}

/// Interval at which live state in memory is swept.
const SWEEP: Duration = Duration::from_secs(10);

/// Forgets live state that is over, as long as the pod runs: whatever is asked forgets it too, but
/// nothing may ask.
async fn sweep(live: impl Fn()) {
    loop {
        tokio::time::sleep(SWEEP).await;
        live();
    }
}

/// Interval at which failed authentications are recorded.
const TELL: Duration = Duration::from_secs(1);

/// Records in the trail how often API keys did not work, as long as the pod runs.
async fn tell_failures(keys: Keys) {
    loop {
        tokio::time::sleep(TELL).await;
        if let Err(fault) = keys.tell_failures().await {
            tracing::warn!(%fault, "failed authentication could not be told in the trail; tried again later");
        }
    }
}

/// Purges what has passed its time in one realm, or outside of all realms.
async fn forget(ports: &Ports, realm: Option<&Realm>) -> Result<(), Fault> {
    let settings = realm.map_or_else(RealmSettings::default, |r| r.settings.clone());
    let hours_ago = |hours: u64| Time(ports.now().0.saturating_sub(hours.saturating_mul(HOUR_MS)));
    let ago = |days: u64| hours_ago(days.saturating_mul(24));
    let kept = Kept {
        unclaimed: hours_ago(settings.unclaimed_hours),
        security: ago(settings.kept_trail_days()),
        evidence: ago(settings.kept_outcome_days()),
        requests: ago(REQUEST_DAYS),
        attestations: ports.now(),
    };
    loop {
        let gone = ports.store.purge(realm.map(|r| r.id), kept).await?;
        if gone == Purged::default() {
            return Ok(());
        }
        tracing::info!(events = gone.events, outcomes = gone.outcomes, requests = gone.requests, "forgotten");
        tokio::time::sleep(PAUSE).await;
    }
}
