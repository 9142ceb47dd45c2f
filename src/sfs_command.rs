//! `countersign sfs restored`: what an operator runs after a database of SFS was restored from a
//! backup.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{config::Config, roles};

/// What can be done with SFS beside running it.
#[derive(Subcommand)]
pub(crate) enum SfsCommand {
    /// Accept a database that was restored from a backup: every PIN gets one last try, because
    /// nobody knows how many were used since; a right PIN brings all tries back.
    #[command(after_help = "Example: countersign sfs restored --data /var/lib/countersign/sfs")]
    Restored(Restored),
}

/// Options of `restored`.
#[derive(Args)]
pub(crate) struct Restored {
    /// SFS's data directory, `sfs` below that of `countersign all`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// TOML file with settings (optional).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs the command; returns what to print.
pub(crate) fn run(
    SfsCommand::Restored(wanted): SfsCommand,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<String, String> {
    let config = Config::load(wanted.config.as_deref(), environment).map_err(|e| e.to_string())?;
    let changed = roles::sfs_restored(&wanted.data, &config).map_err(|e| e.to_string())?;
    if wanted.json {
        return Ok(serde_json::json!({"one_try_left": changed}).to_string());
    }
    Ok(format!(
        "{changed} PINs have one try left. Pods become ready within a second; each PIN that is proven gets \
            all its tries back."
    ))
}
