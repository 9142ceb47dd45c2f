//! Settings: defaults, then a TOML file, then `COUNTERSIGN_*` from the environment. No file is
//! needed.
//!
//! Every key has an environment twin: `phone.hello_ms` is `COUNTERSIGN_PHONE_HELLO_MS`. Unknown
//! keys are refused, with the nearest name.

mod aliases;
pub mod listener;
mod load;

use std::{net::SocketAddr, path::PathBuf};

use countersign_edge::listener::Bind;
use serde::{Deserialize, Serialize};

pub use load::ConfigError;

/// All settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub listen: Listen,
    pub public: Public,
    pub log: Log,
    pub phone: Phone,
    pub http: Http,
    pub wait: Wait,
    pub drain: Drain,
    pub keys: KeyFiles,
    pub database: Database,
    pub kv: Kv,
    pub sfs_keys: KeyFiles,
    pub sfs_database: Database,
    pub rest_tls: PortTls,
    pub page_tls: PortTls,
    pub phone_tls: PortTls,
    pub admin_tls: PortTls,
    /// In full; empty, the short form above counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listener: Vec<listener::Listener>,
    /// The settings that a file or the environment has said, as keys.
    #[serde(skip)]
    pub said: std::collections::BTreeSet<String>,
}

/// Where to listen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Listen {
    pub rest: SocketAddr,
    pub page: SocketAddr,
    pub phone: SocketAddr,
    pub admin: SocketAddr,
    pub demo: SocketAddr,
    /// Listeners speak plaintext; beyond loopback that takes this explicit yes, because a proxy
    /// must do TLS.
    pub allow_plaintext: bool,
}

/// The URLs the outside uses. Empty: made from the listeners, which is right on loopback only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Public {
    /// `wss://host` of the page port, without a path.
    pub page: String,
    /// `wss://host` of the phone port, without a path.
    pub phone: String,
    /// `https://host` under which links and QR codes live; the page port serves it.
    pub app: String,
}

/// Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or directives like `info,countersign_edge=debug`.
    pub level: String,
    /// A line for each HTTP request, whatever the level.
    pub access: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}

/// The phone socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Phone {
    /// From the connection to a whole HELLO.
    pub hello_ms: u64,
    /// From HELLO to ClientAuth.
    pub first_frame_ms: u64,
    /// Of an enrolment connection.
    pub enrolment_ms: u64,
    /// Without hearing anything from an authenticated phone.
    pub idle_ms: u64,
    /// Of a whole connection.
    pub lifetime_ms: u64,
    /// How often phones are asked to ping, in seconds.
    pub ping_after_secs: u64,
    /// For one frame to leave.
    pub write_ms: u64,
    /// Connections that have not authenticated yet, in all and per address.
    pub strangers: usize,
    pub strangers_per_address: usize,
    pub connections: usize,
    /// Threads; 0 is one per core.
    pub workers: usize,
}

/// The HTTP listeners.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// Threads of the REST port, and of the page port; 0 is half the cores each.
    pub workers: usize,
    pub keep_alive_ms: u64,
    /// Connections per listener at a time; more wait in the kernel.
    pub connections: usize,
    /// For the head of a request to arrive, and for its body.
    pub request_ms: u64,
}

/// How waiting works.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// How long a waiter trusts that no wake-up was lost.
    pub safety_poll_ms: u64,
}

/// The end of a pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Drain {
    /// Phones are sent away within this time.
    pub spread_ms: u64,
    /// After this the pod goes, whoever is left.
    pub deadline_ms: u64,
}

/// Where secrets lie.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyFiles {
    /// 32 bytes in base64. Empty: `DATA/master.key`, made on first start.
    pub master_key_file: PathBuf,
}

/// A text that may hold a password: never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "(hidden)" })
    }
}

/// What a port asks of its clients. What they may do is another question: REST lets in certificates
/// that are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Not asked for.
    #[default]
    Off,
    /// Asked for; whoever has none comes in, too.
    Optional,
    /// Required, by whomever it was signed.
    Any,
    /// Required, and signed by a CA of `client_ca_file`.
    Ca,
}

/// TLS of one port; both or none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortTls {
    /// PEM: the certificate, then those that vouch for it.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub client_certificates: ClientCertificates,
    /// PEM: who signs client certificates, with `ca`.
    pub client_ca_file: PathBuf,
}

impl PortTls {
    /// Whether the port speaks TLS.
    #[must_use]
    pub fn on(&self) -> bool {
        !self.certificate_file.as_os_str().is_empty()
    }
}

/// Where the truth is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// `postgres://user:password@host/name`, `mysql://…`, `sqlite:///path`. Empty: a file in the
    /// data directory.
    pub url: Hidden,
    /// `auto`, `off`, `require`, `verify-ca` or `verify-full`.
    pub tls: String,
    /// Who vouches for the server's certificate. PEM.
    pub ca_file: PathBuf,
    /// What this pod shows. PEM.
    pub client_certificate_file: PathBuf,
    pub client_key_file: PathBuf,
    /// To a server, at most.
    pub connections: u32,
}

