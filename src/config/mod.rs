//! Settings: defaults, then a TOML file, then `COUNTERSIGN_*` from the environment. No file is
//! needed.
//!
//! Every key has an environment twin: `phone.hello_ms` is `COUNTERSIGN_PHONE_HELLO_MS`. Unknown
//! keys are refused, with the nearest name. Each value is trimmed and parsed as what it is, so that
//! a refusal can name the file or variable it comes from (ADR 0027).

mod aliases;
mod defaults;
pub mod listener;
mod load;
mod names;
mod ranges;
mod values;

use std::{net::SocketAddr, path::PathBuf};

use countersign_edge::listener::Bind;
use countersign_store::url::DatabaseUrl;
use serde::{Deserialize, Serialize};

pub use load::ConfigError;
pub use values::{
    DatabaseAt, DatabaseTls, Hidden, KeyPrefix, LogLevel, PemSetting, RedisAt, SocketUrl, WebUrl,
};

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
    pub sfs: Sfs,
    pub sfs_keys: SfsKeyFiles,
    pub sfs_database: Database,
    pub rest_tls: PortTls,
    pub page_tls: PortTls,
    pub phone_tls: PortTls,
    pub admin_tls: PortTls,
    /// The listeners in full. When this is empty, the short form above applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listener: Vec<listener::Listener>,
    /// Keys of the settings that the file or the environment sets.
    #[serde(skip)]
    pub said: std::collections::BTreeSet<String>,
}

/// The addresses to listen on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Listen {
    pub rest: SocketAddr,
    pub page: SocketAddr,
    pub phone: SocketAddr,
    pub admin: SocketAddr,
    pub demo: SocketAddr,
    /// Allows listeners without TLS to use plaintext beyond loopback. It must be set explicitly,
    /// because a proxy has to do TLS then.
    pub allow_plaintext: bool,
}

/// The URLs that clients use. An empty one is made from the listeners, which is right only where
/// they listen at one address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Public {
    /// `wss://host` of the page port, without a path.
    pub page: SocketUrl,
    /// `wss://host` of the phone port, without a path.
    pub phone: SocketUrl,
    /// `https://host` of links and QR codes; the page port serves it.
    pub app: WebUrl,
}

/// Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or directives like `info,countersign_edge=debug`.
    pub level: LogLevel,
    /// A line for each HTTP request, whatever the level.
    pub access: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}

/// Limits of the phone port.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Phone {
    /// Maximum time from the connection to a complete HELLO.
    pub hello_ms: u64,
    /// Maximum time from HELLO to ClientAuth.
    pub first_frame_ms: u64,
    /// Maximum duration of an enrolment connection.
    pub enrolment_ms: u64,
    /// Maximum time without a message from an authenticated phone.
    pub idle_ms: u64,
    /// Maximum duration of a connection.
    pub lifetime_ms: u64,
    /// How often phones are asked to ping, in seconds.
    pub ping_after_secs: u64,
    /// Timeout for writing one frame.
    pub write_ms: u64,
    /// Maximum number of connections that have not authenticated yet, in all and per address.
    pub strangers: usize,
    pub strangers_per_address: usize,
    pub connections: usize,
    /// Number of threads; 0 means one per core.
    pub workers: usize,
}

/// The HTTP listeners.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// Number of threads of the REST port, and of the page port; 0 means half the cores each.
    pub workers: usize,
    pub keep_alive_ms: u64,
    /// Maximum number of connections per listener; further ones wait in the kernel.
    pub connections: usize,
    /// Timeout for the head of a request to arrive, and for its body.
    pub request_ms: u64,
}

/// How requests wait for changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// How long a waiter relies on wake-ups before it reads the state without one.
    pub safety_poll_ms: u64,
}

/// How a pod shuts down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Drain {
    /// The time over which phones are disconnected.
    pub spread_ms: u64,
    /// The time after which the pod stops, even if clients are still connected.
    pub deadline_ms: u64,
}

/// Files that contain secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyFiles {
    /// File with the master key, 32 bytes in base64. Empty: `DATA/master.key`, which is made on
    /// first start.
    pub master_key_file: PathBuf,
}

/// Files of SFS that contain secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SfsKeyFiles {
    /// As [`KeyFiles::master_key_file`], in SFS's own folder.
    pub master_key_file: PathBuf,
    /// File with the seed of OPAQUE, 96 bytes in base64. Empty: `oprf.seed` in SFS's folder, which
    /// is made on first start.
    pub seed_file: PathBuf,
}

/// How SFS guards PINs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Sfs {
    pub policy: SfsPolicy,
    /// Days after which a device that has not proven its PIN is forgotten.
    pub unused_days: u64,
    /// How many devices one address may register in an hour, and how often it may try PINs in a
    /// minute. 0 means no limit. IPv6 addresses of one /64 count as one.
    pub registrations_per_hour: u32,
    pub evaluations_per_minute: u32,
}

