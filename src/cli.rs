//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use countersign_store::migrate::{SchemaState, What};

use crate::{
    api_key::{self, ApiKeyCommand},
    app_config::{self, AppCommand},
    apply::{self, Apply},
    assets::{self, AssetsCommand},
    config::{Config, LogFormat},
    manual, output,
    roles::{self, Initialised},
    sfs_command::{self, SfsCommand},
    telemetry, tls_files,
};

/// A self-hosted mobile authentication server: your own phone app is the login for all your
/// applications.
#[derive(Parser)]
#[command(name = "countersign", version, long_version = manual::VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every service in one process, on one set of ports.
    #[command(after_help = "Example: countersign all --data /var/lib/countersign --config \
        /etc/countersign.toml")]
    All(Run),
    /// Run NS alone: logins and the REST API.
    #[command(after_help = "Example: countersign ns --data /var/lib/countersign/ns")]
    Ns(Run),
    /// Run SFS alone: the second factor server.
    #[command(after_help = "Example: countersign sfs --data /var/lib/countersign/sfs")]
    Sfs(SfsRun),
    /// Prepare a data directory (keys, database, root API key) and exit; the first step of a
    /// deployment.
    #[command(after_help = "Example: countersign init --data /var/lib/countersign")]
    Init(Init),
    /// Bring the database to this release's schema, or report what is missing; pods do this
    /// themselves when they start.
    #[command(after_help = "Example: countersign migrate --check --config /etc/countersign.toml")]
    Migrate(Migrate),
    /// Bring a running NS to the state described in a file: realms, clients, roles, apps.
    #[command(after_help = "Example: countersign apply realms.toml --dry-run --data /var/lib/countersign")]
    Apply(Apply),
    /// Make or list root API keys on the machine itself, for when the others are lost or locked
    /// away.
    ApiKey {
        #[command(subcommand)]
        command: ApiKeyCommand,
    },
    /// Export the files that browsers load, for a web server that serves them.
    Assets {
        #[command(subcommand)]
        command: AssetsCommand,
    },
    /// Make keys and sign configurations, for publishers of phone apps.
    App {
        #[command(subcommand)]
        command: AppCommand,
    },
    /// Print the completions of a shell.
    #[command(after_help = "Example: countersign completions bash > \
        ~/.local/share/bash-completion/completions/countersign")]
    Completions {
        /// The shell that is to complete commands.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a directory.
    #[command(after_help = "Example: countersign man /usr/local/share/man/man1")]
    Man {
        /// The directory; created if it does not exist.
        dir: PathBuf,
    },
}

#[derive(Args)]
struct Init {
    /// Services to prepare: `all`, `ns` or `sfs`.
    #[arg(long, value_name = "ROLE", default_value = "all")]
    role: roles::ProcessRole,
    /// Directory of the database and the keys; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// TOML file with settings (optional).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Migrate {
    /// Services to migrate: `all`, `ns` or `sfs`.
    #[arg(long, value_name = "ROLE", default_value = "all")]
    role: roles::ProcessRole,
    /// Directory of the embedded database; not needed if `database.url` names another database.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// TOML file with settings (optional).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change nothing; exit with status 1 if migrations are pending.
    #[arg(long)]
    check: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// SFS runs, unless another command follows.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct SfsRun {
    #[command(flatten)]
    run: Option<Run>,
    #[command(subcommand)]
    command: Option<SfsCommand>,
}

