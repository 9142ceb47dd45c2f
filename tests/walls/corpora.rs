//! The corpora of the fuzzers are in the repository, and ordinary tests use them.

use std::{fs, path::Path};

/// Collects the text of every Rust file below a folder.
fn sources(dir: &Path, found: &mut String) {
    for path in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_fuzz_target_has_a_corpus_and_a_test_that_replays_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let targets: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    assert!(targets.len() >= 9, "{targets:?}");
    let mut code = String::new();
    for room in ["crates", "services"] {
        sources(&root.join(room), &mut code);
    }
    let readme = fs::read_to_string(root.join("fuzz/README.md")).unwrap();
    for target in &targets {
        let corpus = root.join("fuzz/corpus").join(target);
        assert!(corpus.is_dir() && fs::read_dir(&corpus).unwrap().count() > 0, "{target} has no corpus");
        assert!(code.contains(&format!("replay(\"{target}\", ")), "nothing replays the corpus of {target}");
        assert!(readme.contains(&format!("\n| `{target}` |")), "fuzz/README.md does not know {target}");
    }
    let mut corpora: Vec<String> = fs::read_dir(root.join("fuzz/corpus"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    corpora.sort();
    let mut targets = targets;
    targets.sort_unstable();
    assert_eq!(corpora, targets, "a corpus without a target");
}
