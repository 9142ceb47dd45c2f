//! Three pods on real servers, and everything about them that can be broken.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use countersign_api::{
    ApiClient, Confirm, Limit, Limits, NewApiKey, NewClient, NewRealm, NumberMatch, RealmSettings, roles,
};
use countersign_testkit::{Launch, Pod, Private, Sentinel};
use tempfile::TempDir;
use tokio::{sync::watch, time::sleep};

use crate::{Stop, history::History, proxy::Proxy};

pub const PODS: usize = 3;
pub const REALM: &str = "chaos";
/// Seconds after which an undecided login expires.
pub const LOGIN_SECS: u64 = 60;
/// Interval of the pods' safety poll, in a run without sabotage.
pub const SAFETY_POLL: Duration = Duration::from_secs(3);
/// How long a pod may take to be ready again after a fault is repaired.
const PATIENCE: Duration = Duration::from_secs(60);

/// The servers that the pods use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// PostgreSQL and one Redis, both in TLS through proxies that can be cut.
    Wires,
    /// MariaDB, and Redis under a Sentinel.
    Failover,
}

/// The servers of a stack.
pub enum Servers {
    Wires { postgres: Private, redis: Private },
    Failover { mariadb: Private, redis: Sentinel },
}

/// One pod's proxies to its servers.
pub struct Wires {
    pub sql: Proxy,
    pub kv: Proxy,
}

/// Addresses of a pod, which may change when it restarts.
#[derive(Clone)]
pub struct Addresses {
    pub rest: String,
    pub page: String,
    pub phone: String,
    pub admin: String,
}

/// The pods, their servers and the history of a run.
pub struct World {
    pub history: History,
    /// Becomes `true` when it is time to give up waiting.
    pub end: watch::Sender<bool>,
    pub wires: Vec<Wires>,
    pods: Vec<Mutex<Pod>>,
    addresses: RwLock<Vec<Addresses>>,
    servers: Mutex<Servers>,
    http: reqwest::Client,
    api: ApiClient,
    /// Seconds by which all clocks are ahead of the machine's.
    clocks: AtomicI64,
    _dir: TempDir,
    /// Nobody reads the log of one pod.
    _unread: std::io::PipeReader,
}

