use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    Private,
    kinds::{free_port, program},
    tool,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A Redis master, a replica, and a Sentinel that watches them.
pub struct Sentinel {
    master: Private,
    replica: Private,
    port: u16,
    child: Child,
}

impl Sentinel {
    /// Starts all three; `None` when Redis is not installed, which is a failure in CI.
    ///
    /// # Panics
    /// When the Sentinel does not find the replica.
    #[must_use]
    pub fn start() -> Option<Self> {
        let master = Private::redis(&[])?;
        let replica = Private::redis(&["--replicaof", &format!("127.0.0.1 {}", master.port())])?;
        let (port, config) = (free_port(), master.dir().join("sentinel.conf"));
        let rules = format!(
            "port {port}\nbind 127.0.0.1\ndir {dir}\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel \
                down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 3000\n",
            dir = master.dir().display(),
            master = master.port()
        );
        fs::write(&config, rules).unwrap();
        let mut sentinel = Command::new(program("redis-server").unwrap());
        sentinel
            .arg(&config)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let these = Self { child: sentinel.spawn().unwrap(), master, replica, port };
        let until = Instant::now() + Duration::from_secs(30);
        while !these.ask(&["SENTINEL", "REPLICAS", "main"]).contains(&these.replica.port().to_string()) {
            assert!(Instant::now() < until, "the Sentinel finds no replica");
            sleep(Duration::from_millis(100));
        }
        Some(these)
    }

    fn ask(&self, words: &[&str]) -> String {
        let out = tool(program("redis-cli").unwrap())
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The URL that finds the master through the Sentinel.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}/main/0", self.port)
    }

    /// Waits until the replica has what the master has.
    ///
    /// # Panics
    /// When it does not get it in time.
    pub fn replicated(&self) {
        assert_eq!(self.master.tell("0", "WAIT 1 10000").trim(), "1");
    }

    /// The port of the current master. On a busy machine the replica may take over without being
    /// asked to.
    #[must_use]
    pub fn master_port(&self) -> Option<u16> {
        self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]).lines().nth(1)?.trim().parse().ok()
    }

    /// Runs a command on the current master.
    #[must_use]
    pub fn tell(&self, words: &str) -> String {
        let port = self.master_port();
        let of = if port == Some(self.replica.port()) { &self.replica } else { &self.master };
        of.tell("0", words)
    }

    /// Makes the other server the master: the Sentinel is asked to, or the master is killed and
    /// then started again as a replica.
    ///
    /// # Panics
    /// When it does not take over.
    pub fn fail_over(&mut self, kill: bool) {
        let before = self.master_port();
        let until = Instant::now() + PATIENCE;
        let of_now = if before == Some(self.replica.port()) { &mut self.replica } else { &mut self.master };
        if kill {
            of_now.kill();
        }
        while self.master_port() == before || self.master_port().is_none() {
            if !kill {
                // The Sentinel refuses this while an earlier failover is not finished.
                let _said = self.ask(&["SENTINEL", "FAILOVER", "main"]);
            }
            assert!(Instant::now() < until, "nobody takes over");
            sleep(Duration::from_millis(100));
        }
        if kill {
            let dead = if before == Some(self.replica.port()) { &mut self.replica } else { &mut self.master };
            dead.restart();
        }
        // Without a connected replica, a later failover would have no candidate.
        let until = Instant::now() + PATIENCE;
        while !self.tell("INFO replication").contains("state=online") {
            assert!(Instant::now() < until, "the new master finds no replica");
            sleep(Duration::from_millis(100));
        }
    }

    /// Kills the first master, so that the replica takes over.
    pub fn kill_the_master(&mut self) {
        self.master.kill();
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ended = (self.child.kill(), self.child.wait());
    }
}
