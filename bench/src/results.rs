//! `bench/results.json`: figures by name, each with its reference from the same run.

use std::{collections::BTreeMap, io::Write, path::Path};

use serde_json::{Value, json};

use crate::Stop;

/// The figures of one run.
#[derive(Default)]
pub struct Results(BTreeMap<String, Value>);

/// One figure.
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
    /// Adds a figure and says it.
    pub fn add(&mut self, f: &Figure<'_>) {
        let body = json!({"value": rounded(f.value), "unit": f.unit, "reference": rounded(f.reference), "ratio": rounded(f.ratio), "n": f.n, "how": f.how});
        let _nobody_reads = writeln!(std::io::stdout(), "{:22} {:>12.3} {:10} ratio {:.3}   {}", f.name, f.value, f.unit, f.ratio, f.how);
        self.0.insert(f.name.to_owned(), body);
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Stop> {
        Ok(std::fs::write(path, format!("{:#}\n", json!(self.0)))?)
    }
}

/// Says what is being done: long work is not silent.
pub fn say(text: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "… {text}");
}
