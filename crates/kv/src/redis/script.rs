//! Scripts: one file each, one argument each. The argument is a map in MessagePack, which says what
//! is what by name; a key is named in it by its place among the keys, because Redis wants to be
//! told every key a script touches.

use countersign_ports::Fault;
use redis::{FromRedisValue, Script};

use super::{RedisKv, lines::ThreadConnection, pack::Pack};

/// Counts within a window; for the beginning of scripts that count.
pub const COUNTING: &str = include_str!("scripts/counting.lua");

/// A script of these parts.
#[must_use]
pub fn script(parts: &[&str]) -> Script {
    Script::new(&parts.join("\n"))
}

/// The keys that a script touches.
#[derive(Default)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Adds a key; gives what the argument calls it by.
    pub fn add(&mut self, key: Vec<u8>) -> usize {
        self.0.push(key);
        self.0.len()
    }
}

impl RedisKv {
    /// Runs a script on these keys, with this argument.
    ///
    /// # Errors
    /// When Redis cannot be reached, or refuses. What a connection that broke has done is not
    /// known.
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
