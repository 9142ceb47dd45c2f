//! What nobody asks for and must be done: the trail is put in order, and what is kept for a time only is forgotten, little by little.

use std::time::Duration;

use countersign_actors::Realms;
use countersign_domain::{
    ports::{Ports, Purged},
    realm::{Realm, RealmSettings},
    refused::Fault,
    time::Time,
};

/// How often there is something to forget.
const EACH: Duration = Duration::from_secs(3600);
/// Between two batches: others want to write, too.
const PAUSE: Duration = Duration::from_millis(200);
/// Keyed requests are remembered for this long.
const REQUEST_DAYS: u64 = 7;
const DAY_MS: u64 = 86_400_000;

/// Forgets, for as long as the pod lives.
pub(crate) async fn run(ports: Ports, realms: Realms) {
    loop {
        let all = realms.all();
        let several = all.iter().map(Some).chain([None]);
        for realm in several {
            if let Err(fault) = forget(&ports, realm).await {
                tracing::warn!(%fault, "what is past its time could not be forgotten; tried again later");
            }
        }
        tokio::time::sleep(EACH).await;
    }
}

/// How often the trail is put in order where nobody reads it.
const ORDER: Duration = Duration::from_secs(5);

/// Gives what is committed its place in the trail, for as long as the pod lives: so that whoever begins to read does not have to order days first.
pub(crate) async fn order(ports: Ports) {
    loop {
        tokio::time::sleep(ORDER).await;
        if let Err(fault) = ports.store.order().await {
            tracing::warn!(%fault, "the trail could not be put in order; tried again later");
        }
    }
}

/// Forgets everything of a realm, or of none, that is past its time.
async fn forget(ports: &Ports, realm: Option<&Realm>) -> Result<(), Fault> {
    let settings = realm.map_or_else(RealmSettings::default, |r| r.settings.clone());
    let ago = |days: u64| Time(ports.now().0.saturating_sub(days.saturating_mul(DAY_MS)));
    loop {
        let gone = ports.store.purge(realm.map(|r| r.id), ago(settings.trail_days), ago(settings.outcome_days), ago(REQUEST_DAYS)).await?;
        if gone == Purged::default() {
            return Ok(());
        }
        tracing::info!(events = gone.events, outcomes = gone.outcomes, requests = gone.requests, "forgotten");
        tokio::time::sleep(PAUSE).await;
    }
}
