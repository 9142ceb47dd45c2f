//! Opens the listeners and serves the services on them.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    thread::available_parallelism,
    time::Duration,
};

use countersign_actors_shell::{Deaths, Supervision};
use countersign_edge::{
    access, admin, http,
    listener::{self, Handed, Socket},
    metrics::Exposition,
    observed::Admin,
    phone::{
        self, PhoneListener,
        gate::{Gate, Limits},
    },
    tls::{self, Pem, Tls, TlsFiles},
    workers::Workers,
};

use super::{Plan, StartError, files::FileShares, service::Service};
use crate::{
    config::{
        self, Config, PemSetting, PortTls,
        listener::{Kind, ListenAddress, Listener, Resource},
    },
    lifecycle::{Listening, Running},
    secret_files,
    tls_files::Watched,
};

/// A listener whose sockets are open.
pub(super) struct Bound {
    listener: Listener,
    sockets: Vec<Socket>,
    tls: Option<Tls>,
}

/// Opens the sockets of what this role serves.
pub(super) fn bind(plan: &Plan, served: &[Resource]) -> Result<Vec<Bound>, StartError> {
    let mut handed = Handed::from_env(plan.socket_names.as_deref());
    let config = &plan.config;
    let all = config.listeners().map_err(|e| StartError::Other(e.to_string()))?;
    if let Some(missing) = served.iter().find(|r| !all.iter().any(|l| l.resources.contains(r))) {
        let name = missing.as_str();
        return Err(StartError::Other(format!(
            "no listener serves {name}: add \"{name}\" to the resources of a [[listener]]"
        )));
    }
    let long = !config.listener.is_empty();
    let mut bound = Vec::new();
    for mut listener in all {
        let stranger = listener.resources.iter().find(|r| !served.contains(r)).copied();
        if let (Some(stranger), true) = (stranger, long) {
            let (name, what) = (&listener.name, stranger.as_str());
            return Err(StartError::Other(format!(
                "listener {name:?}: this process does not serve {what}; remove it from resources"
            )));
        }
        listener.resources.retain(|r| served.contains(r));
        if listener.resources.is_empty() {
            continue;
        }
        let open = |ListenAddress(at): &ListenAddress| {
            let key = if long {
                format!("listener {:?}", listener.name)
            } else {
                format!("listen.{}", listener.name)
            };
            listener::bind(at, &mut handed).map_err(|e| StartError::Listen(at.to_string(), key, e))
        };
        let sockets = listener.binds.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        check_opened(&listener, &sockets, config.listen.allow_plaintext)?;
        if let PemSetting::File(key) = listener.tls.key() {
            let refuse = |e| {
                StartError::Other(format!("the key of listener {:?}, {}: {e}", listener.name, key.display()))
            };
            secret_files::check(key).map_err(refuse)?;
        }
        let tls = listener.tls.on().then(|| Tls::load(files(&listener.name, &listener.tls))).transpose()?;
        bound.push(Bound { listener, sockets, tls });
    }
    Ok(bound)
}

/// Applies the rules of `Config::listeners` to open sockets, because only an open socket shows what
/// systemd has passed.
fn check_opened(listener: &Listener, sockets: &[Socket], allow_plaintext: bool) -> Result<(), StartError> {
    let (name, tls) = (&listener.name, listener.tls.on());
    for socket in sockets {
        let address = socket.address().map_err(io)?;
        let why = match address {
            None if tls => "a unix socket speaks no TLS: leave tls out".to_owned(),
            Some(at) if !at.ip().is_loopback() && !allow_plaintext && !tls => format!(
                "{at} would speak plaintext beyond this machine; set tls, or put a TLS proxy in front and \
                    set listen.allow_plaintext = true"
            ),
            _ => continue,
        };
        return Err(StartError::Other(format!("listener {name:?}: {why}")));
    }
    Ok(())
}

