//! Conversions between rows and domain types. A row that cannot be interpreted is a
//! [`StoreError::Row`], which names the table and the row but shows no value.

use crate::StoreError;
use countersign_ports::time::Time;

/// Converts a time to milliseconds, as every database stores it.
#[must_use]
pub fn millis(time: Time) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// Converts stored milliseconds back to a time.
#[must_use]
pub fn time(millis: i64) -> Time {
    Time(u64::try_from(millis).unwrap_or(0))
}

/// The row that is being converted, for errors.
pub struct At<'a> {
    pub table: &'static str,
    /// Key of the row.
    pub row: &'a [u8],
}

impl At<'_> {
    /// The [`StoreError::Row`] for this row, with the reason.
    #[must_use]
    pub fn bad(&self, why: &str) -> StoreError {
        StoreError::Row {
            table: self.table,
            row: self.row.iter().map(|b| format!("{b:02x}")).collect(),
            why: why.to_owned(),
        }
    }

    /// Converts a column that must be `N` bytes long.
    ///
    /// # Errors
    /// [`StoreError::Row`].
    pub fn fixed<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], StoreError> {
        bytes.try_into().map_err(|_| self.bad("a column has the wrong length"))
    }

    /// Converts a column that must be `N` bytes long or NULL.
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