/// Where live state is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Kv {
    /// `redis://`, `rediss://`, `redis-sentinel://` or `rediss-sentinel://`. Empty: this process's
    /// memory, which is for one pod.
    pub url: Hidden,
    /// Who vouches for Redis' certificate, instead of the CAs of the web. PEM.
    pub ca_file: PathBuf,
    /// Deployments that share a Redis have different ones.
    pub prefix: String,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Hidden::default(),
            tls: "auto".to_owned(),
            ca_file: PathBuf::new(),
            client_certificate_file: PathBuf::new(),
            client_key_file: PathBuf::new(),
            connections: 16,
        }
    }
}

impl Default for Kv {
    fn default() -> Self {
        Self { url: Hidden::default(), ca_file: PathBuf::new(), prefix: "cs".to_owned() }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            rest: at(8080),
            page: at(9999),
            phone: at(8888),
            admin: at(9613),
            demo: at(8000),
            allow_plaintext: false,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            level: "info,actix_server=warn,actix_http=warn".to_owned(),
            access: false,
        }
    }
}

impl Default for Phone {
    fn default() -> Self {
        Self {
            hello_ms: 5000,
            first_frame_ms: 10_000,
            enrolment_ms: 120_000,
            idle_ms: 600_000,
            lifetime_ms: 12 * 3_600_000,
            ping_after_secs: 240,
            write_ms: 10_000,
            strangers: 4096,
            strangers_per_address: 1024,
            connections: 1_000_000,
            workers: 0,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { workers: 0, keep_alive_ms: 30_000, connections: 2048, request_ms: 5000 }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self { safety_poll_ms: 5000 }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { spread_ms: 1000, deadline_ms: 10_000 }
    }
}

impl Config {
    /// Any free port for each listener at an address.
    pub fn use_free_ports(&mut self) {
        let l = &mut self.listen;
        for at in [&mut l.rest, &mut l.page, &mut l.phone, &mut l.admin, &mut l.demo] {
            at.set_port(0);
        }
        for listener::ListenAddress(bind) in self.listener.iter_mut().flat_map(|l| &mut l.binds) {
            if let Bind::Tcp(at) = bind {
                at.set_port(0);
            }
        }
    }

    /// Whether other pods may use the same database.
    #[must_use]
    pub fn database_is_shared(&self) -> bool {
        !self.database.url.0.is_empty() && !self.database.url.0.starts_with("sqlite:")
    }

    /// What no single key can say.
    ///
    /// # Errors
    /// Which combination of settings is not safe.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.listeners()?;
        if self.database_is_shared() && self.kv.url.0.is_empty() {
            return Err(ConfigError::Unsafe(
                "database.url names a server, which several pods can share, but kv.url is empty: pods that \
                    keep logins in their own memory do not see each other's; set kv.url \
                    = \"redis://…\""
                    .to_owned(),
            ));
        }
        let of_sfs = &self.sfs_database.url;
        if !of_sfs.0.is_empty() && *of_sfs == self.database.url {
            return Err(ConfigError::Unsafe(
                "sfs_database.url and database.url name the same database; each service has one of its own"
                    .to_owned(),
            ));
        }
        for (key, url) in
            [("page", &self.public.page), ("phone", &self.public.phone), ("app", &self.public.app)]
        {
            let loopback = ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| at_host(url, host));
            if !url.is_empty() && !loopback && !url.starts_with("wss://") && !url.starts_with("https://") {
                return Err(ConfigError::Unsafe(format!(
                    "public.{key} = {url} must be wss:// or https:// beyond loopback"
                )));
            }
        }
        Ok(())
    }
}

/// Whether a URL without TLS names exactly this host.
fn at_host(url: &str, host: &str) -> bool {
    let rest = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("http://"))
        .and_then(|rest| rest.strip_prefix(host));
    let port = |rest: &str| {
        rest.strip_prefix(':').is_some_and(|p| p.split('/').next().unwrap_or_default().parse::<u16>().is_ok())
    };
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || port(rest))
}

#[cfg(test)]
mod tests {
    use super::{Config, at_host};

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn the_example_is_what_the_program_does_without_it() {
        let example: toml::Table = include_str!("../../config/countersign.toml").parse().unwrap();
        assert_eq!(toml::Value::Table(example), toml::Value::try_from(Config::default()).unwrap());
    }

    #[test]
    fn only_the_host_itself_is_this_machine() {
        for url in ["ws://127.0.0.1", "http://127.0.0.1/", "ws://127.0.0.1:9999/page"] {
            assert!(at_host(url, "127.0.0.1"), "{url}");
        }
        for url in
            ["ws://127.0.0.1.example", "ws://127.0.0.1:80@example/", "wss://127.0.0.1", "ws://127.0.0.1:x"]
        {
            assert!(!at_host(url, "127.0.0.1"), "{url}");
        }
    }
}
