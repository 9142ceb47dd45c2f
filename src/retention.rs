//! What is kept for a time only is forgotten by a task of its own, little by little.

use std::time::Duration;

use countersign_actors::Realms;
use countersign_domain::{ports::Ports, realm::Realm, refused::Fault, time::Time};

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
        for realm in realms.all() {
            if let Err(fault) = forget(&ports, &realm).await {
                tracing::warn!(%fault, "what is past its time could not be forgotten; tried again later");
            }
        }
        tokio::time::sleep(EACH).await;
    }
}

/// Forgets everything of a realm that is past its time.
async fn forget(ports: &Ports, realm: &Realm) -> Result<(), Fault> {
    let ago = |days: u64| Time(ports.now().0.saturating_sub(days.saturating_mul(DAY_MS)));
    loop {
        let gone = ports.store.purge(realm.id, ago(realm.settings.trail_days), ago(realm.settings.outcome_days), ago(REQUEST_DAYS)).await?;
        if gone.outcomes + gone.events > 0 {
            tracing::info!(events = gone.events, outcomes = gone.outcomes, "forgotten");
        }
        if gone.outcomes == 0 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
