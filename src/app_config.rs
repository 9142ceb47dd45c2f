//! `countersign app`: commands for the publisher of an app, who makes a key and signs at which
//! realms the app may enrol.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Subcommand;
use countersign_channel::p256::{self, SigningKey};
use countersign_ports::time::Clock;
use countersign_protocol::{
    app_config::{self, Accepts, AppConfig},
    jws::compact,
};
use serde::Deserialize;

use zeroize::Zeroizing;

use crate::{data_dir::write_new, ports::WallClock, secret_files};

#[derive(Subcommand)]
pub(crate) enum AppCommand {
    /// Make a publisher's key, and print its public half, which the app is built with.
    #[command(after_help = "Example: countersign app key publisher.key")]
    Key {
        /// File to write the key to; an existing file is kept.
        file: std::path::PathBuf,
    },
    /// Sign an app's configuration, and print the signed text, which the app is built with.
    #[command(after_help = "Example: countersign app sign app.toml --key publisher.key > app.signed")]
    Sign {
        /// TOML file with `app = "com.example.bank"`, `realms = "open"` or a list of root pins, and
        /// `valid_days` if the configuration expires.
        config: std::path::PathBuf,
        /// File with the publisher's key, as `key` made it.
        #[arg(long, value_name = "FILE")]
        key: std::path::PathBuf,
    },
    /// Verify a signed configuration with the publisher's public key, and print what it allows.
    #[command(after_help = "Example: countersign app check app.signed --publisher PUBLIC_HALF")]
    Check {
        /// The file with the signed text.
        config: std::path::PathBuf,
        /// The public half of the publisher's key, as printed by `key`.
        #[arg(long)]
        publisher: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    app: String,
    realms: Realms,
    valid_days: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Realms {
    Word(String),
    Pins(Vec<String>),
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn fixed<const N: usize>(text: &str, what: &str) -> Result<[u8; N], String> {
    URL_SAFE_NO_PAD
        .decode(text.trim())
        .ok()
        .and_then(|b| b.try_into().ok())
        .ok_or_else(|| format!("{text} is not {what}"))
}

/// Runs the command and returns what to print.
pub(crate) fn run(command: AppCommand) -> Result<String, String> {
    match command {
        AppCommand::Key { file } => {
            if !file.exists() {
                let key = Zeroizing::new(SigningKey::generate().to_pkcs8());
                write_new(&file, &secret_files::line(&URL_SAFE_NO_PAD, &key)).map_err(|e| e.to_string())?;
            }
            Ok(URL_SAFE_NO_PAD.encode(key(&file)?.public()))
        }
        AppCommand::Sign { config, key: file } => {
            let wanted: Wanted = toml::from_str(&read(&config)?)
                .map_err(|e| format!("{}: {}", config.display(), e.message()))?;
            let key = key(&file)?;
            let config = wanted.into_config()?;
            let input = config.signing_input(&p256::thumbprint(&key.public()));
            Ok(compact(&input, &key.sign(input.as_bytes())))
        }
        AppCommand::Check { config, publisher } => check(&read(&config)?, &publisher),
    }
}

fn key(file: &Path) -> Result<SigningKey, String> {
    let text = secret_files::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let der = URL_SAFE_NO_PAD.decode(text.trim()).ok().map(Zeroizing::new);
    der.and_then(|der| SigningKey::from_pkcs8(&der).ok())
        .ok_or_else(|| format!("{} holds no publisher's key", file.display()))
}

impl Wanted {
    fn into_config(self) -> Result<AppConfig, String> {
        countersign_domain_ns::app::id(&self.app).map_err(|_| format!("{} cannot name an app", self.app))?;
        let accepts = match self.realms {
            Realms::Word(word) if word == "open" => Accepts::Open,
            Realms::Word(word) => {
                return Err(format!("realms = {word:?} is neither \"open\" nor a list of root pins"));
            }
            Realms::Pins(pins) => Accepts::Roots(
                pins.iter()
                    .map(|p| fixed(p, "a root pin (base64url of 32 bytes)"))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let iat = WallClock.now().secs();
        let exp = match self.valid_days {
            Some(days @ 1..=36_500) => Some(iat + days * 86_400),
            Some(_) => return Err("valid_days is 1 to 36500".to_owned()),
            None => None,
        };
        Ok(AppConfig { app: self.app, accepts, iat, exp })
    }
}

fn check(text: &str, publisher: &str) -> Result<String, String> {
    let public: [u8; 65] = fixed(publisher, "a publisher's public key (base64url of 65 bytes)")?;
    let parsed = app_config::parse(text.trim()).map_err(|e| e.to_string())?;
    p256::verify(&public, parsed.signing_input.as_bytes(), &parsed.signature)
        .map_err(|_| "the publisher has not signed this".to_owned())?;
    let realms = match &parsed.claims.accepts {
        Accepts::Open => "any realm".to_owned(),
        Accepts::Roots(pins) => format!("{} listed realms", pins.len()),
    };
    let now = WallClock.now().secs();
    if let Some(over) = parsed.claims.exp.filter(|exp| *exp <= now) {
        return Err(format!("it expired {} seconds ago; have the publisher sign a new one", now - over));
    }
    Ok(format!("{} may enrol at {realms}", parsed.claims.app))
}