fn files(name: &str, tls: &PortTls) -> TlsFiles {
    let pem = |setting: PemSetting<'_>, what: &str| match setting {
        PemSetting::Text(text) => Pem::text(format!("the {what} of listener {name:?}"), text),
        PemSetting::File(file) => Pem::File(file.clone()),
        // `Config::listeners` has refused these.
        PemSetting::None | PemSetting::Both => Pem::File(PathBuf::new()),
    };
    let clients = match tls.client_certificates {
        config::ClientCertificates::Off => tls::ClientCertificates::Off,
        config::ClientCertificates::Optional => tls::ClientCertificates::Optional,
        config::ClientCertificates::Any => tls::ClientCertificates::Any,
        config::ClientCertificates::Ca => tls::ClientCertificates::Ca(tls.client_ca_file.clone()),
    };
    let (certificate, key) = (pem(tls.certificate(), "certificate"), pem(tls.key(), "key"));
    TlsFiles { certificate, key, clients }
}

/// The addresses of resources, for URLs.
pub(super) struct Places(Vec<(Resource, Option<SocketAddr>, bool)>);

impl Places {
    pub(super) fn of(bound: &[Bound]) -> Result<Self, StartError> {
        let mut places = Vec::new();
        for Bound { listener, sockets, tls } in bound {
            let addresses = sockets.iter().map(Socket::address).collect::<Result<Vec<_>, _>>();
            let address =
                addresses.map_err(|e| StartError::Other(e.to_string()))?.into_iter().flatten().next();
            places.extend(listener.resources.iter().map(|r| (*r, address, tls.is_some())));
        }
        Ok(Self(places))
    }

    /// The address of a resource; `None` if it has none.
    pub(super) fn address(&self, resource: Resource) -> Option<SocketAddr> {
        self.0.iter().find(|(r, ..)| *r == resource).and_then(|(_, at, _)| *at)
    }

    /// The URL of a resource by its address; `None` if it has none.
    pub(super) fn url(&self, resource: Resource, scheme: &str) -> Option<String> {
        let (_, at, tls) = self.0.iter().find(|(r, ..)| *r == resource)?;
        at.map(|at| format!("{scheme}{}://{at}", if *tls { "s" } else { "" }))
    }

    /// The URL that clients use: the setting `public.KEY`, or else the address.
    pub(super) fn public(
        &self,
        given: Option<&str>,
        key: &str,
        resource: Resource,
        scheme: &str,
    ) -> Result<String, StartError> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        let name = resource.as_str();
        let refuse = |how: &str| {
            Err(StartError::Other(format!(
                "{name} listens at {how}, so public.{key} must say how it is reached"
            )))
        };
        match (self.address(resource), self.url(resource, scheme)) {
            (Some(at), _) if at.ip().is_unspecified() => refuse("every address of this machine"),
            (_, Some(url)) => Ok(url),
            (_, None) => refuse("no address"),
        }
    }
}

