//! Processes of the `countersign` program.

mod launch;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    thread::sleep,
    time::{Duration, Instant},
};

use countersign_api::{ApiClient, Ready};
use tempfile::TempDir;

use crate::signal;
use launch::Log;
pub use launch::{Launch, program};

/// Starting takes a fraction of a second; a loaded machine gets more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process. Dropping it kills it.
pub struct Pod {
    child: Child,
    launch: Launch,
    /// Its data directory.
    pub data: PathBuf,
    /// Where everything of it is.
    pub ready: Ready,
    log: Log,
    /// From process start to `ready.json`.
    pub started_in: Duration,
    _dir: Option<TempDir>,
}

impl Pod {
    /// `countersign all --ports auto` on an empty directory of its own.
    ///
    /// # Panics
    /// When it does not become ready, as the next three.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// The same with more arguments and environment.
    #[must_use]
    pub fn with(args: &[&str], env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut pod = Self::on(&dir.path().join("data"), args, env);
        pod._dir = Some(dir);
        pod
    }

    /// On this directory.
    #[must_use]
    pub fn on(data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::role("all", data, args, env)
    }

    /// Another role than `all`.
    #[must_use]
    pub fn role(role: &str, data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Launch::default().role(role).args(args).env(env).on(data).unwrap_or_else(|why| panic!("{why}"))
    }

    /// A new process on the same directory, started in the same way, after the old one was killed.
    ///
    /// # Errors
    /// When it ends or hangs.
    pub fn again(&mut self) -> Result<(), String> {
        self.kill();
        let mut next = self.launch.clone().on(&self.data)?;
        next._dir = self._dir.take();
        *self = next;
        Ok(())
    }

    /// The same, beside what is left of the old one.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn crash_and_restart(&mut self) -> Self {
        self.kill();
        self.launch.clone().on(&self.data).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Where it is.
impl Pod {
    /// A URL of `ready.json`: `rest`, `page`, `admin`, `demo`, or `phone`, which is NS's.
    ///
    /// # Panics
    /// When it does not serve that.
    #[must_use]
    pub fn url(&self, what: &str) -> String {
        let url = match what {
            "rest" => self.ready.rest.as_ref(),
            "page" => self.ready.page.as_ref(),
            "admin" => self.ready.admin.as_ref(),
            "demo" => self.ready.demo.as_ref(),
            "phone" => self.ready.phone.get("ns"),
            service => self.ready.phone.get(service),
        };
        url.unwrap_or_else(|| panic!("no {what} in ready.json")).clone()
    }

    /// What the file says.
    ///
    /// # Panics
    /// When the database had a root key before this pod.
    #[must_use]
    pub fn root_key(&self) -> String {
        fs::read_to_string(self.data.join("root-api-key")).unwrap().trim().to_owned()
    }

    /// REST as root.
    ///
    /// # Panics
    /// When it serves no REST API.
    #[must_use]
    pub fn root(&self) -> ApiClient {
        ApiClient::new(&self.url("rest"), &self.root_key()).unwrap()
    }

    /// GET on the admin port: status and body.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url("admin"))).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// POST to a fault of a test build: its status, or 0 when it died of it.
    pub async fn fault(&self, path: &str) -> u16 {
        let url = format!("{}/faults/{path}", self.url("admin"));
        reqwest::Client::new().post(url).send().await.map_or(0, |r| r.status().as_u16())
    }

    /// From now on the pod's clock is this much later. Takes a test build.
    ///
    /// # Panics
    /// When it is none.
    pub async fn later(&self, secs: u64) {
        assert_eq!(self.fault(&format!("later/{secs}")).await, 200);
    }
}

/// Its process.
impl Pod {
    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// User memory in bytes: proportional set size.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let line = rollup.lines().find(|l| l.starts_with("Pss:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// A signal by its name, for example `STOP`.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, name: &str) {
        assert!(signal(self.pid(), name), "the pod is not there");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ended_already = (self.child.kill(), self.child.wait());
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(&mut self) -> ExitStatus {
        let from = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(from.elapsed() < PATIENCE, "the pod does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The same, for a thread that has nothing else to do.
    ///
    /// # Errors
    /// When it does not end.
    pub fn wait(&mut self) -> Result<ExitStatus, String> {
        let from = Instant::now();
        while from.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => sleep(Duration::from_millis(5)),
                Err(e) => return Err(e.to_string()),
            }
        }
        Err("the pod does not end".to_owned())
    }

    /// What this process wrote into its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Waits until a line of the log has this. Logs tell nobody that they grow.
    ///
    /// # Panics
    /// When it is not logged within a minute.
    pub async fn until_logged(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < until, "{text} is not logged:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the pod's log ---\n{}", self.log());
        }
    }
}
