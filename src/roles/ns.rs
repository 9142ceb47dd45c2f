//! NS: heart, listeners, admin port; the demo when asked for.

use std::{
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use actix_web::dev::Server;
use countersign_actors_ns::{Heart, Settings};
use countersign_domain_ns::ports::Ports;
use countersign_edge::{
    admin::{self, Admin, Readiness},
    http,
    metrics::Exposition,
    phone::{
        self, PhoneListener,
        gate::{Gate, Limits},
    },
    tls::{ClientCertificates, Tls, TlsFiles},
};
use countersign_ns::{CODES, Observed, Parts, PublicUrls, auth::Keys, metrics::Metrics, page::Leaving};
use countersign_protocol::Role;
use serde_json::json;
use tokio::sync::watch;

use super::{
    Plan, StartError,
    bootstrap::{self, Behind},
    demo,
};
use crate::{
    config::{self, Config, PortTls},
    data_dir::DataDir,
    lifecycle::{self, Running},
    retention, tls_files,
};

struct Listeners {
    rest: TcpListener,
    page: TcpListener,
    phone: TcpListener,
    admin: TcpListener,
}

/// TLS of the ports that have it.
struct PortsTls {
    rest: Option<Tls>,
    page: Option<Tls>,
    phone: Option<Tls>,
    admin: Option<Tls>,
}

impl PortsTls {
    fn load(config: &Config) -> Result<Self, StartError> {
        let load = |tls: &PortTls| {
            let clients = match tls.client_certificates {
                config::ClientCertificates::Off => ClientCertificates::Off,
                config::ClientCertificates::Optional => ClientCertificates::Optional,
                config::ClientCertificates::Any => ClientCertificates::Any,
                config::ClientCertificates::Ca => ClientCertificates::Ca(tls.client_ca_file.clone()),
            };
            let files = TlsFiles { certificate: tls.certificate_file.clone(), key: tls.key_file.clone(), clients };
            tls.on().then(|| Tls::load(files)).transpose()
        };
        let (rest, page) = (load(&config.rest_tls)?, load(&config.page_tls)?);
        Ok(Self { rest, page, phone: load(&config.phone_tls)?, admin: load(&config.admin_tls)? })
    }

    fn all(&self) -> Vec<Tls> {
        [&self.rest, &self.page, &self.phone, &self.admin].into_iter().flatten().cloned().collect()
    }
}

fn listen(key: &'static str, at: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(at).map_err(|e| StartError::Listen(at, key, e))
}

/// Threads for one of `listeners` that share the cores: fewer threads that are busy wake each other less than many that are idle.
fn workers(asked: usize, listeners: usize) -> usize {
    let cores = available_parallelism().map_or(2, usize::from);
    if asked > 0 { asked } else { cores.div_ceil(listeners) }
}

/// How many phones the open files allow beside everything else: two HTTP listeners, and a reserve for SQL, logs and the admin port.
fn files_for_phones(http: usize) -> usize {
    const RESERVE: usize = 256;
    // As many as this process is allowed: the soft limit of a login shell, often 1024, is meant for programs that use select.
    let files = rlimit::increase_nofile_limit(u64::MAX).map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files.saturating_sub(2 * http + RESERVE).max(RESERVE)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) async fn run(
    plan: Plan,
    data: DataDir,
    behind: Behind,
    metrics: Metrics,
    exposition: Exposition,
) -> Result<ExitCode, StartError> {
    let Behind { ports, storage, parts } = behind;
    let config = &plan.config;
    let l = &config.listen;
    let listeners = Listeners {
        rest: listen("rest", l.rest)?,
        page: listen("page", l.page)?,
        phone: listen("phone", l.phone)?,
        admin: listen("admin", l.admin)?,
    };
    let (heart, deaths) = Heart::start(ports.clone(), settings(config)).await?;
    bootstrap::root_key(&ports, &data).await?;
    let address = |listener: &TcpListener| listener.local_addr().map_err(|e| StartError::Other(e.to_string()));
    let (rest, page, phone, admin) =
        (address(&listeners.rest)?, address(&listeners.page)?, address(&listeners.phone)?, address(&listeners.admin)?);
    let tls = PortsTls::load(config)?;
    let urls = urls(config, page, phone);
    let http = |tls: &PortTls, at: SocketAddr| format!("{}://{at}", if tls.on() { "https" } else { "http" });
    let (rest_url, admin_url) = (http(&config.rest_tls, rest), http(&config.admin_tls, admin));
    let mut ready = json!({
        "role": plan.role, "pid": std::process::id(), "rest": rest_url, "page": urls.page, "phone": {"ns": urls.phone}, "admin": admin_url,
    });
    if plan.role == "all" {
        bootstrap::realm(&heart.realms, "default", "Default").await?;
        ready["realm"] = "default".into();
    }
    let readiness = Readiness::new(parts);
    let observed = Observed::start(readiness.clone(), heart.clone(), metrics.clone(), storage);
    let admin_port = Admin {
        role: plan.role,
        exposition,
        services: Arc::new([Arc::new(observed) as Arc<dyn admin::Observed>]),
        began: std::time::Instant::now(),
    };
    let keys = Keys::new(ports.clone());
    let (leave, leaving) = watch::channel(false);
    let leaving = Leaving(leaving);
    let parts = Parts { heart: heart.clone(), ports: ports.clone(), keys: keys.clone(), urls, leaving, metrics: metrics.clone() };
    let mut running = Running::new(deaths, readiness, metrics, leave);
    open(config, listeners, &tls, admin_port, parts, &mut running)?;
    actix_rt::spawn(tls_files::watch(tls.all()));
    if plan.demo {
        let (origin, server) = serve_demo(config, &heart, &ports, rest, page).await?;
        running.add_http(server);
        ready["realm"] = "demo".into();
        ready["demo"] = origin.into();
    }
    retention::start(ports.clone(), heart.realms.clone(), keys);
    data.say_ready(&ready)?;
    tracing::info!(role = plan.role, %rest, %page, %phone, %admin, demo = ready["demo"].as_str(), "ready");
    if let Some(origin) = ready["demo"].as_str() {
        tracing::info!("open {origin} in a browser");
    }
    let code = lifecycle::until_the_end(running, &heart, ms(config.drain.spread_ms), ms(config.drain.deadline_ms)).await;
    drop(data);
    Ok(code)
}

/// The demo, in a realm of its own. Gives where it is.
async fn serve_demo(
    config: &Config,
    heart: &Heart,
    ports: &Ports,
    rest: SocketAddr,
    page: SocketAddr,
) -> Result<(String, Server), StartError> {
    if config.rest_tls.on() || config.page_tls.on() {
        return Err(StartError::Other(
            "the demo speaks to its neighbours in the clear: --demo goes without rest_tls and page_tls".to_owned(),
        ));
    }
    let realm = bootstrap::realm(&heart.realms, "demo", "Demo").await?;
    let listener = listen("demo", config.listen.demo)?;
    demo::serve(ports, &realm, listener, &format!("http://{rest}"), &format!("http://{page}")).await
}

fn settings(config: &Config) -> Settings {
    let p = &config.phone;
    Settings {
        first_frame: ms(p.first_frame_ms),
        enrolment: ms(p.enrolment_ms),
        idle: ms(p.idle_ms),
        lifetime: ms(p.lifetime_ms),
        ping_after: p.ping_after_secs,
        safety_poll: ms(config.wait.safety_poll_ms),
    }
}

fn urls(config: &Config, page: SocketAddr, phone: SocketAddr) -> PublicUrls {
    let or = |given: &str, scheme: &str, tls: &PortTls, at: SocketAddr| {
        let s = if tls.on() { "s" } else { "" };
        if given.is_empty() { format!("{scheme}{s}://{at}") } else { given.trim_end_matches('/').to_owned() }
    };
    let p = &config.public;
    PublicUrls {
        page: format!("{}/page", or(&p.page, "ws", &config.page_tls, page)),
        phone: format!("{}{}", or(&p.phone, "ws", &config.phone_tls, phone), Role::Ns.path()),
        app: format!("{}/app", or(&p.app, "http", &config.page_tls, page)),
    }
}

fn open(
    config: &Config,
    listeners: Listeners,
    tls: &PortsTls,
    admin_port: Admin,
    parts: Parts,
    running: &mut Running,
) -> Result<(), StartError> {
    let io = |e: std::io::Error| StartError::Other(e.to_string());
    let h = &config.http;
    let http_settings = http::Settings {
        workers: workers(h.workers, 2),
        keep_alive: ms(h.keep_alive_ms),
        request: ms(h.request_ms),
        connections: h.connections,
    };
    let (heart, metrics) = (parts.heart.clone(), parts.metrics.shared.clone());
    let small = http::Settings { workers: 1, ..http_settings };
    #[cfg(feature = "faults")]
    let sick = heart.clone();
    let admin = http::serve(listeners.admin, http::Listener::Admin, CODES, tls.admin.as_ref(), small, metrics.clone(), move |c| {
        admin::routes(c, admin_port.clone());
        #[cfg(feature = "faults")]
        faults::routes(c, sick.clone());
    });
    running.add_admin(admin.map_err(io)?);
    let rest = parts.clone();
    running.add_http(
        http::serve(listeners.rest, http::Listener::Rest, CODES, tls.rest.as_ref(), http_settings, metrics.clone(), move |c| {
            countersign_ns::rest_routes(c, &rest)
        })
        .map_err(io)?,
    );
    let page = parts;
    running.add_http(
        http::serve(listeners.page, http::Listener::Page, CODES, tls.page.as_ref(), http_settings, metrics.clone(), move |c| {
            countersign_ns::page_routes(c, &page)
        })
        .map_err(io)?,
    );
    let p = &config.phone;
    let phone = PhoneListener {
        sessions: heart.sessions.clone(),
        gate: Gate::new(Limits {
            strangers: p.strangers,
            strangers_per_address: p.strangers_per_address,
            connections: p.connections.min(files_for_phones(h.connections)),
        }),
        metrics,
        settings: phone::Settings { hello: ms(p.hello_ms), write: ms(p.write_ms), workers: workers(p.workers, 1) },
        path: Role::Ns.path(),
        tls: tls.phone.clone(),
    };
    running.add_phone(phone::serve(listeners.phone, phone).map_err(io)?);
    Ok(())
}

/// Panics, other hours and broken promises on request, for tests.
#[cfg(feature = "faults")]
mod faults {
    use std::sync::atomic::Ordering;

    use actix_web::{HttpResponse, web};
    use countersign_actors_ns::Heart;

    pub(super) fn routes(config: &mut web::ServiceConfig, heart: Heart) {
        config
            .app_data(web::Data::new(heart))
            .route("/faults/panic/{what}", web::post().to(panic_in))
            .route("/faults/later/{secs}", web::post().to(later))
            .route("/faults/clock/{ahead}", web::post().to(clock))
            .route("/faults/sabotage/{name}", web::post().to(sabotage));
    }

    async fn later(secs: web::Path<i64>) -> HttpResponse {
        crate::ports::AHEAD_MS.fetch_add(*secs * 1000, Ordering::Relaxed);
        HttpResponse::Ok().finish()
    }

    /// The clock is so many seconds ahead of the real one, or behind.
    async fn clock(ahead: web::Path<i64>) -> HttpResponse {
        crate::ports::AHEAD_MS.store(*ahead * 1000, Ordering::Relaxed);
        HttpResponse::Ok().finish()
    }

    async fn sabotage(name: web::Path<String>) -> HttpResponse {
        if crate::cli::sabotage(&name) { HttpResponse::Ok().finish() } else { HttpResponse::NotFound().finish() }
    }

    async fn panic_in(heart: web::Data<Heart>, what: web::Path<String>) -> HttpResponse {
        if heart.panic_in(&what).await { HttpResponse::Ok().finish() } else { HttpResponse::NotFound().finish() }
    }
}
