//! From the text of certificates, keys and lists to what rustls takes, with a sentence for each way it can be wrong.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use thiserror::Error;

use super::certificate::Certificate;

/// The texts (PEM) a server is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Material {
    /// At least one; the first is shown to clients that name no server, or one that no certificate is for.
    pub pairs: Vec<KeyPair>,
    /// The authorities whose client certificates are accepted.
    pub client_ca: Option<Vec<u8>>,
    /// Lists of revoked client certificates.
    pub crl: Option<Vec<u8>>,
}

/// A certificate with its chain, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The server's certificate, then those between it and its authority.
    pub certificate: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: Vec<u8>,
}

/// A text that something is wrong with; the index is that of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// A certificate with its chain.
    Certificate(usize),
    /// A key.
    Key(usize),
    /// The authorities of clients.
    ClientCa,
    /// The revocation lists.
    Crl,
}

/// What is wrong with one of the texts, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct TlsFault {
    /// Which text.
    pub part: TlsPart,
    /// What is wrong with it.
    pub what: String,
}

/// What an operator wants to know of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Where it was found.
    pub part: TlsPart,
    /// The first second it is not valid any more: since 1970.
    pub expires_at_s: i64,
}

/// A fault of a part.
pub(crate) fn fault(part: TlsPart, what: impl Into<String>) -> TlsFault {
    TlsFault { part, what: what.into() }
}

/// Reads a pair; also the names of DNS the certificate is for. `now_s` are seconds since 1970.
pub(crate) fn read_pair(
    pair: &KeyPair,
    index: usize,
    provider: &CryptoProvider,
    now_s: i64,
    facts: &mut Vec<CertificateFacts>,
) -> Result<(Arc<CertifiedKey>, Vec<String>), TlsFault> {
    let (of_certificate, of_key) = (TlsPart::Certificate(index), TlsPart::Key(index));
    let chain = read_certificates(&pair.certificate, of_certificate, now_s, facts)?;
    let key = read_key(&pair.key, of_key)?;
    let names = Certificate::read(&chain[0]).map_or_else(Vec::new, |certificate| certificate.dns_names());
    let made = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            fault(of_key, "is not the key of its certificate; give the key the certificate was made for")
        }
        Error::InvalidCertificate(_) => {
            fault(of_certificate, "its first certificate cannot be used; it must be an X.509 certificate of version 3")
        }
        _ => fault(
            of_key,
            "is of a kind that cannot be used; take RSA of 2048 to 8192 bits, ECDSA P-256, P-384 or Ed25519",
        ),
    })?;
    Ok((Arc::new(made), names))
}

/// Reads the authorities of clients.
pub(crate) fn read_roots(
    text: &[u8],
    now_s: i64,
    facts: &mut Vec<CertificateFacts>,
) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(text, TlsPart::ClientCa, now_s, facts)? {
        roots.add(certificate).map_err(|_| {
            fault(TlsPart::ClientCa, "holds a certificate that cannot be an authority; give the CA's X.509 certificate")
        })?;
    }
    Ok(roots)
}

/// Reads revocation lists.
pub(crate) fn read_lists(text: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsFault> {
    let lists: Result<Vec<_>, PemError> = CertificateRevocationListDer::pem_slice_iter(text).collect();
    match lists {
        Ok(lists) if lists.is_empty() => {
            Err(fault(TlsPart::Crl, "holds no revocation list; it must be PEM (X509 CRL)"))
        }
        Ok(lists) => Ok(lists),
        Err(_) => Err(fault(TlsPart::Crl, "is no PEM; write it anew (openssl crl -inform DER -outform PEM)")),
    }
}

fn read_certificates(
    text: &[u8],
    part: TlsPart,
    now_s: i64,
    facts: &mut Vec<CertificateFacts>,
) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let chain: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.map_err(|_| fault(part, "is no PEM; write it anew (openssl x509 -inform DER -outform PEM)"))?;
    if chain.is_empty() {
        return Err(fault(part, "holds no certificate; it must be PEM (BEGIN CERTIFICATE)"));
    }
    for der in &chain {
        let certificate =
            Certificate::read(der).ok_or_else(|| fault(part, "holds a certificate that cannot be read"))?;
        let days = |seconds: i64| seconds.div_euclid(86_400);
        if certificate.not_after_s < now_s {
            let days = days(now_s - certificate.not_after_s);
            return Err(fault(part, format!("has expired {days} days ago; put a new certificate there")));
        }
        if certificate.not_before_s > now_s {
            let days = days(certificate.not_before_s - now_s) + 1;
            return Err(fault(
                part,
                format!("is not valid before {days} days from now; is the clock of this host right?"),
            ));
        }
        facts.push(CertificateFacts { part, expires_at_s: certificate.not_after_s });
    }
    Ok(chain)
}

fn read_key(text: &[u8], part: TlsPart) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let is_encrypted = text.windows(b"ENCRYPTED".len()).any(|window| window == b"ENCRYPTED");
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted => {
            Err(fault(part, "is encrypted; take the passphrase off (openssl pkey) and let only the broker read it"))
        }
        Err(PemError::NoItemsFound) => {
            Err(fault(part, "holds no private key; it must be PEM (BEGIN PRIVATE KEY, RSA or EC PRIVATE KEY)"))
        }
        Err(_) => Err(fault(part, "is no PEM; write it anew (openssl pkey -inform DER -outform PEM)")),
    }
}
