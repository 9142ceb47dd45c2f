//! Several pods that share one database and one Redis.

use std::{path::Path, sync::Arc};

use countersign_api::{ApiClient, Login};
use countersign_sdk::AccountServer;
use countersign_sim::{Online, PhoneError};
use countersign_testkit::{Launch, SharedServer as Shared};
use tempfile::TempDir;

use super::{Page, Phone, Pod, Stage};

/// Returns the database servers that pods can share.
pub fn shared_databases() -> impl Iterator<Item = &'static Shared> {
    [countersign_testkit::postgres(), countersign_testkit::mariadb()].into_iter().flatten()
}

/// A database and a Redis, as settings that name them.
pub struct Shares {
    pub env: Vec<(String, String)>,
    dir: TempDir,
}

impl Shares {
    /// Uses a fresh database on this server, and a prefix in the tests' Redis. Returns `None`
    /// without Redis.
    pub fn on(database: &Shared) -> Option<Self> {
        let redis = countersign_testkit::redis()?.database();
        Some(Self::with(&database.database(), &redis))
    }

    pub fn with(database: &str, redis: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let prefix = dir.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
        let key = dir.path().join("master.key");
        countersign_testkit::secret_file(&key, "bm90IGEgc2VjcmV0IG9mIGFueWJvZHkgYXQgYWxsISE=\n");
        let env = [
            ("COUNTERSIGN_DATABASE_URL", database),
            ("COUNTERSIGN_KV_URL", redis),
            ("COUNTERSIGN_KV_PREFIX", &prefix),
            ("COUNTERSIGN_KEYS_MASTER_KEY_FILE", key.to_str().unwrap()),
            // With so rare a safety poll, lost wake-ups become visible.
            ("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "60000"),
        ];
        Self { env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), dir }
    }

    /// Starts another pod on them.
    pub fn pod(&self, name: &str) -> Pod {
        self.launch().on(&self.data(name)).unwrap_or_else(|why| panic!("{why}"))
    }

    /// How another pod on them starts.
    pub fn launch(&self) -> Launch {
        Launch::default().env(&self.env)
    }

    pub fn data(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.dir.path()).join(name)
    }
}

/// Pods that share all their state; the first has the root key.
pub struct Cluster {
    pub pods: Vec<Pod>,
    shares: Shares,
}

impl Cluster {
    pub fn start(database: &Shared, pods: usize) -> Option<Self> {
        let shares = Shares::on(database)?;
        Some(Self { pods: (0..pods).map(|n| shares.pod(&format!("pod-{n}"))).collect(), shares })
    }

    /// Starts a new process in place of a pod that has ended.
    pub fn again(&self, pod: usize) -> Pod {
        self.shares.pod(&format!("pod-{pod}"))
    }

    /// Returns the REST API of one pod, with the key of a stage that was set on the first.
    pub fn api(&self, pod: usize, stage: &Stage) -> ApiClient {
        stage.api.at(&self.pods[pod].url("rest"))
    }

    /// Opens a login's page at this pod.
    pub async fn page(&self, pod: usize, login: &Login) -> Page {
        let url = format!("{}/page", self.pods[pod].url("page").trim_end_matches("/page"));
        Page::dial(&url, login.page_token.as_ref().unwrap(), 0, None).await
    }

    /// Connects a phone to this pod.
    pub async fn connect(&self, pod: usize, phone: &Phone) -> Result<Online, PhoneError> {
        let server = AccountServer { url: self.pods[pod].url("phone"), ..phone.account.server.clone() };
        let account = countersign_sdk::Account { server, ..phone.account.clone() };
        Online::connect(&account, Arc::new(phone.keys.clone())).await
    }
}
