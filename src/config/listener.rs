//! Listeners: what is served where. `[[listener]]` describes them in full; `listen.*` and `*_tls`
//! are the short form.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use countersign_edge::listener::Bind;
use serde::{Deserialize, Serialize};

use super::{ClientCertificates, Config, ConfigError, PemSetting, PortTls};

/// Something that a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The REST API.
    Rest,
    /// The page channel.
    Page,
    /// The login element and the page of app links: files that a web server may serve instead.
    Assets,
    /// The sockets of phones; the path selects the service.
    Phone,
    /// Probes, metrics, the status page.
    Admin,
    /// The demo shop.
    Demo,
}

/// The protocol of a listener. Only resources of one kind may share a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Http,
    Phone,
}

impl Resource {
    pub const ALL: [Self; 6] = [Self::Rest, Self::Page, Self::Assets, Self::Phone, Self::Admin, Self::Demo];

    /// The spelling in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Page => "page",
            Self::Assets => "assets",
            Self::Phone => "phone",
            Self::Admin => "admin",
            Self::Demo => "demo",
        }
    }

    #[must_use]
    pub fn kind(self) -> Kind {
        if self == Self::Phone { Kind::Phone } else { Kind::Http }
    }
}

/// An address to listen on, as written in settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "toml::Value", into = "String")]
pub struct ListenAddress(pub Bind);

impl From<ListenAddress> for String {
    fn from(place: ListenAddress) -> Self {
        place.0.to_string()
    }
}

/// Reads an address to listen at.
///
/// # Errors
/// What to write instead. A name such as `localhost` may have several addresses, so it is none.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address with a port: write 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080")
    })
}

impl TryFrom<toml::Value> for ListenAddress {
    type Error = String;

    fn try_from(said: toml::Value) -> Result<Self, String> {
        let address = |text: &str| address(text).map(Bind::Tcp);
        let table = match said {
            toml::Value::String(text) => return address(&text).map(Self),
            toml::Value::Table(table) => table,
            other => return Err(format!("a {} is neither an address nor a table", other.type_str())),
        };
        const HOW: &str =
            "a bind is an address, { unix = \"/path\", mode = \"0660\" } or { systemd = \"name\" }";
        let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
        if let Some(unknown) =
            table.keys().find(|key| !["unix", "mode", "systemd", "tcp"].contains(&key.as_str()))
        {
            return Err(format!("a bind has no {unknown}; {HOW}"));
        }
        match (text("tcp"), text("unix"), text("systemd"), table.len()) {
            (Some(tcp), None, None, 1) => address(tcp).map(Self),
            (None, None, Some(name), 1) => Ok(Self(Bind::Systemd(name.to_owned()))),
            (None, Some(path), None, 1 | 2) => {
                let digits = text("mode").or(if table.len() == 1 { Some("0600") } else { None });
                let mode = digits.and_then(|m| u32::from_str_radix(m, 8).ok()).filter(|m| *m <= 0o777);
                let mode = mode.ok_or_else(|| "mode is a text of octal digits, like \"0660\"".to_owned())?;
                Ok(Self(Bind::Unix { path: PathBuf::from(path), mode }))
            }
            _ => Err(HOW.to_owned()),
        }
    }
}

/// One `[[listener]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Name of the listener, for messages.
    pub name: String,
    pub resources: Vec<Resource>,
    pub binds: Vec<ListenAddress>,
    #[serde(default)]
    pub tls: PortTls,
}

impl Listener {
    fn new(resources: &[Resource], at: SocketAddr, tls: &PortTls) -> Self {
        let name = resources.first().map_or("", |r| r.as_str()).to_owned();
        Self {
            name,
            resources: resources.to_vec(),
            binds: vec![ListenAddress(Bind::Tcp(at))],
            tls: tls.clone(),
        }
    }

