//! Measures one SFS by itself, with SQLite: PIN checks, idle sessions, and what a stranger learns
//! from the time of an answer.

use std::{sync::Arc, time::Instant};

use countersign_protocol::ids::FactorId;
use countersign_sdk::{KeyError, KeyHandle, KeyStore, Link, Pin, SfsAnswer, SfsDevice, SfsServer};
use countersign_sim::{MemoryKeys, factor::SfsOnline, swarm};
use countersign_testkit::{Launch, Pod};
use tempfile::TempDir;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::{
    Stop, reference,
    results::{Figure, PerCore, Results, median, say},
};

/// Devices that check a PIN in a round, and how many of them at a time: each stretches its PIN on
/// this machine, with 19 MB.
const DEVICES: usize = 400;
const WIDE: usize = 16;
const ROUNDS: usize = 3;
const SESSIONS: usize = 4000;
const FIRST_AIM_BYTES: f64 = 4096.0;
/// Answers to strangers that are timed for each kind of device.
const ANSWERS: usize = 300;
const PIN: &str = "4729";

struct Sfs {
    pod: Pod,
    server: SfsServer,
    _dir: TempDir,
}

impl Sfs {
    fn start() -> Result<Self, Stop> {
        let dir = tempfile::tempdir()?;
        let env = [
            ("COUNTERSIGN_SFS_REGISTRATIONS_PER_HOUR", "0"),
            ("COUNTERSIGN_SFS_EVALUATIONS_PER_MINUTE", "0"),
            ("COUNTERSIGN_LOG_LEVEL", "warn"),
        ];
        let pod = Launch::default().role("sfs").env(&env).on(&dir.path().join("sfs"))?;
        let link = pod.ready.sfs.as_deref().ok_or("no SFS in ready.json")?;
        let Link::Sfs(link) = Link::parse(link)? else { return Err("this is no SFS".into()) };
        Ok(Self { server: SfsServer::from_link(&link)?, pod, _dir: dir })
    }

    fn device(&self) -> Result<Device, Stop> {
        let keys = Arc::new(MemoryKeys::default());
        let key = keys.generate()?;
        Ok(Device { keys, at: SfsDevice { server: self.server.clone(), key }, factor: None })
    }

    fn cpu(&self) -> Result<f64, Stop> {
        Ok(swarm::cpu_of(self.pod.ready.pid).ok_or("SFS has ended")?)
    }

    fn memory(&self) -> Result<f64, Stop> {
        Ok(swarm::pss_of(self.pod.ready.pid).ok_or("SFS has ended")?)
    }
}

#[derive(Clone)]
struct Device {
    keys: Arc<MemoryKeys>,
    at: SfsDevice,
    factor: Option<FactorId>,
}

impl Device {
    async fn connect(&self) -> Result<SfsOnline, Stop> {
        Ok(SfsOnline::connect(&self.at, self.keys.clone()).await?)
    }

    /// Sets the PIN and makes a factor.
    async fn furnish(mut self) -> Result<Self, Stop> {
        let mut sfs = self.connect().await?;
        if sfs.set(&Pin::typed(PIN)?).await? != SfsAnswer::Set {
            return Err("the PIN was not set".into());
        }
        self.factor = Some(sfs.prove_and_attest(&Pin::typed(PIN)?, None, [7; 32]).await?.factor);
        Ok(self)
    }

    /// Connects, proves the PIN and has it attested.
    async fn check(self) -> Result<Self, Stop> {
        self.connect().await?.prove_and_attest(&Pin::typed(PIN)?, self.factor, [7; 32]).await?;
        Ok(self)
    }
}

/// Runs `f` for each device, [`WIDE`] at a time.
async fn each<F>(devices: Vec<Device>, f: impl Fn(Device) -> F) -> Result<Vec<Device>, Stop>
where
    F: Future<Output = Result<Device, Stop>> + Send + 'static,
{
    let (mut waiting, mut under_way, mut done) = (devices.into_iter(), JoinSet::new(), Vec::new());
    waiting.by_ref().take(WIDE).for_each(|device| drop(under_way.spawn(f(device))));
    while let Some(ended) = under_way.join_next().await {
        done.push(ended??);
        waiting.by_ref().take(1).for_each(|device| drop(under_way.spawn(f(device))));
    }
    Ok(done)
}

