//! Outbound TLS to a database server, with rustls and an explicitly named cryptography provider,
//! aws-lc.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{
    StoreError,
    url::{TlsMode, TlsOptions},
};

fn bad(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Open(format!("{}: {why}", path.display()))
}

/// The certificates in a PEM file; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|e| bad(path, e))?.collect();
    let found = found.map_err(|e| bad(path, e))?;
    if found.is_empty() { Err(bad(path, "no certificate in it")) } else { Ok(found) }
}

/// The client configuration for this mode, which is not [`TlsMode::Off`].
pub(crate) fn client(mode: TlsMode, options: &TlsOptions) -> Result<ClientConfig, StoreError> {
    let open = |e: &dyn std::fmt::Display| StoreError::Open(format!("TLS to the database: {e}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in options.ca.as_deref().map(certificates).transpose()?.unwrap_or_default() {
        roots.add(certificate).map_err(|e| open(&e))?;
    }
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| open(&e))?;
    let builder = if mode == TlsMode::VerifyFull {
        builder.with_root_certificates(roots)
    } else {
        let chain = match mode {
            TlsMode::VerifyCa => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|e| open(&e))?,
            ),
            _ => None,
        };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { chain, provider }))
    };
    match &options.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e))?;
            builder.with_client_auth_cert(certificates(chain)?, key).map_err(|e| open(&e))
        }
    }
}

/// Verifier for the modes `require` and `verify-ca`, which ignore the server's name: `require`
/// accepts any server, and `verify-ca` any server whose certificate comes from the CA. The
/// handshake's signature is always verified.
#[derive(Debug)]
struct AnyName {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The chain is verified before the name, so after this error the chain is valid.
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        m: &[u8],
        c: &CertificateDer<'_>,
        d: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(m, c, d, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        m: &[u8],
        c: &CertificateDer<'_>,
        d: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(m, c, d, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
