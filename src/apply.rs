//! `countersign apply FILE`: the file describes which realms, clients, roles and apps there are.
//! This changes a running NS accordingly, through its REST API, and reports each change.
//!
//! What the file does not name is kept, unless its realm has `prune = true`. Applying the same file
//! again changes nothing.

mod diff;
mod wanted;

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_api::{ApiClient, ApiError, Ready};

use diff::{Change, Doing};
use wanted::Wanted;

use crate::{output, secret_files};

#[derive(Args)]
pub(crate) struct Apply {
    /// TOML file, or YAML if its name ends in .yaml or .yml; see config/apply.example.toml.
    file: PathBuf,
    /// Print what would be done, but change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object per change instead of text.
    #[arg(long)]
    json: bool,
    /// Data directory of an NS that runs on this machine, with its URL and its root key.
    #[arg(long, value_name = "DIR", required_unless_present = "url")]
    data: Option<PathBuf>,
    /// URL of the REST port of an NS, such as https://id.example; requires `--key-file`.
    #[arg(long, requires = "key_file", conflicts_with = "data")]
    url: Option<String>,
    /// File with an API key; by default the root key in the data directory.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// PEM file with the CA of an NS at https://, if it is not one of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Reads what the file asks for. TOML and YAML fill the same types, so they refuse the same things.
fn wanted(path: &Path) -> Result<Wanted, String> {
    let text = read(path)?;
    let yaml =
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
    let wanted = if yaml {
        serde_saphyr::from_str(&text).map_err(|e| e.to_string())
    } else {
        toml::from_str(&text).map_err(|e| e.to_string())
    };
    wanted.map_err(|e| format!("{}: {}", path.display(), e.trim()))
}

impl Apply {
    fn api(&self) -> Result<ApiClient, String> {
        let data = self.data.clone().unwrap_or_default();
        let url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let ready = Ready::read(&data).map_err(|e| format!("{e}; is it running?"))?;
                ready.rest.ok_or_else(|| format!("{}: no REST API is served there", data.display()))?
            }
        };
        let file = self.key_file.clone().unwrap_or_else(|| data.join("root-api-key"));
        let key = secret_files::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        match &self.ca {
            None => ApiClient::new(&url, key.trim()),
            Some(ca) => ApiClient::trusting(&url, key.trim(), read(ca)?.as_bytes()),
        }
        .map_err(|e| e.to_string())
    }
}

/// Says what to do about a server whose certificate is not accepted.
fn with_hint(why: String) -> String {
    let hints = [
        (
            "UnknownIssuer",
            "the CA of the server's certificate is not known here; name its PEM file with --ca",
        ),
        ("NotValidForName", "the server's certificate is for another name than the URL has"),
        ("Expired", "the server's certificate has expired; replace it"),
        ("NotValidYet", "the server's certificate is not valid yet; compare the clocks"),
        ("InvalidContentType", "the server speaks no TLS there; write http:// if that is meant"),
    ];
    match hints.iter().find(|(word, _)| why.contains(word)) {
        Some((_, hint)) => format!("{why} ({hint})"),
        None => why,
    }
}

/// Applies the file.
pub(crate) fn run(apply: &Apply) -> Result<(), String> {
    let wanted = wanted(&apply.file)?;
    wanted.check().map_err(|why| format!("{}: {why}", apply.file.display()))?;
    let api = apply.api()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let doing = Doing { api, dry: apply.dry_run };
    let told = |e: ApiError| match e {
        ApiError::Refused(problem) => {
            let at: Vec<String> =
                problem.errors.iter().map(|e| format!("{}: {}", e.pointer, e.detail)).collect();
            format!("{} {}{}", problem.code, problem.detail.unwrap_or_default(), at.join("; "))
        }
        other => with_hint(other.to_string()),
    };
    let mut say = |change: &Change| output::say(&if apply.json { change.json() } else { change.to_string() });
    let changes = runtime
        .block_on(wanted.bring(&doing, &mut say))
        .map_err(|(what, e)| format!("{what}: {}", told(e)))?;
    if !apply.json {
        let verb = if apply.dry_run { "would be made" } else { "made" };
        output::say(&match changes {
            0 => "Nothing to do.".to_owned(),
            1 => format!("1 change {verb}."),
            more => format!("{more} changes {verb}."),
        });
    }
    Ok(())
}
