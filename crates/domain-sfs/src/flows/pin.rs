//! Setting a PIN, trying it, proving it, forgetting it.

use std::net::IpAddr;

use countersign_pin::{
    KE1, KE2, KE3, RECORD, REGISTRATION_REQUEST, REGISTRATION_RESPONSE, context,
    server::{Evaluation, check_record},
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
    time::Time,
};
use countersign_protocol::{codes::PinState, ids::Jkt};

use super::{open_record, place, with_random};
use crate::{
    Refused, Stop,
    device::{Device, EvaluationId, Event, Pin, RecordId},
    limits::{Counted, Gate},
    meter::{Fact, PinFact},
    ports::{Change, Ports, Written},
};

/// How often a change is judged anew when others change the device at the same time. More rounds
/// than tries: each round that is lost means that somebody used one.
const ROUNDS: usize = 8;

/// Why nothing is evaluated after a restore.
pub const OLDER: &str = "the database is older than it has been: tries that were used are back; see \
    `countersign sfs restored`";

fn limited(ports: &Ports, secs: u64) -> Stop {
    ports.meter.note(Fact::Limited);
    Refused::Wait(secs).into()
}

/// What a device is told when it connects. A lock that nobody has recorded yet is recorded.
///
/// # Errors
/// A fault of the store.
pub async fn look(ports: &Ports, jkt: &Jkt) -> Result<Option<Device>, Fault> {
    match ports.store.device(jkt).await? {
        Some(device) if device.is_lost(ports.now()) => give_up(ports, device).await.map(Some),
        other => Ok(other),
    }
}

/// Records that a device has no try left.
async fn give_up(ports: &Ports, device: Device) -> Result<Device, Fault> {
    let now = ports.now();
    let Ok(after) = device.step(Event::GiveUp, &ports.rules, now) else { return Ok(device) };
    let wiped = after.state == PinState::Wiped;
    let fact = if wiped { PinFact::Wiped } else { PinFact::Locked };
    let row = Some(ports.pin_row(fact));
    let change = Change {
        from: device.version,
        to: &after,
        evaluation: false,
        gate: None,
        drop_factors: wiped,
        row,
        now,
    };
    match ports.store.change(change).await? {
        Written::Done => {
            ports.note(fact);
            Ok(after)
        }
        // Somebody else recorded it.
        Written::Stale | Written::Limited(_) => Ok(ports.store.device(&device.jkt).await?.unwrap_or(after)),
    }
}

/// A registration that has begun, until the phone sends its record.
#[derive(Clone, Copy, Debug)]
pub struct Registering(RecordId);

/// Begins to set a PIN. `proven` is when the PIN was proven on this connection, if it was; a device
/// that has a PIN must have proven it.
///
/// # Errors
/// [`Refused::NotProven`], [`Refused::Locked`], [`Refused::NotAllowed`]; a fault.
pub async fn set(
    ports: &Ports,
    jkt: &Jkt,
    proven: Option<Time>,
    request: &[u8; REGISTRATION_REQUEST],
) -> Result<(Registering, [u8; REGISTRATION_RESPONSE]), Stop> {
    if let Some(device) = look(ports, jkt).await? {
        may_change(ports, &device, proven)?;
    }
    let record = RecordId(ports.random.bytes());
    let response = ports.seed.register(&record.0, request)?;
    Ok((Registering(record), response))
}

fn may_change(ports: &Ports, device: &Device, proven: Option<Time>) -> Result<(), Refused> {
    if device.state != PinState::Set {
        return Err(Refused::Locked);
    }
    if is_fresh(ports, proven) { Ok(()) } else { Err(Refused::NotProven) }
}

/// Whether a proof on this connection still counts.
pub(super) fn is_fresh(ports: &Ports, proven: Option<Time>) -> bool {
    proven.is_some_and(|at| ports.now() < at.plus_secs(ports.rules.fresh_secs))
}

/// Stores the PIN that [`set`] began to set.
///
/// # Errors
/// Those of [`set`]; [`Refused::Wait`] when its address has registered too many devices.
pub async fn store(
    ports: &Ports,
    jkt: &Jkt,
    proven: Option<Time>,
    (Registering(record), upload): (Registering, &[u8; RECORD]),
    from: IpAddr,
) -> Result<(), Stop> {
    check_record(upload)?;
    let sealed = ports.vault.seal(&*ports.random, &place(record), upload);
    let pin = Pin { record, seed: ports.seed.id(), sealed };
    for _ in 0..ROUNDS {
        let now = ports.now();
        let (fact, written) = match look(ports, jkt).await? {
            None => {
                let gate = Gate::of(&ports.vault, Counted::Registration, from, ports.limits.registrations);
                let device = Device::new(*jkt, pin.clone(), &ports.rules, now);
                (PinFact::Set, ports.store.add_device(&device, gate, ports.pin_row(PinFact::Set)).await?)
            }
            Some(device) => {
                may_change(ports, &device, proven)?;
                let after = device.step(Event::Change(pin.clone()), &ports.rules, now)?;
                let row = Some(ports.pin_row(PinFact::Changed));
                let change = Change {
                    from: device.version,
                    to: &after,
                    evaluation: false,
                    gate: None,
                    drop_factors: false,
                    row,
                    now,
                };
                (PinFact::Changed, ports.store.change(change).await?)
            }
        };
        match written {
            Written::Done => {
                ports.note(fact);
                return Ok(());
            }
            Written::Limited(secs) => return Err(limited(ports, secs)),
            Written::Stale => {}
        }
    }
    Err(Refused::NotAllowed.into())
}

