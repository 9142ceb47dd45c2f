//! What the user is shown and asked at the terminal.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use countersign_sdk::{Account, Pin};
use countersign_sim::{PhoneError, ask::Shown, factor};
use serde_json::Value;

use crate::Out;

/// Describes a claimed login; `asks` is whether the user will be prompted for the number.
pub(crate) fn describe(s: &Shown, account: &Account, asks: bool) -> String {
    let mut lines = vec![format!("{} wants to know that you are {} at {}.", s.client, account.user, s.realm)];
    lines.extend(s.text.iter().map(|t| format!("  “{t}”")));
    lines.extend(s.browser.iter().map(|b| format!("  from {b}")));
    lines.extend(s.place.iter().map(|p| format!("  near {p}")));
    let how = if asks { "type it here" } else { "approve with --number" };
    lines.extend(s.number.map(|_| format!("  The browser shows a number: {how}.")));
    lines.join("\n")
}

/// Prompts for a decision: `Some(None)` approves, `Some(Some(reason))` refuses, `None` is later.
pub(crate) fn question(out: Out) -> Result<Option<Option<String>>, PhoneError> {
    loop {
        let line = typed("Approve? [y]es, [n]o, not [m]e, [l]ater: ")?;
        match line.trim() {
            "y" | "yes" => return Ok(Some(None)),
            "n" | "no" => return Ok(Some(Some("declined".to_owned()))),
            "m" | "me" => return Ok(Some(Some("not_me".to_owned()))),
            "l" | "later" => return Ok(None),
            _ if line.is_empty() => return Ok(None),
            _ => out.say(&Value::Null, || "Please answer y, n, m or l.".to_owned()),
        }
    }
}

/// Prompts and reads a line with its line end; returns an empty string at the end of the input.
pub(crate) fn typed(prompt: &str) -> Result<String, PhoneError> {
    let _nobody_reads = write!(std::io::stdout(), "{prompt}").and_then(|()| std::io::stdout().flush());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| PhoneError::File("terminal".to_owned(), e))?;
    Ok(line)
}

/// The PIN from this file, or typed without being shown.
pub(crate) fn pin(file: Option<&Path>, prompt: &str, out: Out) -> Result<Pin, PhoneError> {
    Ok(Pin::typed(&pin_text(file, prompt, out)?)?)
}

/// As [`pin`], but not judged yet.
pub(crate) fn pin_text(file: Option<&Path>, prompt: &str, out: Out) -> Result<String, PhoneError> {
    if let Some(file) = file {
        return factor::pin_text(file);
    }
    if out.json || !std::io::stdin().is_terminal() {
        return Err(PhoneError::Usage("give --pin-file, or run this at a terminal".to_owned()));
    }
    rpassword::prompt_password(prompt).map_err(|e| PhoneError::File("terminal".to_owned(), e))
}