/// Options of the roles that keep running.
#[derive(Args)]
struct Run {
    /// Directory of the database, the keys and `ready.json`; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// TOML file with settings (optional).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which ports to listen on; with `auto`, `ready.json` lists them.
    #[arg(long, value_enum, default_value_t = PortChoice::Fixed)]
    ports: PortChoice,
    /// Also run the demo: a small site on loopback, in its own realm.
    #[arg(long)]
    demo: bool,
    /// Inject a fault that breaks a guarantee (test builds only).
    #[cfg(feature = "faults")]
    #[arg(long, hide = true)]
    fault: Option<String>,
    /// Abort before this step of moving an earlier release's files (test builds only).
    #[cfg(feature = "faults")]
    #[arg(long, hide = true)]
    die_at_step: Option<usize>,
    /// Time at the start, in seconds since 1970 (test builds only).
    #[cfg(feature = "faults")]
    #[arg(long, hide = true)]
    clock: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PortChoice {
    /// The ports in the settings.
    Fixed,
    /// Any free ports.
    Auto,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            output::note(e.print());
            return if e.use_stderr() { ExitCode::from(2) } else { output::code(ExitCode::SUCCESS) };
        }
    };
    let done = match cli.command {
        Command::All(run) => return serve(roles::ProcessRole::All, run),
        Command::Ns(run) => return serve(roles::ProcessRole::Ns, run),
        Command::Sfs(SfsRun { command: Some(command), .. }) => {
            sfs_command::run(command, environment()).map(say)
        }
        Command::Sfs(SfsRun { run: Some(run), .. }) => return serve(roles::ProcessRole::Sfs, run),
        Command::Sfs(_) => Err("give --data DIR".to_owned()),
        Command::Init(init) => prepare(init),
        Command::Migrate(wanted) => migrate(&wanted),
        Command::Apply(apply) => apply::run(&apply).map(|()| ExitCode::SUCCESS),
        Command::ApiKey { command } => api_key::run(command, environment()).map(say),
        Command::Assets { command } => assets::run(&command).map(say),
        Command::App { command } => app_config::run(command).map(say),
        Command::Completions { shell } => {
            manual::completions(shell, Cli::command()).map(|()| ExitCode::SUCCESS)
        }
        Command::Man { dir } => manual::man(&dir, Cli::command()).map(say),
    };
    match done {
        Ok(code) => output::code(code),
        Err(why) => {
            telemetry::report(LogFormat::Pretty, &why);
            ExitCode::FAILURE
        }
    }
}

/// Runs a role. Why it cannot start stands in its log, in the format of the log.
fn serve(role: roles::ProcessRole, run: Run) -> ExitCode {
    tls_files::survive_hangup();
    let format = telemetry::asked_format(run.config.as_deref(), environment());
    let code = start(role, run).unwrap_or_else(|why| {
        telemetry::report(format, &why);
        ExitCode::FAILURE
    });
    telemetry::finish();
    code
}

fn say(text: String) -> ExitCode {
    output::say(&text);
    ExitCode::SUCCESS
}

fn environment() -> impl Iterator<Item = (String, String)> {
    // `vars` would panic if any variable were not Unicode.
    std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
}

