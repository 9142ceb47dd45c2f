//! RFC 3339 times in UTC with milliseconds, so that they sort as strings in the order of time.

use countersign_ports::time::Time;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

const MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Formats a time.
#[must_use]
pub fn rfc3339(t: Time) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(t.0) * 1_000_000)
        .ok()
        .and_then(|t| t.format(&MILLIS).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_and_sort_as_texts() {
        assert_eq!(rfc3339(Time(1_790_000_000_000)), "2026-09-21T14:13:20.000Z");
        assert_eq!(rfc3339(Time(1_790_000_000_250)), "2026-09-21T14:13:20.250Z");
        let texts: Vec<_> =
            [0, 1, 10, 99, 100, 990, 999, 1000].map(|ms| rfc3339(Time(1_790_000_000_000 + ms))).into();
        assert!(texts.is_sorted(), "{texts:?}");
    }
}
