//! Release pods in their own processes, alone or sharing a database and a Redis.

use std::path::Path;

use countersign_sim::swarm::{self, Aim};
use countersign_testkit::{Launch, Pod, Private};
use tempfile::TempDir;

use crate::Stop;

/// PostgreSQL settings for durability, as in production; tests turn it off.
const DURABLE: [&str; 6] = ["-c", "fsync=on", "-c", "full_page_writes=on", "-c", "synchronous_commit=on"];

/// Settings of the measured pods. Few REST connections leave the open files to phones.
const QUIETLY: [(&str, &str); 2] =
    [("COUNTERSIGN_HTTP_CONNECTIONS", "256"), ("COUNTERSIGN_LOG_LEVEL", "warn")];

fn start(data: &Path, env: &[(&str, String)]) -> Result<Pod, Stop> {
    Ok(Launch::default().env(&QUIETLY).env(env).on(data)?)
}

/// Pods, and the servers that they share.
pub struct Pods {
    pub processes: Vec<Pod>,
    pub shared: Option<Shared>,
    _dir: TempDir,
}

/// The database server and the Redis of this run.
pub struct Shared {
    pub postgres: Private,
    pub redis: Private,
}

impl Pods {
    /// Starts one pod with SQLite and live state in memory, on an empty directory.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn embedded() -> Result<Self, Stop> {
        let dir = tempfile::tempdir()?;
        let pod = start(&dir.path().join("pod"), &[])?;
        Ok(Self { processes: vec![pod], shared: None, _dir: dir })
    }

    /// Restarts each pod on its data, so that its memory holds nothing of an earlier load.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn renew(&mut self) -> Result<(), Stop> {
        for pod in &mut self.processes {
            pod.again()?;
        }
        Ok(())
    }

    /// Starts this many pods on PostgreSQL and Redis.
    ///
    /// # Errors
    /// When PostgreSQL or Redis is not installed, or a pod does not become ready.
    pub fn sharing(pods: usize) -> Result<Self, Stop> {
        const MISSING: &str = "PostgreSQL or Redis is missing: run `make tools`";
        let dir = tempfile::tempdir()?;
        let (postgres, redis) =
            (Private::postgres_with(&DURABLE).ok_or(MISSING)?, Private::redis(&[]).ok_or(MISSING)?);
        let key = dir.path().join("master.key");
        countersign_testkit::secret_file(&key, "bm90IGEgc2VjcmV0IG9mIGFueWJvZHkgYXQgYWxsISE=\n");
        let env = [
            ("COUNTERSIGN_DATABASE_URL", postgres.database()),
            ("COUNTERSIGN_KV_URL", redis.database()),
            ("COUNTERSIGN_KEYS_MASTER_KEY_FILE", key.display().to_string()),
        ];
        let processes: Vec<Pod> =
            (0..pods).map(|n| start(&dir.path().join(format!("pod-{n}")), &env)).collect::<Result<_, _>>()?;
        Ok(Self { processes, shared: Some(Shared { postgres, redis }), _dir: dir })
    }

    /// Returns the pods as the target of a swarm.
    ///
    /// # Errors
    /// When the `ready.json` of a pod cannot be read.
    pub fn aim(&self) -> Result<Aim, Stop> {
        let pods = self.processes.iter().map(|p| swarm::Pod::at(&p.data)).collect::<Result<_, _>>()?;
        let first = self.processes.first().ok_or("no pod")?;
        Ok(Aim { pods, root_key: first.root_key(), ca: None, anywhere: false })
    }
}

impl Shared {
    /// CPU seconds of Redis, and of PostgreSQL with all its processes.
    ///
    /// # Errors
    /// When one has ended.
    pub fn cpu(&self) -> Result<[f64; 2], Stop> {
        let redis = swarm::cpu_of(self.redis.pid()).ok_or("Redis has ended")?;
        let parent = self.postgres.pid();
        let mut postgres = swarm::cpu_of(parent).ok_or("PostgreSQL has ended")?;
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let ppid = stat
                .rsplit_once(')')
                .and_then(|(_, after)| after.split_whitespace().nth(1)?.parse::<u32>().ok());
            if ppid == Some(parent) {
                postgres += swarm::cpu_of(pid).unwrap_or(0.0);
            }
        }
        Ok([redis, postgres])
    }
}
