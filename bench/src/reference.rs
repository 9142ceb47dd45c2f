//! The theoretical limit: only the cryptography of one operation, in thread CPU time.
//!
//! It is measured on every core at once, because the pod is measured like that: on most machines,
//! two hardware threads share a physical core, and each takes longer for the same work when both
//! are busy.

use std::thread;

use countersign_channel::{Greeting, ServerKey, ServerPin, accept, p256, random};
use countersign_pin::{
    context,
    phone::{Check, Registration},
    server::Seed,
};
use countersign_protocol::{ServerRole, outer::Outer};
use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection};

use crate::Stop;

const ROUNDS: usize = 1000;

fn thread_cpu() -> Result<f64, Stop> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("schedstat")?.parse::<u64>()? as f64 / 1e9)
}

/// Calls `f` on every core at once, and returns the mean CPU seconds of one call.
fn on_every_core(f: impl Fn() -> Result<(), Stop> + Sync) -> Result<f64, Stop> {
    let cores = thread::available_parallelism()?.get();
    let one = || {
        let from = thread_cpu()?;
        for _ in 0..ROUNDS {
            f()?;
        }
        Ok((thread_cpu()? - from) / ROUNDS as f64)
    };
    let each: Vec<Result<f64, Stop>> = thread::scope(|s| {
        let started: Vec<_> = (0..cores).map(|_| s.spawn(one)).collect();
        started.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    });
    Ok(each.into_iter().sum::<Result<f64, Stop>>()? / cores as f64)
}

/// Returns the CPU seconds to answer one HELLO.
///
/// # Errors
/// When the handshake fails, which is a bug.
pub fn answer_hello() -> Result<f64, Stop> {
    let key = ServerKey::new(ServerRole::Ns, [1; 16], random())?;
    let (_, hello) = Greeting::start(&ServerPin {
        role: ServerRole::Ns,
        server_id: key.server_id(),
        static_key: key.public(),
    })?;
    let Ok(Outer::Hello { noise, .. }) = Outer::parse(&hello) else { return Err("HELLO".into()) };
    on_every_core(|| {
        accept(&key, noise, &[0; 16])?;
        Ok(())
    })
}

/// Returns the CPU seconds to verify one P-256 signature.
///
/// # Errors
/// When the signature does not verify, which is a bug.
pub fn verify() -> Result<f64, Stop> {
    let key = p256::SigningKey::generate();
    let (public, signature) = (key.public(), key.sign(&[7; 100]));
    on_every_core(|| Ok(p256::verify(&public, &[7; 100], &signature)?))
}

/// Returns the CPU seconds to make one P-256 signature.
///
/// # Errors
/// When the clock of the thread cannot be read.
pub fn sign() -> Result<f64, Stop> {
    let key = p256::SigningKey::generate();
    on_every_core(|| {
        std::hint::black_box(key.sign(&[7; 100]));
        Ok(())
    })
}

/// Returns the CPU seconds of SFS's part in one OPAQUE check: the evaluation of KE1, and the check of
/// KE3. The phone's part, which stretches the PIN, does not count.
///
/// # Errors
/// When the check fails, which is a bug.
pub fn opaque() -> Result<f64, Stop> {
    const CHECKS: usize = 50;
    let fill = |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&random::<32>()[..chunk.len()]);
        }
    };
    let seed = Seed::read(&Seed::generate(&fill))?;
    let (registration, request) = Registration::start(&fill, &[1; 32])?;
    let record = registration.finish(&fill, &seed.register(&[2; 16], &request)?)?;
    let mut spent = 0.0;
    for _ in 0..CHECKS {
        let (check, ke1) = Check::start(&fill, &[1; 32])?;
        let from = thread_cpu()?;
        let (ke2, evaluation) = seed.evaluate(&fill, (&[2; 16], &record), &ke1, &context(&[3; 32]))?;
        spent += thread_cpu()? - from;
        let ke3 = check.finish(&fill, &ke2, &context(&[3; 32]))?;
        let from = thread_cpu()?;
        evaluation.finish(&ke3, &context(&[3; 32]))?;
        spent += thread_cpu()? - from;
    }
    Ok(spent / CHECKS as f64)
}

/// Returns the CPU seconds of one durable commit of one row in SQLite.
///
/// # Errors
/// When SQLite fails.
pub fn commit() -> Result<f64, Stop> {
    let dir = tempfile::tempdir()?;
    let mut c = SqliteConnection::establish(&dir.path().join("floor.sqlite").display().to_string())?;
    c.batch_execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
         CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT NOT NULL); INSERT INTO t VALUES (1, 0);",
    )?;
    let from = thread_cpu()?;
    for _ in 0..ROUNDS {
        diesel::sql_query("UPDATE t SET n = n + 1 WHERE id = 1").execute(&mut c)?;
    }
    Ok((thread_cpu()? - from) / ROUNDS as f64)
}
