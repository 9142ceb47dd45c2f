#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "for tests")]

mod certificates;
mod hands;
mod kinds;
mod pod;
mod private;
mod sentinel;
mod share;

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub use certificates::Certificates;
pub use hands::Hands;
use kinds::Kind;
pub use kinds::free_port;
pub use pod::{Launch, Pod, program};
pub use private::Private;
pub use sentinel::Sentinel;

/// A running server, in use as long as this process lives.
pub struct SharedServer {
    kind: Kind,
    pub port: u16,
    /// PEM; it vouches for the server's certificate, which is for `localhost` and 127.0.0.1.
    pub ca: PathBuf,
    _in_use: std::fs::File,
}

impl SharedServer {
    /// A database of the caller's own, by URL.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.kind.make_database(self.port, &name)
    }

    /// Says something to the server as its administrator.
    ///
    /// # Panics
    /// When it refuses.
    pub fn tell(&self, database: &str, sql: &str) -> String {
        self.kind.tell(self.port, database, sql)
    }
}

macro_rules! server {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name() -> Option<&'static SharedServer> {
            static SERVER: OnceLock<Option<SharedServer>> = OnceLock::new();
            SERVER.get_or_init(|| share::take($kind)).as_ref()
        }
    };
}

server!(
    /// PostgreSQL; `None` when it is not installed, which is a failure in CI.
    postgres,
    Kind::Postgres
);
server!(
    /// MariaDB; `None` when it is not installed, which is a failure in CI.
    mariadb,
    Kind::Mariadb
);

server!(
    /// Redis; `None` when it is not installed, which is a failure in CI.
    redis,
    Kind::Redis
);

/// A program whose arguments and words are those of every locale. In Turkish, procps' `kill` does
/// not know `CONT`.
#[must_use]
pub fn tool(name: impl AsRef<OsStr>) -> Command {
    let mut tool = Command::new(name);
    tool.env("LC_ALL", "C");
    tool
}

/// Sends a process a signal by its name, for example `STOP`; whether it was there.
pub fn signal(pid: u32, name: &str) -> bool {
    tool("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Lets this process, and what it starts from now on, open so many files: a login shell begins with
/// fewer.
///
/// # Panics
/// When it is not allowed to.
pub fn open_files(least: u64) {
    let most = rlimit::increase_nofile_limit(least).unwrap();
    assert!(most >= least, "this takes {least} open files, and the limit here is {most} (ulimit -Hn)");
}

/// Runs a command to its end and gives what it said.
fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&out.stderr));
    said
}
