//! Pages of lists.

/// A page of a list. It ends when it is full, or when it has looked at as many rows as one page may,
/// so that a filter which finds little costs no more than one that finds much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P> {
    pub items: Vec<T>,
    /// The position after which the next page begins; `None` at the end of the list. A page with a
    /// successor may have fewer items than were asked for, or none.
    pub more: Option<P>,
}

impl<T, P> Page<T, P> {
    /// A page of at most `limit` items. `looked` is the position up to which rows were looked at,
    /// if there are rows beyond.
    pub fn new(items: Vec<T>, limit: u32, position: impl FnOnce(&T) -> P, looked: Option<P>) -> Self {
        let full = items.len() == limit as usize;
        let more = if full { items.last().map(position) } else { looked };
        Self { items, more }
    }
}
