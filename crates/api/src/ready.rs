//! `ready.json`: what a process reports about itself once it serves requests.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// The addresses of everything that a running process serves. What it does not serve is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ready {
    /// The role, as on the command line: `all`, `ns`, `sfs`.
    pub role: String,
    /// Process id.
    pub pid: u32,
    /// Name of the realm that was created at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// Base URL of the REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// URL of the page socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// URL of each service's phone socket, by the service's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phone: BTreeMap<String, String>,
    /// The second factor server as an app has to know it: a link with its address and keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfs: Option<String>,
    /// The root key of the second factor server as an NS has to know it: an uncompressed P-256 point
    /// in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfs_root: Option<String>,
    /// Base URL of the admin port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// Base URL of the demo application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<String>,
}

impl Ready {
    /// Name of the file in a data directory.
    pub const FILE: &str = "ready.json";

    /// Reads the file that the process of this data directory wrote.
    ///
    /// # Errors
    /// When the file does not exist or is not one that a process writes. The error names the file.
    pub fn read(data: &Path) -> io::Result<Self> {
        let file = data.join(Self::FILE);
        let told = |kind, why: String| io::Error::new(kind, format!("{}: {why}", file.display()));
        let text = fs::read(&file).map_err(|e| told(e.kind(), e.to_string()))?;
        serde_json::from_slice(&text).map_err(|e| told(io::ErrorKind::InvalidData, e.to_string()))
    }

    /// Writes the file into a data directory atomically, so that readers never see a part of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let (file, draft) = (data.join(Self::FILE), data.join("ready.json.new"));
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        // What is there is a draft that was never finished, or a link that nobody asked for.
        let _none_there = fs::remove_file(&draft);
        fs::File::create_new(&draft)?.write_all((text + "\n").as_bytes())?;
        fs::rename(&draft, &file)
    }
}
