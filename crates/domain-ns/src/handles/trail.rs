//! The trail, read as events.

use countersign_ports::Fault;

use crate::{
    audit::{About, Entry, Filter, Who},
    ports::Ports,
};

/// The events of the trail.
#[derive(Clone)]
pub struct Events(Ports);

impl Events {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// Those that fit, oldest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Entry>, Fault> {
        self.0.store.events(filter).await
    }

    /// What is new since `filter.after`, which moves on, also when nothing fits: what did not fit
    /// is not read again.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn news(&self, filter: &mut Filter) -> Result<Vec<Entry>, Fault> {
        // Asked first: whatever is added later is above it.
        let last = self.0.store.last_event(filter.realm).await?;
        if last <= filter.after {
            return Ok(Vec::new());
        }
        let found = self.list(filter).await?;
        filter.after = found.last().map_or(last, |e| e.seq);
        Ok(found)
    }

    /// Writes that somebody reads all of something. Comes before the reading: nothing is carried
    /// away without a row.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn exported(&self, action: &'static str, about: &About, who: Who) -> Result<(), Fault> {
        self.0.store.tell(action, about, &self.0.stamp(who)).await
    }
}
