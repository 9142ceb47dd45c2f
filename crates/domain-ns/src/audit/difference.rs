//! What changed, for the detail of a row.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

/// Longest detail of a row, in bytes. Members that would exceed it are replaced by their size.
const LONGEST_DETAIL: usize = 16_000;

/// The differences between `before` and `after`, for `detail`: a JSON object of the members that
/// differ, by their paths, each with its value before and after. `None` when there are none.
#[must_use]
pub fn difference(before: &impl Serialize, after: &impl Serialize) -> Option<String> {
    let value = |v: serde_json::Result<Value>| v.unwrap_or_default();
    let mut members = serde_json::Map::new();
    compare(
        String::new(),
        &value(serde_json::to_value(before)),
        &value(serde_json::to_value(after)),
        &mut members,
    );
    if members.is_empty() {
        return None;
    }
    // Replace the longest members first, so that a long one does not displace short ones.
    let mut sizes: Vec<(usize, String)> =
        members.iter().map(|(name, value)| (value.to_string().len(), name.clone())).collect();
    sizes.sort_unstable();
    let mut text = Value::Object(members.clone()).to_string();
    while text.len() > LONGEST_DETAIL
        && let Some((bytes, name)) = sizes.pop()
    {
        members.insert(name, json!({"too_long": bytes}));
        text = Value::Object(members.clone()).to_string();
    }
    // Member names are short and few, so a text that is still too long was built to be. Only its
    // length is recorded, which keeps the detail readable JSON.
    if text.len() > LONGEST_DETAIL { Some(json!({"too_long": text.len()}).to_string()) } else { Some(text) }
}

/// The [`difference`] in one member.
#[must_use]
pub fn changed(member: &str, before: impl Serialize, after: impl Serialize) -> Option<String> {
    difference(&json!({member: before}), &json!({member: after}))
}

fn compare(path: String, before: &Value, after: &Value, found: &mut serde_json::Map<String, Value>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(b), Value::Object(a)) => {
            let names: BTreeSet<&String> = b.keys().chain(a.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(
                    path,
                    b.get(name).unwrap_or(&Value::Null),
                    a.get(name).unwrap_or(&Value::Null),
                    found,
                );
            }
        }
        _ => {
            found.insert(path, json!({"before": before, "after": after}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_changed_with_before_and_after_and_nothing_else() {
        let before = json!({"a": 1, "b": {"c": [1], "d": 2}, "gone": true});
        let after = json!({"a": 1, "b": {"c": [], "d": 2}});
        let told: Value = serde_json::from_str(&difference(&before, &after).expect("differs")).expect("JSON");
        assert_eq!(
            told,
            json!({"b.c": {"before": [1], "after": []}, "gone": {"before": true, "after": null}})
        );
        assert_eq!(difference(&before, &before), None);
        let long = difference(&json!({"a": 1, "text": "x"}), &json!({"a": 2, "text": "y".repeat(20_000)}))
            .expect("differs");
        let told: Value = serde_json::from_str(&long).expect("JSON");
        assert_eq!(
            (&told["a"], told["text"]["too_long"].as_u64()),
            (&json!({"before": 1, "after": 2}), Some(20_025))
        );
    }
}
