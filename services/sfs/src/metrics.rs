//! The metrics of SFS, beside those that every service has.

use countersign_domain_sfs::meter::{Fact, Meter, PinFact};
use countersign_edge::metrics::{self, Series};
use countersign_ports::answered::Answered;
use countersign_protocol::frames::SfsPhoneFrame;

countersign_edge::metrics! {
    /// SFS's own metrics.
    Metric {
    Commands Counter "countersign_sfs_commands_total"
        "Frames of phones that SFS answered, by frame and answer"
        ["frame" in SfsPhoneFrame::NAMES.to_vec(), "result" in Answered::ALL.map(Answered::as_str).to_vec()];
    Pins Counter "countersign_sfs_pins_total"
        "What happened to PINs; `tried` without `proven` are wrong ones and broken connections"
        ["what" in PinFact::ALL.map(PinFact::as_str).to_vec()];
    Attestations Counter "countersign_sfs_attestations_total" "Attestations that were signed" [];
    Limited Counter "countersign_sfs_limited_total" "Commands turned away by a limit by address" [];
    Older Gauge "countersign_sfs_database_older"
        "1 when the database is older than it has been, and no PIN is evaluated" [];
    }
}

/// The series of SFS: those that every service has, and its own.
#[derive(Clone)]
pub struct Metrics {
    pub shared: metrics::Metrics,
    pub own: Series<Metric>,
}

impl Meter for Metrics {
    fn note(&self, fact: Fact) {
        let own = &self.own;
        match fact {
            Fact::Pin(what) => own.count(Metric::Pins, &[what.as_str()]),
            Fact::Attested => own.count(Metric::Attestations, &[]),
            Fact::Limited => own.count(Metric::Limited, &[]),
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
        let (shared, own) =
            (exposition.series(crate::SERVICE).unwrap(), exposition.series(crate::SERVICE).unwrap());
        let metrics = Metrics { shared, own };
        let before = exposition.render().lines().count();
        PinFact::ALL.into_iter().for_each(|what| metrics.note(Fact::Pin(what)));
        for frame in SfsPhoneFrame::NAMES {
            Answered::ALL.into_iter().for_each(|result| metrics.note(Fact::Command { frame, result }));
        }
        metrics.note(Fact::Attested);
        metrics.note(Fact::Limited);
        let text = exposition.render();
        assert_eq!(text.lines().count(), before, "no series was added");
        assert!(text.contains("countersign_sfs_pins_total{service=\"sfs\",what=\"locked\"} 1"), "{text}");
    }
}
