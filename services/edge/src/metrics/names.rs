//! Everything that is measured, once: name, kind, help, and for each label all the values there are. Registration, the page of metrics and its test are made
//! from this.

use countersign_domain_ns::{
    limits::LimitedBy,
    login::Via,
    ports::{Alert, Answered},
};
use countersign_protocol::{
    codes::{Close, LoginState},
    frames::PhoneFrame,
};

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
    /// Counted by size.
    Histogram,
}

impl Kind {
    /// As Prometheus spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label and its closed set of values. Codes and classes, never ids or names.
pub struct Label {
    pub name: &'static str,
    pub values: Vec<&'static str>,
}

/// What is known of a metric before it is measured.
pub struct Spec {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub labels: Vec<Label>,
}

macro_rules! metrics {
    ($($variant:ident $kind:ident $name:literal $help:literal [$($label:literal in $values:expr),*];)*) => {
        /// Every metric there is, beside `process_*`, which Prometheus' own collector gives.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric { $(#[doc = $help] $variant),* }

        impl Metric {
            /// Every member, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// What it is.
            #[must_use]
            pub fn spec(self) -> Spec {
                match self {
                    $(Self::$variant => Spec {
                        name: $name,
                        kind: Kind::$kind,
                        help: $help,
                        labels: vec![$(Label { name: $label, values: $values }),*],
                    }),*
                }
            }
        }
    };
}

/// Answers by the first digit of their status.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn outcomes() -> Vec<&'static str> {
    LoginState::ALL.iter().filter(|s| s.version() == 3).map(|s| s.as_str()).collect()
}

fn vias() -> Vec<&'static str> {
    Via::ALL.iter().map(|v| v.as_str()).chain(["none"]).collect()
}

metrics! {
    Ready Gauge "countersign_ready" "1 when the pod wants work, 0 when `/readyz` says why not" [];
    BuildInfo Gauge "countersign_build_info" "Always 1; the label says which version runs" ["version" in vec![env!("CARGO_PKG_VERSION")]];
    PhoneConnections Gauge "countersign_phone_connections" "Open phone sockets, strangers included" [];
    Sessions Gauge "countersign_phone_sessions" "Phones that have authenticated" [];
    PageConnections Gauge "countersign_page_connections" "Pages that watch: sockets, streams, polls" [];
    Waiters Gauge "countersign_waiters" "Pages, long polls and phones that wait for a login or enrolment to change" [];
    Handshakes Counter "countersign_phone_handshakes_total" "Phone connections that began, by result" ["result" in vec!["ok", "refused", "timeout", "busy"]];
    Closed Counter "countersign_phone_closed_total" "Phone connections that ended after their handshake, by close code" ["code" in Close::ALL.iter().map(|c| c.as_str()).collect()];
    Commands Counter "countersign_phone_commands_total" "Frames of phones that were answered, by frame and answer" ["frame" in PhoneFrame::NAMES.to_vec(), "result" in Answered::ALL.map(Answered::as_str).to_vec()];
    Http Counter "countersign_http_requests_total" "HTTP answers on all ports, by class of status" ["class" in CLASSES.to_vec()];
    HttpSeconds Histogram "countersign_http_request_duration_seconds" "Time until an HTTP answer began; requests that asked to wait are the door `wait`" ["door" in vec!["rest", "page", "admin", "wait"], "class" in CLASSES.to_vec()];
    Logins Counter "countersign_logins_total" "Logins that got their outcome on this pod, by outcome and by how the phone came" ["outcome" in outcomes(), "via" in vias()];
    Redemptions Counter "countersign_redemptions_total" "Identities given to clients; the same one given again to a repeated request is not counted" [];
    Enrolments Counter "countersign_enrolments_confirmed_total" "Enrolments that were confirmed" [];
    Limited Counter "countersign_limited_total" "Requests and phone commands turned away by a limit, by what ran into it" ["by" in LimitedBy::ALL.map(LimitedBy::as_str).to_vec()];
    Alerts Counter "countersign_alerts_total" "Rows `alert.*` in the trail, by kind" ["kind" in Alert::ALL.map(Alert::as_str).to_vec()];
    KvEntries Gauge "countersign_kv_entries" "Entries of the live state in memory, by kind" ["kind" in vec!["logins", "notes", "counters", "heard", "quarantined"]];
    StoreCommits Counter "countersign_store_commits_total" "Transactions the database's writer has put on disk" [];
    StoreWrites Counter "countersign_store_writes_total" "Writes in these transactions; writes per commit is the batch size" [];
    StoreFailed Counter "countersign_store_failed_commits_total" "Transactions that failed, each with every write in it" [];
    StoreWaiting Gauge "countersign_store_waiting" "Writes that wait for the writer; at 4096 more are refused as `unavailable`" [];
}

/// The table of metrics, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut table = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
    for spec in Metric::ALL.iter().map(|m| m.spec()) {
        let labels: Vec<_> = spec.labels.iter().map(|l| format!("`{}`: {}", l.name, said(l))).collect();
        table.push_str(&format!("| `{}` | {} | {} | {} |\n", spec.name, spec.kind.as_str(), labels.join("; "), spec.help));
    }
    table
}

/// The values, except those that every release changes.
fn said(label: &Label) -> String {
    if label.name == "version" { "the release".to_owned() } else { label.values.join(" ") }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BEGIN: &str = "<!-- metrics: made from services/edge/src/metrics/names.rs -->\n";
    const END: &str = "<!-- end of metrics -->\n";

    #[test]
    fn the_operators_page_lists_the_metrics_there_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (table, after) = rest.split_once(END).unwrap();
        if table != markdown() {
            // Written where the test is run by hand, so that the next run and the diff show it.
            std::fs::write(path, [before, BEGIN, &markdown(), END, after].concat()).unwrap();
            panic!("the table in docs/OPERATING.md was out of date and has been written anew; commit it");
        }
    }

    #[test]
    fn names_and_labels_follow_the_rules_of_prometheus() {
        let names: BTreeSet<_> = Metric::ALL.iter().map(|m| m.spec().name).collect();
        assert_eq!(names.len(), Metric::ALL.len(), "a name is told twice");
        for spec in Metric::ALL.iter().map(|m| m.spec()) {
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(spec.name.starts_with("countersign_") && plain(spec.name), "{}", spec.name);
            assert_eq!(spec.name.ends_with("_total"), spec.kind == Kind::Counter, "{}", spec.name);
            assert!(spec.labels.len() <= 2, "{}", spec.name);
            for label in &spec.labels {
                assert!(plain(label.name) && label.name != "le", "{}", spec.name);
                let values: BTreeSet<_> = label.values.iter().collect();
                assert!(values.len() == label.values.len() && (1..=16).contains(&values.len()), "{}{{{}}}", spec.name, label.name);
            }
        }
    }
}
