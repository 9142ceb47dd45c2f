//! Lua scripts, each with one file and one argument. The argument is a map in MessagePack with
//! named members. It refers to a key by its position among the keys of the call, because Redis must
//! be given every key that a script touches.

use countersign_ports::Fault;
use redis::{FromRedisValue, Script};

use super::{RedisKv, lines::ThreadConnection, pack::Pack};

/// Lua code that defines `count`, which counts within a window. Scripts that count begin with it.
pub const COUNTING: &str = include_str!("scripts/counting.lua");

/// A script that consists of these parts.
#[must_use]
pub fn script(parts: &[&str]) -> Script {
    Script::new(&parts.join("\n"))
}

/// The keys that a script touches.
#[derive(Default)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Adds a key and returns its position, counted from 1, by which the argument refers to it.
    pub fn add(&mut self, key: Vec<u8>) -> usize {
        self.0.push(key);
        self.0.len()
    }
}

impl RedisKv {
    /// Runs a script on these keys, with this argument.
    ///
    /// # Errors
    /// When Redis cannot be reached, or returns an error. When the connection breaks, it is unknown
    /// whether the script has run.
    pub async fn run_script<T: FromRedisValue + Send + 'static>(
        &self,
        script: &Script,
        keys: &Keys,
        argument: &(impl Pack + Sync),
    ) -> Result<T, Fault> {
        let mut packed = Vec::new();
        argument.pack(&mut packed);
        let mut call = script.prepare_invoke();
        for key in &keys.0 {
            call.key(&key[..]);
        }
        call.arg(packed);
        self.run(async |held: &mut ThreadConnection| call.invoke_async(&mut held.conn).await).await
    }
}
