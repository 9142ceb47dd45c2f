//! What must hold in every source file.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() && !["target", ".git", "node_modules"].contains(&name.as_str()) {
            walk(&entry, found);
        } else if name.ends_with(".rs") {
            found.push(entry);
        }
    }
}

/// Returns the Rust files below a folder of the repository, by their path in it, with their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join(folder), &mut files);
    files
        .iter()
        .map(|f| (f.strip_prefix(root).unwrap().display().to_string(), fs::read_to_string(f).unwrap()))
        .collect()
}

/// Files ≤ 400 lines, actor files ≤ 300.
#[test]
fn no_file_grows_beyond_what_is_read_at_one_sitting() {
    let long: Vec<_> = sources("")
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(name, lines)| *lines > if name.starts_with("actors/") { 300 } else { 400 })
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

/// A handler that held the ports could write without the rules of the flows.
#[test]
fn handlers_of_rest_hold_handles_and_no_ports() {
    let handlers = sources("services/ns/src/rest");
    assert!(handlers.len() > 10);
    for (name, text) in handlers {
        assert!(!text.contains("Ports") && !text.contains("dyn Store"), "{name} names the ports");
    }
}

/// Lines ≤ 110 columns, except what cannot be broken: addresses, rows of tables, one long name.
#[test]
fn no_line_is_wider_than_a_page() {
    let unbreakable = |line: &str| {
        let text = line.trim();
        text.contains("://")
            || text.starts_with("/// |")
            || text.split([' ', '(']).any(|word| word.len() > 75)
    };
    let mut wide = Vec::new();
    for (name, text) in sources("") {
        let lines = text.lines().enumerate().filter(|(_, l)| l.chars().count() > 110 && !unbreakable(l));
        wide.extend(lines.map(|(n, _)| format!("{name}:{}", n + 1)));
    }
    assert!(wide.is_empty(), "{wide:#?}");
}

/// Comments refer to people as "they".
#[test]
fn nobody_is_he() {
    let he = ["he", "him", "his"];
    let mut found = Vec::new();
    for (name, text) in sources("") {
        for (n, line) in text.lines().enumerate().filter(|(_, line)| line.trim().starts_with("//")) {
            let words = line.split(|c: char| !c.is_alphabetic());
            found.extend(words.filter(|w| he.contains(w)).map(|w| format!("{name}:{}: {w}", n + 1)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
