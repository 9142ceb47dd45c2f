//! NS's part of the status page.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use countersign_domain_ns::login::Via;
use countersign_edge::{
    metrics,
    observed::{Section, ServiceStatus},
};
use countersign_protocol::codes::LoginState;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use crate::metrics::{Metric, Metrics};

/// The period that "lately" covers; it is sampled every [`EACH`].
const LATELY: Duration = Duration::from_secs(300);
const EACH: Duration = Duration::from_secs(10);

/// Logins by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Outcomes {
    approved: u64,
    refused: u64,
    cancelled: u64,
    expired: u64,
}

impl Outcomes {
    fn of(metrics: &Metrics) -> Self {
        let sum = |state: LoginState| {
            let vias = Via::ALL.iter().map(|v| v.as_str()).chain(["none"]);
            vias.map(|via| metrics.own.counted(Metric::Logins, &[state.as_str(), via])).sum()
        };
        Self {
            approved: sum(LoginState::Approved),
            refused: sum(LoginState::Refused),
            cancelled: sum(LoginState::Cancelled),
            expired: sum(LoginState::Expired),
        }
    }

    fn since(self, then: Self) -> Self {
        Self {
            approved: self.approved.saturating_sub(then.approved),
            refused: self.refused.saturating_sub(then.refused),
            cancelled: self.cancelled.saturating_sub(then.cancelled),
            expired: self.expired.saturating_sub(then.expired),
        }
    }
}

/// Samples of the counters over the last [`LATELY`].
#[derive(Clone)]
pub(crate) struct History {
    samples: Arc<Mutex<VecDeque<(Instant, Outcomes)>>>,
}

impl History {
    /// Starts sampling, in a task of its own.
    #[must_use]
    pub(crate) fn start(metrics: Metrics) -> Self {
        let history = Self { samples: Arc::default() };
        let mine = history.clone();
        actix_rt::spawn(async move {
            loop {
                mine.remember(Instant::now(), Outcomes::of(&metrics));
                tokio::time::sleep(EACH).await;
            }
        });
        history
    }

    fn remember(&self, now: Instant, outcomes: Outcomes) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, outcomes));
        // The oldest sample that stays is from before `LATELY`, so that the difference covers at
        // least that period.
        while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= LATELY) {
            samples.pop_front();
        }
    }

    fn lately(&self, now: Outcomes) -> Outcomes {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.front().map_or(now, |(_, then)| now.since(*then))
    }
}

/// Returns NS's current facts for the status page.
pub(crate) fn told(metrics: &Metrics, history: &History) -> ServiceStatus {
    let all = Outcomes::of(metrics);
    let lately = history.lately(all);
    let [sessions, pages, waiters] = [
        metrics.shared.level(metrics::Metric::Sessions),
        metrics.own.level(Metric::PageConnections),
        metrics.own.level(Metric::Waiters),
    ];
    let connections = metrics.shared.level(metrics::Metric::PhoneConnections);
    let rows = [
        ("Approved", lately.approved, all.approved),
        ("Refused", lately.refused, all.refused),
        ("Cancelled", lately.cancelled, all.cancelled),
        ("Expired", lately.expired, all.expired),
    ];
    let logins = Section::Table {
        title: "Logins",
        columns: vec!["Outcome", "last 5 minutes", "since the start"],
        rows: rows
            .map(|(name, lately, all)| vec![name.to_owned(), lately.to_string(), all.to_string()])
            .into(),
    };
    let here = [
        ("Phones connected", connections),
        ("Phones logged on", sessions),
        ("Pages watching", pages),
        ("Waiting for a change", waiters),
    ];
    let here =
        Section::Facts { title: "Here now", facts: here.map(|(name, n)| (name, n.to_string())).into() };
    let json = json!({
        "phone_connections": connections,
        "phone_sessions": sessions,
        "page_connections": pages,
        "waiters": waiters,
        "logins_last_5_minutes": lately,
        "logins_since_start": all,
    });
    ServiceStatus { sections: vec![logins, here], json }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(approved: u64) -> Outcomes {
        Outcomes { approved, ..Outcomes::default() }
    }

    #[test]
    fn lately_is_five_minutes_or_what_there_was() {
        let began = Instant::now();
        let history = History { samples: Arc::default() };
        let at = |secs| began + Duration::from_secs(secs);
        assert_eq!(history.lately(outcomes(3)), outcomes(3));
        for secs in (0..=600).step_by(10) {
            history.remember(at(secs), outcomes(secs));
        }
        assert_eq!(history.lately(outcomes(600)), outcomes(300));
        assert_eq!(history.samples.lock().map(|s| s.len()).ok(), Some(31));
    }
}
