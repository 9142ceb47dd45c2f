//! One server process with a data directory of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use countersign_api::ApiClient;
use serde_json::Value;
use tempfile::TempDir;

/// A running pod. Dropping it kills it.
pub struct Pod {
    child: Child,
    pub data: PathBuf,
    _dir: Option<TempDir>,
    env: Vec<(String, String)>,
    pub ready: Value,
    pub logs: Arc<Mutex<String>>,
}

/// Starting takes a fraction of a second; a loaded machine gets more.
const PATIENCE: Duration = Duration::from_secs(60);

impl Pod {
    /// `countersign all --ports auto` on an empty directory.
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// The same with more arguments and environment.
    pub fn with(args: &[&str], env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut pod = Self::on(&data, args, env);
        pod._dir = Some(dir);
        pod
    }

    /// On this directory.
    pub fn on(data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::role("all", data, args, env)
    }

    /// Another role than `all`.
    pub fn role(role: &str, data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args([role, "--ports", "auto", "--data"])
            .arg(data)
            .args(args)
            .envs(env.iter().copied())
            .env("COUNTERSIGN_LOG_FORMAT", "json")
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let logs = Arc::new(Mutex::new(String::new()));
        let (tell, ready) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let sink = logs.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains(r#""message":"ready""#) {
                    let _ = tell.send(());
                }
                let mut logs = sink.lock().unwrap();
                logs.push_str(&line);
                logs.push('\n');
            }
        });
        if ready.recv_timeout(PATIENCE).is_err() {
            let _ = child.kill();
            panic!("the pod did not become ready:\n{}", logs.lock().unwrap());
        }
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ready = serde_json::from_slice(&std::fs::read(data.join("ready.json")).unwrap()).unwrap();
        Self { child, data: data.to_owned(), _dir: None, env, ready, logs }
    }

    /// A URL of `ready.json`.
    pub fn url(&self, what: &str) -> String {
        match what {
            "phone" => self.ready["phone"]["ns"].as_str().unwrap().to_owned(),
            other => self.ready[other].as_str().unwrap_or_else(|| panic!("no {other} in ready.json")).to_owned(),
        }
    }

    pub fn root_key(&self) -> String {
        std::fs::read_to_string(self.data.join("root-api-key")).unwrap().trim().to_owned()
    }

    /// REST as root.
    pub fn root(&self) -> ApiClient {
        ApiClient::new(&self.url("rest"), &self.root_key()).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// User memory in bytes: proportional set size.
    pub fn memory(&self) -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let line = rollup.lines().find(|l| l.starts_with("Pss:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// GET on the admin port: status and body.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url("admin"))).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// POST to a fault of a test build.
    #[cfg(feature = "faults")]
    pub async fn fault(&self, path: &str) -> u16 {
        reqwest::Client::new().post(format!("{}/faults/{path}", self.url("admin"))).send().await.map_or(0, |r| r.status().as_u16())
    }

    /// The pod's clock is this much later from now on.
    #[cfg(feature = "faults")]
    pub async fn later(&self, secs: u64) {
        assert_eq!(self.fault(&format!("later/{secs}")).await, 200);
    }

    pub fn signal(&self, name: &str) {
        assert!(countersign_testkit::signal(self.pid(), name));
    }

    /// Waits for the process to end.
    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// kill -9, and a new process on the same directory.
    pub async fn crash_and_restart(&mut self) -> Self {
        self.child.kill().unwrap();
        self.ended().await;
        let env: Vec<(&str, &str)> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self::on(&self.data, &[], &env)
    }

    /// Waits until a line of the log has this. Logs tell nobody that they grow.
    pub async fn until_logged(&self, text: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(tokio::time::Instant::now() < until, "{text} is not logged:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn log(&self) -> String {
        self.logs.lock().unwrap().clone()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the pod's log ---\n{}", self.log());
        }
    }
}
