//! An app's configuration, signed by its publisher: a compact JWS, ES256, `typ` `cs-app+jwt`. The
//! app is built with the publisher's public key and trusts nothing else about where it may enrol.

use serde::{Deserialize, Serialize};

use crate::{
    ids::Jkt,
    jws::{self, BadJws},
};

/// The `typ` header.
pub const TYP: &str = "cs-app+jwt";

/// Which realms the app may enrol at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// Any realm.
    Open,
    /// The realms whose root key has one of these pins (SHA-256).
    Roots(Vec<[u8; 32]>),
}

/// The content that the publisher signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppConfig {
    /// The app's identifier, like `com.example.bank`.
    pub app: String,
    pub accepts: Accepts,
    /// Issue time in seconds since 1970; of two configurations the later one applies.
    pub iat: u64,
    /// Expiry in seconds since 1970; from then on the app needs a newer configuration to enrol
    /// anywhere.
    pub exp: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    app: String,
    /// `"open"`, or the root pins in base64url.
    realms: Realms,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    exp: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Realms {
    Word(String),
    Roots(Vec<String>),
}

/// A parsed JWS whose signature has not been verified yet.
pub type Parsed<'a> = jws::Parts<'a, AppConfig>;

impl AppConfig {
    /// The bytes the publisher signs (ECDSA P-256 with SHA-256, raw r‖s).
    #[must_use]
    pub fn signing_input(&self, kid: &Jkt) -> String {
        let realms = match &self.accepts {
            Accepts::Open => Realms::Word("open".to_owned()),
            Accepts::Roots(pins) => Realms::Roots(pins.iter().map(|p| jws::write(p)).collect()),
        };
        jws::signing_input(TYP, kid, &Claims { app: self.app.clone(), realms, iat: self.iat, exp: self.exp })
    }

    /// Whether the app may enrol at a realm with this root pin, at this time.
    #[must_use]
    pub fn allows(&self, root_pin: &[u8; 32], now: u64) -> bool {
        self.exp.is_none_or(|exp| now < exp)
            && match &self.accepts {
                Accepts::Open => true,
                Accepts::Roots(pins) => pins.contains(root_pin),
            }
    }
}

/// Parses a compact JWS without verifying its signature.
///
/// # Errors
/// [`BadJws`] when the text is too long, is not a compact JWS of this type, or has missing, unknown
/// or invalid members.
pub fn parse(text: &str) -> Result<Parsed<'_>, BadJws> {
    let parts = jws::parse::<Claims>(text, TYP)?;
    let accepts = match &parts.claims.realms {
        Realms::Word(word) if word == "open" => Accepts::Open,
        Realms::Word(_) => return Err(BadJws),
        Realms::Roots(pins) => Accepts::Roots(pins.iter().map(|p| jws::fixed(p)).collect::<Result<_, _>>()?),
    };
    let config =
        AppConfig { app: parts.claims.app.clone(), accepts, iat: parts.claims.iat, exp: parts.claims.exp };
    Ok(jws::Parts {
        claims: config,
        kid: parts.kid,
        signing_input: parts.signing_input,
        signature: parts.signature,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_its_text_and_allows_what_it_lists_while_it_lasts() {
        for accepts in [Accepts::Open, Accepts::Roots(vec![[1; 32], [2; 32]]), Accepts::Roots(Vec::new())] {
            let config = AppConfig { app: "com.example.bank".into(), accepts, iat: 1, exp: Some(10) };
            let text = jws::compact(&config.signing_input(&Jkt([5; 32])), &[6; 64]);
            assert_eq!(parse(&text).expect("ours").claims, config);
        }
        let listed =
            AppConfig { app: "a".into(), accepts: Accepts::Roots(vec![[1; 32]]), iat: 1, exp: Some(10) };
        assert!(listed.allows(&[1; 32], 9) && !listed.allows(&[2; 32], 9) && !listed.allows(&[1; 32], 10));
        let open = AppConfig { accepts: Accepts::Open, exp: None, ..listed };
        assert!(open.allows(&[2; 32], u64::MAX));
    }
}
