//! Records the commit that a release is built from, for `countersign --version`.

use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "Cargo passes its own values to build scripts this way")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BUILD_COMMIT");
    let commit = if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // HEAD names a branch, whose file changes with each commit.
        println!("cargo:rerun-if-changed=.git/HEAD");
        println!("cargo:rerun-if-changed=.git/refs/heads");
        std::env::var("BUILD_COMMIT").ok().or_else(head).unwrap_or_else(|| "unknown".to_owned())
    } else {
        // A development build would be built anew after each commit.
        "of a development build".to_owned()
    };
    println!("cargo:rustc-env=BUILT_FROM_COMMIT={commit}");
}

fn head() -> Option<String> {
    let out = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
