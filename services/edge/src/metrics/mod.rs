//! All metrics. Enums that implement [`Names`] define them; nothing else can be observed. Every
//! series has the label `service`, so that services may share a process.
//!
//! All series are created at the start, in the order of their label values. Counting therefore
//! finds an index in a short list and does one atomic addition, without a lock or an allocation,
//! and a series is exposed, at zero, before its first event.

mod names;

use std::{marker::PhantomData, sync::Arc, time::Duration};

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

pub use prometheus::Error as MetricsError;

pub use names::{Kind, Label, Metric, Names, Spec, markdown};

/// Upper bounds of the buckets of a request's duration, in seconds: from a read by key to a
/// database in trouble.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

enum Kinds {
    Counters(Vec<IntCounter>),
    Gauges(Vec<IntGauge>),
    Histograms(Vec<Histogram>),
}

struct Family {
    spec: Spec,
    series: Kinds,
}

impl Family {
    fn new(spec: Spec, service: &str, registry: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new(spec.name, spec.help).const_label("service", service);
        let labels: Vec<&str> = spec.labels.iter().map(|l| l.name).collect();
        let places = places(&spec);
        let series = match spec.kind {
            Kind::Counter => {
                let all = IntCounterVec::new(opts, &labels)?;
                registry.register(Box::new(all.clone()))?;
                Kinds::Counters(
                    places
                        .iter()
                        .map(|values| all.get_metric_with_label_values(values))
                        .collect::<Result<_, _>>()?,
                )
            }
            Kind::Gauge => {
                let all = IntGaugeVec::new(opts, &labels)?;
                registry.register(Box::new(all.clone()))?;
                Kinds::Gauges(
                    places
                        .iter()
                        .map(|values| all.get_metric_with_label_values(values))
                        .collect::<Result<_, _>>()?,
                )
            }
            Kind::Histogram => {
                let all = HistogramVec::new(HistogramOpts::from(opts).buckets(SECONDS.to_vec()), &labels)?;
                registry.register(Box::new(all.clone()))?;
                Kinds::Histograms(
                    places
                        .iter()
                        .map(|values| all.get_metric_with_label_values(values))
                        .collect::<Result<_, _>>()?,
                )
            }
        };
        Ok(Self { spec, series })
    }

    /// The index of the series with these label values; `None` outside the closed sets, which is a
    /// bug.
    fn place(&self, values: &[&str]) -> Option<usize> {
        let labels = &self.spec.labels;
        let mut place = (labels.len() == values.len()).then_some(0)?;
        for (label, value) in labels.iter().zip(values) {
            place = place * label.values.len() + label.values.iter().position(|v| v == value)?;
        }
        Some(place)
    }
}

/// Every combination of label values; the last label varies fastest.
fn places(spec: &Spec) -> Vec<Vec<&'static str>> {
    spec.labels.iter().fold(vec![Vec::new()], |places, label| {
        places
            .iter()
            .flat_map(|place| label.values.iter().map(|value| [&place[..], &[*value]].concat()))
            .collect()
    })
}

/// The series of every service of this process, as the admin port shows them.
#[derive(Clone)]
pub struct Exposition(Registry);

