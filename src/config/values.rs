//! Settings that are more than a text: each is parsed here, once, as what it is.

use std::{fmt, path::PathBuf};

use countersign_kv::RedisUrl;
use countersign_store::url::{DatabaseUrl, TlsMode};
use serde::{Deserialize, Serialize, Serializer};
use tracing_subscriber::EnvFilter;
use url::{Host, Url};

use super::names::nearest;

/// A text that contains a secret; its `Debug` form does not show it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "(hidden)" })
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(if self.0.is_empty() { "" } else { "(hidden)" })
    }
}

/// Makes a setting out of a type that is parsed from a text; an empty text means that it is not
/// set. The form that is written shows no secret.
macro_rules! optional {
    ($(#[$doc:meta])* $name:ident($of:ty) by $parse:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(pub Option<$of>);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                if text.is_empty() { Ok(Self(None)) } else { $parse(&text).map(|it| Self(Some(it))) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                match &self.0 {
                    None => s.serialize_str(""),
                    Some(it) => s.collect_str(it),
                }
            }
        }
    };
}

optional! {
    /// The database of a service. Empty: a file in the data directory.
    DatabaseAt(DatabaseUrl) by database
}
optional! {
    /// The place of live state. Empty: the memory of this process.
    RedisAt(RedisUrl) by redis
}
optional! {
    /// The URL of a socket that clients open: `ws://` or `wss://`, without a slash at its end.
    SocketUrl(String) by socket_url
}
optional! {
    /// The URL of pages that people open: `http://` or `https://`, without a slash at its end.
    WebUrl(String) by web_url
}

fn database(text: &str) -> Result<DatabaseUrl, String> {
    text.parse().map_err(|e: countersign_store::url::InvalidDatabaseUrl| e.to_string())
}

fn redis(text: &str) -> Result<RedisUrl, String> {
    text.parse().map_err(|e: countersign_kv::InvalidRedisUrl| e.to_string())
}

fn socket_url(text: &str) -> Result<String, String> {
    public_url(text, "ws", "wss")
}

fn web_url(text: &str) -> Result<String, String> {
    public_url(text, "http", "https")
}

/// A URL to which paths are appended. Plaintext is accepted only for this machine.
fn public_url(text: &str, plain: &str, safe: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|e| format!("{text} is not a URL ({e}); write {safe}://host"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("a URL that clients are given has no user and no password; write {safe}://host"));
    }
    if ![plain, safe].contains(&url.scheme()) {
        return Err(format!("{text} must begin with {safe}://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{text} has a part behind ? or #, but paths are appended to it; write {safe}://host"
        ));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(at)) => at.is_loopback(),
        Some(Host::Ipv6(at)) => at.is_loopback(),
        None => false,
    };
    if url.scheme() == plain && !here {
        return Err(format!("{text} must begin with {safe}:// beyond loopback"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// How connections to a database server are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseTls(pub TlsMode);

impl TryFrom<String> for DatabaseTls {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let names: Vec<String> = TlsMode::ALL.iter().map(|mode| mode.as_str().to_owned()).collect();
        let found = TlsMode::ALL.into_iter().find(|mode| mode.as_str() == text);
        found
            .map(Self)
            .ok_or_else(|| format!("{text:?} is none of {}{}", names.join(", "), meant(&text, &names)))
    }
}

impl From<DatabaseTls> for String {
    fn from(DatabaseTls(mode): DatabaseTls) -> Self {
        mode.as_str().to_owned()
    }
}

/// A level, or directives like `info,countersign_edge=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogLevel(String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogLevel {
    /// The directives, in the form that `tracing` reads.
    #[must_use]
    pub fn directives(&self) -> &str {
        &self.0
    }

    pub(super) fn of(directives: &'static str) -> Self {
        Self(directives.to_owned())
    }
}

impl TryFrom<String> for LogLevel {
    type Error = String;

    /// `tracing` would take an unknown word for the name of a module, and then log nothing else.
    fn try_from(text: String) -> Result<Self, String> {
        let known: Vec<String> = LEVELS.iter().map(|level| (*level).to_owned()).collect();
        for directive in text.split(',').map(str::trim) {
            let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
            if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
                let near = match level {
                    "warning" => "; did you mean warn?".to_owned(),
                    "fatal" | "critical" | "panic" => "; did you mean error?".to_owned(),
                    "verbose" => "; did you mean debug?".to_owned(),
                    other => meant(other, &known),
                };
                return Err(format!("{level:?} is none of the levels {}{near}", LEVELS.join(", ")));
            }
        }
        let directives = text.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        EnvFilter::try_new(&directives).map_err(|e| e.to_string())?;
        Ok(Self(directives))
    }
}

impl From<LogLevel> for String {
    fn from(LogLevel(text): LogLevel) -> Self {
        text
    }
}

fn meant(word: &str, known: &[String]) -> String {
    nearest(word, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// The prefix of all keys in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPrefix(String);

impl KeyPrefix {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for KeyPrefix {
    fn default() -> Self {
        Self("cs".to_owned())
    }
}

impl TryFrom<String> for KeyPrefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err("a prefix is 1 to 64 visible characters of ASCII".to_owned())
        }
    }
}

impl From<KeyPrefix> for String {
    fn from(KeyPrefix(text): KeyPrefix) -> Self {
        text
    }
}

/// A certificate chain or a key in PEM: a file, which is read again when it changes, or the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemSetting<'a> {
    None,
    File(&'a PathBuf),
    Text(&'a str),
    /// Both are set.
    Both,
}

impl<'a> PemSetting<'a> {
    pub(super) fn of(file: &'a PathBuf, text: &'a Hidden) -> Self {
        match (file.as_os_str().is_empty(), text.0.is_empty()) {
            (true, true) => Self::None,
            (false, true) => Self::File(file),
            (true, false) => Self::Text(&text.0),
            (false, false) => Self::Both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_urls_to_which_a_path_can_be_appended() {
        for (text, url) in [
            ("wss://login.example", "wss://login.example"),
            ("WSS://Login.Example:443/", "wss://login.example"),
            ("ws://localhost:9999", "ws://localhost:9999"),
            ("ws://[::1]:9999/below/", "ws://[::1]:9999/below"),
        ] {
            assert_eq!(socket_url(text).expect(text), url);
        }
        for text in [
            "login.example",
            "https://login.example",
            "wss://login.example?x=1",
            "wss://login.example/#x",
            "wss://user@login.example",
            "ws://login.example",
            "ws://127.0.0.1.example",
            "ws://127.0.0.1:80@example/",
            "ws://127.0.0.1:x",
            "wss://",
        ] {
            assert!(socket_url(text).is_err(), "{text}");
        }
        assert!(web_url("wss://login.example").is_err());
        assert_eq!(web_url("https://login.example/").expect("a URL"), "https://login.example");
    }

    #[test]
    fn words_that_are_no_levels_are_refused_with_the_nearest() {
        for (text, near) in [
            ("warning", "did you mean warn?"),
            ("fatal", "did you mean error?"),
            ("inof", "did you mean info?"),
            ("9", "none of the levels"),
            ("countersign", "none of the levels"),
            ("info,countersign_edge=loud", "\"loud\" is none"),
            ("", "none of the levels"),
        ] {
            let why = LogLevel::try_from(text.to_owned()).expect_err(text);
            assert!(why.contains(near), "{why}");
        }
        for text in ["info", "WARN", "info, countersign_edge=debug", "off"] {
            LogLevel::try_from(text.to_owned()).expect(text);
        }
    }
}