/// An evaluation that waits for the phone's proof.
pub struct Tried {
    id: EvaluationId,
    evaluation: Evaluation,
    pub ke2: [u8; KE2],
    pub tries_left: u32,
}

/// Evaluates KE1. The try is counted in a committed statement before the evaluation: whoever gets
/// KE2 can test one PIN with it, whether or not they go on.
///
/// # Errors
/// [`Refused::NoPin`], [`Refused::Locked`], [`Refused::Wait`], [`Refused::NotAllowed`]; a fault.
pub async fn attempt(
    ports: &Ports,
    jkt: &Jkt,
    ke1: &[u8; KE1],
    (cb, from): (&[u8; 32], IpAddr),
) -> Result<Tried, Stop> {
    if ports.is_older() {
        return Err(Fault::Unreachable(OLDER.to_owned()).into());
    }
    let id = EvaluationId(ports.random.bytes());
    let gate = Gate::of(&ports.vault, Counted::Evaluation, from, ports.limits.evaluations);
    for _ in 0..ROUNDS {
        let now = ports.now();
        let device = look(ports, jkt).await?.ok_or(Refused::NoPin)?;
        let mut after = device.step(Event::Try(id), &ports.rules, now)?;
        if active(Sabotage::RestoreTries) {
            (after.tries_left, after.try_after) = (ports.rules.tries, Time(0));
        }
        if device.pin.seed != ports.seed.id() {
            let text = "a PIN was registered under another seed; give SFS the oprf.seed of this database";
            return Err(Fault::Inconsistent(text.to_owned()).into());
        }
        let stored = open_record(&ports.vault, device.pin.record, &device.pin.sealed)?;
        let evaluate = || {
            with_random(&ports.random, |random| {
                ports.seed.evaluate(random, (&device.pin.record.0, &stored), ke1, &context(cb))
            })
        };
        if active(Sabotage::CountAfterEvaluation) {
            let (ke2, evaluation) = evaluate()?;
            return Ok(Tried { id, evaluation, ke2, tries_left: device.tries_left });
        }
        let change = Change {
            from: device.version,
            to: &after,
            evaluation: true,
            gate: Some(gate),
            drop_factors: false,
            row: None,
            now,
        };
        match ports.store.change(change).await? {
            Written::Done => {
                ports.note(PinFact::Tried);
                let (ke2, evaluation) = evaluate()?;
                return Ok(Tried { id, evaluation, ke2, tries_left: after.tries_left });
            }
            Written::Limited(secs) => return Err(limited(ports, secs)),
            Written::Stale => {}
        }
    }
    Err(Refused::Wait(1).into())
}

/// Checks KE3. Returns when the PIN was proven; from then on all tries are there again.
///
/// # Errors
/// [`Refused::WrongPin`], [`Refused::Locked`]; a fault.
pub async fn prove(
    ports: &Ports,
    jkt: &Jkt,
    tried: Tried,
    ke3: &[u8; KE3],
    cb: &[u8; 32],
) -> Result<Time, Stop> {
    tried.evaluation.finish(ke3, &context(cb))?;
    for _ in 0..ROUNDS {
        let now = ports.now();
        let device = ports.store.device(jkt).await?.ok_or(Refused::NoPin)?;
        let after = device.step(Event::Prove(tried.id), &ports.rules, now)?;
        let change = Change {
            from: device.version,
            to: &after,
            evaluation: false,
            gate: None,
            drop_factors: false,
            row: None,
            now,
        };
        if ports.store.change(change).await? == Written::Done {
            ports.note(PinFact::Proven);
            return Ok(now);
        }
    }
    Err(Refused::WrongPin.into())
}

/// Deletes the device and its factors. Whoever holds the device's key can do that: it gives no
/// access, and somebody who forgot their PIN starts anew with another key.
///
/// # Errors
/// [`Refused::NoPin`]; a fault.
pub async fn forget(ports: &Ports, jkt: &Jkt) -> Result<(), Stop> {
    let device = look(ports, jkt).await?.ok_or(Refused::NoPin)?;
    // A lock stays recorded until it expires with the unused devices.
    if device.state != PinState::Set {
        return Err(Refused::Locked.into());
    }
    if ports.store.forget(jkt, ports.pin_row(PinFact::Forgotten)).await? {
        ports.note(PinFact::Forgotten);
        Ok(())
    } else {
        Err(Refused::NoPin.into())
    }
}
