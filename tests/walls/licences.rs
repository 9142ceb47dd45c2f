//! Each dependency has a licence that we accept, so that we may distribute it.

use std::process::Command;

use serde_json::Value;

/// Returns the licences that `deny.toml` allows, by SPDX id. `make check` applies them to crates of
/// other platforms.
fn allowed() -> Vec<String> {
    let rules: toml::Table =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap().parse().unwrap();
    rules["licenses"]["allow"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()).collect()
}

/// Whether every part that is joined by AND offers an accepted choice.
fn accepted(expression: &str) -> bool {
    let normal = expression.replace('/', " OR ").replace(['(', ')'], "");
    let allowed = allowed();
    normal
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|choice| allowed.iter().any(|l| l == choice.trim())))
}

#[test]
fn every_dependency_has_a_licence_we_accept() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Only for this platform, because crates of others were never downloaded. Offline, because a
    // test must not use the network.
    let about = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
    let how = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--offline",
        "--filter-platform",
        host,
        "--manifest-path",
        manifest,
    ];
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
    assert!(
        accepted("MIT OR Apache-2.0 OR LGPL-2.1-or-later")
            && accepted("(MIT OR GPL-3.0) AND ISC")
            && accepted("MIT/GPL-2.0")
    );
    assert!(!accepted("GPL-3.0") && !accepted("MIT AND LGPL-2.1-or-later"));
}