fn prepare(init: Init) -> Result<ExitCode, String> {
    let config = Config::load(init.config.as_deref(), environment()).map_err(|e| e.to_string())?;
    let made = roles::init(init.role, &init.data, &config).map_err(|e| e.to_string())?;
    let Initialised { services, root_api_key, fresh } = made;
    if init.json {
        let (data, file) = (&init.data, &root_api_key);
        let told = serde_json::json!({"data": data, "services": services, "root_api_key_file": file,
            "root_api_key_made": fresh});
        return Ok(say(told.to_string()));
    }
    say(format!("{} is ready for {}.", init.data.display(), services.join(" and ")));
    if let Some(root) = root_api_key {
        let root = root.display();
        say(if fresh {
            format!("The root API key is in {root}.")
        } else {
            format!("The root API key in {root} stays.")
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn migrate(wanted: &Migrate) -> Result<ExitCode, String> {
    let config = Config::load(wanted.config.as_deref(), environment()).map_err(|e| e.to_string())?;
    let what = if wanted.check { What::Look } else { What::Run };
    let found =
        roles::migrate(wanted.role, wanted.data.as_deref(), &config, what).map_err(|e| e.to_string())?;
    // Before schema 4 of NS, the database does not have what this reads.
    let of_ns = found.iter().find(|(service, _)| *service == "ns");
    let askable = wanted.check
        && of_ns.is_some_and(|(_, state)| !state.pending.iter().any(|name| name.contains("000004")));
    let before = if askable { old_client_keys(wanted, &config)? } else { Vec::new() };
    let late = wanted.check && found.iter().any(|(_, state)| !state.pending.is_empty());
    if wanted.json {
        say(migrations_json(&found, !wanted.check, &before).to_string());
    } else {
        say_migrations(&found, wanted.check);
        for key in &before {
            say(format!(
                "API key {key}: its role could invite phones and manage people before, and no longer can; \
                    see CHANGELOG"
            ));
        }
    }
    Ok(if late { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The report as JSON. `pending` and `newer` at the top level are those of all services together.
fn migrations_json(
    found: &[(&'static str, SchemaState)],
    ran: bool,
    old_client_keys: &[String],
) -> serde_json::Value {
    let all = |names: fn(&SchemaState) -> &Vec<String>| {
        found.iter().flat_map(|(_, state)| names(state)).collect::<Vec<_>>()
    };
    let (pending, newer) = (all(|state| &state.pending), all(|state| &state.newer));
    let mut told = serde_json::json!({"pending": pending, "newer": newer, "ran": ran,
        "old_client_keys": old_client_keys});
    for (service, SchemaState { pending, newer }) in found {
        told["services"][service] = serde_json::json!({"pending": pending, "newer": newer});
    }
    told
}

fn say_migrations(found: &[(&'static str, SchemaState)], check: bool) {
    for (service, SchemaState { pending, newer }) in found {
        for name in newer {
            say(format!("{service}: {name}: of a newer release"));
        }
        for name in pending {
            say(format!("{service}: {name}: {}", if check { "pending" } else { "done" }));
        }
        if pending.is_empty() {
            say(format!("{service}: the database is up to date."));
        }
    }
}

/// Keys from before roles were narrowed that could do more then. This is called after the schema
/// was checked, and works with the old and the new one.
fn old_client_keys(wanted: &Migrate, config: &Config) -> Result<Vec<String>, String> {
    let at = roles::Beside { data: wanted.data.clone(), config: config.clone() };
    let ids = at.old_client_keys().map_err(|e| e.to_string())?;
    Ok(ids.into_iter().map(|id| id.to_string()).collect())
}

fn start(role: roles::ProcessRole, run: Run) -> Result<ExitCode, String> {
    #[cfg(feature = "faults")]
    if let Some(name) = &run.fault
        && !crate::sabotage::start(name)
    {
        return Err(format!("no fault is called {name}"));
    }
    #[cfg(feature = "faults")]
    if let Some(secs) = run.clock {
        crate::ports::start_clock_at(secs);
    }
    #[cfg(feature = "faults")]
    if let Some(step) = run.die_at_step {
        crate::data_layout::DIE_AT_STEP.store(step, std::sync::atomic::Ordering::Relaxed);
    }
    let mut config = Config::load(run.config.as_deref(), environment()).map_err(|e| e.to_string())?;
    if matches!(run.ports, PortChoice::Auto) {
        config.use_free_ports();
    }
    config.check().map_err(|e| e.to_string())?;
    telemetry::start(&config.log)?;
    let socket_names = environment().find(|(name, _)| name == "LISTEN_FDNAMES").map(|(_, names)| names);
    let plan = roles::Plan { role, data: run.data, demo: run.demo, config, socket_names };
    roles::run(plan).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Cli;

    /// The commands that do something, with their names.
    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let path = format!("{path} {}", command.get_name());
        let below: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        if below.is_empty() {
            found.push((path.clone(), command.clone()));
        }
        below.into_iter().for_each(|c| leaves(c, &path, found));
    }

    #[test]
    fn every_command_has_an_example_and_every_argument_its_help() {
        let mut all = Vec::new();
        leaves(&Cli::command(), "", &mut all);
        assert!(all.len() > 10, "{}", all.len());
        for (path, command) in all {
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains(&format!("Example:{path}")), "{path}: {example}");
            for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{path} {}", arg.get_id());
            }
        }
    }
}
