//! What we build on may be given on: each dependency's licence is one we accept.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// Permissive licences, by SPDX id; `deny.toml` has the same list for crates of other platforms.
const ACCEPTED: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "0BSD",
    "BlueOak-1.0.0",
    "MIT-0",
    "CC0-1.0",
    "BSL-1.0",
    // Data, not code: root certificates.
    "CDLA-Permissive-2.0",
];

/// Every part that is joined by AND must offer an accepted choice.
fn accepted(expression: &str) -> bool {
    let normal = expression.replace('/', " OR ").replace(['(', ')'], "");
    normal.split(" AND ").all(|part| part.split(" OR ").any(|choice| ACCEPTED.contains(&choice.trim())))
}

#[test]
fn every_dependency_has_a_licence_we_accept() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Of this platform alone: crates of others were never downloaded. Offline, because a test asks nobody.
    let about = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
    let how = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host, "--manifest-path", manifest];
    let out = Command::new(env!("CARGO")).args(how).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let foreign = metadata["packages"].as_array().unwrap().iter().filter(|p| !p["source"].is_null());
    let bad: Vec<String> = foreign
        .filter(|p| !p["license"].as_str().is_some_and(accepted))
        .map(|p| format!("{} {}: {}", p["name"], p["version"], p["license"]))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn a_choice_is_enough_and_a_demand_is_not() {
    assert!(accepted("MIT OR Apache-2.0 OR LGPL-2.1-or-later") && accepted("(MIT OR GPL-3.0) AND ISC") && accepted("MIT/GPL-2.0"));
    assert!(!accepted("GPL-3.0") && !accepted("MIT AND LGPL-2.1-or-later"));
}

#[test]
fn crates_of_other_platforms_are_held_to_the_same_licences() {
    let rules: toml::Table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap().parse().unwrap();
    let allowed: BTreeSet<&str> = rules["licenses"]["allow"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    assert_eq!(allowed, BTreeSet::from(ACCEPTED));
}
