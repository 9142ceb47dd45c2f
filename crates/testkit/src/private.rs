use std::{
    fs,
    path::{Path, PathBuf},
    process::Child,
};

use crate::{
    kinds::{Kind, free_port},
    share, signal,
};

/// A server for one test alone, which may be killed and started again. Dropping it ends the server.
pub struct Private {
    kind: Kind,
    port: u16,
    dir: PathBuf,
    child: Option<Child>,
    more: Vec<String>,
}

impl Private {
    /// PostgreSQL; `None` when it is not installed, which is a failure in CI.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        Self::postgres_with(&[])
    }

    /// PostgreSQL with more arguments, which override the usual settings.
    #[must_use]
    pub fn postgres_with(more: &[&str]) -> Option<Self> {
        Self::new(Kind::Postgres, more)
    }

    /// MariaDB with more arguments, which override the usual settings.
    #[must_use]
    pub fn mariadb_with(more: &[&str]) -> Option<Self> {
        Self::new(Kind::Mariadb, more)
    }

    /// Redis with these arguments.
    #[must_use]
    pub fn redis(more: &[&str]) -> Option<Self> {
        Self::new(Kind::Redis, more)
    }

    /// Redis that also serves TLS, on a separate port; returns the server and its TLS URL.
    #[must_use]
    pub fn redis_in_tls() -> Option<(Self, String)> {
        let port = free_port().to_string();
        let files = [
            "--tls-cert-file",
            "{dir}/server.pem",
            "--tls-key-file",
            "{dir}/server.key",
            "--tls-ca-cert-file",
            "{dir}/ca.pem",
        ];
        let more = [&["--tls-port", &port, "--tls-auth-clients", "no"], &files[..]].concat();
        Self::redis(&more).map(|redis| (redis, format!("rediss://127.0.0.1:{port}/0")))
    }

    fn new(kind: Kind, more: &[&str]) -> Option<Self> {
        if !share::installed(kind) {
            return None;
        }
        let (port, dir) = (free_port(), kind.prepare());
        let more: Vec<String> = more.iter().map(|m| m.replace("{dir}", &dir.display().to_string())).collect();
        let mut server = Self { kind, port, dir, child: None, more };
        server.restart();
        Some(server)
    }

    /// The port on 127.0.0.1 on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Makes an empty database in it and returns its URL.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        self.kind.make_database(self.port, "ns")
    }

    /// Runs a statement or command as the server's administrator and returns its output.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn tell(&self, database: &str, words: &str) -> String {
        self.kind.tell(self.port, database, words)
    }

    /// Kills the server at once, without a shutdown: what is not on disk is lost.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        // PostgreSQL's processes are not one group. On SIGQUIT, all of them stop at once without
        // cleaning up.
        let _ended_by_itself =
            signal(child.id(), if matches!(self.kind, Kind::Postgres) { "QUIT" } else { "KILL" });
        child.wait().unwrap();
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        self.child = Some(self.kind.launch(&self.dir, self.port, &more));
    }

    /// The directory that contains its certificates.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        let _left_behind = fs::remove_dir_all(&self.dir);
    }
}
