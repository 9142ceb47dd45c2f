//! The metrics of NS, beside those that every service has.

use countersign_domain_ns::{
    limits::LimitedBy,
    login::Via,
    ports::{Alert, Fact, FactorResult, Meter},
};
use countersign_edge::metrics::{self, Series};
use countersign_ports::answered::Answered;
use countersign_protocol::{codes::LoginState, frames::PhoneFrame};

/// The service, as metrics spell it.
pub const SERVICE: &str = "ns";

fn outcomes() -> Vec<&'static str> {
    LoginState::ALL.iter().filter(|s| s.version() == LoginState::OUTCOME).map(|s| s.as_str()).collect()
}

fn vias() -> Vec<&'static str> {
    Via::ALL.iter().map(|v| v.as_str()).chain(["none"]).collect()
}

countersign_edge::metrics! {
    /// NS's own metrics.
    Metric {
    PageConnections Gauge "countersign_page_connections" "Pages that watch: sockets, streams, polls" [];
    Waiters Gauge "countersign_waiters"
        "Pages, long polls and phones that wait for a login or enrolment to change" [];
    Commands Counter "countersign_phone_commands_total"
        "Frames of phones that were answered, by frame and answer"
        ["frame" in PhoneFrame::NAMES.to_vec(), "result" in Answered::ALL.map(Answered::as_str).to_vec()];
    Logins Counter "countersign_logins_total"
        "Logins that got their outcome on this pod, by outcome and by how the phone came"
        ["outcome" in outcomes(), "via" in vias()];
    Redemptions Counter "countersign_redemptions_total"
        "Identities given to clients; the same one given again to a repeated request is not counted" [];
    Enrolments Counter "countersign_enrolments_confirmed_total" "Enrolments that were confirmed" [];
    Limited Counter "countersign_limited_total"
        "Requests and phone commands turned away by a limit, by what ran into it"
        ["by" in LimitedBy::ALL.map(LimitedBy::as_str).to_vec()];
    Alerts Counter "countersign_alerts_total"
        "Rows `alert.*` in the trail, by kind" ["kind" in Alert::ALL.map(Alert::as_str).to_vec()];
    Factors Counter "countersign_second_factors_total"
        "Second factors that phones showed or lacked, by what came of it"
        ["result" in FactorResult::ALL.map(FactorResult::as_str).to_vec()];
    KvEntries Gauge "countersign_kv_entries"
        "Entries of the live state in memory, by kind"
        ["kind" in vec!["logins", "notes", "counters", "heard", "quarantined"]];
    }
}

/// The series of NS: those that every service has, and its own.
#[derive(Clone)]
pub struct Metrics {
    pub shared: metrics::Metrics,
    pub own: Series<Metric>,
}

impl Meter for Metrics {
    fn note(&self, fact: Fact) {
        let own = &self.own;
        match fact {
            Fact::Outcome { state, via } => {
                own.count(Metric::Logins, &[state.as_str(), via.map_or("none", |v| v.as_str())])
            }
            Fact::Redeemed => own.count(Metric::Redemptions, &[]),
            Fact::Enrolled => own.count(Metric::Enrolments, &[]),
            Fact::Limited(by) => own.count(Metric::Limited, &[by.as_str()]),
            Fact::Alert(alert) => own.count(Metric::Alerts, &[alert.as_str()]),
            Fact::Factor(result) => own.count(Metric::Factors, &[result.as_str()]),
            Fact::Command { frame, result } => own.count(Metric::Commands, &[frame, result.as_str()]),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use countersign_edge::metrics::Exposition;

    use super::*;

    #[test]
    fn every_fact_has_its_series() {
        let exposition = Exposition::new().unwrap();
        let metrics =
            Metrics { shared: exposition.series(SERVICE).unwrap(), own: exposition.series(SERVICE).unwrap() };
        let before = exposition.render().lines().count();
        let there = "countersign_logins_total{outcome=\"approved\",service=\"ns\",via=\"qr\"} 0";
        assert!(exposition.render().contains(there));
        for state in LoginState::ALL.iter().filter(|s| s.version() == LoginState::OUTCOME) {
            for via in Via::ALL.map(Some).into_iter().chain([None]) {
                metrics.note(Fact::Outcome { state: *state, via });
            }
        }
        LimitedBy::ALL.into_iter().for_each(|by| metrics.note(Fact::Limited(by)));
        Alert::ALL.into_iter().for_each(|alert| metrics.note(Fact::Alert(alert)));
        for frame in PhoneFrame::NAMES {
            Answered::ALL.into_iter().for_each(|result| metrics.note(Fact::Command { frame, result }));
        }
        FactorResult::ALL.into_iter().for_each(|result| metrics.note(Fact::Factor(result)));
        metrics.note(Fact::Redeemed);
        metrics.note(Fact::Enrolled);
        let text = exposition.render();
        assert_eq!(text.lines().count(), before, "no series was added");
        for line in text.lines().filter(|l| {
            ["logins_total{", "limited_total{", "factors_total{", "alerts_total{", "commands_total{"]
                .iter()
                .any(|n| l.contains(n))
        }) {
            assert!(line.ends_with(" 1"), "{line}");
        }
    }
}
