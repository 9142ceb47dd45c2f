//! The URL of a database, and the TLS options of connections to it.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use countersign_server_url::{ServerUrl, UrlError};

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

impl TlsMode {
    pub const ALL: [Self; 5] = [Self::Auto, Self::Off, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// The spelling in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
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

/// The URL of a database. Its text form shows neither user nor password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(ServerUrl),
    /// With a database's name and at most one host.
    Mysql(ServerUrl),
}

/// Why a text is not the URL of a database. It contains nothing of a user or password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    #[error("the URL {0}")]
    Url(#[from] UrlError),
    #[error("the URL must begin with postgres://user:password@host/name, mysql://… or sqlite:///path")]
    Scheme,
    #[error("sqlite://PATH names a file; it has no ? and no #, and \":memory:\" would keep nothing")]
    File,
    #[error("the URL names no database; write {0}://user:password@host/NAME")]
    NoName(String),
    #[error("the URL names no host")]
    NoHost,
    #[error("the URL names no user; write {0}://USER:password@host/name")]
    NoUser(String),
    #[error("the URL names several hosts, which only postgres:// can")]
    Hosts,
    #[error("{0} = {1}: known are {2}")]
    Parameter(&'static str, String, &'static str),
}

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
const MYSQL: [&str; 2] = ["mysql", "mariadb"];
const OF_POSTGRES: &[&str] = &["sslmode", "host", "application_name", "options", "target_session_attrs"];
const OF_MYSQL: &[&str] = &["sslmode", "ssl-mode", "socket"];

impl DatabaseUrl {
    /// Whether several pods may share the database.
    #[must_use]
    pub const fn is_server(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }

    /// The file of an embedded database.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) | Self::Mysql(_) => None,
        }
    }

    /// The TLS mode in the parameters of the URL, in the words of either server's own tools; `None`
    /// when it does not say.
    #[must_use]
    pub fn tls_mode(&self) -> Option<TlsMode> {
        let (Self::Postgres(url) | Self::Mysql(url)) = self else { return None };
        let said = url.parameter("sslmode").or(url.parameter("ssl-mode"))?;
        tls_mode(said).flatten()
    }

    fn postgres(url: ServerUrl) -> Result<Self, InvalidDatabaseUrl> {
        url.only_parameters(OF_POSTGRES)?;
        url.only_segment()?;
        check_tls_mode("sslmode", &url)?;
        // We always need a server that takes writes.
        if let Some(other) = url.parameter("target_session_attrs")
            && !["any", "read-write", "primary"].contains(&other)
        {
            let known = "any, read-write, primary";
            return Err(InvalidDatabaseUrl::Parameter("target_session_attrs", other.to_owned(), known));
        }
        if url.hosts.is_empty() && url.parameter("host").is_none() {
            return Err(InvalidDatabaseUrl::NoHost);
        }
        if url.user.is_none() {
            return Err(InvalidDatabaseUrl::NoUser(url.scheme));
        }
        Ok(Self::Postgres(url))
    }

    fn mysql(url: ServerUrl) -> Result<Self, InvalidDatabaseUrl> {
        url.only_parameters(OF_MYSQL)?;
        check_tls_mode("sslmode", &url)?;
        check_tls_mode("ssl-mode", &url)?;
        if url.only_segment()?.is_none() {
            return Err(InvalidDatabaseUrl::NoName(url.scheme));
        }
        match &url.hosts[..] {
            [] if url.parameter("socket").is_none() => Err(InvalidDatabaseUrl::NoHost),
            [_, _, ..] => Err(InvalidDatabaseUrl::Hosts),
            _ => Ok(Self::Mysql(url)),
        }
    }
}

/// The mode that this word means to PostgreSQL's or MySQL's tools: `None` for an unknown word,
/// `Some(None)` for one that leaves the choice to us.
fn tls_mode(word: &str) -> Option<Option<TlsMode>> {
    Some(match word.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => Some(TlsMode::Off),
        "require" | "required" => Some(TlsMode::Require),
        "verify-ca" | "verify_ca" => Some(TlsMode::VerifyCa),
        "verify-full" | "verify_identity" => Some(TlsMode::VerifyFull),
        "allow" | "prefer" | "preferred" => None,
        _ => return None,
    })
}

fn check_tls_mode(key: &'static str, url: &ServerUrl) -> Result<(), InvalidDatabaseUrl> {
    match url.parameter(key) {
        Some(word) if tls_mode(word).is_none() => Err(InvalidDatabaseUrl::Parameter(
            key,
            format!("{word:?}"),
            "disable, prefer, require, verify-ca, verify-full",
        )),
        _ => Ok(()),
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite://") {
            return match path {
                "" | ":memory:" => Err(InvalidDatabaseUrl::File),
                path if path.contains(['?', '#']) => Err(InvalidDatabaseUrl::File),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        match ServerUrl::parse(text, &[&POSTGRES[..], &MYSQL[..]].concat()) {
            Ok(url) if POSTGRES.contains(&url.scheme.as_str()) => Self::postgres(url),
            Ok(url) => Self::mysql(url),
            Err(UrlError::Scheme(_)) => Err(InvalidDatabaseUrl::Scheme),
            Err(other) => Err(other.into()),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) | Self::Mysql(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_database_and_never_shows_its_password() {
        let url: DatabaseUrl = "postgres://ns:s3cret@db.example/ns".parse().unwrap();
        assert!(url.is_server());
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example/ns postgres://db.example/ns");
        let odd: DatabaseUrl = "mysql://ns:p@ss@db/ns".parse().unwrap();
        assert_eq!(odd.to_string(), "mysql://db/ns");
        assert_eq!(
            "sqlite:///data/ns.sqlite".parse::<DatabaseUrl>().unwrap(),
            DatabaseUrl::Sqlite("/data/ns.sqlite".into())
        );
        for bad in [
            "",
            "ns.sqlite",
            "oracle://ns:s3cret@db/ns",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite:///x?mode=rw",
            "mysql://ns:s3cret@db",
            "mysql://ns:s3cret@a,b/ns",
            "mysql://ns:s3cret@/ns",
            "postgres://ns:s3cret@/ns",
            "postgres://db/ns",
            "postgres://ns:s3cret@db/ns?password=s3cret",
            "postgres://ns:s3cret@db/ns?sslmode=on",
            "postgres://ns:s3cret@db/ns?target_session_attrs=standby",
            "postgres://ns:s3#cret@db/ns",
        ] {
            let told = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!told.contains("s3") && !told.contains("cret"), "{told}");
        }
    }

    #[test]
    fn tls_may_be_asked_for_in_the_words_of_either_server() {
        for (url, mode) in [
            ("postgres://u@db/ns", None),
            ("postgres://u@db/ns?sslmode=prefer", None),
            ("postgres://u@db/ns?sslmode=disable", Some(TlsMode::Off)),
            ("postgres://u@db/ns?sslmode=require", Some(TlsMode::Require)),
            ("mysql://u@db/ns?ssl-mode=VERIFY_IDENTITY", Some(TlsMode::VerifyFull)),
            ("sqlite:///x", None),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().tls_mode(), mode, "{url}");
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
