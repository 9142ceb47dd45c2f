//! The scenarios that a fleet of phones runs.

use std::{
    collections::BTreeMap,
    process::Command as Process,
    sync::Arc,
    time::{Duration, Instant},
};

use countersign_api::{LoginState, NewLogin};
use countersign_sdk::{Answer, Close, Command, Link};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::Semaphore,
    time::{interval, sleep},
};

use super::{
    Fleet, Outcome, Phone, Pod, PodFigures, Stop, Tally,
    page::Page,
    present::{ConnectedPhone, Free, Listener},
};
use crate::PhoneError;

/// Time for allocators to return memory that they do not need.
const SETTLE: Duration = Duration::from_secs(4);

/// What the phones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// All phones connect and stay silent: measures the cost of a session.
    Idle,
    /// Whole logins by phones that are not connected before, each with an open page.
    Login,
    /// All connected phones hang up and reconnect, to the next pod if there are several.
    Reconnect,
    /// Logins directed at connected users: measures from the REST call at one pod to the frame at a
    /// phone of the next pod.
    Notify,
    /// The first pod gets SIGTERM: measures until every phone has received the goodbye and, if
    /// there are other pods, until all phones are back.
    Drain,
}

impl Scenario {
    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Login => "login",
            Self::Reconnect => "reconnect",
            Self::Notify => "notify",
            Self::Drain => "drain",
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::Idle => "connect and authenticate",
            Self::Login => "create, watch, connect, claim, approve, redeem",
            Self::Reconnect => "hang up, connect and authenticate",
            Self::Notify => "REST call to frame at the phone",
            Self::Drain => "goodbye to a phone",
        }
    }
}

/// How much load a scenario creates.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Number of operations, for `login` and `notify`.
    pub operations: usize,
    /// Number of operations in progress at a time.
    pub wide: usize,
    /// Most operations started per second; 0 is no limit.
    pub rate: u32,
    /// How long `idle` keeps the idle connections before it measures memory; at least 4 s.
    pub hold: Duration,
}

type Extra = BTreeMap<&'static str, f64>;

/// Runs a scenario with a fleet of enrolled phones.
///
/// # Errors
/// When nothing can be measured. The failure of a single operation is counted instead.
pub async fn run(
    scenario: Scenario,
    fleet: &Arc<Fleet>,
    load: Load,
    tally: &Arc<Tally>,
) -> Result<Outcome, Stop> {
    let run = Run { fleet: fleet.clone(), load, tally: tally.clone() };
    let before = Before::now(fleet, tally);
    let (before, more) = match scenario {
        Scenario::Idle => run.idle(before).await?,
        Scenario::Login => (before, run.logins().await),
        Scenario::Reconnect => run.reconnect().await?,
        Scenario::Notify => run.notify().await?,
        Scenario::Drain => run.drain().await?,
    };
    Ok(before.outcome(scenario, &run, more))
}

/// Counter values at the start of the measured part.
struct Before {
    at: Instant,
    cpu: Vec<Option<f64>>,
    pss: Vec<Option<f64>>,
    /// Length of the measured part in seconds, if it ends before the scenario does.
    took: Option<f64>,
}

impl Before {
    fn now(fleet: &Fleet, tally: &Tally) -> Self {
        tally.start();
        let (cpu, pss) =
            (fleet.pods.iter().map(Pod::cpu).collect(), fleet.pods.iter().map(Pod::pss).collect());
        Self { at: Instant::now(), cpu, pss, took: None }
    }

    fn outcome(self, scenario: Scenario, run: &Run, more: Extra) -> Outcome {
        let (fleet, tally) = (&run.fleet, &run.tally);
        let seconds = self.took.unwrap_or_else(|| self.at.elapsed().as_secs_f64());
        let figures =
            fleet.pods.iter().zip(self.cpu.iter().zip(&self.pss)).filter_map(|(pod, (cpu, pss))| {
                // A pod that has ended has no final figures.
                let (cpu_now, pss_now) = (pod.cpu()?, pod.pss()?);
                Some(PodFigures {
                    name: pod.name.clone(),
                    cpu_seconds: cpu_now - (*cpu)?,
                    bytes: [(*pss)?, pss_now],
                })
            });
        let pods: Vec<PodFigures> = figures.collect();
        let operations = tally.done();
        let cpu: f64 = pods.iter().map(|p| p.cpu_seconds).sum();
        Outcome {
            scenario: scenario.as_str().to_owned(),
            phones: fleet.phones.len(),
            operation: scenario.operation(),
            operations,
            failed: tally.failed(),
            seconds,
            per_second: operations as f64 / seconds.max(1e-9),
            latency_us: tally.latency(),
            cpu_us_per_operation: cpu * 1e6 / operations.max(1) as f64,
            pods,
            more,
            failures: tally.failures(),
            timeline: tally.points(),
        }
    }
}

