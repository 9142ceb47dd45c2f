//! Texts that people see: what a client may put on a phone's screen, and what names may look like.
//!
//! What is shown is what is signed, so nothing may hide, reorder or imitate: control characters,
//! bidirectional overrides, zero-width and other invisible characters are refused rather than
//! removed.

/// Why a text may not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    #[error("must not be empty")]
    Empty,
    #[error("is too long")]
    TooLong,
    #[error("holds a control, bidirectional or invisible character")]
    Invisible,
    #[error("may hold lower-case letters, digits and hyphens only, and must start with a letter")]
    Name,
    #[error("may hold printable ASCII without spaces and slashes only")]
    UserId,
    #[error("has no place in the template")]
    NoPlace,
}

/// A text for the screen: 1 to `max` bytes, nothing invisible. New lines are allowed when `lines`
/// is true.
///
/// # Errors
/// [`BadText`].
pub fn shown(text: &str, max: usize, lines: bool) -> Result<(), BadText> {
    if text.trim().is_empty() {
        return Err(BadText::Empty);
    }
    if text.len() > max {
        return Err(BadText::TooLong);
    }
    if text.chars().any(|c| invisible(c) && !(lines && c == '\n')) { Err(BadText::Invisible) } else { Ok(()) }
}

fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// A realm's or client's name in URLs: `[a-z][a-z0-9-]*`, at most 100 bytes.
///
/// # Errors
/// [`BadText`].
pub fn name(text: &str) -> Result<(), BadText> {
    if text.len() > 100 {
        return Err(BadText::TooLong);
    }
    let first = text.chars().next().ok_or(BadText::Empty)?;
    let ok = first.is_ascii_lowercase()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if ok { Ok(()) } else { Err(BadText::Name) }
}

/// A caller-chosen user id: printable ASCII without spaces and slashes, at most 100 bytes.
///
/// # Errors
/// [`BadText`].
pub fn user_id(text: &str) -> Result<(), BadText> {
    match text.len() {
        0 => Err(BadText::Empty),
        101.. => Err(BadText::TooLong),
        _ if text == "." || text == ".." => Err(BadText::UserId),
        _ if text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'\\') => Ok(()),
        _ => Err(BadText::UserId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_could_deceive_are_refused() {
        assert_eq!(shown("Pay 5 € to Zoë – 中文 👍", 500, false), Ok(()));
        assert_eq!(shown("one\ntwo", 500, true), Ok(()));
        for bad in [
            "one\ntwo",
            "a\u{202e}b",
            "a\u{200b}b",
            "tab\tbed",
            "nul\0",
            "tag\u{e0041}",
            "soft\u{ad}hyphen",
            "\u{3164}",
        ] {
            assert_eq!(shown(bad, 500, false), Err(BadText::Invisible), "{bad:?}");
        }
        assert_eq!(shown("  ", 500, false), Err(BadText::Empty));
        assert_eq!(shown("abc", 2, false), Err(BadText::TooLong));
    }

    #[test]
    fn names_are_safe_in_urls() {
        assert_eq!(name("demo-2"), Ok(()));
        for bad in ["", "2demo", "Demo", "de mo", "a/b", "é", "-a"] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert_eq!(user_id("alice@example.com"), Ok(()));
        for bad in ["", "a b", "a/b", "..", "zoë", "a\n"] {
            assert!(user_id(bad).is_err(), "{bad}");
        }
    }
}
