//! `countersign api-key`: root keys for an operator who has access to the machine and its database.
//! This is the way in when the other root keys are lost or locked away.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use countersign_domain_ns::{api_key, permission::role, ports::KeyQuery};

use crate::{config::Config, roles};

#[derive(Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Make a root key and print it; it is shown only once, and the trail records it.
    #[command(after_help = "Example: countersign api-key new --role root --data /var/lib/countersign")]
    New {
        /// The role of the key. Keys of other roles are made with the REST API.
        #[arg(long, value_enum)]
        role: KeyRole,
        /// A name for the key, for people to read.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        #[command(flatten)]
        at: DatabaseArgs,
    },
    /// List the root keys, without their secrets.
    #[command(after_help = "Example: countersign api-key list --data /var/lib/countersign")]
    List {
        #[command(flatten)]
        at: DatabaseArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyRole {
    /// All permissions in all realms.
    Root,
}

/// The database to use. A pod may be running on it.
#[derive(Args)]
pub(crate) struct DatabaseArgs {
    /// Directory of the embedded database; not needed if `database.url` names another database.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// TOML file with settings (optional).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Maximum number of root keys that are listed.
const MOST: u32 = 1000;

/// Runs the command and returns what to print.
pub(crate) fn run(
    command: ApiKeyCommand,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<String, String> {
    let (ApiKeyCommand::New { at, .. } | ApiKeyCommand::List { at }) = &command;
    let config = Config::load(at.config.as_deref(), environment).map_err(|e| e.to_string())?;
    let at = roles::Beside { data: at.data.clone(), config };
    match command {
        ApiKeyCommand::New { role: KeyRole::Root, name, at: place } => {
            let (id, secret) = at.new_root_key(name).map_err(|e| e.to_string())?;
            let secret = api_key::write(&secret);
            Ok(if place.json {
                serde_json::json!({"id": id.to_string(), "secret": secret}).to_string()
            } else {
                secret
            })
        }
        ApiKeyCommand::List { at: place } => {
            let query = KeyQuery { role: Some(role::ROOT.to_owned()), limit: MOST, ..KeyQuery::default() };
            let keys = at.keys(&query).map_err(|e| e.to_string())?;
            let told = keys.iter().map(|k| {
                if place.json {
                    serde_json::json!({
                        "id": k.id.to_string(), "name": k.name, "created_at": k.created_at.secs(),
                            "expires_at": k.expires_at.map(|t| t.secs()),
                        "last_used_at": k.last_used_at.map(|t| t.secs()),
                            "certificate": k.certificate.is_some(),
                    })
                    .to_string()
                } else {
                    let used = k.last_used_at.map_or_else(|| "never".to_owned(), |t| t.secs().to_string());
                    format!(
                        "{}  {}  made {}, last used {used} (seconds since \
                        1970)",
                        k.id,
                        k.name.as_deref().unwrap_or("-"),
                        k.created_at.secs()
                    )
                }
            });
            let lines: Vec<String> = told.collect();
            Ok(if lines.is_empty() && !place.json {
                "There is no root key.".to_owned()
            } else {
                lines.join("\n")
            })
        }
    }
}
