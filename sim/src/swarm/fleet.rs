//! Enrolled phones, and the pods they may connect to.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{
    ApiClient, Confirm, Limit, Limits, NewApiKey, NewClient, NewEnrolment, NewRealm, RealmSettings, roles,
};
use countersign_channel::random;
use countersign_sdk::{Account, AccountServer, KeyStore, Link, ReqId};
use futures_util::{StreamExt, stream};

use super::{Pod, Stop, Tally};
use crate::{MemoryKeys, Online, PhoneError};

const REALM: &str = "swarm";
/// Number of phones that enrol at a time.
const WIDE: usize = 64;
/// Open files that this process needs besides one socket per phone: REST connections, pages, files.
const RESERVE: usize = 512;

/// The pods to put under load, and how to access them.
pub struct Aim {
    pub pods: Vec<Pod>,
    /// An API key that may create a realm, clients and keys.
    pub root_key: String,
    /// A PEM file with the CA of the pods' certificates.
    pub ca: Option<PathBuf>,
    /// Whether pods on other machines are allowed.
    pub anywhere: bool,
}

/// One enrolled phone.
#[derive(Clone)]
pub struct Phone {
    pub account: Account,
    keys: Arc<MemoryKeys>,
    source: Option<IpAddr>,
}

/// Enrolled phones, and pods that share all their state.
pub struct Fleet {
    pub pods: Vec<Pod>,
    pub phones: Vec<Phone>,
    /// REST API of each pod, with the key of a client of the realm.
    apis: Vec<ApiClient>,
}

impl Aim {
    fn check(&self, phones: usize) -> Result<(), Stop> {
        let hosts = self.pods.iter().flat_map(|p| [Some(&p.rest), Some(&p.phone), p.page.as_ref()]).flatten();
        if let Some(far) = hosts.into_iter().find(|url| !is_loopback(url))
            && !self.anywhere
        {
            return Err(format!("{far} is not this machine: load on others takes --anywhere").into());
        }
        let files = open_files();
        if phones + RESERVE > files {
            let most = files.saturating_sub(RESERVE);
            return Err(format!(
                "{phones} phones take more open files than the {files} this process may have; {most} phones \
                    fit (ulimit -n)"
            )
            .into());
        }
        Ok(())
    }

