use std::path::{Path, PathBuf};

use crate::{run, tool};

/// A CA, a server's certificate, a client's certificate and an expired one, as PEM files in a
/// directory. Keys are RSA, which every server and client can read.
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Makes all the files in this directory.
    ///
    /// # Panics
    /// When `openssl` is missing or fails.
    #[must_use]
    pub fn make(dir: &Path) -> Self {
        let these = Self { dir: dir.to_owned() };
        let path = |name: &str| dir.join(name).display().to_string();
        let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
        let openssl = |words: &[&str]| run(tool("openssl").args(words));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test CA",
            "-keyout",
            &ca_key,
            "-out",
            &ca,
        ]);
        for (name, subject, days) in [
            ("server", "/CN=localhost", "2"),
            ("client", "/CN=a pod", "2"),
            ("expired", "/CN=an old pod", "-1"),
        ] {
            let (key, request, certificate, more) = (
                path(&format!("{name}.key")),
                path(&format!("{name}.csr")),
                path(&format!("{name}.pem")),
                path(&format!("{name}.ext")),
            );
            std::fs::write(&more, "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
            openssl(&["genrsa", "-traditional", "-out", &key, "2048"]);
            openssl(&["req", "-new", "-key", &key, "-subj", subject, "-out", &request]);
            openssl(&[
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                &ca,
                "-CAkey",
                &ca_key,
                "-CAcreateserial",
                "-days",
                days,
                "-extfile",
                &more,
                "-out",
                &certificate,
            ]);
        }
        these
    }

    /// The path of one of the files: `ca.pem`, `server.pem`, `server.key`, `client.pem`,
    /// `client.key`, `expired.pem`, `expired.key`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}
