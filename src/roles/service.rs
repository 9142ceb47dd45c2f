//! The program's view of a service: what it serves, its state, and its shutdown.

use std::{sync::Arc, time::Duration};

use actix_web::web::ServiceConfig;
use async_trait::async_trait;
use countersign_actors_shell::Deaths;
use countersign_api::Ready;
use countersign_edge::{observed, phone::PhoneService, problem::Code};

use crate::config::listener::Resource;

/// The routes of an HTTP resource.
pub(crate) type Routes = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// A service that has started, but is not served yet.
#[async_trait(?Send)]
pub(crate) trait Service {
    /// What it serves over HTTP.
    fn http(&self) -> Vec<(Resource, Routes)>;
    /// Its problem codes, in addition to the general ones.
    fn codes(&self) -> &'static [Code];
    /// Its socket for phones.
    fn phone(&self) -> PhoneService;
    /// Its state, as the admin port shows it.
    fn observed(&self) -> Arc<dyn observed::Observed>;
    /// Adds its members to `ready.json`.
    fn ready(&self, ready: &mut Ready);
    /// Receives the deaths of its load-bearing actors; can be taken once.
    fn deaths(&mut self) -> Option<Deaths>;
    /// Makes it report from now on that it accepts no new work. `dead` is the actor that died, if
    /// one did.
    fn unready(&self, dead: Option<&'static str>);
    /// Disconnects all clients, spread over this time; returns the number of phones.
    async fn send_away(&self, spread: Duration) -> usize;
    /// Number of connections that are left.
    async fn left(&self) -> usize;
    /// From now on the end of a load-bearing actor is expected.
    fn expect_the_end(&self);
    /// Routes for tests, which inject faults.
    #[cfg(feature = "faults")]
    fn faults(&self) -> Routes;
}
