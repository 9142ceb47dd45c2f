//! One run: people log in while faults strike, all activity ends, and the rules are checked.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    Stop,
    clients::Phone,
    fault::Fault,
    history::{Disturbance, What},
    rules::{InTime, RULES, Violation, check},
    story::Person,
    world::{LOGIN_SECS, PODS, SAFETY_POLL, Stack, World},
};

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    pub stack: Stack,
    /// Number of faults.
    pub faults: usize,
    /// People continue until this many requests were made.
    pub operations: usize,
    pub people: usize,
    /// Pause between two faults.
    pub pause: Duration,
    /// A guarantee that the pods violate on purpose.
    pub sabotage: Option<String>,
    /// Decides which fault strikes when and where. What people do meanwhile is not determined by
    /// it.
    pub seed: u64,
    /// File for all requests and disturbances, one JSON object per line.
    pub history: Option<PathBuf>,
}

/// Result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub faults: usize,
    pub operations: usize,
    pub violations: usize,
    pub by_rule: BTreeMap<&'static str, usize>,
    pub by_fault: BTreeMap<String, usize>,
    pub by_question: BTreeMap<String, usize>,
    pub seconds: u64,
    pub seed: u64,
    /// The first violations.
    pub examples: Vec<Violation>,
}

impl Report {
    /// Combines the reports of two runs.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.faults += other.faults;
        self.operations += other.operations;
        self.violations += other.violations;
        self.seconds += other.seconds;
        self.examples.extend(other.examples);
        other.by_rule.into_iter().for_each(|(name, n)| *self.by_rule.entry(name).or_default() += n);
        other.by_fault.into_iter().for_each(|(name, n)| *self.by_fault.entry(name).or_default() += n);
        other.by_question.into_iter().for_each(|(name, n)| *self.by_question.entry(name).or_default() += n);
        self
    }
}

/// Longest time that people continue after the last fault.
const AT_MOST: Duration = Duration::from_secs(600);
const EXAMPLES: usize = 20;

/// Executes a plan; `program` must be a test build.
///
/// # Errors
/// When something is missing, does not start or does not recover.
pub async fn run(program: &Path, plan: &Plan) -> Result<Report, Stop> {
    let begin = Instant::now();
    // A violated guarantee shows only if the safety poll does not make up for it, so the poll is
    // slowed down.
    let safety_poll = if plan.sabotage.is_some() { 20 * SAFETY_POLL } else { SAFETY_POLL };
    let world = World::start(program, plan.stack, safety_poll).await?;
    let mut people = Vec::new();
    for n in 0..plan.people {
        let phones = [
            Phone::enrol(&world, &format!("user-{n}-a")).await?,
            Phone::enrol(&world, &format!("user-{n}-b")).await?,
        ];
        people.push(Person::new(world.clone(), phones));
    }
    if let Some(name) = &plan.sabotage {
        world.sabotage(name).await?;
    }
    let enough = Arc::new(AtomicBool::new(false));
    let living: Vec<JoinHandle<Person>> =
        people.into_iter().map(|person| tokio::spawn(live(person, enough.clone()))).collect();
    let (by_fault, mut watch) = break_things(&world, plan).await?;
    let until = Instant::now() + AT_MOST;
    while world.history.operations() < plan.operations && Instant::now() < until {
        sleep(Duration::from_millis(100)).await;
    }
    enough.store(true, Ordering::Relaxed);
    let (mut logins, mut waiting) = (Vec::new(), JoinSet::new());
    for one in living {
        let mut person = one.await?;
        logins.append(&mut person.logins);
        waiting.spawn(async move { while person.waiting.join_next().await.is_some() {} });
    }
    come_to_rest(&world, waiting, &logins).await?;
    watch.look(&world);
    if let Some(file) = &plan.history {
        let calls = world.history.calls().iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let broken =
            world.history.disturbances().iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        std::fs::write(file, [calls, broken].concat().join("\n"))?;
    }
    Ok(report(&world, plan, by_fault, begin))
}

async fn live(mut person: Person, enough: Arc<AtomicBool>) -> Person {
    while !enough.load(Ordering::Relaxed) {
        person.live().await;
    }
    person
}

