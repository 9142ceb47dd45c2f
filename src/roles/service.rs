//! What the program knows of a service: what it serves, how it is, and how it ends.

use std::{sync::Arc, time::Duration};

use actix_web::web::ServiceConfig;
use async_trait::async_trait;
use countersign_actors_shell::Deaths;
use countersign_api::Ready;
use countersign_edge::{admin, phone::PhoneService, problem::Code};

use crate::config::listener::Resource;

/// The routes of an HTTP resource.
pub(crate) type Routes = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// A service that has started and serves nothing yet.
#[async_trait(?Send)]
pub(crate) trait Service {
    /// What it serves over HTTP.
    fn http(&self) -> Vec<(Resource, Routes)>;
    /// Its problem codes beside the general ones.
    fn codes(&self) -> &'static [Code];
    /// Its socket for phones.
    fn phone(&self) -> PhoneService;
    /// How the admin port sees it.
    fn observed(&self) -> Arc<dyn admin::Observed>;
    /// Adds its members to `ready.json`.
    fn ready(&self, ready: &mut Ready);
    /// Where the deaths of its load-bearing actors are told; asked once.
    fn deaths(&mut self) -> Option<Deaths>;
    /// From now on it says that it wants no new work. `dead` is the actor that died, if one did.
    fn unready(&self, dead: Option<&'static str>);
    /// Tells everybody who is connected to go, spread over this time; gives how many phones there
    /// were.
    async fn send_away(&self, spread: Duration) -> usize;
    /// How many connections are left.
    async fn left(&self) -> usize;
    /// From now on the end of a load-bearing actor is no accident.
    fn expect_the_end(&self);
    /// Panics and broken promises on request, for tests.
    #[cfg(feature = "faults")]
    fn faults(&self) -> Routes;
}