/// What happens when no try of a PIN is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SfsPolicy {
    /// The PIN is locked for ever.
    Lock,
    /// The PIN is deleted, and the phone forgets its accounts.
    Wipe,
    /// As `lock`, within the limits of PSD2.
    Psd2,
}

/// Whether a port requests client certificates. A certificate gives no permissions by itself: REST
/// accepts those that are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// No certificate is requested.
    #[default]
    Off,
    /// A certificate is requested, but clients without one are accepted, too.
    Optional,
    /// A certificate is required, but any issuer is accepted.
    Any,
    /// A certificate is required, and a CA in `client_ca_file` must have signed it.
    Ca,
}

/// TLS of one port. The certificate and the key are set together, or not at all; each as a file,
/// which is read again when it changes, or as the PEM itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortTls {
    /// PEM file with the certificate, followed by those of its issuers.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    /// The same in PEM, instead of a file.
    pub certificate: Hidden,
    pub key: Hidden,
    pub client_certificates: ClientCertificates,
    /// PEM file with the CAs that sign client certificates, for the mode `ca`.
    pub client_ca_file: PathBuf,
}

impl PortTls {
    /// Whether the port speaks TLS.
    #[must_use]
    pub fn on(&self) -> bool {
        self.certificate() != PemSetting::None
    }

    #[must_use]
    pub fn certificate(&self) -> PemSetting<'_> {
        PemSetting::of(&self.certificate_file, &self.certificate)
    }

    #[must_use]
    pub fn key(&self) -> PemSetting<'_> {
        PemSetting::of(&self.key_file, &self.key)
    }
}

/// The database of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// `postgres://user:password@host/name`, `mysql://…`, `sqlite:///path`. Empty: a file in the
    /// data directory.
    pub url: DatabaseAt,
    /// The TLS mode: `auto`, `off`, `require`, `verify-ca` or `verify-full`. With `auto`, the
    /// parameter `sslmode` of the URL counts.
    pub tls: DatabaseTls,
    /// PEM file with the CAs of the server's certificate.
    pub ca_file: PathBuf,
    /// PEM file with the certificate that this pod presents.
    pub client_certificate_file: PathBuf,
    pub client_key_file: PathBuf,
    /// Maximum number of connections to a database server.
    pub connections: u32,
}

/// Where live state is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kv {
    /// `redis://`, `rediss://`, `redis+unix://`, `redis-sentinel://` or `rediss-sentinel://`. Empty:
    /// the memory of this process, for a deployment with one pod.
    pub url: RedisAt,
    /// PEM file with the CAs of Redis' certificate, instead of the public web CAs.
    pub ca_file: PathBuf,
    /// Prefix of all keys. Deployments that share a Redis need different ones.
    pub prefix: KeyPrefix,
    /// User and password at the Sentinels, which do not know those of Redis.
    pub sentinel_user: String,
    pub sentinel_password: Hidden,
}

impl Config {
    /// Makes each listener at a TCP address use any free port.
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
        self.database.url.0.as_ref().is_some_and(DatabaseUrl::is_server)
    }

    /// Checks what depends on more than one setting.
    ///
    /// # Errors
    /// When a combination of settings is not safe; the error names it.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.listeners()?;
        if self.database_is_shared() && self.kv.url.0.is_none() {
            return Err(ConfigError::Unsafe(
                "database.url names a server, which several pods can share, but kv.url is empty: pods that \
                    keep logins in their own memory do not see each other's; set kv.url \
                    = \"redis://…\""
                    .to_owned(),
            ));
        }
        let Kv { url, ca_file, sentinel_user, sentinel_password, .. } = &self.kv;
        let given = [
            ("kv.ca_file", !ca_file.as_os_str().is_empty()),
            ("kv.sentinel_user", !sentinel_user.is_empty()),
            ("kv.sentinel_password", !sentinel_password.0.is_empty()),
        ];
        if let (None, Some((key, _))) = (&url.0, given.iter().find(|(_, given)| *given)) {
            return Err(ConfigError::Unsafe(format!("{key}: there is no kv.url for it")));
        }
        let of_sfs = &self.sfs_database.url;
        if of_sfs.0.is_some() && *of_sfs == self.database.url {
            return Err(ConfigError::Unsafe(
                "sfs_database.url and database.url name the same database; each service has one of its own"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn the_example_is_what_the_program_does_without_it() {
        let example: toml::Table = include_str!("../../config/countersign.toml").parse().unwrap();
        assert_eq!(toml::Value::Table(example), toml::Value::try_from(Config::default()).unwrap());
    }
}
