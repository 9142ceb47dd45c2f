//! The handle for enrolments that REST uses.

use std::{sync::Arc, time::Duration};

use countersign_actors_shell::run_to_completion;
use countersign_domain_ns::{
    audit::Who,
    enrolment::{Enrolment, Event},
    flows::enrolment::{self, Invitation},
    ports::Topic,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::{
    frames::EnrolCode,
    ids::{ClientId, EnrolmentId},
    link::{EnrolLink, Link},
};

use crate::{
    registry::login::{MOST_PER_TOPIC, watch},
    shared::Shared,
};

/// Operations on enrolments from outside. IO runs in the caller's task.
#[derive(Clone)]
pub struct Enrolments(Arc<Shared>);

impl Enrolments {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Creates an enrolment; returns it with its link, which directs phones to `phone_url`.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn create(
        &self,
        realm: &OpenRealm,
        invitation: Invitation,
        phone_url: &str,
        who: Who,
    ) -> Result<(Enrolment, Link), Stop> {
        let (enrolment, code) = enrolment::create(&self.0.ports, realm, invitation, who).await?;
        let key = realm
            .keys
            .first()
            .ok_or_else(|| Fault::Inconsistent("the realm has no channel key".to_owned()))?;
        let link = EnrolLink {
            url: phone_url.to_owned(),
            realm: realm.id(),
            root_pin: realm.root_pin,
            static_key: key.public,
            key_id: key.key_id,
            epoch: key.epoch,
            code: EnrolCode(*code.expose()),
        };
        Ok((enrolment, Link::Enrol(link)))
    }

    /// Lists enrolments, newest first, starting before `before`; those of one client, or all.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(
        &self,
        realm: &OpenRealm,
        client: Option<ClientId>,
        before: Option<(Time, EnrolmentId)>,
        limit: u32,
    ) -> Result<Vec<Enrolment>, Fault> {
        self.0.ports.store.enrolments(realm.id(), client, before, limit).await
    }

    /// The enrolment as it is now.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn look(&self, realm: &OpenRealm, id: EnrolmentId) -> Result<Option<Enrolment>, Fault> {
        enrolment::look(&self.0.ports, realm, id).await
    }

    /// Returns the enrolment as soon as its version is above `after`, or as it is when `wait` has
    /// elapsed.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn wait(
        &self,
        realm: &OpenRealm,
        id: EnrolmentId,
        after: u64,
        wait: Duration,
    ) -> Result<Option<Enrolment>, Fault> {
        let Some(seen) = self.look(realm, id).await? else { return Ok(None) };
        if seen.state.version() > after || wait.is_zero() {
            return Ok(Some(seen));
        }
        let until = tokio::time::Instant::now() + wait;
        let Some(watch) = watch(&self.0.logins, Topic::Enrolment(id), MOST_PER_TOPIC, Some(seen.expires_at))
        else {
            // The registry is overloaded. Long polls have the lowest priority: sleep, then read
            // once.
            tokio::time::sleep_until(until.min(tokio::time::Instant::now() + self.0.settings.safety_poll))
                .await;
            return self.look(realm, id).await;
        };
        loop {
            let now = self.look(realm, id).await?;
            if now.as_ref().is_none_or(|e| e.state.version() > after) || tokio::time::Instant::now() >= until
            {
                return Ok(now);
            }
            let poll = tokio::time::Instant::now() + self.0.settings.safety_poll;
            if let Ok(false) = tokio::time::timeout_at(until.min(poll), watch.woken()).await {
                // Too many wait for this enrolment already: this caller polls instead of being
                // woken.
                tokio::time::sleep_until(until.min(poll)).await;
            }
        }
    }

    /// Applies an event: the number that the phone shows is entered, an administrator confirms, or
    /// the creator withdraws the enrolment.
    ///
    /// # Errors
    /// When the event is refused, or a port fails.
    pub async fn act(
        &self,
        realm: &Arc<OpenRealm>,
        id: EnrolmentId,
        event: Event,
        who: Who,
    ) -> Result<Enrolment, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { enrolment::act(&shared.ports, &realm, id, &event, None, who).await })
            .await
    }
}
