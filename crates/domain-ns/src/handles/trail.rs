//! The trail, read as events.

use countersign_ports::Fault;

use crate::{
    audit::{About, Entry, Filter, Who},
    ports::{Page, Ports},
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
    pub async fn list(&self, filter: &Filter) -> Result<Page<Entry, u64>, Fault> {
        self.0.store.events(filter).await
    }

    /// The events after `filter.after` that match the filter. Advances `filter.after`, also when
    /// nothing matches, so that rows which do not match are not read again.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn news(&self, filter: &mut Filter) -> Result<Page<Entry, u64>, Fault> {
        // Read first: rows that are added later get a higher position.
        let last = self.0.store.last_event(filter.realm).await?;
        if last <= filter.after {
            return Ok(Page { items: Vec::new(), more: None });
        }
        let found = self.list(filter).await?;
        let end = found.items.last().map_or(last, |e| e.seq.max(last));
        filter.after = found.more.unwrap_or(end);
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
