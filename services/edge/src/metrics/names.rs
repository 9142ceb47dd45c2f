//! Definitions of metrics: name, kind, help, and all possible values of each label. Registration,
//! the metrics page and its test are generated from them. This file defines the metrics that every
//! service has; each service defines its own beside them.

use countersign_protocol::codes::Close;

/// How the value of a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only increases.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Counts observations in buckets by size.
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

/// The definition of a metric.
pub struct Spec {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub labels: Vec<Label>,
}

/// An enum of metrics.
pub trait Names: Copy + std::fmt::Debug + 'static {
    /// Every member, in the order of the table.
    const ALL: &'static [Self];
    /// The definition of this metric.
    fn spec(self) -> Spec;
    /// The index in [`Names::ALL`].
    fn place(self) -> usize;
}

/// Declares an enum of metrics from a table: variant, kind, name, help, and each label with its
/// values.
#[macro_export]
macro_rules! metrics {
    ($(#[$about:meta])* $type:ident {
        $(
            $variant:ident $kind:ident $name:literal
            $help:literal [$($label:literal in $values:expr),*];
        )*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type { $(#[doc = $help] $variant),* }

        impl $crate::metrics::Names for $type {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn spec(self) -> $crate::metrics::Spec {
                match self {
                    $(Self::$variant => $crate::metrics::Spec {
                        name: $name,
                        kind: $crate::metrics::Kind::$kind,
                        help: $help,
                        labels: vec![$($crate::metrics::Label { name: $label, values: $values }),*],
                    }),*
                }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

/// Classes of HTTP status, by the first digit.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

metrics! {
    /// Metrics that every service has, beside `process_*` of Prometheus' own collector.
    Metric {
    Ready Gauge "countersign_ready" "1 when the pod wants work, 0 when `/readyz` says why not" [];
    BuildInfo Gauge "countersign_build_info"
        "Always 1; the label says which version runs" ["version" in vec![env!("CARGO_PKG_VERSION")]];
    PhoneConnections Gauge "countersign_phone_connections" "Open phone sockets, strangers included" [];
    Sessions Gauge "countersign_phone_sessions" "Phones that have authenticated" [];
    Handshakes Counter "countersign_phone_handshakes_total"
        "Phone connections that began, by result" ["result" in vec!["ok", "refused", "timeout", "busy"]];
    Closed Counter "countersign_phone_closed_total"
        "Phone connections that ended after their handshake, by close code"
        ["code" in Close::ALL.iter().map(|c| c.as_str()).collect()];
    Http Counter "countersign_http_requests_total"
        "HTTP answers on all ports, by class of status" ["class" in CLASSES.to_vec()];
    HttpSeconds Histogram "countersign_http_request_duration_seconds"
        "Time until an HTTP answer began; requests that asked to wait are counted as the door `wait`"
        ["door" in vec!["rest", "page", "admin", "wait"], "class" in CLASSES.to_vec()];
    CertificateEnd Gauge "countersign_certificate_end_seconds"
        "When the certificate of a listener expires, in seconds since 1970; 0 without TLS"
        ["resource" in vec!["rest", "page", "assets", "phone", "admin"]];
    LogLost Counter "countersign_log_lines_lost_total"
        "Lines of the log that could not be written in time" [];
    StoreCommits Counter "countersign_store_commits_total"
        "Transactions the database's writer has put on disk" [];
    StoreWrites Counter "countersign_store_writes_total"
        "Writes in these transactions; writes per commit is the batch size" [];
    StoreFailed Counter "countersign_store_failed_commits_total"
        "Transactions that failed, each with every write in it" [];
    StoreWaiting Gauge "countersign_store_waiting"
        "Writes that wait for the writer; at 4096 more are refused as `unavailable`" [];
    }
}

/// The metrics as a table in Markdown.
#[must_use]
pub fn markdown<N: Names>() -> String {
    let mut table = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
    for spec in N::ALL.iter().map(|m| m.spec()) {
        let labels: Vec<_> = spec.labels.iter().map(|l| format!("`{}`: {}", l.name, said(l))).collect();
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            spec.name,
            spec.kind.as_str(),
            labels.join("; "),
            spec.help
        ));
    }
    table
}

/// The values of a label, except those that change with every release.
fn said(label: &Label) -> String {
    if label.name == "version" { "the release".to_owned() } else { label.values.join(" ") }
}
