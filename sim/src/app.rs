//! The app the virtual phone plays.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_sdk::TrustedApp;

use crate::PhoneError;

/// What it calls itself without a configuration.
pub const OPEN: &str = "countersign-phone";

/// Reads a signed configuration and verifies it.
///
/// # Errors
/// When it cannot be read, or is not the publisher's.
pub fn trusted(file: &Path, publisher: &str) -> Result<TrustedApp, PhoneError> {
    let text = std::fs::read_to_string(file).map_err(|e| PhoneError::File(file.display().to_string(), e))?;
    let key = URL_SAFE_NO_PAD.decode(publisher.trim()).ok().and_then(|b| b.try_into().ok());
    let key =
        key.ok_or_else(|| PhoneError::Usage("the publisher's key is base64url of 65 bytes".to_owned()))?;
    Ok(TrustedApp::verify(&text, &key)?)
}
