use std::{fmt, ops::Deref};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that grants rights to anyone who has it. JSON carries it; `Debug`, and so a log, does
/// not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sensitive(String);

impl From<String> for Sensitive {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Sensitive {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_carries_it_and_debug_does_not() {
        let text: Sensitive = serde_json::from_str(r#""abc""#).unwrap();
        assert_eq!(
            (serde_json::to_string(&text).unwrap().as_str(), format!("{text:?}").as_str(), &*text),
            (r#""abc""#, "…", "abc")
        );
    }
}
