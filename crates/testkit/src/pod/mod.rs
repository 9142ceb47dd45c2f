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

/// How long to wait for a start or an end. It takes a fraction of a second, but more on a loaded
/// machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running pod. Dropping it kills its process.
pub struct Pod {
    child: Child,
    launch: Launch,
    /// The data directory.
    pub data: PathBuf,
    /// The contents of its `ready.json`, such as its URLs.
    pub ready: Ready,
    log: Log,
    /// Time from the start of the process to `ready.json`.
    pub started_in: Duration,
    _dir: Option<TempDir>,
}

impl Pod {
    /// Starts `countersign all --ports auto` on an empty directory of its own.
    ///
    /// # Panics
    /// When it does not become ready; the next three functions panic as well.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// Does the same with more arguments and environment variables.
    #[must_use]
    pub fn with(args: &[&str], env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut pod = Self::on(&dir.path().join("data"), args, env);
        pod._dir = Some(dir);
        pod
    }

    /// Starts a pod on this directory.
    #[must_use]
    pub fn on(data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::role("all", data, args, env)
    }

    /// Starts a pod with another role than `all`.
    #[must_use]
    pub fn role(role: &str, data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Launch::default().role(role).args(args).env(env).on(data).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Kills the process, and starts a new one in the same way on the same directory.
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

    /// Kills the process, and starts a new one in the same way on the same directory as a separate
    /// [`Pod`], beside this one.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn crash_and_restart(&mut self) -> Self {
        self.kill();
        self.launch.clone().on(&self.data).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// URLs, keys and requests.
impl Pod {
    /// A URL from `ready.json`: `rest`, `page`, `admin`, `demo`, or `phone`, which is NS's. Any
    /// other name is that of the service whose phone URL is wanted.
    ///
    /// # Panics
    /// When the pod does not serve that.
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

    /// The root API key from the pod's file.
    ///
    /// # Panics
    /// When the database had a root key before this pod.
    #[must_use]
    pub fn root_key(&self) -> String {
        fs::read_to_string(self.data.join("root-api-key")).unwrap().trim().to_owned()
    }

    /// A REST client with the root key.
    ///
    /// # Panics
    /// When the pod serves no REST API.
    #[must_use]
    pub fn root(&self) -> ApiClient {
        ApiClient::new(&self.url("rest"), &self.root_key()).unwrap()
    }

    /// Sends a GET to the admin port; returns status and body.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url("admin"))).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Triggers a fault of a test build with a POST; returns the status, or 0 when the pod died of
    /// it.
    pub async fn fault(&self, path: &str) -> u16 {
        let url = format!("{}/faults/{path}", self.url("admin"));
        reqwest::Client::new().post(url).send().await.map_or(0, |r| r.status().as_u16())
    }

    /// Moves the pod's clock forward by this many seconds. Requires a test build.
    ///
    /// # Panics
    /// When the pod is not a test build.
    pub async fn later(&self, secs: u64) {
        assert_eq!(self.fault(&format!("later/{secs}")).await, 200);
    }
}

/// The process.
impl Pod {
    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory in bytes: the proportional set size.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let line = rollup.lines().find(|l| l.starts_with("Pss:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sends the process a signal by its name, for example `STOP`.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, name: &str) {
        assert!(signal(self.pid(), name), "the pod is not there");
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        let _ended_already = (self.child.kill(), self.child.wait());
    }

    /// Waits until the process has ended by itself.
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

    /// Does the same, but blocks the thread.
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

    /// Waits until the pod answers that it is ready.
    ///
    /// # Panics
    /// When it is not within a minute.
    pub async fn until_ready(&self) {
        let until = Instant::now() + PATIENCE;
        while self.admin("/readyz").await.0 != 200 {
            assert!(Instant::now() < until, "the pod is not ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What this process has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Waits until the log contains this text. Nothing notifies readers of a log, so this polls.
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
