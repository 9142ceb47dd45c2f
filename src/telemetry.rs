//! Logs: JSON for machines, pretty for people, to standard error.

use std::io::IsTerminal;

use countersign_edge::access;
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

use crate::config::{Log, LogFormat};

/// Starts logging.
pub(crate) fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|e| format!("log.level: {e}"))?;
    // This directive is more specific than any for `countersign`, so it wins.
    let access = format!("{}={}", access::TARGET, if log.access { "info" } else { "off" });
    let filter = filter.add_directive(access.parse().map_err(|e: ParseError| format!("log.access: {e}"))?);
    let builder =
        fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Pretty => builder.with_target(false).compact().try_init(),
    };
    started.map_err(|e| e.to_string())
}
