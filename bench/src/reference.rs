//! The limit: the cryptography of one operation alone, in thread CPU time.

use countersign_channel::{Greeting, ServerKey, ServerPin, accept, p256, random};
use countersign_protocol::{Role, outer::Outer};

use crate::Stop;

const ROUNDS: usize = 400;

fn thread_cpu() -> Result<f64, Stop> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("schedstat")?.parse::<u64>()? as f64 / 1e9)
}

/// The fastest of five repeats: neighbours only ever add.
fn least(mut f: impl FnMut() -> Result<(), Stop>) -> Result<f64, Stop> {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let from = thread_cpu()?;
        for _ in 0..ROUNDS {
            f()?;
        }
        best = best.min((thread_cpu()? - from) / ROUNDS as f64);
    }
    Ok(best)
}

/// Seconds to answer one HELLO.
///
/// # Errors
/// When the handshake fails: a bug.
pub fn answer_hello() -> Result<f64, Stop> {
    let key = ServerKey::new(Role::Ns, [1; 16], random())?;
    let (_, hello) = Greeting::start(&ServerPin { role: Role::Ns, server_id: key.server_id(), static_key: key.public() })?;
    let Ok(Outer::Hello { noise, .. }) = Outer::parse(&hello) else { return Err("HELLO".into()) };
    least(|| Ok(drop(accept(&key, noise, &[0; 16])?)))
}

/// Seconds to verify one P-256 signature.
///
/// # Errors
/// When it does not verify: a bug.
pub fn verify() -> Result<f64, Stop> {
    let key = p256::SigningKey::generate();
    let (public, signature) = (key.public(), key.sign(&[7; 100]));
    least(|| Ok(p256::verify(&public, &[7; 100], &signature)?))
}
