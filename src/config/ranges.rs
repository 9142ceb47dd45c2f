//! The smallest and largest value of each number in the settings.

use std::ops::RangeInclusive;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// Settings that are numbers, with the values that make sense.
const RANGES: &[(&str, RangeInclusive<i64>)] = &[
    ("phone.hello_ms", 1..=10 * MINUTE),
    ("phone.first_frame_ms", 1..=10 * MINUTE),
    ("phone.enrolment_ms", 1..=DAY),
    ("phone.idle_ms", 1..=DAY),
    ("phone.lifetime_ms", 1..=30 * DAY),
    ("phone.ping_after_secs", 1..=DAY / SECOND),
    ("phone.write_ms", 1..=10 * MINUTE),
    ("phone.strangers", 1..=1_000_000),
    ("phone.strangers_per_address", 1..=1_000_000),
    ("phone.connections", 1..=10_000_000),
    ("phone.workers", 0..=1024),
    ("http.workers", 0..=1024),
    ("http.keep_alive_ms", 0..=DAY),
    ("http.connections", 1..=1_000_000),
    ("http.request_ms", 1..=10 * MINUTE),
    ("wait.safety_poll_ms", 1..=10 * MINUTE),
    ("drain.spread_ms", 0..=10 * MINUTE),
    ("drain.deadline_ms", 0..=60 * MINUTE),
    ("database.connections", 1..=10_000),
    ("sfs_database.connections", 1..=10_000),
    ("sfs.unused_days", 1..=36_500),
    ("sfs.registrations_per_hour", 0..=1_000_000_000),
    ("sfs.evaluations_per_minute", 0..=1_000_000_000),
];

/// Checks a number; the error says what it must be.
pub(super) fn check(path: &str, value: i64) -> Result<(), String> {
    match RANGES.iter().find(|(known, _)| *known == path) {
        Some((_, range)) if !range.contains(&value) => {
            Err(format!("{value} is not between {} and {}", range.start(), range.end()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_range_and_its_default_lies_in_it() {
        let all = toml::Value::try_from(super::super::Config::default()).expect("a table");
        let mut numbers = Vec::new();
        for (section, keys) in all.as_table().expect("a table") {
            for (key, value) in keys.as_table().expect("a section") {
                if let Some(value) = value.as_integer() {
                    let path = format!("{section}.{key}");
                    assert_eq!(check(&path, value), Ok(()), "{path}");
                    numbers.push(path);
                }
            }
        }
        numbers.sort();
        let mut known: Vec<_> = RANGES.iter().map(|(path, _)| (*path).to_owned()).collect();
        known.sort();
        assert_eq!(numbers, known);
    }
}
