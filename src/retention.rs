//! What nobody asks for and must be done: the trail is put in order, and what is kept for a time
//! only is forgotten, little by little.

use std::time::Duration;

use countersign_actors_ns::Realms;
use countersign_domain_ns::{
    ports::{Kept, Ports, Purged},
    realm::{Realm, RealmSettings},
};
use countersign_ns::auth::Keys;
use countersign_ports::{Fault, time::Time};

/// How often there is something to forget.
const EACH_MS: u64 = 3_600_000;
/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(1);
/// Between two batches: others want to write, too.
const PAUSE: Duration = Duration::from_millis(200);
/// Keyed requests are remembered for this long.
const REQUEST_DAYS: u64 = 7;
const HOUR_MS: u64 = 3_600_000;

/// Starts all of it, for as long as the pod lives.
pub(crate) fn start(ports: Ports, realms: Realms, keys: Keys) {
    actix_rt::spawn(run(ports.clone(), realms));
    actix_rt::spawn(order(ports));
    actix_rt::spawn(tell_failures(keys));
}

/// Forgets, for as long as the pod lives.
async fn run(ports: Ports, realms: Realms) {
    let mut due = Time(0);
    loop {
        // By the pod's clock, like everything that is forgotten.
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

/// How often the trail is put in order where nobody reads it.
const ORDER: Duration = Duration::from_secs(5);

/// Gives what is committed its place in the trail, for as long as the pod lives: so that whoever
/// begins to read does not have to order days first.
async fn order(ports: Ports) {
    loop {
        tokio::time::sleep(ORDER).await;
        if let Err(fault) = ports.store.order().await {
            tracing::warn!(%fault, "the trail could not be put in order; tried again later");
        }
    }
}

/// How often it is looked whether there are failures to tell.
const TELL: Duration = Duration::from_secs(1);

/// Tells in the trail how often API keys did not work, for as long as the pod lives.
async fn tell_failures(keys: Keys) {
    loop {
        tokio::time::sleep(TELL).await;
        if let Err(fault) = keys.tell_failures().await {
            tracing::warn!(%fault, "failed authentication could not be told in the trail; tried again later");
        }
    }
}

/// Forgets everything of a realm, or of none, that is past its time.
async fn forget(ports: &Ports, realm: Option<&Realm>) -> Result<(), Fault> {
    let settings = realm.map_or_else(RealmSettings::default, |r| r.settings.clone());
    let hours_ago = |hours: u64| Time(ports.now().0.saturating_sub(hours.saturating_mul(HOUR_MS)));
    let ago = |days: u64| hours_ago(days.saturating_mul(24));
    let kept = Kept {
        unclaimed: hours_ago(settings.unclaimed_hours),
        security: ago(settings.kept_trail_days()),
        evidence: ago(settings.kept_outcome_days()),
        requests: ago(REQUEST_DAYS),
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
