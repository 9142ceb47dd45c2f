//! Rows to nouns and back. A row that makes no sense is a [`StoreError::Row`], which names table
//! and row and shows no value.

use crate::StoreError;
use countersign_ports::time::Time;

/// Milliseconds as every database stores them.
#[must_use]
pub fn millis(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// The time that was stored so.
#[must_use]
pub fn time(millis: i64) -> Time {
    Time(u64::try_from(millis).unwrap_or(0))
}

/// Names the row whose conversion failed.
pub struct At<'a> {
    pub table: &'static str,
    /// Its key.
    pub row: &'a [u8],
}

impl At<'_> {
    /// Why it makes no sense.
    #[must_use]
    pub fn bad(&self, why: &str) -> StoreError {
        StoreError::Row {
            table: self.table,
            row: self.row.iter().map(|b| format!("{b:02x}")).collect(),
            why: why.to_owned(),
        }
    }

    /// A column of this length.
    ///
    /// # Errors
    /// [`StoreError::Row`].
    pub fn fixed<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], StoreError> {
        bytes.try_into().map_err(|_| self.bad("a column has the wrong length"))
    }

    /// The same for one that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Row`].
    pub fn fixed_option<const N: usize>(
        &self,
        bytes: Option<&Vec<u8>>,
    ) -> Result<Option<[u8; N]>, StoreError> {
        bytes.map(|b| self.fixed(b)).transpose()
    }
}
