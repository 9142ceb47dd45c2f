//! The ports of SFS: what its rules need from outside. SFS has no live state besides its database;
//! its limits are rows there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use countersign_pin::server::Seed;
use countersign_ports::{
    Fault,
    probe::Probe,
    random::Random,
    time::{Clock, Time},
    vault::Vault,
};
use countersign_protocol::ids::{AuditId, FactorId, Jkt};

use crate::{
    device::Device,
    keys::SealedKeys,
    limits::{Gate, Limit},
    meter::{Fact, Meter, PinFact},
    policy::Rules,
    server::SealedServer,
};

/// Number of counters of evaluations. There are several so that evaluations of different devices
/// need not wait for each other's commit.
pub const COUNTERS: usize = 16;

/// How many evaluations the database knows of, by counter. They only ever grow; if they are lower
/// than before, an older state of the database was restored, with tries that had been used.
pub type Evaluations = [u64; COUNTERS];

/// The counter for a device.
#[must_use]
pub fn counter_of(jkt: &Jkt) -> usize {
    usize::from(jkt.0[0]) % COUNTERS
}

/// A row of the trail. It names no device: SFS's trail says what happened, not to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: AuditId,
    pub at: Time,
    pub action: &'static str,
}

/// A change of a device.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The version that it must still have.
    pub from: u64,
    pub to: &'a Device,
    /// Whether it is an evaluation: it is counted in [`Evaluations`].
    pub evaluation: bool,
    /// The limit that it counts against.
    pub gate: Option<Gate>,
    /// Whether its factors are deleted.
    pub drop_factors: bool,
    pub row: Option<Row>,
    pub now: Time,
}

/// Result of a write with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written, durably.
    Done,
    /// The device is not as it was (or exists already). Nothing was written, but the gate may have
    /// counted.
    Stale,
    /// The gate is shut for this many seconds. Nothing was written.
    Limited(u64),
}

/// What was purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub devices: usize,
    pub factors: usize,
    pub limits: usize,
    pub rows: usize,
}

/// The database of SFS. Every write commits durably before it returns, together with its row in the
/// trail.
#[async_trait]
pub trait Store: Probe {
    /// The identity of this server, if a first start has made it.
    ///
    /// # Errors
    /// A fault of the database.
    async fn server(&self) -> Result<Option<SealedServer>, Fault>;
    /// Makes this the server's identity, unless there is one: of several pods that start together,
    /// one wins. The row of the trail that records it gets the id `told`. Returns false when there
    /// was an identity already.
    ///
    /// # Errors
    /// A fault of the database.
    async fn add_server(&self, server: &SealedServer, told: AuditId) -> Result<bool, Fault>;
    /// The device with this key.
    async fn device(&self, jkt: &Jkt) -> Result<Option<Device>, Fault>;
    /// Stores a new device, unless the key has one already or the gate is shut.
    async fn add_device(&self, device: &Device, gate: Gate, row: Row) -> Result<Written, Fault>;
    /// Changes a device, if it is still as it was.
    async fn change(&self, change: Change<'_>) -> Result<Written, Fault>;
    /// Deletes a device and its factors; false when there is none.
    async fn forget(&self, jkt: &Jkt, row: Row) -> Result<bool, Fault>;
    /// The device that a factor belongs to.
    async fn owner(&self, factor: FactorId) -> Result<Option<Jkt>, Fault>;
    /// Stores a new factor of a device, at most `most`; false when the device is gone or has as
    /// many already.
    async fn add_factor(&self, factor: FactorId, jkt: &Jkt, most: u32, now: Time) -> Result<bool, Fault>;
    /// The key list with the highest number.
    async fn keys(&self) -> Result<Option<SealedKeys>, Fault>;
    /// Stores a key list, unless there is one with this number already.
    async fn add_keys(&self, keys: &SealedKeys, row: Row) -> Result<bool, Fault>;
    /// How many evaluations the database knows of.
    async fn evaluations(&self) -> Result<Evaluations, Fault>;
    /// After an older state was restored: raises the counters to at least these, and leaves each
    /// device at most one try. Returns how many devices had more.
    async fn restored(&self, at_least: Evaluations, row: Row) -> Result<usize, Fault>;
    /// Deletes some of the devices whose PIN was last proven before `unused`, factors without a
    /// device, limits that are over, and rows of the trail older than `trail`.
    async fn purge(&self, now: Time, unused: Time, trail: Time) -> Result<Purged, Fault>;
    /// Orders the trail and tends the database.
    async fn tend(&self) -> Result<(), Fault>;
}

/// The limits by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub registrations: Limit,
    pub evaluations: Limit,
}

/// All ports of SFS, with the rules that an operator chose.
#[derive(Clone)]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub vault: Arc<Vault>,
    /// The secret of OPAQUE, which is kept outside the database.
    pub seed: Arc<Seed>,
    pub rules: Rules,
    pub limits: Limits,
    pub meter: Arc<dyn Meter>,
    /// Whether the database was found to be older than it has been; see [`Evaluations`].
    pub older: Arc<AtomicBool>,
}

impl Ports {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// A row of the trail about something that happens now.
    #[must_use]
    pub fn row(&self, action: &'static str) -> Row {
        let at = self.now();
        Row { id: AuditId(self.random.id(at)), at, action }
    }

    /// A row of the trail about a PIN.
    pub(crate) fn pin_row(&self, fact: PinFact) -> Row {
        self.row(fact.action())
    }

    pub(crate) fn note(&self, fact: PinFact) {
        self.meter.note(Fact::Pin(fact));
    }

    /// Whether evaluations are refused because the database is older than it has been.
    #[must_use]
    pub fn is_older(&self) -> bool {
        self.older.load(Ordering::Relaxed)
    }
}
