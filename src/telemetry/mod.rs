//! Logs: JSON for machines, pretty for people, to standard error.

mod lines;

use std::{
    io::{self, IsTerminal, Write},
    panic,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use countersign_edge::access;
use countersign_ports::time::Clock;
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

pub(crate) use lines::lost;
use lines::{Lines, Notice};

use crate::{
    config::{Log, LogFormat},
    ports::WallClock,
};

/// How long the end of the process waits for its last lines to be written.
const LAST: Duration = Duration::from_secs(1);

/// The queue of the log, once it has started.
static LOG: OnceLock<Lines> = OnceLock::new();

/// Whether the program is not ready yet.
static STARTING: AtomicBool = AtomicBool::new(true);

/// Notes that the program is ready: from now on, a panic is reported to the supervision of its task.
pub(crate) fn started() {
    STARTING.store(false, Ordering::Relaxed);
}

/// Starts logging.
pub(crate) fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(log.level.directives()).map_err(|e| format!("log.level: {e}"))?;
    // This directive is more specific than any for `countersign`, so it wins.
    let access = format!("{}={}", access::TARGET, if log.access { "info" } else { "off" });
    let filter = filter.add_directive(access.parse().map_err(|e: ParseError| format!("log.access: {e}"))?);
    let lines = Lines::start(io::stderr(), notice(log.format))
        .map_err(|e| format!("the thread that writes the log cannot be started: {e}"))?;
    let lines = LOG.get_or_init(|| lines).clone();
    // An error of the formatter would go to standard error, which may be full or gone.
    let builder =
        fmt().with_env_filter(filter).with_writer(lines).log_internal_errors(false).with_ansi(coloured());
    let started = match log.format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Pretty => builder.with_target(false).compact().try_init(),
    };
    started.map_err(|e| e.to_string())?;
    panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Logs a panic. While the program starts, one of its main thread ends it.
#[expect(clippy::disallowed_methods, reason = "unwinding would wait for threads that do not end")]
fn panicked(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let why = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "panicked: {why}");
    if STARTING.load(Ordering::Relaxed) && thread.name() == Some("main") {
        report(
            LogFormat::Pretty,
            "the program cannot start; if the system gave it no thread or no memory, raise the limits \
                (ulimit -u, -v)",
        );
        std::process::exit(1);
    }
}

/// Whether the log has colours: on a terminal that can show them, unless `NO_COLOR` is set
/// (<https://no-color.org>).
fn coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !unwanted && !dumb
}

/// Waits until the last lines are written, as long as somebody reads them.
pub(crate) fn finish() {
    if let Some(lines) = LOG.get() {
        lines.flush(LAST);
    }
}

fn notice(format: LogFormat) -> Notice {
    match format {
        LogFormat::Json => |lost| format!("{}\n", json("WARN", &dropped(lost))),
        LogFormat::Pretty => |lost| format!("WARN {}\n", dropped(lost)),
    }
}

fn dropped(lost: u64) -> String {
    format!("{lost} lines of the log were lost, because they could not be written in time")
}

fn json(level: &str, message: &str) -> serde_json::Value {
    let secs = i64::try_from(WallClock.now().secs()).unwrap_or_default();
    let now = time::OffsetDateTime::from_unix_timestamp(secs).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let now = now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    serde_json::json!({"timestamp": now, "level": level, "message": message, "target": "countersign"})
}

/// Tells why the process ends, in the format of the log if it is known.
pub(crate) fn report(format: LogFormat, why: &str) {
    if LOG.get().is_some() {
        tracing::error!("{why}");
        return finish();
    }
    let line = match format {
        LogFormat::Json => json("ERROR", why).to_string(),
        LogFormat::Pretty => format!("countersign: {why}"),
    };
    let _nobody_reads = writeln!(io::stderr(), "{line}");
}

/// The variables that set the format of the log.
const FORMAT_NAMES: [&str; 3] =
    ["COUNTERSIGN_LOG_FORMAT", "NEXTAUTH_NS_LOG_FORMAT", "NEXTAUTH_SFS_LOG_FORMAT"];

/// The format that was asked for, as far as that can be told before the settings are known to be
/// right.
pub(crate) fn asked_format(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> LogFormat {
    let is_json = |word: &str| word.trim() == "json";
    let mut environment = environment
        .filter(|(name, _)| FORMAT_NAMES.contains(&name.as_str()))
        .map(|(_, value)| is_json(&value))
        .peekable();
    let in_file = || {
        let text = std::fs::read_to_string(file?).ok()?;
        let table: toml::Table = text.parse().ok()?;
        table.get("log")?.get("format")?.as_str().map(is_json)
    };
    let asked =
        if environment.peek().is_some() { environment.any(|json| json) } else { in_file() == Some(true) };
    if asked { LogFormat::Json } else { LogFormat::Pretty }
}
