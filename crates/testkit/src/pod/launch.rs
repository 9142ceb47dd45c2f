//! How a pod is started.

use std::{
    fs,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use countersign_api::Ready;

use super::{PATIENCE, Pod};

/// The path of a program of this build: in the folder of the current executable, or one folder up
/// for a test.
///
/// # Panics
/// When the program is not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let dir = here.ancestors().skip(1).find(|dir| !dir.ends_with("deps")).unwrap();
    let path = dir.join(name);
    assert!(path.exists(), "{} is not built; run `make test`", path.display());
    path
}

/// The settings with which a pod is started.
#[derive(Clone, Debug)]
pub struct Launch {
    program: Option<PathBuf>,
    role: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stderr: Option<Arc<OwnedFd>>,
}

impl Default for Launch {
    /// `countersign all --ports auto`, with logs in JSON.
    fn default() -> Self {
        let env = vec![("COUNTERSIGN_LOG_FORMAT".to_owned(), "json".to_owned())];
        Self { program: None, role: "all".to_owned(), args: Vec::new(), env, stderr: None }
    }
}

impl Launch {
    /// Uses another program than the one built together with this.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Uses another role than `all`.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        role.clone_into(&mut self.role);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Lets the pod log to this instead of a file, and [`Pod::log`] is empty.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<OwnedFd>) -> Self {
        self.stderr = Some(Arc::new(stderr.into()));
        self
    }

    /// Adds environment variables.
    #[must_use]
    pub fn env<N: AsRef<str>, V: AsRef<str>>(mut self, env: &[(N, V)]) -> Self {
        self.env
            .extend(env.iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned())));
        self
    }

    /// Starts the pod on this directory and returns when it is ready. [`Pod::log`] has its output.
    ///
    /// # Errors
    /// When it ends or hangs instead; the error contains its output.
    pub fn on(self, data: &Path) -> Result<Pod, String> {
        let from = Instant::now();
        let program = self.program.clone().unwrap_or_else(|| program("countersign"));
        let text = |e: std::io::Error| format!("{}: {e}", program.display());
        let _of_an_earlier_process = fs::remove_file(data.join(Ready::FILE));
        let log = Log::new().map_err(text)?;
        let mut child =
            self.command(&program, data, &log).and_then(|mut command| command.spawn()).map_err(text)?;
        while !data.join(Ready::FILE).exists() {
            if let Some(status) = child.try_wait().map_err(text)? {
                return Err(format!("the pod ended with {status}: {}", log.read()));
            }
            if from.elapsed() > PATIENCE {
                let _ended = (child.kill(), child.wait());
                return Err(format!("the pod does not become ready: {}", log.read()));
            }
            sleep(Duration::from_millis(1));
        }
        let started_in = from.elapsed();
        let ready = Ready::read(data).map_err(|e| e.to_string())?;
        Ok(Pod { child, launch: self, data: data.to_owned(), ready, log, started_in, _dir: None })
    }

    fn command(&self, program: &Path, data: &Path, log: &Log) -> std::io::Result<Command> {
        let mut command = Command::new(program);
        command.args([&self.role, "--ports", "auto", "--data"]).arg(data).args(&self.args);
        command.envs(self.env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::null());
        match &self.stderr {
            Some(given) => command.stderr(given.try_clone()?),
            None => command.stderr(log.0.try_clone()?),
        };
        Ok(command)
    }
}

/// The output of a process, in a file without a name: nothing of it outlives the last handle.
pub(super) struct Log(fs::File);

impl Log {
    fn new() -> std::io::Result<Self> {
        tempfile::tempfile().map(Self)
    }

    /// What has been written so far. Reads by offset, because the process writes through the same
    /// file position.
    pub(super) fn read(&self) -> String {
        let mut text = Vec::new();
        let mut piece = [0; 8192];
        loop {
            match self.0.read_at(&mut piece, text.len() as u64) {
                Ok(0) => return String::from_utf8_lossy(&text).into_owned(),
                Ok(n) => text.extend_from_slice(&piece[..n]),
                Err(e) => return e.to_string(),
            }
        }
    }
}
