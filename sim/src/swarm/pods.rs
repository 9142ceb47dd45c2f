//! Addresses of pods, and what the kernel reports about those on this machine.

use std::{fs, path::Path};

use countersign_api::Ready;

use super::Stop;

/// A running pod.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    /// URL of its REST API.
    pub rest: String,
    /// URL of its page socket.
    pub page: Option<String>,
    /// URL of its phone socket.
    pub phone: String,
    /// Its process, when it runs on this machine.
    pub pid: Option<u32>,
}

impl Pod {
    /// Reads the addresses of a pod from `ready.json` in its data directory.
    ///
    /// # Errors
    /// When no pod runs there, or it does not serve both REST and phones of NS.
    pub fn at(data: &Path) -> Result<Self, Stop> {
        let ready = Ready::read(data).map_err(|e| format!("{e}; is a pod running there?"))?;
        let lacks = |what: &str| format!("{}: the process there serves no {what}", data.display());
        let name = data.file_name().map_or_else(|| "pod".to_owned(), |n| n.to_string_lossy().into_owned());
        Ok(Self {
            name,
            rest: ready.rest.ok_or_else(|| lacks("REST API"))?,
            page: ready.page,
            phone: ready.phone.get("ns").cloned().ok_or_else(|| lacks("phones of NS"))?,
            pid: Some(ready.pid),
        })
    }

    /// CPU seconds so far; `None` if the pod is on another machine or has ended.
    #[must_use]
    pub fn cpu(&self) -> Option<f64> {
        cpu_of(self.pid?)
    }

    /// Memory in bytes (proportional set size); `None` as in [`Pod::cpu`].
    #[must_use]
    pub fn pss(&self) -> Option<f64> {
        pss_of(self.pid?)
    }
}

/// Returns the user and system CPU seconds of a process and of the children it has waited for
/// (proc(5): fields 12 to 15 after the name, in ticks of 10 ms).
#[must_use]
pub fn cpu_of(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself contain spaces and parentheses.
    let after = text.rsplit_once(')')?.1;
    let ticks =
        after.split_whitespace().skip(11).take(4).map(str::parse::<u64>).sum::<Result<u64, _>>().ok()?;
    Some(ticks as f64 / 100.0)
}

/// Returns the proportional set size of a process, in bytes.
#[must_use]
pub fn pss_of(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|l| l.starts_with("Pss:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0)
}