/// Gives each pod another fate of its log: a file, a disk that is full, a pipe that nobody reads.
fn logging(pod: usize, launch: Launch, unread: &std::io::PipeWriter) -> Result<Launch, Stop> {
    let much = [("COUNTERSIGN_LOG_LEVEL", "debug"), ("COUNTERSIGN_LOG_ACCESS", "true")];
    Ok(match pod {
        0 => launch,
        1 => launch.env(&much).stderr(std::fs::File::options().write(true).open("/dev/full")?),
        _ => launch.env(&much).stderr(unread.try_clone()?),
    })
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn addresses(pod: &Pod) -> Addresses {
    Addresses {
        rest: pod.url("rest"),
        page: pod.url("page"),
        phone: pod.url("phone"),
        admin: pod.url("admin"),
    }
}

/// Replaces the port in a URL by that of a proxy.
fn through(url: &str, port: u16, wire: &Proxy) -> String {
    url.replace(&format!(":{port}/"), &format!(":{}/", wire.port))
}

type Env = Vec<(String, String)>;

/// Starts the servers of this stack. Also returns, for each pod, the environment with their
/// addresses.
async fn servers(stack: Stack, wires: &mut Vec<Wires>) -> Result<(Servers, Vec<Env>), Stop> {
    const MISSING: &str = "PostgreSQL, MariaDB or Redis is missing: run `make tools`";
    let set = |name: &str, value: String| (format!("COUNTERSIGN_{name}"), value);
    match stack {
        Stack::Wires => {
            let (postgres, (redis, kv)) =
                (Private::postgres().ok_or(MISSING)?, Private::redis_in_tls().ok_or(MISSING)?);
            let kv_port: u16 =
                kv.trim_end_matches("/0").rsplit(':').next().and_then(|p| p.parse().ok()).ok_or("a port")?;
            let (database, mut env) = (postgres.database(), Vec::new());
            for _ in 0..PODS {
                let these = Wires { sql: Proxy::to(postgres.port()).await?, kv: Proxy::to(kv_port).await? };
                env.push(vec![
                    set("DATABASE_URL", through(&database, postgres.port(), &these.sql)),
                    set("DATABASE_TLS", "verify-full".into()),
                    set("DATABASE_CA_FILE", postgres.dir().join("ca.pem").display().to_string()),
                    set("KV_URL", through(&kv, kv_port, &these.kv)),
                    set("KV_CA_FILE", redis.dir().join("ca.pem").display().to_string()),
                ]);
                wires.push(these);
            }
            Ok((Servers::Wires { postgres, redis }, env))
        }
        Stack::Failover => {
            // Committed data must survive kill -9.
            let mariadb = Private::mariadb_with(&["--innodb-flush-log-at-trx-commit=1"]).ok_or(MISSING)?;
            let redis = Sentinel::start().ok_or(MISSING)?;
            let env = vec![set("DATABASE_URL", mariadb.database()), set("KV_URL", redis.url())];
            Ok((Servers::Failover { mariadb, redis }, vec![env; PODS]))
        }
    }
}

impl World {
    /// Starts servers and pods of this program, which must be a test build, and creates a realm and
    /// a client.
    ///
    /// # Errors
    /// When something is missing or does not start.
    pub async fn start(program: &Path, stack: Stack, safety_poll: Duration) -> Result<Arc<Self>, Stop> {
        let dir = tempfile::tempdir()?;
        let key = dir.path().join("master.key");
        countersign_testkit::secret_file(&key, "bm90IGEgc2VjcmV0IG9mIGFueWJvZHkgYXQgYWxsISE=\n");
        let mut wires = Vec::new();
        let (servers, env) = servers(stack, &mut wires).await?;
        let (unread, unread_log) = std::io::pipe()?;
        let mut pods = Vec::new();
        for (n, mut env) in env.into_iter().enumerate() {
            env.push(("COUNTERSIGN_KEYS_MASTER_KEY_FILE".into(), key.display().to_string()));
            env.push(("COUNTERSIGN_WAIT_SAFETY_POLL_MS".into(), safety_poll.as_millis().to_string()));
            let data = dir.path().join(format!("pod-{n}"));
            let launch = logging(n, Launch::default().program(program).env(&env), &unread_log)?;
            pods.push(tokio::task::block_in_place(|| launch.on(&data))?);
        }
        let api = client(&pods[0].root()).await?;
        Ok(Arc::new(Self {
            history: History::default(),
            end: watch::Sender::new(false),
            wires,
            addresses: RwLock::new(pods.iter().map(addresses).collect()),
            pods: pods.into_iter().map(Mutex::new).collect(),
            servers: Mutex::new(servers),
            http: reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?,
            api,
            clocks: AtomicI64::new(0),
            _dir: dir,
            _unread: unread,
        }))
    }

    /// How long a waiter may take when nothing is broken: the safety poll with its jitter, and a
    /// new connection.
    #[must_use]
    pub fn in_time() -> Duration {
        2 * SAFETY_POLL + Duration::from_secs(6)
    }

    #[must_use]
    pub fn addresses(&self, pod: usize) -> Addresses {
        self.addresses.read().unwrap_or_else(PoisonError::into_inner)[pod].clone()
    }

    /// REST API of this pod, with the client's key.
    #[must_use]
    pub fn api(&self, pod: usize) -> ApiClient {
        self.api.at(&self.addresses(pod).rest)
    }

    pub fn servers(&self) -> MutexGuard<'_, Servers> {
        locked(&self.servers)
    }

    pub fn pod(&self, pod: usize) -> MutexGuard<'_, Pod> {
        locked(&self.pods[pod])
    }

    /// Port of the Redis that holds live state, if a Sentinel may change it.
    #[must_use]
    pub fn master(&self) -> Option<u16> {
        match &*self.servers() {
            Servers::Wires { .. } => None,
            Servers::Failover { redis, .. } => redis.master_port(),
        }
    }

    /// Updates the addresses of a pod that has restarted, maybe on other ports, and sets its clock
    /// again: it restarts with the machine's.
    ///
    /// # Errors
    /// When the pod does not answer.
    pub async fn moved(&self, pod: usize) -> Result<(), Stop> {
        let there = addresses(&self.pod(pod));
        self.addresses.write().unwrap_or_else(PoisonError::into_inner)[pod] = there;
        self.set_clock(pod, self.clocks.load(Ordering::Relaxed)).await
    }

    /// Sends a command to the fault endpoint of a test build.
    async fn tell(&self, pod: usize, what: &str) -> Result<(), Stop> {
        let url = format!("{}/faults/{what}", self.addresses(pod).admin);
        let status = self.http.post(url).send().await?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{what}: {status}; is the program built with --features faults?").into())
        }
    }

    async fn set_clock(&self, pod: usize, ahead: i64) -> Result<(), Stop> {
        self.tell(pod, &format!("clock/{ahead}")).await
    }

    /// Advances all clocks by `secs` seconds.
    ///
    /// # Errors
    /// When a pod does not answer.
    pub async fn clocks_on(&self, secs: i64) -> Result<(), Stop> {
        let ahead = self.clocks.fetch_add(secs, Ordering::Relaxed) + secs;
        for pod in 0..PODS {
            self.set_clock(pod, ahead).await?;
        }
        Ok(())
    }

    /// Sets one pod's clock to differ from the others by `by` seconds.
    ///
    /// # Errors
    /// When the pod does not answer.
    pub async fn clock_askew(&self, pod: usize, by: i64) -> Result<(), Stop> {
        self.set_clock(pod, self.clocks.load(Ordering::Relaxed) + by).await
    }

    /// Lets every pod violate a guarantee.
    ///
    /// # Errors
    /// When no guarantee has this name.
    pub async fn sabotage(&self, name: &str) -> Result<(), Stop> {
        for pod in 0..PODS {
            self.tell(pod, &format!("sabotage/{name}")).await?;
        }
        Ok(())
    }

    /// Waits until every pod reports that it is ready, by polling `/readyz` as a probe does.
    ///
    /// # Errors
    /// When a pod does not become ready by itself in time.
    pub async fn until_ready(&self) -> Result<(), Stop> {
        for pod in 0..PODS {
            let until = Instant::now() + PATIENCE;
            loop {
                let said = match self.http.get(format!("{}/readyz", self.addresses(pod).admin)).send().await {
                    Ok(answer) if answer.status().is_success() => break,
                    Ok(answer) => answer.text().await.unwrap_or_default(),
                    Err(e) => e.to_string(),
                };
                if Instant::now() > until {
                    return Err(format!("pod {pod} does not recover: {said}\n{}", self.pod(pod).log()).into());
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }
}

/// Sends a signal to a process and its children.
pub fn signal_family(pid: u32, name: &str) {
    let signal = format!("-{name}");
    let _children = countersign_testkit::tool("pkill").args([&signal, "-P", &pid.to_string()]).status();
    let _parent = countersign_testkit::signal(pid, name);
}

/// Creates the realm and a client in it, and returns the client's API. Limits are set high: other
/// tests cover them.
async fn client(root: &ApiClient) -> Result<ApiClient, Stop> {
    let much = || Some(Limit { most: 1_000_000, secs: 60 });
    let settings = RealmSettings {
        login_secs: Some(LOGIN_SECS),
        enrolment_confirm: Some(vec![Confirm::None]),
        number_match: Some(NumberMatch { qr: Some(false), link: Some(false), directed: Some(false) }),
        limits: Some(Limits {
            initiator: much(),
            user: much(),
            account: much(),
            client: much(),
            address: much(),
            ..Limits::default()
        }),
        ..RealmSettings::default()
    };
    root.create_realm(&NewRealm { name: REALM.into(), display_name: "Chaos".into(), settings }).await?;
    let client = root
        .create_client(
            REALM,
            &NewClient { name: "chaos".into(), display_name: "Chaos".into(), ..NewClient::default() },
        )
        .await?;
    let (role, realm) = (roles::REGISTRAR.into(), Some(REALM.into()));
    let key = root
        .create_api_key(&NewApiKey {
            role,
            realm,
            client: Some(client.id),
            expires_in: None,
            ..NewApiKey::default()
        })
        .await?;
    Ok(root.with_key(key.secret.as_deref().ok_or("no secret")?))
}