/// Number of threads for one of `listeners` that share the cores. A few busy threads wake each
/// other less than many idle ones.
fn workers(asked: usize, listeners: usize, shares: FileShares) -> usize {
    let cores = available_parallelism().map_or(2, usize::from);
    match asked {
        0 if shares.scarce => 1,
        0 => cores.div_ceil(listeners),
        asked => asked,
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn io(e: std::io::Error) -> StartError {
    StartError::Other(e.to_string())
}

/// Takes out the socket of a resource that is served separately. The resource must be alone on its
/// listener, at a TCP address.
pub(super) fn take(bound: &mut Vec<Bound>, resource: Resource) -> Result<TcpListener, StartError> {
    let name = resource.as_str();
    let at = bound.iter().position(|b| b.listener.resources == [resource]);
    let alone = at.map(|at| bound.swap_remove(at).sockets);
    match alone.and_then(|mut sockets| sockets.pop()) {
        Some(Socket::Tcp(listener)) => Ok(listener),
        _ => Err(StartError::Other(format!("{name} needs a listener of its own with a TCP address"))),
    }
}

/// Serves everything except the demo; returns the certificates to watch.
pub(super) fn serve(
    plan: &Plan,
    bound: Vec<Bound>,
    exposition: Exposition,
    services: Vec<Box<dyn Service>>,
    (supervision, deaths): (Supervision, Deaths),
) -> Result<(Running, Vec<Watched>), StartError> {
    let observed: Vec<_> = services.iter().map(|s| s.observed()).collect();
    let admin = Admin {
        role: plan.role.as_str(),
        exposition,
        services: observed.into(),
        began: std::time::Instant::now(),
    };
    let resources = |b: &Bound| b.listener.resources.iter().map(|r| r.as_str()).collect();
    let certificates =
        bound.iter().filter_map(|b| Some(Watched::new(b.tls.clone()?, resources(b)))).collect();
    let mut running = Running::new(services, supervision, deaths);
    let http = |b: &&Bound| b.listener.kind() == Kind::Http && !is_admin(&b.listener);
    let shares = FileShares::of_process(plan.config.http.connections, bound.iter().filter(http).count())?;
    for bound in bound {
        match bound.listener.kind() {
            Kind::Phone => serve_phones(&plan.config, bound, shares, &mut running)?,
            Kind::Http => serve_http(&plan.config, bound, shares, &admin, &mut running)?,
        }
    }
    Ok((running, certificates))
}

/// Whether only probes, metrics and the status page are served there.
fn is_admin(listener: &Listener) -> bool {
    listener.resources == [Resource::Admin]
}

fn serve_phones(
    config: &Config,
    bound: Bound,
    shares: FileShares,
    running: &mut Running,
) -> Result<(), StartError> {
    let p = &config.phone;
    let gate = Gate::new(Limits {
        strangers: p.strangers,
        strangers_per_address: p.strangers_per_address,
        connections: p.connections.min(shares.phones),
    });
    let settings = phone::Settings {
        hello: ms(p.hello_ms),
        write: ms(p.write_ms),
        workers: workers(p.workers, 1, shares),
    };
    let services = running.services().iter().map(|s| s.phone()).collect();
    let workers = Workers::new("the phone listener", running.supervision().clone());
    let expected = settings.workers * bound.sockets.len();
    let listener = PhoneListener::new(services, gate, settings, bound.tls);
    let server = phone::serve(bound.sockets, listener, &workers).map_err(io)?;
    running.add_phone(Listening { server, workers, expected });
    Ok(())
}

/// How a listener counts in metrics, and its name.
fn kind(listener: &Listener) -> (access::Listener, &'static str) {
    match listener.resources.first() {
        Some(Resource::Rest) => (access::Listener::Rest, "the REST listener"),
        Some(Resource::Admin) => (access::Listener::Admin, "the admin listener"),
        _ => (access::Listener::Page, "the page listener"),
    }
}

fn serve_http(
    config: &Config,
    bound: Bound,
    shares: FileShares,
    admin: &Admin,
    running: &mut Running,
) -> Result<(), StartError> {
    let Bound { listener, sockets, tls } = bound;
    let h = &config.http;
    let busy = listener.resources.iter().any(|r| [Resource::Rest, Resource::Page].contains(r));
    let settings = http::Settings {
        workers: if busy { workers(h.workers, 2, shares) } else { 1 },
        keep_alive: ms(h.keep_alive_ms),
        request: ms(h.request_ms),
        connections: if is_admin(&listener) { shares.admin } else { shares.http },
    };
    let mut routes = Vec::new();
    let mut whose = None;
    for service in running.services() {
        for (resource, of_resource) in service.http() {
            if listener.resources.contains(&resource) {
                routes.push(of_resource);
                whose.get_or_insert((service.codes(), service.observed()));
            }
        }
    }
    let of_admin = listener.resources.contains(&Resource::Admin).then(|| admin.clone());
    let Some((codes, observed)) =
        whose.or_else(|| running.services().first().map(|s| (s.codes(), s.observed())))
    else {
        return Ok(());
    };
    let (kind, name) = kind(&listener);
    #[cfg(feature = "faults")]
    let faults: Vec<_> = running.services().iter().map(|s| s.faults()).collect();
    let all = move |c: &mut actix_web::web::ServiceConfig| {
        routes.iter().for_each(|of_resource| of_resource(c));
        if let Some(admin) = &of_admin {
            admin::routes(c, admin.clone());
            #[cfg(feature = "faults")]
            {
                crate::sabotage::routes(c);
                faults.iter().for_each(|of_tests| of_tests(c));
            }
        }
    };
    let workers = Workers::new(name, running.supervision().clone());
    let expected = settings.workers * sockets.len();
    let watch = http::Watch { metrics: observed.metrics().clone(), workers: workers.clone() };
    let server = http::serve(sockets, kind, codes, tls.as_ref(), settings, watch, all).map_err(io)?;
    let listening = Listening { server, workers, expected };
    if kind == access::Listener::Admin {
        running.add_admin(listening)
    } else {
        running.add_http(listening)
    }
    Ok(())
}
