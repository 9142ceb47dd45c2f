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

    /// The events that match the filter, oldest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Entry>, Fault> {
        self.0.store.events(filter).await
    }

    /// The events after `filter.after` that match the filter. Advances `filter.after`, also when
    /// nothing matches, so that rows which do not match are not read again.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn news(&self, filter: &mut Filter) -> Result<Vec<Entry>, Fault> {
        // Read first: rows that are added later get a higher position.
        let last = self.0.store.last_event(filter.realm).await?;
        if last <= filter.after {
            return Ok(Vec::new());
        }
        let found = self.list(filter).await?;
        filter.after = found.last().map_or(last, |e| e.seq);
        Ok(found)
    }

    /// Records in the trail that the caller exports a whole set of data. Call it before reading, so
    /// that nothing is exported without a row.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn exported(&self, action: &'static str, about: &About, who: Who) -> Result<(), Fault> {
        self.0.store.tell(action, about, &self.0.stamp(who)).await
    }
}
