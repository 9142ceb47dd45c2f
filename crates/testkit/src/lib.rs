#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "for tests")]

mod certificates;
mod hands;
mod kinds;
mod pod;
mod pooler;
mod private;
mod sentinel;
mod share;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
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
pub use pooler::Pooler;
pub use private::Private;
pub use sentinel::Sentinel;

/// A running server, which is in use as long as this process lives.
pub struct SharedServer {
    kind: Kind,
    pub port: u16,
    /// PEM file of the CA of the server's certificate, which is for `localhost` and 127.0.0.1.
    pub ca: PathBuf,
    _in_use: std::fs::File,
}

impl SharedServer {
    /// Makes a database for the caller alone and returns its URL.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.kind.make_database(self.port, &name)
    }

    /// Runs a statement or command as the server's administrator and returns its output.
    ///
    /// # Panics
    /// When the server refuses it.
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

/// A command that runs a program in the C locale, so that its arguments and output do not depend on
/// the user's. With a Turkish locale, procps' `kill` does not know `CONT`.
#[must_use]
pub fn tool(name: impl AsRef<OsStr>) -> Command {
    let mut tool = Command::new(name);
    tool.env("LC_ALL", "C");
    tool
}

/// Sends a process a signal by its name, for example `STOP`; returns whether the process existed.
pub fn signal(pid: u32, name: &str) -> bool {
    tool("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Raises the limit of open files of this process, and of those it starts from now on, to at least
/// `least`. Login shells begin with a lower limit.
///
/// # Panics
/// When the process may not do so.
pub fn open_files(least: u64) {
    let most = rlimit::increase_nofile_limit(least).unwrap();
    assert!(most >= least, "this takes {least} open files, and the limit here is {most} (ulimit -Hn)");
}

/// Runs a command to its end and returns its output.
fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// Writes a file that only its owner has access to, as the program demands of secrets.
///
/// # Panics
/// When it cannot be written.
pub fn secret_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, private).unwrap();
}
