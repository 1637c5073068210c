//! From the flags and their files to how all connections speak TLS.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use anyhow::{anyhow, ensure, Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::Resumption;
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore, SignatureScheme};

use super::tickets::Tickets;
use crate::arguments::TlsArguments;

/// How all connections of a run speak TLS.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    /// Sessions that were taken up again.
    resumed: Arc<AtomicU64>,
}

impl Terms {
    /// Reads the files. `host` is the broker's.
    pub(crate) fn read(arguments: &TlsArguments, host: &str) -> Result<Terms> {
        let name = arguments.server_name.as_deref().unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| anyhow!("--server-name {name}: neither a name of DNS nor an address"))?;
        let provider = Arc::new(ring::default_provider());
        let versions = match arguments.tls_version.as_deref() {
            Some("1.2") => &[&TLS12][..],
            Some(_) => &[&TLS13],
            None => &[&TLS13, &TLS12],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
        let builder = match &arguments.ca {
            Some(ca) => builder.with_root_certificates(read_roots(ca)?),
            None => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyBroker(provider))),
        };
        let mut config = match (&arguments.cert, &arguments.key) {
            (Some(certificate), Some(key)) => {
                let chain = read_certificates("--cert", certificate)?;
                let made = builder.with_client_auth_cert(chain, read_key(key)?);
                made.map_err(|error| wrong_pair(&error, certificate, key))?
            }
            _ => builder.with_no_client_auth(),
        };
        // Without being asked for every handshake is a whole one, so that a figure of handshakes says of which.
        config.resumption =
            if arguments.resume { Resumption::store(Arc::new(Tickets::default())) } else { Resumption::disabled() };
        Ok(Terms { config: Arc::new(config), server_name, resumed: Arc::default() })
    }

    /// Sessions that have been taken up again so far.
    pub(crate) fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.resumed)
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    pub(super) fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }
}

fn wrong_pair(error: &Error, certificate: &Path, key: &Path) -> anyhow::Error {
    let (certificate, key) = (certificate.display(), key.display());
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            anyhow!("--key {key}: not the key of --cert {certificate}")
        }
        Error::InvalidCertificate(_) => anyhow!("--cert {certificate}: its first certificate cannot be used"),
        _ => anyhow!("--key {key}: a kind that cannot be used; take RSA, ECDSA P-256, P-384 or Ed25519"),
    }
}

fn read_file(flag: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{flag} {}: cannot be read", path.display()))
}

fn read_certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read_file(flag, path)?;
    let certificates: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|_| anyhow!("{flag} {}: it is no PEM", path.display()))?;
    ensure!(!certificates.is_empty(), "{flag} {}: holds no certificate (BEGIN CERTIFICATE)", path.display());
    Ok(certificates)
}

fn read_roots(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates("--ca", path)? {
        roots
            .add(certificate)
            .map_err(|_| anyhow!("--ca {}: holds a certificate that cannot be an authority", path.display()))?;
    }
    Ok(roots)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let text = read_file("--key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        PemError::NoItemsFound => {
            anyhow!("--key {}: holds no private key that is not encrypted (BEGIN PRIVATE KEY)", path.display())
        }
        _ => anyhow!("--key {}: it is no PEM", path.display()),
    })
}

/// Believes every broker. That it has the key of the certificate it shows is still looked at: that is part of what a
/// handshake costs.
#[derive(Debug)]
struct AnyBroker(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyBroker {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
