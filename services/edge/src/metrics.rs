//! Everything that is measured. `names` says what there is; nothing else can be observed.
//!
//! All series are made at the start, in the order of their labels, so counting is finding a place in a short list and one atomic addition: no lock, no memory,
//! and a series is there, at zero, before its first event.

mod names;

use std::{sync::Arc, time::Duration};

use countersign_domain_ns::ports::{Fact, Meter};
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

pub use names::{Kind, Label, Metric, Spec, markdown};

/// Upper bounds of a request's duration in seconds: from a read by key to a database in trouble.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

enum Series {
    Counters(Vec<IntCounter>),
    Gauges(Vec<IntGauge>),
    Histograms(Vec<Histogram>),
}

struct Family {
    spec: Spec,
    series: Series,
}

impl Family {
    fn new(metric: Metric, registry: &Registry) -> Result<Self, prometheus::Error> {
        let spec = metric.spec();
        let opts = Opts::new(spec.name, spec.help);
        let labels: Vec<&str> = spec.labels.iter().map(|l| l.name).collect();
        let places = places(&spec);
        let series = match spec.kind {
            Kind::Counter => {
                let all = IntCounterVec::new(opts, &labels)?;
                registry.register(Box::new(all.clone()))?;
                Series::Counters(places.iter().map(|values| all.get_metric_with_label_values(values)).collect::<Result<_, _>>()?)
            }
            Kind::Gauge => {
                let all = IntGaugeVec::new(opts, &labels)?;
                registry.register(Box::new(all.clone()))?;
                Series::Gauges(places.iter().map(|values| all.get_metric_with_label_values(values)).collect::<Result<_, _>>()?)
            }
            Kind::Histogram => {
                let all = HistogramVec::new(HistogramOpts::from(opts).buckets(SECONDS.to_vec()), &labels)?;
                registry.register(Box::new(all.clone()))?;
                Series::Histograms(places.iter().map(|values| all.get_metric_with_label_values(values)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { spec, series })
    }

    /// Where the series of these label values is; `None` outside the closed sets, which is a bug.
    fn place(&self, values: &[&str]) -> Option<usize> {
        let labels = &self.spec.labels;
        let mut place = (labels.len() == values.len()).then_some(0)?;
        for (label, value) in labels.iter().zip(values) {
            place = place * label.values.len() + label.values.iter().position(|v| v == value)?;
        }
        Some(place)
    }
}

/// Every combination of label values, the last label fastest.
fn places(spec: &Spec) -> Vec<Vec<&'static str>> {
    spec.labels.iter().fold(vec![Vec::new()], |places, label| {
        places.iter().flat_map(|place| label.values.iter().map(|value| [&place[..], &[*value]].concat())).collect()
    })
}

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    families: Arc<[Family]>,
}

impl Metrics {
    /// Fresh metrics with the process's own beside them.
    ///
    /// # Errors
    /// When a name is registered twice: a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let families = Metric::ALL.iter().map(|m| Family::new(*m, &registry)).collect::<Result<_, _>>()?;
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let metrics = Self { registry, families };
        metrics.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1);
        Ok(metrics)
    }

    fn find(&self, metric: Metric, values: &[&str]) -> Option<(&Series, usize)> {
        // The families lie in the order of the enum.
        let family = self.families.get(metric as usize)?;
        let place = family.place(values);
        debug_assert!(place.is_some(), "{metric:?} has no {values:?}");
        Some((&family.series, place?))
    }

    /// One more.
    pub fn count(&self, metric: Metric, values: &[&str]) {
        match self.find(metric, values) {
            Some((Series::Counters(all), place)) => all[place].inc(),
            _ => debug_assert!(false, "{metric:?} does not count"),
        }
    }

    /// Brings a counter that is kept elsewhere up to date. Told by one task at a time.
    pub fn catch_up(&self, metric: Metric, to: u64) {
        match self.find(metric, &[]) {
            Some((Series::Counters(all), place)) => all[place].inc_by(to.saturating_sub(all[place].get())),
            _ => debug_assert!(false, "{metric:?} does not count"),
        }
    }

    /// How many there were.
    #[must_use]
    pub fn counted(&self, metric: Metric, values: &[&str]) -> u64 {
        match self.find(metric, values) {
            Some((Series::Counters(all), place)) => all[place].get(),
            _ => 0,
        }
    }

    /// It is this much now.
    pub fn set(&self, metric: Metric, values: &[&str], to: i64) {
        match self.find(metric, values) {
            Some((Series::Gauges(all), place)) => all[place].set(to),
            _ => debug_assert!(false, "{metric:?} is no gauge"),
        }
    }

    /// How much it is.
    #[must_use]
    pub fn level(&self, metric: Metric) -> i64 {
        match self.find(metric, &[]) {
            Some((Series::Gauges(all), place)) => all[place].get(),
            _ => 0,
        }
    }

    /// One more as long as the guard lives.
    #[must_use]
    pub fn hold(&self, metric: Metric) -> Counted {
        let gauge = match self.find(metric, &[]) {
            Some((Series::Gauges(all), place)) => Some(all[place].clone()),
            _ => None,
        };
        debug_assert!(gauge.is_some(), "{metric:?} is no gauge");
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        Counted(gauge)
    }

    /// An HTTP answer began.
    pub fn answered(&self, door: &str, status: u16, after: Duration) {
        let class = names::CLASSES[usize::from((status / 100).clamp(1, 5)) - 1];
        self.count(Metric::Http, &[class]);
        match self.find(Metric::HttpSeconds, &[door, class]) {
            Some((Series::Histograms(all), place)) => all[place].observe(after.as_secs_f64()),
            _ => debug_assert!(false, "no such door: {door}"),
        }
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

impl Meter for Metrics {
    fn note(&self, fact: Fact) {
        match fact {
            Fact::Outcome { state, via } => self.count(Metric::Logins, &[state.as_str(), via.map_or("none", |v| v.as_str())]),
            Fact::Redeemed => self.count(Metric::Redemptions, &[]),
            Fact::Enrolled => self.count(Metric::Enrolments, &[]),
            Fact::Limited(by) => self.count(Metric::Limited, &[by.as_str()]),
            Fact::Alert(alert) => self.count(Metric::Alerts, &[alert.as_str()]),
            Fact::Command { frame, result } => self.count(Metric::Commands, &[frame, result.as_str()]),
        }
    }
}

/// Counted up now and down when dropped.
pub struct Counted(Option<IntGauge>);

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use countersign_domain_ns::{
        limits::LimitedBy,
        login::Via,
        ports::{Alert, Answered},
    };
    use countersign_protocol::{
        codes::{Close, LoginState},
        frames::PhoneFrame,
    };

    use super::*;

    /// The samples' names, without the process's own and without a histogram's suffixes.
    fn exposed(text: &str) -> Vec<String> {
        text.lines().filter(|l| l.starts_with("# TYPE countersign_")).map(|l| l.split(' ').nth(2).unwrap().to_owned()).collect()
    }

    #[test]
    fn exactly_the_metrics_of_the_enum_are_there_from_the_start() {
        let metrics = Metrics::new().unwrap();
        let text = metrics.render();
        let mut wanted: Vec<_> = Metric::ALL.iter().map(|m| m.spec().name.to_owned()).collect();
        wanted.sort();
        assert_eq!(exposed(&text), wanted);
        assert!(text.contains("countersign_logins_total{outcome=\"approved\",via=\"qr\"} 0"), "{text}");
        assert!(Metric::ALL.iter().enumerate().all(|(at, m)| *m as usize == at));
    }

    #[test]
    fn every_fact_has_its_series() {
        let metrics = Metrics::new().unwrap();
        let before = metrics.render().lines().count();
        for state in LoginState::ALL.iter().filter(|s| s.version() == 3) {
            for via in Via::ALL.map(Some).into_iter().chain([None]) {
                metrics.note(Fact::Outcome { state: *state, via });
            }
        }
        LimitedBy::ALL.into_iter().for_each(|by| metrics.note(Fact::Limited(by)));
        Alert::ALL.into_iter().for_each(|alert| metrics.note(Fact::Alert(alert)));
        for frame in PhoneFrame::NAMES {
            Answered::ALL.into_iter().for_each(|result| metrics.note(Fact::Command { frame, result }));
        }
        Close::ALL.iter().for_each(|code| metrics.count(Metric::Closed, &[code.as_str()]));
        metrics.note(Fact::Redeemed);
        metrics.note(Fact::Enrolled);
        metrics.answered("rest", 204, Duration::from_millis(3));
        metrics.answered("page", 999, Duration::ZERO);
        let text = metrics.render();
        assert_eq!(text.lines().count(), before, "no series was added");
        for line in
            text.lines().filter(|l| ["logins_total{", "limited_total{", "alerts_total{", "commands_total{"].iter().any(|n| l.contains(n)))
        {
            assert!(line.ends_with(" 1"), "{line}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "has no")]
    fn a_label_value_outside_its_set_is_a_bug() {
        Metrics::new().unwrap().count(Metric::Handshakes, &["alice"]);
    }
}