struct Run {
    fleet: Arc<Fleet>,
    load: Load,
    tally: Arc<Tally>,
}

impl Run {
    /// Runs `f` `operations` times and counts the results. [`Load`] limits how many run at a time
    /// and how many start per second.
    async fn each<F>(&self, operations: usize, f: impl Fn(usize) -> F)
    where
        F: Future<Output = Result<Duration, Stop>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(self.load.wide.max(1)));
        let mut pace = (self.load.rate > 0).then(|| interval(Duration::from_secs(1) / self.load.rate));
        let mut all = Vec::new();
        for n in 0..operations {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (tally, operation) = (self.tally.clone(), f(n));
            all.push(tokio::spawn(async move {
                match operation.await {
                    Ok(took) => tally.well(took),
                    Err(e) => tally.badly(&e),
                }
                drop(place);
            }));
            all.retain(|task| !task.is_finished());
        }
        for task in all {
            let _counted = task.await;
        }
    }

    /// Connects all phones; phone `n` to pod `n + turn`.
    async fn connect_all(&self, what: &str, turn: usize) -> Vec<ConnectedPhone> {
        self.tally.begin(what, self.fleet.phones.len());
        let connecting = stream::iter(0..self.fleet.phones.len()).map(|n| {
            let (fleet, tally) = (self.fleet.clone(), self.tally.clone());
            tokio::spawn(async move {
                let from = Instant::now();
                match fleet.phones[n].connect(fleet.pod(n + turn)).await {
                    Ok(online) => {
                        tally.well(from.elapsed());
                        Some(ConnectedPhone::start(online, tally))
                    }
                    Err(e) => {
                        tally.badly(&e);
                        None
                    }
                }
            })
        });
        let held = connecting
            .buffer_unordered(self.load.wide.max(1))
            .filter_map(|joined| async move { joined.ok().flatten() });
        held.collect().await
    }

    async fn idle(&self, mut before: Before) -> Result<(Before, Extra), Stop> {
        // Right after the enrolments, a pod has memory to return and buffers that are not yet warm.
        let few = Self { fleet: Arc::new(self.fleet.first(200)), load: self.load, tally: self.tally.clone() };
        for held in few.connect_all("warming up", 0).await {
            held.hang_up().await;
        }
        sleep(SETTLE).await;
        let fresh = Before::now(&self.fleet, &self.tally);
        before.pss = fresh.pss;
        let from = Instant::now();
        before.cpu = fresh.cpu;
        let held = self.connect_all("connecting", 0).await;
        before.took = Some(from.elapsed().as_secs_f64());
        let cpu: f64 = self
            .fleet
            .pods
            .iter()
            .zip(&before.cpu)
            .filter_map(|(pod, then)| Some(pod.cpu()? - (*then)?))
            .sum();
        self.tally.begin("holding still", 0);
        sleep(SETTLE.max(self.load.hold)).await;
        let grown: f64 = self
            .fleet
            .pods
            .iter()
            .zip(&before.pss)
            .filter_map(|(pod, then)| Some(pod.pss()? - (*then)?))
            .sum();
        let still = self.tally.online();
        let extra = Extra::from([
            ("bytes_per_session", grown / held.len().max(1) as f64),
            ("still_online", still as f64),
            ("cpu_us_to_connect", cpu * 1e6 / held.len().max(1) as f64),
        ]);
        for held in held {
            held.hang_up().await;
        }
        Ok((before, extra))
    }

    async fn logins(&self) -> Extra {
        self.tally.begin("logging in", self.load.operations);
        let free = Arc::new(Free::new((0..self.fleet.phones.len()).collect()));
        self.each(self.load.operations, |n| {
            let (fleet, free) = (self.fleet.clone(), free.clone());
            async move {
                let phone = free.take().await?;
                let took = cold_login(&fleet, n, &fleet.phones[phone]).await;
                free.give(phone);
                took
            }
        })
        .await;
        Extra::new()
    }

    async fn reconnect(&self) -> Result<(Before, Extra), Stop> {
        let held = self.connect_all("connecting", 0).await;
        let before = Before::now(&self.fleet, &self.tally);
        for one in held {
            one.hang_up().await;
        }
        let held = self.connect_all("coming back", 1).await;
        let extra = Extra::from([
            ("seconds_until_all_are_back", before.at.elapsed().as_secs_f64()),
            ("back", held.len() as f64),
        ]);
        Ok((before, extra))
    }

    async fn notify(&self) -> Result<(Before, Extra), Stop> {
        self.tally.begin("connecting", self.fleet.phones.len());
        let mut ready = Vec::new();
        for n in 0..self.fleet.phones.len() {
            ready.push(Listener::connect(&self.fleet, n).await?);
            self.tally.step();
        }
        let free = Arc::new(Free::new(ready));
        let before = Before::now(&self.fleet, &self.tally);
        self.tally.begin("notifying", self.load.operations);
        self.each(self.load.operations, |_| {
            let (fleet, free) = (self.fleet.clone(), free.clone());
            async move {
                let mut listener = free.take().await?;
                let took = listener.told(&fleet).await?;
                free.give(listener);
                Ok(took)
            }
        })
        .await;
        Ok((before, Extra::new()))
    }

    async fn drain(&self) -> Result<(Before, Extra), Stop> {
        let pid = self.fleet.pods[0].pid.ok_or("the pod to drain must run on this machine")?;
        self.tally.begin("connecting", self.fleet.phones.len());
        let first =
            Self { fleet: Arc::new(self.fleet.at_first_pod()), load: self.load, tally: self.tally.clone() };
        let held = first.connect_all("connecting", 0).await;
        let before = Before::now(&self.fleet, &self.tally);
        self.tally.begin("saying goodbye", held.len());
        if !Process::new("kill").env("LC_ALL", "C").arg("-TERM").arg(pid.to_string()).status()?.success() {
            return Err("the pod cannot be signalled".into());
        }
        let all = held.len();
        for one in held {
            match one.ended().await {
                Ok((PhoneError::Closed(Close::Draining), at)) => {
                    self.tally.well(at.duration_since(before.at))
                }
                Ok((why, _)) => self.tally.badly(&why),
                Err(e) => self.tally.badly(&e),
            }
        }
        let mut extra =
            Extra::from([("drain_seconds", before.at.elapsed().as_secs_f64()), ("phones", all as f64)]);
        if self.fleet.pods.len() > 1 {
            let others = Self {
                fleet: Arc::new(self.fleet.without_first_pod()),
                load: self.load,
                tally: Arc::new(Tally::new(true)),
            };
            let back = others.connect_all("coming back", 0).await;
            extra.extend([
                ("seconds_until_all_are_back", before.at.elapsed().as_secs_f64()),
                ("back", back.len() as f64),
            ]);
        }
        Ok((before, extra))
    }
}

/// Performs one whole login, with REST, page and phone at consecutive pods.
async fn cold_login(fleet: &Fleet, n: usize, phone: &Phone) -> Result<Duration, Stop> {
    let from = Instant::now();
    let (api, realm) = (fleet.api(n), fleet.realm());
    let login =
        api.create_login(realm, &NewLogin { text: Some("Log in".into()), ..NewLogin::default() }).await?;
    let mut page = Page::at(fleet.pod(n + 1), &login).await?;
    let qr = page.qr().await?;
    let mut online = phone.connect(fleet.pod(n + 2)).await?;
    let claim = Command::scanned(&Link::parse(&qr)?).ok_or("not a login code")?;
    let Answer::Prompt(prompt) = online.do_it(&claim).await? else { return Err("no prompt".into()) };
    online.do_it(&Command::approve(&prompt)).await?;
    page.until(LoginState::Approved).await?;
    let seen = api.login(realm, &login.id, 30, 2).await?;
    if seen.state != LoginState::Approved {
        return Err(format!("{:?} instead of approved", seen.state).into());
    }
    fleet.api(n + 1).redeem(realm, &login.id, None).await?;
    Ok(from.elapsed())
}
