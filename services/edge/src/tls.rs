//! TLS of our listeners: OpenSSL, few protocols, and certificates that can be replaced while
//! connections stay open.
//!
//! TLS 1.2 and 1.3; ECDHE with AES-GCM or ChaCha20-Poly1305 only; P-256 and X25519, in this order.
//! No renegotiation, no compression, no session cache. The phones' channel does not depend on any
//! of it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use countersign_ports::time::Time;
use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    ssl::{
        AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslOptions,
        SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
    },
    x509::{X509, X509Name},
};
use zeroize::Zeroizing;

use crate::certificates;

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

/// A certificate chain or a key in PEM.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// A file, which is read again when it changes.
    File(PathBuf),
    /// The text itself, and what it is called in messages.
    Text(String, Arc<Zeroizing<String>>),
}

impl Pem {
    /// Takes the text itself.
    #[must_use]
    pub fn text(name: String, text: &str) -> Self {
        Self::Text(name, Arc::new(Zeroizing::new(text.to_owned())))
    }

    fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::File(path) => std::fs::read(path).map(Zeroizing::new),
            Self::Text(_, text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        }
    }

    fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::File(path) => path.metadata().and_then(|m| m.modified()).ok(),
            Self::Text(..) => Some(SystemTime::UNIX_EPOCH),
        }
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Text(name, _) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A listener's certificate and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate first, then the chain of its issuers.
    pub certificate: Pem,
    pub key: Pem,
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
#[error("{place}: {why}")]
pub struct TlsError {
    pub place: String,
    pub why: String,
}

fn bad<E: fmt::Display>(place: &dyn fmt::Display) -> impl FnOnce(E) -> TlsError + use<E> {
    let place = place.to_string();
    move |why| TlsError { place, why: why.to_string() }
}

/// What OpenSSL says is wrong, without its file names and numbers.
fn reason(e: &ErrorStack) -> String {
    e.errors().iter().find_map(|e| e.reason()).unwrap_or("OpenSSL refuses it").to_owned()
}

/// What is in use, and since when its files are as they are.
struct Current {
    context: SslContext,
    valid: Validity,
}

/// When all certificates of a file are valid.
#[derive(Clone, Copy)]
struct Validity {
    from: Time,
    until: Time,
}

/// The files as they were read last.
struct Seen {
    written: Written,
    /// When they are read again although they have not changed, because the certificate becomes
    /// valid.
    again: Option<Time>,
}

/// One listener's TLS. Clones share the certificate that is in use.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<RwLock<Current>>,
    seen: Arc<RwLock<Seen>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are missing, damaged, or do not belong together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let seen = Arc::new(RwLock::new(Seen { written: written(&files), again: None }));
        let current = Arc::new(RwLock::new(current(&files)?));
        Ok(Self { files, current, seen })
    }

    /// Reads the files again when they have changed, or if `anyway` is true. Open connections keep
    /// the certificate they have. Returns whether the files were read.
    ///
    /// # Errors
    /// When the new files cannot be used, or not yet; the old ones stay in use.
    pub fn reload(&self, anyway: bool, now: Time) -> Result<bool, TlsError> {
        let written = written(&self.files);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if !anyway && written == seen.written && seen.again.is_none_or(|again| now < again) {
            return Ok(false);
        }
        // Recorded even when the files are bad, so that they are reported only once until they
        // change again.
        *seen = Seen { written, again: None };
        let fresh = current(&self.files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.valid.from > now && current.valid.from <= now {
            seen.again = Some(fresh.valid.from);
            let from = fresh.valid.from.secs();
            return Err(bad(&self.files.certificate)(format!(
                "is not valid yet, only from {from} (seconds since 1970)"
            )));
        }
        *current = fresh;
        Ok(true)
    }

    /// Returns a builder for a listener: each handshake uses the certificate that is current at
    /// that time.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn acceptor(&self) -> Result<SslAcceptorBuilder, TlsError> {
        let mut acceptor = builder(&self.files)?.0;
        let current = self.current.clone();
        acceptor.set_client_hello_callback(move |ssl, _| {
            let context = current.read().unwrap_or_else(PoisonError::into_inner).context.clone();
            ssl.set_ssl_context(&context).map(|()| ClientHelloResponse::SUCCESS)
        });
        Ok(acceptor)
    }

    /// The certificate's file, for logs.
    #[must_use]
    pub fn certificate(&self) -> &Pem {
        &self.files.certificate
    }

    /// When the certificate that is in use, or one of its issuers in the file, expires.
    #[must_use]
    pub fn not_after(&self) -> Time {
        self.current.read().unwrap_or_else(PoisonError::into_inner).valid.until
    }

    /// When the certificate that is in use, with all of its issuers in the file, becomes valid.
    #[must_use]
    pub fn not_before(&self) -> Time {
        self.current.read().unwrap_or_else(PoisonError::into_inner).valid.from
    }
}

