//! The independent Python client, written from the documents alone, against the real server; and
//! its vectors.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::{Pod, in_ci};

/// Returns the interpreter of the virtual environment that `make test` prepares.
pub fn python() -> Option<PathBuf> {
    let venv =
        Path::new(env!("CARGO_BIN_EXE_countersign")).ancestors().nth(2).unwrap().join("python/bin/python");
    if venv.exists() {
        return Some(venv);
    }
    assert!(!in_ci(), "{} is missing: run `make tools`", venv.display());
    eprintln!("skipped: no Python environment; run `make tools`");
    None
}

pub fn unittest(pattern: &str, env: &[(&str, &str)]) -> Option<Output> {
    let mut command = Command::new(python()?);
    command
        .args(["-m", "unittest", "discover", "-s", "tests/python", "-p", pattern, "-v"])
        .envs(env.iter().copied())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    Some(command.output().unwrap())
}

pub fn check(out: &Output, least: u32) {
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{text}");
    let ran = text
        .lines()
        .find_map(|l| l.strip_prefix("Ran "))
        .and_then(|l| l.split(' ').next()?.parse::<u32>().ok());
    assert!(ran.is_some_and(|n| n >= least) && !text.contains("skipped"), "too few tests ran:\n{text}");
}

#[test]
fn the_python_client_opens_the_vectors_of_both_and_the_other_way_round() {
    if let Some(out) = unittest("test_vectors*.py", &[]) {
        check(&out, 10);
    }
}

/// Runs these tests against their own pod.
fn live(pattern: &str, least: u32) {
    let pod = Pod::start();
    if let Some(out) = unittest(
        pattern,
        &[("COUNTERSIGN_DATA", pod.data.to_str().unwrap()), ("COUNTERSIGN_LIVE_REQUIRED", "1")],
    ) {
        check(&out, least);
    }
}

#[test]
fn the_python_client_enrols_logs_in_and_refuses_on_the_real_server() {
    live("test_live.py", 15);
}

#[test]
fn the_python_client_proves_a_pin_by_an_opaque_of_its_own() {
    if let Some(out) = unittest("test_opaque.py", &[]) {
        check(&out, 10);
    }
    if let Some(out) = unittest("test_sfs.py", &[]) {
        check(&out, 20);
    }
    live("test_sfs_live.py", 25);
}

#[test]
fn the_python_client_logs_in_in_every_form_and_manages_a_users_phones() {
    live("test_forms.py", 20);
}
