//! The phone's outer TLS. Security does not depend on it: the channel inside authenticates the
//! server by the key in the enrolment link.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use crate::PhoneError;

/// CAs that this process trusts in addition to those of the public web.
static MORE: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();

/// Trusts the CAs of a PEM file from now on, too. Only the first call in a process has an effect.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn trust(path: &Path) -> Result<(), PhoneError> {
    let bad = |e: &dyn std::fmt::Display| PhoneError::Usage(format!("{}: {e}", path.display()));
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))?.collect();
    let found = found.map_err(|e| bad(&e))?;
    if found.is_empty() {
        return Err(bad(&"no certificate in it"));
    }
    let _first_counts = MORE.set(found);
    Ok(())
}

/// A connection to the server, in plaintext or in TLS.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

pub(crate) async fn connect(stream: TcpStream, host: &str) -> Result<Stream, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in MORE.get().into_iter().flatten() {
        roots.add(certificate.clone()).map_err(|e| e.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    Ok(Either::Right(Box::new(connected.map_err(|e| e.to_string())?)))
}