fn written(files: &TlsFiles) -> Written {
    let ca = files.ca().and_then(|path| path.metadata().and_then(|m| m.modified()).ok());
    Some((files.certificate.modified()?, files.key.modified()?, ca))
}

fn current(files: &TlsFiles) -> Result<Current, TlsError> {
    let (builder, valid) = builder(files)?;
    Ok(Current { context: builder.build().into_context(), valid })
}

/// The certificates in a PEM, at least one.
fn chain(from: &Pem) -> Result<Vec<X509>, TlsError> {
    let pem = from.read().map_err(bad(from))?;
    match X509::stack_from_pem(&pem) {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(bad(from)("no certificate chain in PEM")),
    }
}

fn private_key(from: &Pem) -> Result<PKey<Private>, TlsError> {
    let pem = from.read().map_err(bad(from))?;
    let mut asked = false;
    // Without a callback, OpenSSL would ask for the password at the terminal.
    let key = PKey::private_key_from_pem_callback(&pem, |_| {
        asked = true;
        Ok(0)
    });
    key.map_err(|_| {
        bad(from)(if asked {
            "the private key has a password; store it without (openssl pkey -in FILE -out FILE)"
        } else {
            "no private key in PEM"
        })
    })
}

fn builder(files: &TlsFiles) -> Result<(SslAcceptorBuilder, Validity), TlsError> {
    let TlsFiles { certificate, key, clients, .. } = files;
    let mut b = strict().map_err(bad(certificate))?;
    let chain = chain(certificate)?;
    let private = private_key(key)?;
    let expiries = chain.iter().filter_map(|one| certificates::time(one.not_after()));
    let until = expiries.min().unwrap_or(Time(0));
    let begins = chain.iter().filter_map(|one| certificates::time(one.not_before()));
    let from = begins.max().unwrap_or(Time(0));
    for (n, one) in chain.into_iter().enumerate() {
        let done = if n == 0 { b.set_certificate(&one) } else { b.add_extra_chain_cert(one) };
        done.map_err(|e| bad(certificate)(reason(&e)))?;
    }
    b.set_private_key(&private).and_then(|()| b.check_private_key()).map_err(|e| {
        let why = reason(&e);
        let other = why.contains("mismatch");
        let first = "is not the key of the first certificate in";
        bad(key)(if other { format!("{first} {certificate}; issuers follow the server's own") } else { why })
    })?;
    ask(&mut b, clients)?;
    Ok((b, Validity { from, until }))
}

fn ask(b: &mut SslAcceptorBuilder, clients: &ClientCertificates) -> Result<(), TlsError> {
    let required = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    match clients {
        ClientCertificates::Off => return Ok(()),
        // The issuer does not matter: only listed certificates are accepted.
        ClientCertificates::Optional => b.set_verify_callback(SslVerifyMode::PEER, |_, _| true),
        ClientCertificates::Any => b.set_verify_callback(required, |_, _| true),
        ClientCertificates::Ca(file) => {
            let none =
                || TlsError { place: file.display().to_string(), why: "no CA certificate in PEM".to_owned() };
            std::fs::metadata(file).map_err(bad(&file.display()))?;
            b.set_ca_file(file).map_err(|_| none())?;
            b.set_client_ca_list(X509Name::load_client_ca_file(file).map_err(|_| none())?);
            b.set_verify(required);
        }
    }
    // A resumed session would not be checked again.
    b.set_options(SslOptions::NO_TICKET);
    b.set_num_tickets(0).map_err(bad(&"TLS tickets"))
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
