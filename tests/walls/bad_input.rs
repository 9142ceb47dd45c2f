//! `docs/bad-input.toml` maps what can go wrong to the test that shows the result. These tests
//! check the map against the code.

use std::{collections::BTreeSet, fs, path::Path};

const MAP: &str = include_str!("../../docs/bad-input.toml");

/// Collects the names of the tests in the tree that run: `#[test]`, `#[tokio::test]`,
/// `#[actix_web::test]` and proptest functions, without ignored ones.
fn tests_that_run(dir: &Path, found: &mut BTreeSet<String>) {
    for path in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git"].contains(&name.as_str()) {
                tests_that_run(&path, found);
            }
        } else if name.ends_with(".rs") {
            collect(&fs::read_to_string(&path).unwrap(), found);
        } else if name.starts_with("test_") && name.ends_with(".py") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(
                text.lines()
                    .filter_map(|l| {
                        l.trim().strip_prefix("def test_").or(l.trim().strip_prefix("async def test_"))
                    })
                    .map(|l| format!("test_{}", l.split('(').next().unwrap())),
            );
        }
    }
}

fn collect(source: &str, found: &mut BTreeSet<String>) {
    let (mut marked, mut ignored, mut listed) = (false, false, false);
    for line in source.lines().map(str::trim) {
        match line {
            // A macro makes these tests for several databases: `room test_name,`.
            l if l.starts_with("on!([") => listed = true,
            "});" => listed = false,
            l if listed => found.extend(l.trim_end_matches(',').split(' ').nth(1).map(str::to_owned)),
            "#[test]" | "#[actix_web::test]" => (marked, ignored) = (true, false),
            l if l.starts_with("#[tokio::test") => (marked, ignored) = (true, false),
            l if l.starts_with("#[ignore") => ignored = true,
            l if marked && l.contains("fn ") => {
                let name = l.split("fn ").nth(1).unwrap().split(['(', '<']).next().unwrap();
                if !ignored {
                    found.insert(name.to_owned());
                }
                marked = false;
            }
            _ => {}
        }
    }
}

#[test]
fn every_row_names_a_test_that_runs_and_says_what_comes_of_it() {
    let map: toml::Table = MAP.parse().unwrap();
    let mut known = BTreeSet::new();
    tests_that_run(Path::new(env!("CARGO_MANIFEST_DIR")), &mut known);
    let rows = map["row"].as_array().unwrap();
    assert!(rows.len() >= 90, "{} rows", rows.len());
    let mut inputs = BTreeSet::new();
    for row in rows {
        let field = |name: &str| {
            row.get(name)
                .and_then(toml::Value::as_str)
                .filter(|s| !s.is_empty())
                .unwrap_or_else(|| panic!("{name} is missing in {row:?}"))
        };
        assert!(inputs.insert(field("input")), "twice: {}", field("input"));
        field("area");
        field("outcome");
        assert!(
            known.contains(field("test")),
            "{}: there is no test {} that runs",
            field("input"),
            field("test")
        );
    }
}
