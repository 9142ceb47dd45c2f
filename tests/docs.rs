//! What the documents name exists.

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What the programs write, and git does not keep.
const MADE: [&str; 3] = ["bench/results.json", "bench/growth.html", "bench/chaos.json"];

/// Paths in backticks that begin with a folder of this repository. Patterns and places for names are none.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let folder = |p: &str| {
        p.split_once('/').is_some_and(|(first, _)| Path::new(ROOT).join(first).is_dir() && !["", "data", "target", "."].contains(&first))
    };
    text.split('`').skip(1).step_by(2).filter(move |p| folder(p) && !MADE.contains(p) && !p.contains([' ', '<', '*', '…', '{', '=', '$']))
}

fn missing(text: &str) -> Vec<&str> {
    named(text).filter(|p| !Path::new(ROOT).join(p.split(':').next().unwrap()).exists()).collect()
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut looked = 0;
    for folder in ["", "actors", "bench", "config", "docs", "docs/adr", "examples", "fuzz", "migrations", "sim", "sdk", "web"] {
        for document in std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = document.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") && !path.ends_with("CHANGELOG.md") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(missing(&text), Vec::<&str>::new(), "in {}", path.display());
                looked += named(&text).count();
            }
        }
    }
    assert!(looked > 50, "{looked}");
    assert_eq!(missing("see `src/main.rs`, `crates/*/src`, `src/nowhere.rs`"), ["src/nowhere.rs"]);
}
