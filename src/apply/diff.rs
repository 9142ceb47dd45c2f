//! A change and how it is reported.

use std::fmt;

use countersign_api::{ApiClient, ApiError};
use serde::Serialize;
use serde_json::{Value, json};

/// How changes are made, or only reported.
pub(super) struct Doing {
    pub(super) api: ApiClient,
    pub(super) dry: bool,
}

/// What failed, and why.
pub(super) type Failed = (String, ApiError);

/// Reports each change once it is made.
pub(super) type Say<'a> = &'a mut dyn FnMut(&Change);

impl Doing {
    /// Makes one change, unless this is a dry run, and reports it. Returns the number of changes,
    /// which is 1.
    pub(super) async fn make<T>(
        &self,
        say: Say<'_>,
        change: Change,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<usize, Failed> {
        if !self.dry {
            work.await.map_err(|e| (change.what.clone(), e))?;
        }
        say(&change);
        Ok(1)
    }
}

/// A change to one object.
pub(super) struct Change {
    /// `+` for create, `~` for change, `-` for delete.
    pub(super) sign: char,
    /// The object, such as `client shop/web`.
    pub(super) what: String,
    /// The changed members, each with its values before and after.
    pub(super) members: Vec<(String, Value, Value)>,
    /// What else happens through it, if anything.
    pub(super) effect: Option<&'static str>,
}

impl Change {
    pub(super) fn new(sign: char, what: String) -> Self {
        Self { sign, what, members: Vec::new(), effect: None }
    }

    /// Adds what else happens through the change.
    pub(super) fn with_effect(self, effect: &'static str) -> Self {
        Self { effect: Some(effect), ..self }
    }

    /// The change from `before` to `after`, if there is one. Only members that `after` has are
    /// compared.
    pub(super) fn between(what: String, before: &impl Serialize, after: &impl Serialize) -> Option<Self> {
        let value = |v: Result<Value, serde_json::Error>| v.unwrap_or_default();
        let mut members = Vec::new();
        compare("", &value(serde_json::to_value(before)), &value(serde_json::to_value(after)), &mut members);
        (!members.is_empty()).then_some(Self { sign: '~', what, members, effect: None })
    }

    pub(super) fn json(&self) -> String {
        let action = match self.sign {
            '+' => "create",
            '-' => "delete",
            _ => "change",
        };
        let members: Vec<Value> =
            self.members.iter().map(|(m, b, a)| json!({"member": m, "before": b, "after": a})).collect();
        let mut line = json!({"action": action, "object": self.what, "members": members});
        if let Some(effect) = self.effect {
            line["effect"] = effect.into();
        }
        line.to_string()
    }
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (before, after) {
        (Value::Object(b), Value::Object(a)) => {
            for (name, after) in a {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, b.get(name).unwrap_or(&Value::Null), after, found);
            }
        }
        _ if before == after => {}
        _ => found.push((path.to_owned(), before.clone(), after.clone())),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sign, self.what)?;
        if let Some(effect) = self.effect {
            write!(f, " ({effect})")?;
        }
        self.members
            .iter()
            .try_for_each(|(member, before, after)| write!(f, "\n    {member}: {before} → {after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_file_says_is_compared_and_every_difference_is_named() {
        let before = json!({"a": 1, "b": {"c": [1], "d": 2}, "e": "kept"});
        assert!(Change::between("x".into(), &before, &json!({"a": 1, "b": {"d": 2}})).is_none());
        let change =
            Change::between("realm shop".into(), &before, &json!({"a": 2, "b": {"c": []}, "new": true}))
                .expect("differs");
        assert_eq!(change.to_string(), "~ realm shop\n    a: 1 → 2\n    b.c: [1] → []\n    new: null → true");
    }
}
