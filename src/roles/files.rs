//! How the open files that the system allows are shared among the ports. Every connection is an open
//! file; when there are none left, nobody is accepted, not even a health check.

use super::StartError;

/// Files that the process itself needs: databases, Redis, threads, listeners, logs.
const OWN: usize = 256;
/// The fewest with which every service works: some 75 are in use before the first connection.
const LEAST: usize = 128;
/// Connections of the admin port: probes and Prometheus.
const ADMIN: usize = 64;

/// The most connections of each port at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileShares {
    /// Of each HTTP listener but the admin port.
    pub(super) http: usize,
    pub(super) admin: usize,
    pub(super) phones: usize,
    /// Whether there are too few for one worker a core: each worker needs about five of its own.
    pub(super) scarce: bool,
}

impl FileShares {
    /// Shares `files` among `listeners` HTTP listeners that would have `http` connections each, the
    /// admin port and the phones, which get what is left.
    pub(super) fn of(files: usize, http: usize, listeners: usize) -> Self {
        let own = OWN.min(files / 2);
        let left = files - own;
        let admin = ADMIN.min(left / 4).max(1);
        let left = left.saturating_sub(admin);
        // Where files are short, the applications and pages get half of them.
        let http = http.min(left / (2 * listeners.max(1))).max(1);
        Self { http, admin, phones: left.saturating_sub(http * listeners).max(1), scarce: files < OWN }
    }

    /// The shares of this process, whose soft limit is raised as far as it may: that of a login
    /// shell, often 1024, is meant for programs that use select.
    ///
    /// # Errors
    /// When they do not suffice even for a process without connections.
    pub(super) fn of_process(http: usize, listeners: usize) -> Result<Self, StartError> {
        let files = rlimit::increase_nofile_limit(u64::MAX)
            .map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        if files < LEAST {
            return Err(StartError::Other(format!(
                "only {files} files may be open; at least {LEAST} are needed: raise the limit (ulimit -n, or \
                    LimitNOFILE= of systemd)"
            )));
        }
        let shares = Self::of(files, http, listeners);
        if shares.http < http || shares.phones < 1000 {
            tracing::warn!(
                files,
                phones = shares.phones,
                http = shares.http,
                admin = shares.admin,
                "few files may be open, so few connections are accepted; raise the limit (ulimit -n, or \
                    LimitNOFILE= of systemd)"
            );
        }
        Ok(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::FileShares;

    #[test]
    fn the_shares_never_exceed_what_there_is_and_the_admin_port_always_has_some() {
        for files in [16, 64, 100, 200, 1024, 20_000, 1 << 20] {
            for (http, listeners) in [(2048, 2), (256, 2), (2048, 5)] {
                let FileShares { http: each, admin, phones, .. } = FileShares::of(files, http, listeners);
                let all = each * listeners + admin + phones;
                assert!(all <= files && each <= http, "{files} {http} {listeners}: {all}");
                assert!(admin >= 1 && phones >= 1);
            }
        }
        let many = FileShares::of(20_000, 2048, 2);
        assert_eq!((many.http, many.admin, many.phones), (2048, 64, 20_000 - 256 - 64 - 2 * 2048));
    }
}
