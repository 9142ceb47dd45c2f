//! Files that the documents name exist.

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files that the programs write and git does not track.
const MADE: [&str; 5] =
    ["bench/results.json", "bench/growth.html", "bench/chaos.json", "bench/soak.json", "bench/soak.html"];

/// Returns the paths in backticks that begin with a folder of this repository, without patterns and
/// placeholders.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let folder = |p: &str| {
        p.split_once('/').is_some_and(|(first, _)| {
            Path::new(ROOT).join(first).is_dir() && !["", "data", "target", "."].contains(&first)
        })
    };
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(move |p| folder(p) && !MADE.contains(p) && !p.contains([' ', '<', '*', '…', '{', '=', '$']))
}

fn missing(text: &str) -> Vec<&str> {
    named(text).filter(|p| !Path::new(ROOT).join(p.split(':').next().unwrap()).exists()).collect()
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut looked = 0;
    let below =
        |folder: &str| std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap().map(|e| e.unwrap().path());
    let rooms =
        ["actors", "crates", "services"].map(below).into_iter().flatten().filter(|path| path.is_dir());
    let folders = [
        "",
        "actors",
        "bench",
        "config",
        "deploy",
        "docs",
        "docs/adr",
        "examples",
        "fuzz",
        "migrations",
        "sim",
        "sdk",
        "web",
    ];
    for folder in folders.map(|folder| Path::new(ROOT).join(folder)).into_iter().chain(rooms) {
        for document in std::fs::read_dir(folder).unwrap() {
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

#[test]
fn every_decision_is_in_the_index_with_its_date_and_state() {
    let folder = Path::new(ROOT).join("docs/adr");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut pages: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    pages.retain(|name| name != "README.md");
    pages.sort();
    let row = |name: &String| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let (title, rest) = text.split_once("\n\n").unwrap();
        let (date, state) =
            rest.lines().next().unwrap().split_once(" · ").expect("its date and state follow the title");
        format!("| [{}]({name}) | {date} | {state} |", title.trim_start_matches("# "))
    };
    let listed: Vec<&str> = index.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(listed, pages.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn what_a_version_brought_is_dated_and_the_version_of_the_program_has_its_section() {
    let changelog = std::fs::read_to_string(Path::new(ROOT).join("CHANGELOG.md")).unwrap();
    let mut versions = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!([versions.next(), versions.next()], [Some("What a version promises"), Some("Unreleased")]);
    let released: Vec<&str> = versions.collect();
    let ours = concat!(env!("CARGO_PKG_VERSION"), " – ");
    assert!(released.iter().any(|head| head.starts_with(ours)), "{released:?}");
    let dated = |head: &&str| {
        head.split_once(" – ").is_some_and(|(_, date)| date.len() == 10 && date.starts_with("20"))
    };
    assert!(released.iter().all(dated), "{released:?}");
}
