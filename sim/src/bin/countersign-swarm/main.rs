//! `countersign-swarm`: puts running pods under the load of thousands of phones.

use std::{fs, io::Write, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use countersign_sim::{
    swarm::{Aim, Fleet, Load, Outcome, Pod, Scenario, Stop, Tally, html, run},
    tls,
};

/// Puts running pods under the load of thousands of phones, from one process and over the real
/// channel.
#[derive(Parser)]
#[command(name = "countersign-swarm", version)]
struct Cli {
    /// The scenario to run.
    #[arg(value_enum)]
    scenario: Scenario,
    /// Number of phones.
    #[arg(long, default_value_t = 1000)]
    phones: usize,
    /// Data directory of a pod on this machine; repeat it for each pod that shares the database and
    /// Redis. Unless --key-file is given, the first must contain root-api-key.
    #[arg(long, value_name = "DIR", default_value = "data", conflicts_with = "rest")]
    data: Vec<PathBuf>,
    /// Instead of --data: URL of a pod's REST API, with --phone, --key-file and optionally --page;
    /// repeat it for each pod.
    #[arg(long, value_name = "URL", requires = "phone", requires = "key_file")]
    rest: Vec<String>,
    /// URL of a pod's phone socket, in the order of --rest.
    #[arg(long = "phone", value_name = "URL")]
    phone: Vec<String>,
    /// URL of a pod's page socket, in the order of --rest.
    #[arg(long, value_name = "URL")]
    page: Vec<String>,
    /// File with an API key of the role `root`.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// PEM file with the CA of the pods' certificates.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Allow pods that are not on this machine. Ask their operators first.
    #[arg(long)]
    anywhere: bool,
    /// Number of operations, for `login` and `notify`.
    #[arg(long, default_value_t = 1000)]
    operations: usize,
    /// Number of operations in progress at a time.
    #[arg(long, default_value_t = 64)]
    wide: usize,
    /// Most operations started per second; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Seconds that `idle` keeps the idle connections before it measures memory; at least 4.
    #[arg(long, default_value_t = 10)]
    hold: u64,
    /// Write the figures and the per-second timeline as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write an HTML page with plots.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print no progress.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _nobody_reads = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(swarm(&cli)) {
        Ok(outcome) if outcome.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(e) => {
            let _nobody_reads = writeln!(std::io::stderr(), "countersign-swarm: {e}");
            ExitCode::FAILURE
        }
    }
}

fn pods(cli: &Cli) -> Result<Vec<Pod>, Stop> {
    if cli.rest.is_empty() {
        return cli.data.iter().map(|dir| Pod::at(dir)).collect();
    }
    if cli.phone.len() != cli.rest.len() || cli.page.len() > cli.rest.len() {
        return Err("each --rest takes one --phone, and at most one --page".into());
    }
    let pod = |(n, rest): (usize, &String)| Pod {
        name: format!("pod-{n}"),
        rest: rest.clone(),
        page: cli.page.get(n).cloned(),
        phone: cli.phone[n].clone(),
        pid: None,
    };
    Ok(cli.rest.iter().enumerate().map(pod).collect())
}

fn root_key(cli: &Cli) -> Result<String, Stop> {
    let file =
        cli.key_file.clone().or_else(|| Some(cli.data.first()?.join("root-api-key"))).ok_or("no key")?;
    let key = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(key.trim().to_owned())
}

async fn swarm(cli: &Cli) -> Result<Outcome, Stop> {
    if let Some(ca) = &cli.ca {
        tls::trust(ca)?;
    }
    let aim = Aim { pods: pods(cli)?, root_key: root_key(cli)?, ca: cli.ca.clone(), anywhere: cli.anywhere };
    let load = Load {
        operations: cli.operations,
        wide: cli.wide,
        rate: cli.rate,
        hold: Duration::from_secs(cli.hold),
    };
    let tally = Arc::new(Tally::new(cli.quiet));
    let outcome = tokio::select! {
        outcome = async {
            let fleet = Arc::new(Fleet::enrol(&aim, cli.phones, &tally).await?);
            run(cli.scenario, &fleet, load, &tally).await
        } => outcome?,
        () = tally.watch(&aim.pods) => return Err("the watch ended".into()),
        _ = tokio::signal::ctrl_c() => return Err("stopped; the enrolled phones stay in the realm \
            `swarm`".into()),
    };
    say(cli, &outcome)?;
    Ok(outcome)
}

fn say(cli: &Cli, outcome: &Outcome) -> Result<(), Stop> {
    if let Some(file) = &cli.report {
        fs::write(file, html(outcome)).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let json = format!("{}\n", serde_json::to_string_pretty(outcome)?);
    let mut out = std::io::stdout();
    match &cli.json {
        Some(file) if file.as_os_str() == "-" => return Ok(out.write_all(json.as_bytes())?),
        Some(file) => fs::write(file, json).map_err(|e| format!("{}: {e}", file.display()))?,
        None => {}
    }
    let (l, ms) = (outcome.latency_us, |us: u32| f64::from(us) / 1e3);
    writeln!(
        out,
        "\n{}: {} ({}), {} failed, in {:.1} s",
        outcome.scenario, outcome.operations, outcome.operation, outcome.failed, outcome.seconds
    )?;
    writeln!(
        out,
        "{:.0} per second; p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        outcome.per_second,
        ms(l.p50),
        ms(l.p99),
        ms(l.max)
    )?;
    if !outcome.pods.is_empty() {
        writeln!(out, "{:.0} µs of the pods' CPU each", outcome.cpu_us_per_operation)?;
    }
    for (name, value) in &outcome.more {
        writeln!(out, "{}: {value:.2}", name.replace('_', " "))?;
    }
    for (why, times) in &outcome.failures {
        writeln!(out, "{times} x {why}")?;
    }
    Ok(())
}
