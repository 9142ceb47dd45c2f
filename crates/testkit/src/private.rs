use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::{
    kinds::{Kind, free_port},
    run, share,
};

/// A server of one test's own, which may be killed and started again. Dropping it ends it.
pub struct Private {
    kind: Kind,
    port: u16,
    dir: PathBuf,
    child: Option<Child>,
}

impl Private {
    /// PostgreSQL; `None` when it is not installed, which is a failure in CI.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        Self::new(Kind::Postgres, &[])
    }

    /// Redis, with these arguments.
    #[must_use]
    pub fn redis(more: &[&str]) -> Option<Self> {
        Self::new(Kind::Redis, more)
    }

    fn new(kind: Kind, more: &[&str]) -> Option<Self> {
        if !share::installed(kind) {
            return None;
        }
        let (port, dir) = (free_port(), kind.prepare());
        let child = kind.launch(&dir, port, more);
        Some(Self { kind, port, dir, child: Some(child) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// An empty database in it, by URL.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        self.kind.make_database(self.port, "ns")
    }

    /// Says something to the server as its administrator.
    ///
    /// # Panics
    /// When it refuses.
    pub fn tell(&self, database: &str, words: &str) -> String {
        self.kind.tell(self.port, database, words)
    }

    /// Ends it at once, without any order: what is not on disk is lost.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        // PostgreSQL's processes are not one group; told so, all of them drop everything.
        let signal = if matches!(self.kind, Kind::Postgres) { "-QUIT" } else { "-KILL" };
        run(Command::new("kill").arg(signal).arg(child.id().to_string()));
        child.wait().unwrap();
    }

    /// Starts it again on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.child = Some(self.kind.launch(&self.dir, self.port, &[]));
    }

    /// Where its certificates are.
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
