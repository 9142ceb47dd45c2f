//! The URL of a database, and the TLS options of connections to it.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use crate::StoreError;

/// How a connection to a database server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// [`TlsMode::Off`] for a server on this machine, [`TlsMode::VerifyFull`] for any other.
    #[default]
    Auto,
    Off,
    /// Encrypted, but any server certificate is accepted.
    Require,
    /// The server's certificate must come from the CA.
    VerifyCa,
    /// The server's certificate must come from the CA and be for the host's name.
    VerifyFull,
}

impl FromStr for TlsMode {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        Ok(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(StoreError::Open(format!(
                    "database.tls = {other:?} is none of auto, off, require, verify-ca, verify-full"
                )));
            }
        })
    }
}

/// TLS options of connections to a database server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    pub mode: TlsMode,
    /// PEM file of the CAs that the verifying modes trust.
    pub ca: Option<PathBuf>,
    /// PEM files of the certificate chain and key that this pod presents.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl TlsOptions {
    /// The mode for connections to this host; `host` is `None` for a Unix socket.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the certificate must be verified and no CA is set.
    pub fn towards(&self, host: Option<&str>) -> Result<TlsMode, StoreError> {
        let mode = match (self.mode, host) {
            (TlsMode::Auto, host) if host.is_none_or(is_here) => TlsMode::Off,
            (TlsMode::Auto, _) => TlsMode::VerifyFull,
            (mode, _) => mode,
        };
        if matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull) && self.ca.is_none() {
            return Err(StoreError::Open(
                "the database's certificate cannot be verified without a CA: set database.ca_file (Debian's \
                    own list is /etc/ssl/certs/ca-certificates.crt), or say database.tls = \"off\" \
                    or \"require\""
                    .to_owned(),
            ));
        }
        Ok(mode)
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.starts_with('/')
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// The URL of a database. Its text form shows no password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
    Mysql(String),
}

impl DatabaseUrl {
    /// Whether several pods may share the database.
    #[must_use]
    pub const fn is_server(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unknown(text))?;
        match scheme {
            "sqlite" if !rest.is_empty() => Ok(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            "mysql" | "mariadb" => Ok(Self::Mysql(format!("mysql://{rest}"))),
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> StoreError {
    let scheme = text.split("://").next().filter(|_| text.contains("://")).unwrap_or("no scheme");
    StoreError::Open(format!(
        "database.url has {scheme}, and must be postgres://user:password@host/name, mysql://… or \
            sqlite:///path"
    ))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) | Self::Mysql(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Removes the password, and the parameters, which may contain one.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let place = match rest.rsplit_once('@') {
        Some((who, place)) => format!("{}@{place}", who.split(':').next().unwrap_or_default()),
        None => rest.to_owned(),
    };
    format!("{scheme}://{place}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_database_and_never_shows_its_password() {
        let url: DatabaseUrl = "postgres://ns:s3cret@db.example/ns?password=s3cret".parse().unwrap();
        assert!(url.is_server());
        assert_eq!(format!("{url} {url:?}"), "postgres://ns@db.example/ns postgres://ns@db.example/ns");
        let odd: DatabaseUrl = "mysql://ns:p@ss@db/ns".parse().unwrap();
        assert_eq!(odd.to_string(), "mysql://ns@db/ns");
        assert_eq!(
            "sqlite:///data/ns.sqlite".parse::<DatabaseUrl>().unwrap(),
            DatabaseUrl::Sqlite("/data/ns.sqlite".into())
        );
        for bad in ["", "ns.sqlite", "oracle://ns:s3cret@db/ns", "sqlite://"] {
            let told = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(told.contains("database.url") && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn beyond_this_machine_certificates_are_verified_unless_somebody_says_otherwise() {
        let with = |mode| TlsOptions { mode, ca: Some("ca.pem".into()), identity: None };
        for here in [None, Some("localhost"), Some("127.0.0.1"), Some("[::1]"), Some("/run/postgresql")] {
            assert_eq!(with(TlsMode::Auto).towards(here).unwrap(), TlsMode::Off, "{here:?}");
        }
        assert_eq!(with(TlsMode::Auto).towards(Some("db.example")).unwrap(), TlsMode::VerifyFull);
        assert_eq!(with(TlsMode::Off).towards(Some("db.example")).unwrap(), TlsMode::Off);
        let nobody = TlsOptions::default().towards(Some("db.example")).unwrap_err().to_string();
        assert!(nobody.contains("database.ca_file"), "{nobody}");
    }
}
