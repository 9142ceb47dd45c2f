//! The app's own configuration, signed by its publisher: where it may enrol.

use countersign_channel::p256;
use countersign_protocol::{
    app_config::{self, AppConfig},
    link::EnrolLink,
};

/// Why an app may not enrol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    #[error("the app's configuration is not its publisher's")]
    NotThePublisher,
    #[error("this app may not enrol at this realm")]
    RealmNotListed,
    #[error("the app's configuration is out of date; update the app")]
    Expired,
}

/// A configuration whose publisher's signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedApp(AppConfig);

impl TrustedApp {
    /// Verifies the configuration with the publisher's public key, which the app is built with
    /// (uncompressed point, SEC 1).
    ///
    /// # Errors
    /// [`AppError::NotThePublisher`].
    pub fn verify(config: &str, publisher: &[u8; 65]) -> Result<Self, AppError> {
        let parsed = app_config::parse(config.trim()).map_err(|_| AppError::NotThePublisher)?;
        if parsed.kid != p256::thumbprint(publisher) {
            return Err(AppError::NotThePublisher);
        }
        p256::verify(publisher, parsed.signing_input.as_bytes(), &parsed.signature)
            .map_err(|_| AppError::NotThePublisher)?;
        Ok(Self(parsed.claims))
    }

    /// The app's identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.app
    }

    /// Checks that the app may follow this enrolment link. Call this before sending anything.
    ///
    /// # Errors
    /// [`AppError::RealmNotListed`], [`AppError::Expired`].
    pub fn check(&self, link: &EnrolLink, now: u64) -> Result<(), AppError> {
        if self.0.exp.is_some_and(|exp| now >= exp) {
            return Err(AppError::Expired);
        }
        if self.0.allows(&link.root_pin, now) { Ok(()) } else { Err(AppError::RealmNotListed) }
    }
}
