//! Everything that is measured, by name. Labels are bounded: codes and classes, never ids or names.

use prometheus::{Encoder, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// `countersign_phone_connections`: open phone sockets.
    pub phone_connections: IntGauge,
    /// `countersign_page_connections`: pages that watch: sockets, streams, polls.
    pub page_connections: IntGauge,
    /// `countersign_phone_handshakes_total{result}`: `ok`, `refused`, `timeout`, `busy`.
    pub handshakes: IntCounterVec,
    /// `countersign_phone_closed_total{code}`: why connections ended, by close code.
    pub closed: IntCounterVec,
    /// `countersign_http_requests_total{class}`: answers by class, `2xx` to `5xx`.
    pub http: IntCounterVec,
}

impl Metrics {
    /// Fresh metrics with the process's own beside them.
    ///
    /// # Errors
    /// When a name is registered twice: a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, prometheus::Error> {
            let c = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(c.clone()))?;
            Ok(c)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let g = IntGauge::new(name, help)?;
            registry.register(Box::new(g.clone()))?;
            Ok(g)
        };
        let metrics = Self {
            phone_connections: gauge("countersign_phone_connections", "Open phone sockets")?,
            page_connections: gauge("countersign_page_connections", "Pages that watch: sockets, streams, polls")?,
            handshakes: counter("countersign_phone_handshakes_total", "Handshakes by result", "result")?,
            closed: counter("countersign_phone_closed_total", "Ended phone connections by close code", "code")?,
            http: counter("countersign_http_requests_total", "HTTP answers by class", "class")?,
            registry: registry.clone(),
        };
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// The Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // Encoding into memory fails only on inconsistent metrics, which registration refuses.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Counts up now and down when dropped.
pub struct Counted(IntGauge);

impl Counted {
    /// One more.
    #[must_use]
    pub fn in_gauge(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
