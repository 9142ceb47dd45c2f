use std::{
    fs,
    net::TcpStream,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{SharedServer, kinds};

const PATIENCE: Duration = Duration::from_secs(30);
/// The user and group that a pooler which is started by root becomes.
const NOBODY: u32 = 65_534;

/// pgbouncer in front of PostgreSQL. Dropping it ends it.
pub struct Pooler {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Pooler {
    /// Starts one with this `pool_mode`; `None` when it is not installed, which is a failure in CI.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(postgres: &SharedServer, mode: &str) -> Option<Self> {
        let Some(program) = kinds::program("pgbouncer") else {
            assert!(std::env::var_os("CI").is_none(), "pgbouncer is missing: run `make tools`");
            eprintln!("skipped: pgbouncer is missing; run `make tools`");
            return None;
        };
        let (dir, port) = (tempfile::tempdir().unwrap(), kinds::free_port());
        let (users, settings) = (dir.path().join("users"), dir.path().join("pgbouncer.ini"));
        fs::write(&users, "\"ns\" \"secret\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = \
                {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = {mode}\n",
            postgres.port,
            users.display()
        );
        fs::write(&settings, text).unwrap();
        let open = |path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        open(dir.path());
        let mut command = Command::new(program);
        command.arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses to run as root.
        if kinds::is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let child = command.spawn().unwrap();
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "pgbouncer does not start");
            sleep(Duration::from_millis(20));
        }
        Some(Self { child, port, _dir: dir })
    }

    /// The URL of a database of PostgreSQL, through the pooler.
    #[must_use]
    pub fn before(&self, url: &str, postgres: &SharedServer) -> String {
        url.replace(&format!(":{}/", postgres.port), &format!(":{}/", self.port))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ended = (self.child.kill(), self.child.wait());
    }
}
