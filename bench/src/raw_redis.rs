//! Measures Redis alone: PUBLISH on one connection, the message on another. The protocol is written
//! by hand, so that only Redis is measured.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use countersign_sim::swarm::cpu_of;

use crate::{Stop, results::median};

/// Payload size in bytes: the one with which comparable systems were measured.
const PAYLOAD: usize = 256;

struct Channel {
    publisher: BufReader<TcpStream>,
    subscriber: BufReader<TcpStream>,
    publish: Vec<u8>,
}

fn connect(port: u16) -> Result<BufReader<TcpStream>, Stop> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(BufReader::new(stream))
}

/// Reads and drops `n` lines.
fn lines(from: &mut impl BufRead, n: usize) -> Result<(), Stop> {
    let mut line = Vec::new();
    for _ in 0..n {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Err("Redis hung up".into());
        }
    }
    Ok(())
}

impl Channel {
    fn open(port: u16, name: &str) -> Result<Self, Stop> {
        let (publisher, mut subscriber) = (connect(port)?, connect(port)?);
        write!(subscriber.get_mut(), "*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{name}\r\n", name.len())?;
        lines(&mut subscriber, 6)?;
        let text = "x".repeat(PAYLOAD);
        let publish = format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{name}\r\n${PAYLOAD}\r\n{text}\r\n", name.len())
            .into_bytes();
        Ok(Self { publisher, subscriber, publish })
    }

    /// Publishes one message, and returns the time until the subscriber has received it.
    fn tell(&mut self) -> Result<Duration, Stop> {
        let from = Instant::now();
        self.publisher.get_mut().write_all(&self.publish)?;
        // Six lines: `*3`, "message" and the channel with their lengths, and the payload's length.
        lines(&mut self.subscriber, 6)?;
        let mut payload = [0; PAYLOAD + 2];
        self.subscriber.read_exact(&mut payload)?;
        let took = from.elapsed();
        lines(&mut self.publisher, 1)?;
        Ok(took)
    }
}

/// Returns the median seconds from PUBLISH to the message, one message at a time and `rate` per
/// second.
///
/// # Errors
/// When Redis does not answer.
pub fn p50(port: u16, messages: usize, rate: u32) -> Result<f64, Stop> {
    let mut channel = Channel::open(port, "bench")?;
    let mut all = Vec::with_capacity(messages);
    for _ in 0..messages {
        let next = Instant::now() + Duration::from_secs(1) / rate;
        all.push(channel.tell()?.as_secs_f64());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(median(all))
}

/// Returns the CPU seconds of Redis per message, with `loops` messages in progress at a time.
///
/// # Errors
/// When Redis does not answer.
pub fn cpu(port: u16, pid: u32, loops: usize, messages: usize) -> Result<f64, Stop> {
    let mut channels =
        (0..loops).map(|n| Channel::open(port, &format!("bench{n}"))).collect::<Result<Vec<_>, _>>()?;
    let before = cpu_of(pid).ok_or("Redis has ended")?;
    let each = messages / loops;
    thread::scope(|s| {
        let all: Vec<_> =
            channels.iter_mut().map(|c| s.spawn(|| (0..each).try_for_each(|_| c.tell().map(drop)))).collect();
        all.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })?;
    Ok((cpu_of(pid).ok_or("Redis has ended")? - before) / (each * loops) as f64)
}
