//! Standard output of commands. A command fails when its result could not be written: for example,
//! a new API key is of no use when nobody has seen its secret.

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{config::LogFormat, telemetry};

/// Whether something could not be written.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Writes a line.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    note(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Notes whether writing succeeded. A reader who has left needs no message.
pub(crate) fn note(written: io::Result<()>) {
    let Err(e) = written else { return };
    if !FAILED.swap(true, Ordering::Relaxed) && e.kind() != ErrorKind::BrokenPipe {
        telemetry::report(LogFormat::Pretty, &format!("standard output cannot be written: {e}"));
    }
}

/// The exit code of a command that is done.
pub(crate) fn code(done: ExitCode) -> ExitCode {
    if FAILED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { done }
}
