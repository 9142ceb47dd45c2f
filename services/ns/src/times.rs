//! RFC 3339 in UTC, whole milliseconds.

use countersign_domain::time::Time;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Writes a time.
pub(crate) fn rfc3339(t: Time) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(t.0) * 1_000_000).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(Time(1_790_000_000_000)), "2026-09-21T14:13:20Z");
        assert_eq!(rfc3339(Time(1_790_000_000_250)), "2026-09-21T14:13:20.25Z");
    }
}
