//! Figures by name, each with its reference from the same run, and plots of how they grow.

use std::{collections::BTreeMap, io::Write, path::Path};

use countersign_sim::swarm::plot::{Plot, STYLE};
use serde_json::{Value, json};

use crate::Stop;

/// The figures of one run.
#[derive(Default)]
pub struct Results {
    figures: BTreeMap<String, Value>,
    plots: String,
}

/// One line of a plot.
pub struct Series(String, Vec<f64>);

impl Series {
    #[must_use]
    pub fn new(name: &str, values: Vec<f64>) -> Self {
        Self(name.to_owned(), values)
    }
}

/// One figure, its reference and how it was measured.
pub struct Figure<'a> {
    pub name: &'a str,
    pub value: f64,
    pub unit: &'a str,
    pub reference: f64,
    pub ratio: f64,
    pub n: usize,
    pub how: String,
}

fn rounded(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

impl Results {
    /// Adds a figure and prints it.
    pub fn add(&mut self, f: &Figure<'_>) {
        let body = json!({"value": rounded(f.value), "unit": f.unit, "reference": rounded(f.reference),
            "ratio": rounded(f.ratio), "n": f.n, "how": f.how});
        let _nobody_reads = writeln!(
            std::io::stdout(),
            "{:22} {:>12.3} {:10} ratio {:.3}   {}",
            f.name,
            f.value,
            f.unit,
            f.ratio,
            f.how
        );
        self.figures.insert(f.name.to_owned(), body);
    }

    /// Adds a plot of how a figure grows.
    pub fn plot(&mut self, title: &str, x_unit: &str, y_unit: &str, x: &[f64], lines: Vec<Series>) {
        let lines: Vec<(String, Vec<f64>)> =
            lines.into_iter().map(|Series(name, values)| (name, values)).collect();
        self.plots += &Plot { title, x_unit, y_unit, x, lines: &lines }.figure();
    }

    /// Writes the figures as JSON, and the plots as a page.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, figures: &Path, page: &Path, title: &str) -> Result<(), Stop> {
        std::fs::write(figures, format!("{:#}\n", json!(self.figures)))?;
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta \
                charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{}</html>\n",
            self.plots
        );
        Ok(std::fs::write(page, html)?)
    }
}

/// Returns the median: the upper one of two middle values, NaN if there is no value.
#[must_use]
pub fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A `_per_core` figure over several rounds, each with its own reference.
pub struct PerCore {
    name: &'static str,
    n: usize,
    counts: &'static str,
    each: Vec<f64>,
    reference: Vec<f64>,
}

impl PerCore {
    /// `counts` states what the reference includes, and what the pod does in addition.
    #[must_use]
    pub fn new(name: &'static str, n: usize, counts: &'static str) -> Self {
        Self { name, n, counts, each: Vec::new(), reference: Vec::new() }
    }

    /// Adds a round: CPU seconds of one operation, and of the cryptography in it.
    pub fn add(&mut self, each: f64, reference: f64) {
        self.each.push(each);
        self.reference.push(reference);
    }

    /// Returns a figure of medians; its ratio is the median of the rounds' ratios.
    #[must_use]
    pub fn figure(self) -> Figure<'static> {
        let ratio =
            median(self.each.iter().zip(&self.reference).map(|(each, reference)| reference / each).collect());
        let n = self.n * self.each.len();
        let (each, reference) = (median(self.each), median(self.reference));
        let how = format!(
            "{:.0} us of pod CPU each; reference {:.0} us: {}",
            each * 1e6,
            reference * 1e6,
            self.counts
        );
        Figure {
            name: self.name,
            value: 1.0 / each,
            unit: "1/s/core",
            reference: 1.0 / reference,
            ratio,
            n,
            how,
        }
    }
}

/// Prints progress to standard error.
pub fn say(text: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "… {text}");
}