/// Measures what one SFS does.
///
/// # Errors
/// When it does not start or an operation fails.
pub async fn measure(results: &mut Results) -> Result<(), Stop> {
    let sfs = Sfs::start()?;
    say(&format!("setting {DEVICES} PINs"));
    let devices = (0..DEVICES).map(|_| sfs.device()).collect::<Result<_, _>>()?;
    let mut devices = each(devices, Device::furnish).await?;
    let mut checks = PerCore::new(
        "pin_checks_per_core",
        DEVICES,
        "1 HELLO, 1 P-256 verify, 1 OPAQUE evaluation and proof, 1 P-256 signature, 2 SQLite commits of one \
            row; ours adds 1 accept and upgrade, 5 frames each way, 5 SQL reads, the sums of evaluations \
            and of the address in the first commit",
    );
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}: {DEVICES} PIN checks"));
        let floor = reference::answer_hello()?
            + reference::verify()?
            + reference::opaque()?
            + reference::sign()?
            + 2.0 * reference::commit()?;
        let before = sfs.cpu()?;
        devices = each(devices, Device::check).await?;
        checks.add((sfs.cpu()? - before) / DEVICES as f64, floor);
    }
    results.add(&checks.figure());
    strangers(results, &sfs, &devices).await?;
    idle(results).await
}

async fn idle(results: &mut Results) -> Result<(), Stop> {
    say(&format!("holding {SESSIONS} sessions at SFS"));
    let sfs = Sfs::start()?;
    // The first sessions pay for what all of them share.
    let mut held = Vec::new();
    for _ in 0..WIDE {
        held.push(sfs.device()?.connect().await?);
    }
    let before = sfs.memory()?;
    for _ in 0..SESSIONS {
        held.push(sfs.device()?.connect().await?);
    }
    let bytes = (sfs.memory()? - before) / SESSIONS as f64;
    results.add(&Figure {
        name: "idle_sfs_session_bytes",
        value: bytes,
        unit: "B",
        reference: FIRST_AIM_BYTES,
        ratio: bytes / FIRST_AIM_BYTES,
        n: SESSIONS,
        how: "(Pss with n sessions - Pss before) / n; the reference is the first aim of an NS session".into(),
    });
    Ok(())
}

/// A thief's key store: it names a device's key and signs with another one.
struct Stolen(MemoryKeys, KeyHandle, [u8; 65]);

impl KeyStore for Stolen {
    fn generate(&self) -> Result<KeyHandle, KeyError> {
        self.0.generate()
    }
    fn public(&self, _: &KeyHandle) -> Result<[u8; 65], KeyError> {
        Ok(self.2)
    }
    fn sign(&self, _: &KeyHandle, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.0.sign(&self.1, message)
    }
    fn device_secret(&self, _: &KeyHandle) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.0.device_secret(&self.1)
    }
    fn forget(&self, _: &KeyHandle) -> Result<(), KeyError> {
        Ok(())
    }
}

/// Times the answers to somebody who names a device without its key: one that is locked, and one
/// that SFS has never seen.
async fn strangers(results: &mut Results, sfs: &Sfs, devices: &[Device]) -> Result<(), Stop> {
    say("timing what strangers are told");
    let locked = devices.first().ok_or("no device")?;
    // Five wrong PINs, the waits between them included, would take minutes: what is compared is a
    // device with a record that has lost tries.
    for _ in 0..3 {
        locked.connect().await?.prove(&Pin::typed("5830")?).await?;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..ANSWERS {
        known.push(stranger(locked).await?);
        unknown.push(stranger(&sfs.device()?).await?);
    }
    let (value, reference) = (median(known), median(unknown));
    results.add(&Figure {
        name: "stranger_at_a_known_device_us",
        value,
        unit: "us",
        reference,
        ratio: value / reference,
        n: ANSWERS,
        how: "median, connect until goodbye for a signature that is not the device's; the reference is a \
            device that SFS has never seen"
            .into(),
    });
    Ok(())
}

async fn stranger(device: &Device) -> Result<f64, Stop> {
    let own = MemoryKeys::default();
    let key = own.generate()?;
    let stolen = Arc::new(Stolen(own, key, device.keys.public(&device.at.key)?));
    let from = Instant::now();
    if SfsOnline::connect(&device.at, stolen).await.is_ok() {
        return Err("a stranger was let in".into());
    }
    Ok(from.elapsed().as_secs_f64() * 1e6)
}
