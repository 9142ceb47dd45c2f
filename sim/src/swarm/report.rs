//! A run as one self-contained HTML page.

use std::fmt::Write;

use super::{
    Outcome,
    plot::{Plot, STYLE, escaped},
};

fn row(out: &mut String, name: &str, value: &str) {
    let _never_fails =
        write!(out, "<tr><th>{}</th><td class=\"n\">{}</td></tr>", escaped(name), escaped(value));
}

/// Renders the page.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let title = format!("Countersign swarm: {} with {} phones", outcome.scenario, outcome.phones);
    let mut table = String::new();
    row(&mut table, "one operation", outcome.operation);
    row(&mut table, "operations", &outcome.operations.to_string());
    row(&mut table, "failed", &outcome.failed.to_string());
    row(&mut table, "seconds", &format!("{:.2}", outcome.seconds));
    row(&mut table, "per second", &format!("{:.0}", outcome.per_second));
    let l = outcome.latency_us;
    row(
        &mut table,
        "p50 · p90 · p99 · max (ms)",
        &[l.p50, l.p90, l.p99, l.max].map(|us| format!("{:.2}", f64::from(us) / 1e3)).join(" · "),
    );
    if !outcome.pods.is_empty() {
        row(&mut table, "pods' CPU for one operation (µs)", &format!("{:.0}", outcome.cpu_us_per_operation));
    }
    for pod in &outcome.pods {
        let mb = pod.bytes.map(|b| format!("{:.1}", b / 1e6));
        row(
            &mut table,
            &format!("{}: CPU seconds, memory before and after (MB)", pod.name),
            &format!("{:.2}, {}, {}", pod.cpu_seconds, mb[0], mb[1]),
        );
    }
    for (name, value) in &outcome.more {
        row(&mut table, &name.replace('_', " "), &format!("{value:.2}"));
    }
    for (why, times) in &outcome.failures {
        row(&mut table, why, &times.to_string());
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
            content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style><h1>{0}</h1>\
            <table>{table}</table>{1}</html>\n",
        escaped(&title),
        plots(outcome)
    )
}

fn plots(outcome: &Outcome) -> String {
    let t = &outcome.timeline;
    let x: Vec<f64> = t.iter().map(|p| p.at).collect();
    let ms = |us: u32| f64::from(us) / 1e3;
    let of_each_pod = |f: &dyn Fn(usize) -> Vec<f64>| -> Vec<(String, Vec<f64>)> {
        let pods = t.first().map_or(0, |p| p.cores.len());
        (0..pods)
            .map(|n| (outcome.pods.get(n).map_or_else(|| format!("pod {n}"), |p| p.name.clone()), f(n)))
            .collect()
    };
    let all = [
        (
            "Operations",
            "per second",
            vec![
                ("done".to_owned(), t.iter().map(|p| p.operations as f64).collect()),
                ("failed".to_owned(), t.iter().map(|p| p.failed as f64).collect()),
            ],
        ),
        (
            "Latency",
            "ms",
            vec![
                ("p50".to_owned(), t.iter().map(|p| ms(p.latency.p50)).collect()),
                ("p99".to_owned(), t.iter().map(|p| ms(p.latency.p99)).collect()),
            ],
        ),
        ("Phones online", "phones", vec![("online".to_owned(), t.iter().map(|p| p.online as f64).collect())]),
        (
            "CPU",
            "busy cores",
            of_each_pod(&|n| t.iter().map(|p| p.cores.get(n).copied().unwrap_or(0.0)).collect()),
        ),
        (
            "Memory",
            "MB",
            of_each_pod(&|n| t.iter().map(|p| p.bytes.get(n).copied().unwrap_or(0.0) / 1e6).collect()),
        ),
    ];
    let shown = all.iter().filter(|(_, _, lines)| lines.iter().any(|(_, ys)| !ys.is_empty()));
    shown
        .map(|(title, y_unit, lines)| Plot { title, x_unit: "seconds", y_unit, x: &x, lines }.figure())
        .collect()
}
