//! `countersign assets`: exports the files that browsers load, for a web server that serves them
//! instead of a pod.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use countersign_ns::page::assets;

#[derive(Subcommand)]
pub(crate) enum AssetsCommand {
    /// Write the login element and the page of app links below a directory; existing files with
    /// these names are replaced.
    #[command(after_help = "Example: countersign assets export /var/www/countersign")]
    Export {
        /// Target directory; created if it does not exist.
        dir: PathBuf,
    },
}

/// Runs the command and returns what to print.
pub(crate) fn run(command: &AssetsCommand) -> Result<String, String> {
    let AssetsCommand::Export { dir } = command;
    let mut lines = Vec::new();
    for asset in assets::all() {
        let path = dir.join(asset.file);
        let said = |e: std::io::Error| format!("{}: {e}", path.display());
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(said)?;
        std::fs::write(&path, asset.text).map_err(said)?;
        lines.push(line(asset.path, &path));
    }
    Ok(lines.join("\n"))
}

fn line(served_as: &str, file: &Path) -> String {
    format!("{served_as}  {}", file.display())
}
