#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod parse;

use std::fmt;

use zeroize::Zeroizing;

/// A password. Its `Debug` form does not show it, and it is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Exposes the password. Call this as late as possible.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A host, and its port if the URL states one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an IPv4 address, an IPv6 address without brackets, or the path of a unix socket.
    pub name: String,
    pub port: Option<u16>,
}

impl Host {
    /// Whether this is the path of a unix socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]", self.name)?;
        } else {
            f.write_str(&self.name)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A parsed URL. `Display` and `Debug` show the scheme, the hosts and the path.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// In lower case, one of those that the caller accepts.
    pub scheme: String,
    /// Percent-decoded; `None` when it is missing or empty.
    pub user: Option<String>,
    pub password: Option<Password>,
    pub hosts: Vec<Host>,
    /// The percent-decoded segments of the path; empty when there is none.
    pub path: Vec<String>,
    /// Percent-decoded keys and values, in the order of the URL.
    pub parameters: Vec<(String, String)>,
}

impl ServerUrl {
    /// Parses a URL with one of these schemes.
    ///
    /// # Errors
    /// When it is none. The error contains nothing of the user and password.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, UrlError> {
        parse::url(text, schemes)
    }

    /// The only segment of the path; `None` when it is missing or empty.
    ///
    /// # Errors
    /// [`UrlError::Path`] when there is more than one segment.
    pub fn only_segment(&self) -> Result<Option<&str>, UrlError> {
        match &self.path[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.as_str()).filter(|s| !s.is_empty())),
            _ => Err(UrlError::Path),
        }
    }

    /// The value of a parameter; the last one when it is given more than once.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Checks that there are no parameters but these.
    ///
    /// # Errors
    /// [`UrlError::Parameter`] with the first other one.
    pub fn only_parameters(&self, known: &'static [&'static str]) -> Result<(), UrlError> {
        match self.parameters.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            // A key may be a part of a password that was not encoded, so only plausible ones are
            // shown.
            Some((key, _)) => Err(UrlError::Parameter { key: parse::plausible_key(key), known }),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        for (n, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if n == 0 { "" } else { "," })?;
        }
        self.path.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a URL that we accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("must begin with {0}")]
    Scheme(String),
    #[error(
        "contains a blank, a line break or another control character; write %20 for a blank in a password"
    )]
    Blank,
    #[error(
        "has /, ? or # before its last @; in a user or password write %2F, %3F, %23, and for an @ \
            behind the host %40"
    )]
    Raw,
    #[error("has a % that is not followed by two hexadecimal digits; write %25 for the character itself")]
    Percent,
    #[error("has a percent-encoded part that is not UTF-8, or contains a control character")]
    Encoding,
    #[error("names no host")]
    NoHost,
    #[error("has a host that is none: write a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    #[error("has a port that is no number from 1 to 65535")]
    Port,
    #[error("has a fragment (#…), which means nothing here; in a password write %23")]
    Fragment,
    #[error("has a path of more parts than expected")]
    Path,
    #[error("has a parameter without a value; write ?key=value")]
    NoValue,
    #[error("has the parameter {key}; known are: {}", .known.join(", "))]
    Parameter { key: String, known: &'static [&'static str] },
}

#[cfg(test)]
mod tests;
