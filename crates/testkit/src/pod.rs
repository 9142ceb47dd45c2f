use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::signal;

/// Starting takes a fraction of a second; a loaded machine gets more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of the `countersign` program. Dropping it kills it.
pub struct Pod {
    child: Child,
    program: PathBuf,
    env: Vec<(String, String)>,
    /// Its data directory.
    pub data: PathBuf,
    /// From process start to `ready.json`.
    pub started_in: Duration,
}

impl Pod {
    /// `PROGRAM all --ports auto` on this directory, with this environment; returns when it is ready. What it complains of goes to `DIR.log`.
    ///
    /// # Errors
    /// When it ends or hangs instead, with what it said.
    pub fn start(program: &Path, data: &Path, env: &[(String, String)]) -> Result<Self, String> {
        let from = Instant::now();
        let text = |e: std::io::Error| format!("{}: {e}", program.display());
        let (ready, log) = (data.join("ready.json"), data.with_extension("log"));
        let _of_an_earlier_process = fs::remove_file(&ready);
        let to = fs::File::options().create(true).append(true).open(&log).map_err(text)?;
        let mut command = Command::new(program);
        command.args(["all", "--ports", "auto", "--data"]).arg(data).envs(env.iter().cloned());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(to).spawn().map_err(text)?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        while !ready.exists() {
            if let Some(status) = child.try_wait().map_err(text)? {
                return Err(format!("the pod ended with {status}: {}", said()));
            }
            if from.elapsed() > PATIENCE {
                let _ended = (child.kill(), child.wait());
                return Err(format!("the pod does not become ready: {}", said()));
            }
            sleep(Duration::from_millis(1));
        }
        let started_in = from.elapsed();
        Ok(Self { child, program: program.to_owned(), env: env.to_vec(), data: data.to_owned(), started_in })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
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
    /// # Errors
    /// When it does not, or not well.
    pub fn ended(&mut self) -> Result<(), String> {
        let from = Instant::now();
        while from.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("the pod ended with {status}")),
                Ok(None) => sleep(Duration::from_millis(5)),
                Err(e) => return Err(e.to_string()),
            }
        }
        Err("the pod does not end".to_owned())
    }

    /// A new process on the same directory, after the old one has ended.
    ///
    /// # Errors
    /// As [`Pod::start`].
    pub fn again(&mut self) -> Result<(), String> {
        self.kill();
        *self = Self::start(&self.program, &self.data, &self.env)?;
        Ok(())
    }

    /// What it wrote into its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
    }
}
