//! `make chaos`: runs the chaos test on both stacks and writes the figures.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use countersign_chaos::{
    Stop,
    run::{Plan, Report, run, say},
    world::Stack,
};

/// Breaks the servers, wires and clocks of three pods while people log in, and checks that no
/// guarantee is violated.
#[derive(Parser)]
#[command(name = "countersign-chaos", version)]
struct Cli {
    /// The program, as a test build (--features faults).
    #[arg(long, value_name = "FILE", default_value = "target/debug/countersign")]
    program: PathBuf,
    /// Number of faults on each of the two stacks.
    #[arg(long, default_value_t = 30)]
    faults: usize,
    /// Least number of requests on each stack.
    #[arg(long, default_value_t = 8000)]
    operations: usize,
    /// Number of people who log in at the same time.
    #[arg(long, default_value_t = 12)]
    people: usize,
    /// Seed that decides which fault strikes when and where; random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// A guarantee that the pods violate on purpose: the run must report violations.
    #[arg(long, value_name = "NAME")]
    sabotage: Option<String>,
    /// Run on one stack only: `wires` is PostgreSQL and Redis in TLS, `failover` is MariaDB and
    /// Sentinel.
    #[arg(long, value_name = "STACK", value_parser = ["wires", "failover"])]
    stack: Option<String>,
    /// Write all requests and faults, one JSON object per line; `.wires` or `.failover` is appended
    /// to the file name.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// File for the figures.
    #[arg(long, value_name = "FILE", default_value = "bench/chaos.json")]
    json: PathBuf,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _nobody_reads = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(both(&cli)) {
        Ok(report) if report.violations == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(e) => {
            say(&format!("stopped: {e}"));
            ExitCode::FAILURE
        }
    }
}

async fn both(cli: &Cli) -> Result<Report, Stop> {
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut all: Option<Report> = None;
    for (stack, name) in [(Stack::Wires, "wires"), (Stack::Failover, "failover")] {
        if cli.stack.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        say(&format!("{name}, seed {seed}"));
        let (faults, operations, people, sabotage) =
            (cli.faults, cli.operations, cli.people, cli.sabotage.clone());
        let history = cli.history.as_ref().map(|file| PathBuf::from(format!("{}.{name}", file.display())));
        let plan = Plan {
            stack,
            faults,
            operations,
            people,
            pause: Duration::from_millis(700),
            sabotage,
            seed,
            history,
        };
        let report = run(&cli.program, &plan).await?;
        all = Some(match all {
            Some(before) => before.and(report),
            None => report,
        });
    }
    let report = all.ok_or("nothing was run")?;
    std::fs::write(&cli.json, format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} faults, {} operations, {} violations in {} s",
        report.faults, report.operations, report.violations, report.seconds
    )?;
    for (rule, n) in &report.by_rule {
        writeln!(out, "{n:6} {rule}")?;
    }
    for v in &report.examples {
        writeln!(out, "{} broken by {}: {}", v.rule, v.about, v.why)?;
    }
    Ok(report)
}
