//! The app that the virtual phone presents itself as.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_sdk::TrustedApp;

use crate::PhoneError;

/// App id that the phone sends when it has no signed configuration.
pub const OPEN: &str = "countersign-phone";

/// Reads a signed app configuration and verifies it with the publisher's public key.
///
/// # Errors
/// When the file or the key cannot be read, or the publisher did not sign the configuration.
pub fn trusted(file: &Path, publisher: &str) -> Result<TrustedApp, PhoneError> {
    let text = std::fs::read_to_string(file).map_err(|e| PhoneError::File(file.display().to_string(), e))?;
    let key = URL_SAFE_NO_PAD.decode(publisher.trim()).ok().and_then(|b| b.try_into().ok());
    let key =
        key.ok_or_else(|| PhoneError::Usage("the publisher's key is base64url of 65 bytes".to_owned()))?;
    Ok(TrustedApp::verify(&text, &key)?)
}
