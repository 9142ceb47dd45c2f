//! NS as a service of this program.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_actors_ns::{Heart, Settings};
use countersign_actors_shell::{Deaths, Supervision};
use countersign_api::Ready;
use countersign_edge::{
    metrics::Metric,
    observed::{self, Readiness},
    phone::PhoneService,
    problem::Code,
};
use countersign_ns::{CODES, Observed, Parts, PublicUrls, auth::Keys, metrics, page::Leaving};
use countersign_protocol::ServerRole;
use tokio::sync::watch;

use super::{
    Plan, ProcessRole, StartError,
    bootstrap::{self, Behind},
    serve::Places,
    service::{Routes, Service},
};
use crate::{
    config::{Config, listener::Resource},
    data_dir::DataDir,
    retention,
};

/// What NS serves over HTTP.
pub(super) const RESOURCES: [Resource; 3] = [Resource::Rest, Resource::Page, Resource::Assets];

/// A started NS.
pub(super) struct Ns {
    pub(super) parts: Parts,
    /// The URL of the REST API, if it has an address.
    pub(super) rest: Option<String>,
    readiness: Readiness,
    observed: Arc<Observed>,
    deaths: Option<Deaths>,
    /// Notifies pages that the pod shuts down.
    leave: watch::Sender<bool>,
    realm: Option<&'static str>,
}

impl Ns {
    /// Starts the registries, and makes what a first start makes.
    pub(super) async fn start(
        plan: &Plan,
        data: &DataDir,
        behind: Behind,
        places: &Places,
        supervision: &Supervision,
    ) -> Result<Self, StartError> {
        let Behind { ports, storage, parts, metrics, .. } = behind;
        let config = &plan.config;
        let (heart, deaths) = Heart::start(ports.clone(), settings(config)).await?;
        bootstrap::root_key(&ports, data).await?;
        let realm = (plan.role == ProcessRole::All).then_some("default");
        if let Some(name) = realm {
            bootstrap::realm(&heart.realms, name, "Default").await?;
        }
        let readiness = Readiness::new(parts);
        let keys = Keys::new(ports.clone());
        let (measure, own, cached) = (storage.clone(), metrics.clone(), keys.clone());
        // Measuring live state in memory removes what has expired.
        let sweep = move || {
            measure(&own);
            cached.sweep();
        };
        retention::start(ports.clone(), heart.realms.clone(), keys.clone(), sweep, supervision);
        let observed = Arc::new(Observed::start(readiness.clone(), heart.clone(), metrics.clone(), storage));
        let (leave, leaving) = watch::channel(false);
        let (urls, leaving) = (urls(config, places)?, Leaving(leaving));
        let parts = Parts { heart, ports, keys, urls, leaving, metrics };
        let rest = places.url(Resource::Rest, "http");
        Ok(Self { parts, rest, readiness, observed, deaths: Some(deaths), leave, realm })
    }
}

#[async_trait(?Send)]
impl Service for Ns {
    fn http(&self) -> Vec<(Resource, Routes)> {
        let (rest, page) = (self.parts.clone(), self.parts.clone());
        vec![
            (Resource::Rest, Arc::new(move |c: &mut _| countersign_ns::rest_routes(c, &rest))),
            (Resource::Page, Arc::new(move |c: &mut _| countersign_ns::page_routes(c, &page))),
            (Resource::Assets, Arc::new(countersign_ns::page::assets::routes)),
        ]
    }

    fn codes(&self) -> &'static [Code] {
        CODES
    }

    fn phone(&self) -> PhoneService {
        let (sessions, metrics) = (self.parts.heart.sessions.clone(), self.parts.metrics.shared.clone());
        PhoneService { path: ServerRole::Ns.path(), sessions, metrics }
    }

    fn observed(&self) -> Arc<dyn observed::Observed> {
        self.observed.clone()
    }

    fn ready(&self, ready: &mut Ready) {
        let urls = &self.parts.urls;
        ready.rest = self.rest.clone();
        ready.page = Some(urls.page.clone());
        ready.phone.insert(ServerRole::Ns.as_str().to_owned(), urls.phone.clone());
        ready.realm = self.realm.map(str::to_owned);
    }

    fn deaths(&mut self) -> Option<Deaths> {
        self.deaths.take()
    }

    fn unready(&self, dead: Option<&'static str>) {
        match dead {
            Some(name) => self.readiness.bury(name),
            None => self.readiness.drain(),
        }
    }

    async fn send_away(&self, spread: Duration) -> usize {
        let _pages_hear_it = self.leave.send(true);
        self.parts.heart.drain.send_away(spread).await
    }

    async fn left(&self) -> usize {
        let metrics = &self.parts.metrics;
        let open = metrics.shared.level(Metric::PhoneConnections)
            + metrics.own.level(metrics::Metric::PageConnections);
        self.parts.heart.drain.left().await.max(usize::try_from(open).unwrap_or(0))
    }

    fn expect_the_end(&self) {
        self.parts.heart.drain.expect_the_end();
    }

    #[cfg(feature = "faults")]
    fn faults(&self) -> Routes {
        let heart = self.parts.heart.clone();
        Arc::new(move |c: &mut _| faults::routes(c, heart.clone()))
    }
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

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn urls(config: &Config, places: &Places) -> Result<PublicUrls, StartError> {
    let p = &config.public;
    Ok(PublicUrls {
        page: format!("{}/page", places.public(p.page.0.as_deref(), "page", Resource::Page, "ws")?),
        phone: format!(
            "{}{}",
            places.public(p.phone.0.as_deref(), "phone", Resource::Phone, "ws")?,
            ServerRole::Ns.path()
        ),
        app: format!("{}/app", places.public(p.app.0.as_deref(), "app", Resource::Assets, "http")?),
    })
}

/// Routes for tests, which cause panics in actors of NS.
#[cfg(feature = "faults")]
mod faults {
    use actix_web::{HttpResponse, web};
    use countersign_actors_ns::Heart;

    pub(super) fn routes(config: &mut web::ServiceConfig, heart: Heart) {
        config.app_data(web::Data::new(heart)).route("/faults/panic/{what}", web::post().to(panic_in));
    }

    async fn panic_in(heart: web::Data<Heart>, what: web::Path<String>) -> HttpResponse {
        if heart.panic_in(&what).await {
            HttpResponse::Ok().finish()
        } else {
            HttpResponse::NotFound().finish()
        }
    }
}