async fn break_things(world: &World, plan: &Plan) -> Result<(BTreeMap<String, usize>, FailoverWatch), Stop> {
    let mut watch = FailoverWatch { known: world.master(), since: world.history.now() };
    let (mut dice, mut by_fault) = (fastrand::Rng::with_seed(plan.seed), BTreeMap::new());
    let mut deck = Vec::new();
    for n in 1..=plan.faults {
        sleep(plan.pause).await;
        if deck.is_empty() {
            deck = Fault::all(plan.stack);
            dice.shuffle(&mut deck);
        }
        let Some(fault) = deck.pop() else { break };
        watch.look(world);
        let struck =
            fault.strike(world, dice.usize(..PODS)).await.map_err(|e| format!("{}: {e}", fault.name()))?;
        say(&format!(
            "{n} of {}: {}, {} ms until all were well; {} operations",
            plan.faults,
            struck.what,
            (struck.till - struck.from) / 1000,
            world.history.operations()
        ));
        *by_fault.entry(struck.what.clone()).or_default() += 1;
        if struck.loses_live_state {
            watch.known = world.master();
        }
        world.history.disturbed(struck);
        watch.look(world);
    }
    watch.look(world);
    Ok((by_fault, watch))
}

/// Detects failovers that were not asked for: on a busy machine, a Redis can seem dead to a
/// Sentinel.
struct FailoverWatch {
    known: Option<u16>,
    since: u64,
}

impl FailoverWatch {
    fn look(&mut self, world: &World) {
        let (now, at) = (world.master(), world.history.now());
        if now != self.known {
            say("Redis failed over by itself");
            let what = "kv failed over by itself".to_owned();
            world.history.disturbed(Disturbance {
                what,
                from: self.since,
                till: at,
                loses_live_state: true,
                clocks: 0,
            });
        }
        (self.known, self.since) = (now, at);
    }
}

/// Waits until all activity has ended. Waiters for decided logins get the time they may take; then
/// the clocks are advanced until every login has expired or is decided, and the remaining waiters
/// get the same time. In the end each pod is asked about each login.
async fn come_to_rest(world: &Arc<World>, mut waiting: JoinSet<()>, logins: &[String]) -> Result<(), Stop> {
    world.until_ready().await?;
    say("coming to rest");
    let in_time = World::in_time() + Duration::from_secs(1);
    if timeout(in_time, all(&mut waiting)).await.is_err() {
        // Advancing the clocks wakes every waiter, so it must not happen before the others were
        // due.
        world.clocks_on(i64::try_from(LOGIN_SECS)? + 10).await?;
        if timeout(in_time, all(&mut waiting)).await.is_err() {
            world.end.send_replace(true);
            all(&mut waiting).await;
        }
    }
    for login in logins {
        for pod in 0..PODS {
            world.look(login, What::Last, pod).await;
        }
    }
    Ok(())
}

async fn all(waiting: &mut JoinSet<()>) {
    while waiting.join_next().await.is_some() {}
}

fn report(world: &World, plan: &Plan, by_fault: BTreeMap<String, usize>, begin: Instant) -> Report {
    let (calls, disturbances) = (world.history.calls(), world.history.disturbances());
    let in_time = InTime(u64::try_from(World::in_time().as_micros()).unwrap_or(u64::MAX));
    let violations = check(&calls, &disturbances, in_time);
    let mut by_rule: BTreeMap<&'static str, usize> = RULES.iter().map(|(name, _)| (*name, 0)).collect();
    violations.iter().for_each(|v| *by_rule.entry(v.rule).or_default() += 1);
    let mut by_question = BTreeMap::new();
    calls.iter().for_each(|c| *by_question.entry(format!("{:?}", c.what).to_lowercase()).or_default() += 1);
    Report {
        faults: disturbances.len(),
        operations: calls.len(),
        violations: violations.len(),
        by_rule,
        by_fault,
        by_question,
        seconds: begin.elapsed().as_secs(),
        seed: plan.seed,
        examples: violations.into_iter().take(EXAMPLES).collect(),
    }
}

/// Prints progress to standard error.
pub fn say(text: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "… {text}");
}
