//! The metrics that services declare: their names, and that the operators' page lists them.

use std::collections::BTreeSet;

use countersign_edge::metrics::{self, Kind, Names};

const END: &str = "<!-- end of metrics -->\n";

/// Writes the table of an enum into `docs/OPERATING.md`. Returns false if it was out of date.
fn write_page<N: Names>(source: &str) -> bool {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATING.md");
    let page = std::fs::read_to_string(path).unwrap();
    let begin = format!("<!-- metrics: made from {source} -->\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("a place for {source}"));
    let (table, after) = rest.split_once(END).unwrap();
    let now = metrics::markdown::<N>();
    if table != now {
        std::fs::write(path, [before, &begin, &now, END, after].concat()).unwrap();
    }
    table == now
}

#[test]
fn the_operators_page_lists_the_metrics_there_are() {
    let current = [
        write_page::<metrics::Metric>("services/edge/src/metrics/names.rs"),
        write_page::<countersign_ns::metrics::Metric>("services/ns/src/metrics.rs"),
        write_page::<countersign_sfs::metrics::Metric>("services/sfs/src/metrics.rs"),
    ];
    // An outdated page has been rewritten already, so that the next run passes and the diff shows
    // the change.
    assert!(
        !current.contains(&false),
        "docs/OPERATING.md was out of date and has been written anew; commit it"
    );
}

fn check_rules<N: Names>() {
    let names: BTreeSet<_> = N::ALL.iter().map(|m| m.spec().name).collect();
    assert_eq!(names.len(), N::ALL.len(), "a name is told twice");
    for (place, metric) in N::ALL.iter().enumerate() {
        let spec = metric.spec();
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert_eq!(metric.place(), place, "{}", spec.name);
        assert!(spec.name.starts_with("countersign_") && plain(spec.name), "{}", spec.name);
        assert_eq!(spec.name.ends_with("_total"), spec.kind == Kind::Counter, "{}", spec.name);
        assert!(spec.labels.len() <= 2, "{}", spec.name);
        for label in &spec.labels {
            assert!(plain(label.name) && !["le", "service"].contains(&label.name), "{}", spec.name);
            let values: BTreeSet<_> = label.values.iter().collect();
            let few = values.len() == label.values.len() && (1..=16).contains(&values.len());
            assert!(few, "{}{{{}}}", spec.name, label.name);
        }
    }
}

#[test]
fn names_and_labels_follow_the_rules_of_prometheus() {
    check_rules::<metrics::Metric>();
    check_rules::<countersign_ns::metrics::Metric>();
    check_rules::<countersign_sfs::metrics::Metric>();
}
