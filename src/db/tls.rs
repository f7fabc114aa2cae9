//! Encryption of PostgreSQL connections with rustls, with libpq's meaning of `sslmode`.
//!
//! Source: PostgreSQL manual 34.19 "SSL Support": `prefer` and `require` do not look at who signed the certificate unless a
//! root certificate is given.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{DbError, DbErrorKind};
use super::url::{Tls, TlsMode};

/// How much of a server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    Issuer,
    IssuerAndName,
}

/// A connector for the wanted mode.
///
/// # Errors
/// A certificate file is missing or holds no certificate.
pub(in crate::db) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, DbError> {
    let check = match (tls.mode, &tls.root_certificate) {
        (TlsMode::Disable, _) => Check::Nothing,
        (TlsMode::Prefer | TlsMode::Require, None) => Check::Nothing,
        (TlsMode::Prefer | TlsMode::Require, Some(_)) | (TlsMode::VerifyCa, _) => Check::Issuer,
        (TlsMode::VerifyFull, _) => Check::IssuerAndName,
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(check, tls.root_certificate.as_deref(), &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failure(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &tls.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(|error| failure(error.to_string()))?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    check: Check,
    roots: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, DbError> {
    let issuer = match check {
        Check::Nothing => None,
        Check::Issuer | Check::IssuerAndName => Some(
            WebPkiServerVerifier::builder_with_provider(
                Arc::new(root_store(roots)?),
                Arc::clone(provider),
            )
            .build()
            .map_err(|error| failure(error.to_string()))?,
        ),
    };
    Ok(Arc::new(Verifier { check, issuer, provider: Arc::clone(provider) }))
}

fn root_store(file: Option<&Path>) -> Result<RootCertStore, DbError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(path) if path != Path::new("system") => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| unreadable(path, &error))?;
            }
        }
        Some(_) | None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(failure("no certificates of trusted issuers are found")
            .hint("name the file that holds the server's issuer: `sslrootcert=path/to/ca.pem`"));
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DbError> {
    CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(path, &error))?
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> DbError {
    failure(format!("cannot use the certificate file `{}`: {error}", path.display()))
        .hint("check `sslrootcert`, `sslcert` and `sslkey`: they name PEM files")
}

fn failure(message: impl Into<String>) -> DbError {
    DbError::new(DbErrorKind::Connect, message)
}

/// Checks as much of the certificate as the mode asks for; signatures of the handshake always.
#[derive(Debug)]
struct Verifier {
    check: Check,
    issuer: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(issuer) = &self.issuer else { return Ok(ServerCertVerified::assertion()) };
        let verdict =
            issuer.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // `verify-ca` trusts whoever the issuer signed, whatever its name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Issuer => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
