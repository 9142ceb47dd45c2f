//! TLS of our listeners: OpenSSL, few protocols, and certificates that can be replaced while
//! connections stay open.
//!
//! TLS 1.2 and 1.3; ECDHE with AES-GCM or ChaCha20-Poly1305 only; P-256 and X25519, in this order.
//! No renegotiation, no compression, no session cache. The phones' channel does not depend on any
//! of it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslFiletype, SslMethod,
    SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::x509::X509Name;

const TLS_1_2: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                       ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
                       ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
const TLS_1_3: &str = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
const GROUPS: &str = "P-256:X25519";
/// The listeners speak HTTP/1.1 only.
const ALPN: &[u8] = b"\x08http/1.1";

/// Which client certificates a listener requests. A certificate alone grants nothing: REST checks
/// whether it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not requested.
    #[default]
    Off,
    /// Requested; clients without one are accepted, too.
    Optional,
    /// A certificate is required; any issuer is accepted.
    Any,
    /// Required, and signed by a CA of this file (PEM).
    Ca(PathBuf),
}

/// Locations of a listener's certificate and key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate first, then the chain of its issuers.
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub clients: ClientCertificates,
}

impl TlsFiles {
    fn ca(&self) -> Option<&Path> {
        if let ClientCertificates::Ca(file) = &self.clients { Some(file) } else { None }
    }
}

/// Modification times of the certificate, the key and the CA file.
type Written = Option<(SystemTime, SystemTime, Option<SystemTime>)>;

/// Why a certificate cannot be used, with the name of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct TlsError {
    pub file: PathBuf,
    pub why: String,
}

fn bad<E: std::fmt::Display>(file: &Path) -> impl FnOnce(E) -> TlsError + '_ {
    move |why| TlsError { file: file.to_owned(), why: why.to_string() }
}

/// One listener's TLS. Clones share the certificate that is in use.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<RwLock<SslContext>>,
    /// Modification times of the files that are in use.
    written: Arc<RwLock<Written>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are missing, damaged, or do not belong together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let context = builder(&files)?.build().into_context();
        let written = Arc::new(RwLock::new(written(&files)));
        Ok(Self { files, current: Arc::new(RwLock::new(context)), written })
    }

    /// Reads the files again when they have changed, or if `anyway` is true. Open connections keep
    /// the certificate they have. Returns whether the files were read.
    ///
    /// # Errors
    /// When the new files cannot be used; the old ones stay in use.
    pub fn reload(&self, anyway: bool) -> Result<bool, TlsError> {
        let now = written(&self.files);
        let mut seen = self.written.write().unwrap_or_else(PoisonError::into_inner);
        if !anyway && now == *seen {
            return Ok(false);
        }
        // Recorded even when the files are bad, so that they are reported only once until they
        // change again.
        *seen = now;
        let context = builder(&self.files)?.build().into_context();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = context;
        Ok(true)
    }

    /// Returns a builder for a listener: each handshake uses the certificate that is current at
    /// that time.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn acceptor(&self) -> Result<SslAcceptorBuilder, TlsError> {
        let mut acceptor = builder(&self.files)?;
        let current = self.current.clone();
        acceptor.set_client_hello_callback(move |ssl, _| {
            let context = current.read().unwrap_or_else(PoisonError::into_inner).clone();
            ssl.set_ssl_context(&context).map(|()| ClientHelloResponse::SUCCESS)
        });
        Ok(acceptor)
    }

    /// The certificate's file, for logs.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.files.certificate
    }
}

fn written(files: &TlsFiles) -> Written {
    let at = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    Some((at(&files.certificate)?, at(&files.key)?, files.ca().and_then(at)))
}

fn builder(files: &TlsFiles) -> Result<SslAcceptorBuilder, TlsError> {
    let TlsFiles { certificate, key, clients } = files;
    let mut b = strict().map_err(bad(certificate))?;
    std::fs::metadata(certificate).map_err(bad(certificate))?;
    std::fs::metadata(key).map_err(bad(key))?;
    b.set_certificate_chain_file(certificate)
        .map_err(|_| TlsError { file: certificate.clone(), why: "no certificate chain in PEM".to_owned() })?;
    b.set_private_key_file(key, SslFiletype::PEM).map_err(|_| TlsError {
        file: key.clone(),
        why: "no private key in PEM without a password, or not the certificate's".to_owned(),
    })?;
    b.check_private_key().map_err(|_| TlsError {
        file: key.clone(),
        why: format!("is not the key of {}", certificate.display()),
    })?;
    ask(&mut b, clients)?;
    Ok(b)
}

fn ask(b: &mut SslAcceptorBuilder, clients: &ClientCertificates) -> Result<(), TlsError> {
    let required = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    match clients {
        ClientCertificates::Off => return Ok(()),
        // The issuer does not matter: only listed certificates are accepted.
        ClientCertificates::Optional => b.set_verify_callback(SslVerifyMode::PEER, |_, _| true),
        ClientCertificates::Any => b.set_verify_callback(required, |_, _| true),
        ClientCertificates::Ca(file) => {
            let none = || TlsError { file: file.clone(), why: "no CA certificate in PEM".to_owned() };
            std::fs::metadata(file).map_err(bad(file))?;
            b.set_ca_file(file).map_err(|_| none())?;
            b.set_client_ca_list(X509Name::load_client_ca_file(file).map_err(|_| none())?);
            b.set_verify(required);
        }
    }
    // A resumed session would not be checked again.
    b.set_options(SslOptions::NO_TICKET);
    b.set_num_tickets(0).map_err(bad(Path::new("TLS tickets")))
}

fn strict() -> Result<SslAcceptorBuilder, openssl::error::ErrorStack> {
    let mut b = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    b.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    b.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    b.set_cipher_list(TLS_1_2)?;
    b.set_ciphersuites(TLS_1_3)?;
    b.set_groups_list(GROUPS)?;
    b.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    b.set_session_cache_mode(SslSessionCacheMode::OFF);
    b.set_alpn_select_callback(|_, offered| select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK));
    Ok(b)
}
