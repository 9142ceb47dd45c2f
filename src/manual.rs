//! What helps people at the command line: the version in full, completions, man pages.

use std::{io::Write, path::Path};

use clap::Command;
use clap_complete::Shell;

use crate::output;

/// The version, the commit it is built from, and the features of a build for tests.
#[cfg(not(feature = "faults"))]
pub(crate) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("BUILT_FROM_COMMIT"), ")");
#[cfg(feature = "faults")]
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("BUILT_FROM_COMMIT"),
    "; with the feature faults, for tests only)"
);

/// Writes a shell's completions to standard output.
pub(crate) fn completions(shell: Shell, mut command: Command) -> Result<(), String> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "countersign", &mut text);
    let mut out = std::io::stdout().lock();
    output::note(out.write_all(&text).and_then(|()| out.flush()));
    Ok(())
}

/// Writes a man page for each command into this directory.
pub(crate) fn man(dir: &Path, command: Command) -> Result<String, String> {
    let refuse = |e: std::io::Error| format!("{}: {e}", dir.display());
    std::fs::create_dir_all(dir).map_err(refuse)?;
    clap_mangen::generate_to(command, dir).map_err(refuse)?;
    Ok(format!("The man pages are in {}; read one with man -l.", dir.display()))
}