impl Exposition {
    /// Creates the exposition with the process's own series.
    ///
    /// # Errors
    /// When a name is registered twice, which is a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self(registry))
    }

    /// Adds the series of a service.
    ///
    /// # Errors
    /// When a name is registered twice, which is a bug.
    pub fn series<N: Names>(&self, service: &str) -> Result<Series<N>, prometheus::Error> {
        let families =
            N::ALL.iter().map(|m| Family::new(m.spec(), service, &self.0)).collect::<Result<_, _>>()?;
        Ok(Series { families, of: PhantomData })
    }

    /// The Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // Encoding into memory fails only on inconsistent metrics, which registration refuses.
        let _ = TextEncoder::new().encode(&self.0.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The series of one service.
pub struct Series<N> {
    families: Arc<[Family]>,
    of: PhantomData<fn() -> N>,
}

impl<N> Clone for Series<N> {
    fn clone(&self) -> Self {
        Self { families: self.families.clone(), of: PhantomData }
    }
}

/// The series that every service has.
pub type Metrics = Series<Metric>;

impl<N: Names> Series<N> {
    fn find(&self, metric: N, values: &[&str]) -> Option<(&Kinds, usize)> {
        // The families are in the order of the enum.
        let family = self.families.get(metric.place())?;
        let place = family.place(values);
        debug_assert!(place.is_some(), "{metric:?} has no {values:?}");
        Some((&family.series, place?))
    }

    /// Adds one to a counter.
    pub fn count(&self, metric: N, values: &[&str]) {
        match self.find(metric, values) {
            Some((Kinds::Counters(all), place)) => all[place].inc(),
            _ => debug_assert!(false, "{metric:?} does not count"),
        }
    }

    /// Brings a counter up to date with a total that is kept elsewhere. Only one task may do so at
    /// a time.
    pub fn catch_up(&self, metric: N, to: u64) {
        match self.find(metric, &[]) {
            Some((Kinds::Counters(all), place)) => all[place].inc_by(to.saturating_sub(all[place].get())),
            _ => debug_assert!(false, "{metric:?} does not count"),
        }
    }

    /// The value of a counter.
    #[must_use]
    pub fn counted(&self, metric: N, values: &[&str]) -> u64 {
        match self.find(metric, values) {
            Some((Kinds::Counters(all), place)) => all[place].get(),
            _ => 0,
        }
    }

    /// Sets a gauge.
    pub fn set(&self, metric: N, values: &[&str], to: i64) {
        match self.find(metric, values) {
            Some((Kinds::Gauges(all), place)) => all[place].set(to),
            _ => debug_assert!(false, "{metric:?} is no gauge"),
        }
    }

    /// The value of a gauge.
    #[must_use]
    pub fn level(&self, metric: N) -> i64 {
        match self.find(metric, &[]) {
            Some((Kinds::Gauges(all), place)) => all[place].get(),
            _ => 0,
        }
    }

    /// Raises a gauge by one for as long as the guard lives.
    #[must_use]
    pub fn hold(&self, metric: N) -> Counted {
        let gauge = match self.find(metric, &[]) {
            Some((Kinds::Gauges(all), place)) => Some(all[place].clone()),
            _ => None,
        };
        debug_assert!(gauge.is_some(), "{metric:?} is no gauge");
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        Counted(gauge)
    }
}

impl Metrics {
    /// Sets the metric that names the running version.
    pub fn say_version(&self) {
        self.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1);
    }

    /// Records an HTTP response that has begun.
    pub fn answered(&self, door: &str, status: u16, after: Duration) {
        let class = names::CLASSES[usize::from((status / 100).clamp(1, 5)) - 1];
        self.count(Metric::Http, &[class]);
        match self.find(Metric::HttpSeconds, &[door, class]) {
            Some((Kinds::Histograms(all), place)) => all[place].observe(after.as_secs_f64()),
            _ => debug_assert!(false, "no such door: {door}"),
        }
    }
}

/// Guard that lowers its gauge by one when dropped.
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
    use countersign_protocol::codes::Close;

    use super::*;

    /// The samples' names, without the process's own and without a histogram's suffixes.
    fn exposed(text: &str) -> Vec<String> {
        text.lines()
            .filter(|l| l.starts_with("# TYPE countersign_"))
            .map(|l| l.split(' ').nth(2).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn exactly_the_metrics_of_the_enum_are_there_from_the_start() {
        let exposition = Exposition::new().unwrap();
        let _ns: Metrics = exposition.series("ns").unwrap();
        let _sfs: Metrics = exposition.series("sfs").unwrap();
        assert!(exposition.series::<Metric>("ns").is_err(), "one service is there once");
        let text = exposition.render();
        let mut wanted: Vec<_> = Metric::ALL.iter().map(|m| m.spec().name.to_owned()).collect();
        wanted.sort();
        assert_eq!(exposed(&text), wanted);
        for service in ["ns", "sfs"] {
            let line = format!("countersign_phone_handshakes_total{{result=\"ok\",service=\"{service}\"}} 0");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn every_fact_of_every_service_has_its_series() {
        let exposition = Exposition::new().unwrap();
        let metrics: Metrics = exposition.series("ns").unwrap();
        let before = exposition.render().lines().count();
        Close::ALL.iter().for_each(|code| metrics.count(Metric::Closed, &[code.as_str()]));
        metrics.answered("rest", 204, Duration::from_millis(3));
        metrics.answered("page", 999, Duration::ZERO);
        metrics.say_version();
        assert_eq!(exposition.render().lines().count(), before, "no series was added");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "has no")]
    fn a_label_value_outside_its_set_is_a_bug() {
        let metrics: Metrics = Exposition::new().unwrap().series("ns").unwrap();
        metrics.count(Metric::Handshakes, &["alice"]);
    }
}
