//! A release pod in a process of its own, and what the kernel says about it.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use countersign_api::{ApiClient, Confirm, NewApiKey, NewClient, NewRealm, RealmSettings, roles};
use serde_json::Value;
use tempfile::TempDir;

use crate::Stop;

/// The pod.
pub struct Pod {
    child: Child,
    _dir: TempDir,
    pub ready: Value,
    pub root: ApiClient,
    /// From process start to `ready.json`.
    pub started_in: Duration,
}

/// The program beside this one.
///
/// # Errors
/// When this program's own path is unknown.
pub fn program() -> Result<PathBuf, Stop> {
    Ok(std::env::current_exe()?.with_file_name("countersign"))
}

impl Pod {
    /// Starts on an empty directory.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start() -> Result<Self, Stop> {
        let dir = tempfile::tempdir()?;
        let data = dir.path().join("data");
        let from = Instant::now();
        let mut child = Command::new(program()?)
            .args(["all", "--ports", "auto", "--data"])
            .arg(&data)
            .env("COUNTERSIGN_LOG_LEVEL", "warn")
            .stderr(Stdio::inherit())
            .spawn()?;
        let ready = data.join("ready.json");
        while !ready.exists() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("the pod ended with {status}").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let started_in = from.elapsed();
        let ready: Value = serde_json::from_slice(&std::fs::read(ready)?)?;
        let key = std::fs::read_to_string(data.join("root-api-key"))?;
        let root = ApiClient::new(ready["rest"].as_str().unwrap_or_default(), key.trim())?;
        Ok(Self { child, _dir: dir, ready, root, started_in })
    }

    /// A client of the realm `bench`, and its API.
    ///
    /// # Errors
    /// When REST refuses.
    pub async fn client(&self) -> Result<ApiClient, Stop> {
        let settings = RealmSettings { enrolment_confirm: Some(vec![Confirm::None]), ..RealmSettings::default() };
        self.root.create_realm(&NewRealm { name: "bench".into(), display_name: "Bench".into(), settings }).await?;
        let client = self
            .root
            .create_client("bench", &NewClient { name: "bench".into(), display_name: "Bench".into(), ..NewClient::default() })
            .await?;
        let key = self
            .root
            .create_api_key(&NewApiKey {
                role: roles::CLIENT.into(),
                realm: Some("bench".into()),
                client: Some(client.id),
                expires_in: None,
                ..NewApiKey::default()
            })
            .await?;
        Ok(self.root.with_key(key.secret.as_deref().unwrap_or_default()))
    }

    /// CPU time of all its threads, also those that ended, in seconds. Linux counts in ticks of 10 ms (proc(5), `USER_HZ`).
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn cpu(&self) -> Result<f64, Stop> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; utime and stime are the 12th and 13th word after it.
        let after = text.rsplit_once(')').ok_or("stat")?.1;
        let ticks = after.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks as f64 / 100.0)
    }

    /// Proportional set size, in bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn pss(&self) -> Result<f64, Stop> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = text.lines().find(|l| l.starts_with("Pss:")).ok_or("Pss")?;
        Ok(line.split_whitespace().nth(1).ok_or("Pss")?.parse::<f64>()? * 1024.0)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ended_already = (self.child.kill(), self.child.wait());
    }
}