    /// The protocol, which is that of its resources.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.resources.first().map_or(Kind::Http, |r| r.kind())
    }

    /// Checks this listener without the others. `key` returns the name of a member in the settings.
    fn check(&self, key: impl Fn(&str) -> String, allow_plaintext: bool) -> Result<(), String> {
        let tls = &self.tls;
        let [certificate, private] = ["certificate_file", "key_file"].map(|k| key(&format!("tls.{k}")));
        for (pem, file) in [(tls.certificate(), &certificate), (tls.key(), &private)] {
            if pem == PemSetting::Both {
                let text = file.trim_end_matches("_file");
                return Err(format!("set {file}, or {text} with the PEM itself, but not both"));
            }
        }
        if tls.on() == (tls.key() == PemSetting::None) {
            return Err(format!("set both {certificate} and {private}, or neither"));
        }
        let [clients, ca_file] = ["client_certificates", "client_ca_file"].map(|k| key(&format!("tls.{k}")));
        let ca = !tls.client_ca_file.as_os_str().is_empty();
        if ca != (tls.client_certificates == ClientCertificates::Ca) {
            return Err(format!("set both {clients} = \"ca\" and {ca_file}, or neither"));
        }
        if tls.client_certificates != ClientCertificates::Off && !tls.on() {
            return Err(format!("{clients} needs {certificate} and {private}"));
        }
        for ListenAddress(at) in &self.binds {
            if let Bind::Tcp(at) = at
                && !at.ip().is_loopback()
                && !allow_plaintext
                && !tls.on()
            {
                return Err(format!(
                    "{} = {at} would speak plaintext beyond this machine; set {certificate} and {private}, \
                        or put a TLS proxy in front and set listen.allow_plaintext = true, or listen on \
                        127.0.0.1",
                    key("binds")
                ));
            }
            if self.resources.contains(&Resource::Demo)
                && !matches!(at, Bind::Tcp(at) if at.ip().is_loopback())
            {
                return Err(format!("{} = {at} must be a loopback address", key("binds")));
            }
            if tls.on() && !matches!(at, Bind::Tcp(_)) && matches!(at, Bind::Unix { .. }) {
                return Err(format!(
                    "{} = {at} speaks no TLS: leave {certificate} empty there",
                    key("binds")
                ));
            }
        }
        Ok(())
    }
}

impl Config {
    /// Returns all listeners, after checking them.
    ///
    /// # Errors
    /// When a combination of settings is not possible, or not safe; the error names it.
    pub fn listeners(&self) -> Result<Vec<Listener>, ConfigError> {
        let short = self.listener.is_empty();
        let all = if short { self.short_form() } else { self.listener.clone() };
        if !short {
            self.check_long_form()?;
        }
        for listener in &all {
            let key = |member: &str| match (short, member) {
                (true, "binds") => format!("listen.{}", listener.name),
                (true, member) => member.replacen("tls.", &format!("{}_tls.", listener.name), 1),
                (false, member) => format!("listener {:?}: {member}", listener.name),
            };
            listener.check(key, self.listen.allow_plaintext).map_err(ConfigError::Unsafe)?;
        }
        Ok(all)
    }

    fn short_form(&self) -> Vec<Listener> {
        let (l, none) = (&self.listen, PortTls::default());
        vec![
            Listener::new(&[Resource::Rest], l.rest, &self.rest_tls),
            Listener::new(&[Resource::Page, Resource::Assets], l.page, &self.page_tls),
            Listener::new(&[Resource::Phone], l.phone, &self.phone_tls),
            Listener::new(&[Resource::Admin], l.admin, &self.admin_tls),
            Listener::new(&[Resource::Demo], l.demo, &none),
        ]
    }

    /// Checks that listeners do not conflict with each other, or with the short form.
    fn check_long_form(&self) -> Result<(), ConfigError> {
        let refuse = |why: String| Err(ConfigError::Unsafe(why));
        let short = |key: &&String| {
            key.split_once('.').is_some_and(|(section, key)| {
                section.ends_with("_tls") || section == "listen" && key != "allow_plaintext"
            })
        };
        if let Some(key) = self.said.iter().find(short) {
            return refuse(format!(
                "{key} and [[listener]] both say where something listens; one of them must go"
            ));
        }
        let (mut names, mut served, mut places) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for listener in &self.listener {
            let name = &listener.name;
            if name.is_empty() || !names.insert(name) {
                return refuse(format!("listener {name:?}: another listener has the same name"));
            }
            if listener.resources.is_empty() || listener.binds.is_empty() {
                return refuse(format!(
                    "listener {name:?}: set both resources (what it serves) and binds \
                    (where)"
                ));
            }
            for resource in &listener.resources {
                if resource.kind() != listener.kind() {
                    return refuse(format!(
                        "listener {name:?}: phone is not HTTP and needs a listener of its own"
                    ));
                }
                if !served.insert(*resource) {
                    return refuse(format!(
                        "listener {name:?}: {} is served by another listener already",
                        resource.as_str()
                    ));
                }
            }
            for ListenAddress(bind) in &listener.binds {
                let free = matches!(bind, Bind::Tcp(at) if at.port() == 0);
                // There can be only one unix socket with a path, whatever its permissions.
                if !places.insert(bind.to_string()) && !free {
                    return refuse(format!("listener {name:?}: {bind} is taken by another listener"));
                }
            }
        }
        Ok(())
    }
}