    fn api(&self) -> Result<ApiClient, Stop> {
        let first = self.pods.first().ok_or("no pod")?;
        Ok(match &self.ca {
            None => ApiClient::new(&first.rest, &self.root_key)?,
            Some(ca) => ApiClient::trusting(&first.rest, &self.root_key, &fs::read(ca)?)?,
        })
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_loopback(url: &str) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Raises the limit of open files to the most that this process is allowed, and returns it; login
/// shells start with a lower one.
fn open_files() -> usize {
    rlimit::increase_nofile_limit(u64::MAX).map_or(1024, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// Returns the local address of the `nth` phone. Like real phones, they connect from many
/// addresses, because limits per address apply to them, too. Only IPv4 has a whole loopback
/// network; for other pods the system chooses the address.
fn source(pod: &Pod, nth: usize) -> Option<IpAddr> {
    let local = host(&pod.phone).parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    let (net, end) = ((nth / 250) % 250, nth % 250 + 2);
    local
        .then(|| Ipv4Addr::new(127, 0, u8::try_from(net).unwrap_or(0), u8::try_from(end).unwrap_or(2)).into())
}

impl Fleet {
    /// Creates the realm `swarm` if it is missing and a client in it, and enrols `phones` phones,
    /// each for its own user.
    ///
    /// # Errors
    /// When a pod refuses, a pod is on another machine without [`Aim::anywhere`], or this process
    /// may not open enough files.
    pub async fn enrol(aim: &Aim, phones: usize, tally: &Tally) -> Result<Self, Stop> {
        aim.check(phones)?;
        let api = client(&aim.api()?).await?;
        let run = URL_SAFE_NO_PAD.encode(random::<6>());
        let pods = &aim.pods;
        let apis: Vec<ApiClient> = pods.iter().map(|p| api.at(&p.rest)).collect();
        tally.begin("enrolling", phones);
        let enrolled = stream::iter(0..phones)
            .map(|n| {
                let (api, pod, user) =
                    (apis[n % apis.len()].clone(), pods[n % pods.len()].clone(), format!("swarm-{run}-{n}"));
                tokio::spawn(async move { Phone::enrol(&api, &pod, user, n).await })
            })
            .buffered(WIDE);
        let mut done = Vec::with_capacity(phones);
        {
            let mut enrolled = std::pin::pin!(enrolled);
            while let Some(phone) = enrolled.next().await {
                done.push(phone??);
                tally.step();
            }
        }
        Ok(Self { pods: aim.pods.clone(), phones: done, apis })
    }

    /// REST API of the pod for the `nth` operation, in rotation.
    #[must_use]
    pub fn api(&self, nth: usize) -> &ApiClient {
        &self.apis[nth % self.apis.len()]
    }

    /// The pod for the `nth` operation, in rotation.
    #[must_use]
    pub fn pod(&self, nth: usize) -> &Pod {
        &self.pods[nth % self.pods.len()]
    }

    fn of(&self, phones: &[Phone], pods: &[Pod], apis: &[ApiClient]) -> Self {
        Self { pods: pods.to_vec(), phones: phones.to_vec(), apis: apis.to_vec() }
    }

    /// A fleet of the first `phones` phones, at the same pods.
    #[must_use]
    pub fn first(&self, phones: usize) -> Self {
        self.of(&self.phones[..phones.min(self.phones.len())], &self.pods, &self.apis)
    }

    /// A fleet of all phones, at pods that have replaced these.
    #[must_use]
    pub fn at(&self, pods: &[Pod]) -> Self {
        let apis: Vec<ApiClient> = pods.iter().map(|p| self.apis[0].at(&p.rest)).collect();
        self.of(&self.phones, pods, &apis)
    }

    /// A fleet of all phones, at the first pod only.
    #[must_use]
    pub fn at_first_pod(&self) -> Self {
        self.of(&self.phones, &self.pods[..1], &self.apis[..1])
    }

    /// A fleet of all phones, at all pods but the first.
    #[must_use]
    pub fn without_first_pod(&self) -> Self {
        self.of(&self.phones, &self.pods[1..], &self.apis[1..])
    }

    /// The realm's name.
    #[must_use]
    pub fn realm(&self) -> &'static str {
        REALM
    }
}

/// Creates a client of the realm, with limits that the load does not reach, and returns its API.
async fn client(root: &ApiClient) -> Result<ApiClient, Stop> {
    let much = || Some(Limit { most: 1_000_000, secs: 60 });
    let limits = Limits {
        initiator: much(),
        user: much(),
        account: much(),
        client: much(),
        address: much(),
        ..Limits::default()
    };
    let settings = RealmSettings {
        enrolment_confirm: Some(vec![Confirm::None]),
        limits: Some(limits),
        ..RealmSettings::default()
    };
    if root.realm(REALM).await.is_err() {
        root.create_realm(&NewRealm { name: REALM.into(), display_name: "Swarm".into(), settings }).await?;
    }
    let name = format!("swarm-{}", URL_SAFE_NO_PAD.encode(random::<6>()).replace('_', "-").to_lowercase());
    let client = root
        .create_client(REALM, &NewClient { name, display_name: "Swarm".into(), ..NewClient::default() })
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

impl Phone {
    async fn enrol(api: &ApiClient, pod: &Pod, user: String, nth: usize) -> Result<Self, Stop> {
        let enrolment = api.create_enrolment(REALM, &NewEnrolment::new(user, Confirm::None)).await?;
        let Link::Enrol(mut link) = Link::parse(enrolment.link.as_deref().unwrap_or_default())? else {
            return Err("not an enrolment link".into());
        };
        link.url.clone_from(&pod.phone);
        let keys = Arc::new(MemoryKeys::default());
        let key = keys.generate()?;
        let enrolled = Online::enrol(&link, keys.clone(), key, ReqId(random()), "swarm").await?;
        Ok(Self { account: enrolled.account, keys, source: source(pod, nth) })
    }

    /// Connects to this pod.
    ///
    /// # Errors
    /// When the pod cannot be reached or ends the connection.
    pub async fn connect(&self, pod: &Pod) -> Result<Online, PhoneError> {
        let server = AccountServer { url: pod.phone.clone(), ..self.account.server.clone() };
        let account = Account { server, ..self.account.clone() };
        Online::connect_from(&account, self.keys.clone(), self.source).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for near in
            ["http://127.0.0.1:8080", "ws://localhost:8888/phone", "https://[::1]:443/x", "http://127.9.9.9"]
        {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "https://ns.example",
            "ws://10.0.0.1:1/",
            "http://127.0.0.1.example:80",
            "http://localhost.example",
            "",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
