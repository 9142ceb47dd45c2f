//! The command line.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{config::Config, roles, telemetry};

/// A self-hosted mobile authentication server: your own phone app is the login for all your applications.
#[derive(Parser)]
#[command(name = "countersign", version)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Every service in one process, on one set of ports.
    All(Run),
    /// Logins and the REST API alone.
    Ns(Run),
}

/// What a role that runs for long takes.
#[derive(Args)]
struct Run {
    /// Directory of database, keys and `ready.json`; made when it does not exist.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A TOML file with settings. None is needed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// `auto`: any free ports; `ready.json` says which.
    #[arg(long, value_enum, default_value_t = PortChoice::Fixed)]
    ports: PortChoice,
    /// Also run the demo: a small site on loopback, in a realm of its own.
    #[arg(long)]
    demo: bool,
    /// Break one promise on purpose (test builds only).
    #[cfg(feature = "faults")]
    #[arg(long, hide = true)]
    fault: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PortChoice {
    /// Those of the settings.
    Fixed,
    /// Any free ones.
    Auto,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _nobody_reads = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let (role, run) = match cli.role {
        Role::All(run) => ("all", run),
        Role::Ns(run) => ("ns", run),
    };
    match start(role, run) {
        Ok(code) => code,
        Err(why) => {
            let _nobody_reads = writeln!(std::io::stderr(), "countersign: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start(role: &'static str, run: Run) -> Result<ExitCode, String> {
    #[cfg(feature = "faults")]
    if let Some(name) = &run.fault {
        if !countersign_domain::faults::activate(name) {
            return Err(format!("no fault is called {name}"));
        }
        countersign_store::lite::faults::LOSE_COMMITS.store(name == "ack-before-commit", std::sync::atomic::Ordering::Relaxed);
    }
    // `vars` would panic over a variable that is not Unicode, anybody's.
    let env = std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
    let mut config = Config::load(run.config.as_deref(), env).map_err(|e| e.to_string())?;
    if matches!(run.ports, PortChoice::Auto) {
        config.listen.use_free_ports();
    }
    config.check().map_err(|e| e.to_string())?;
    telemetry::start(&config.log)?;
    let plan = roles::Plan { role, data: run.data, demo: run.demo, config };
    roles::run(plan).map_err(|e| e.to_string())
}
