//! What the TLS connections of one listener have in common.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::{ring, CryptoProvider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerConfig, VerifierBuilderError,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::ALL_VERSIONS;

use super::certificate::Certificate;
use super::material::{fault, read_lists, read_pair, read_roots, CertificateFacts, Material, TlsFault, TlsPart};

/// The protocol by its registered name.
const ALPN: &[u8] = b"mqtt";
/// Tickets a TLS 1.3 client gets: one, since a client of MQTT has one connection.
const TICKETS_SENT: usize = 1;

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may; what is shown must be valid.
    Optional,
    /// They must.
    Required,
}

/// The name in a client's certificate that stands for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The common name of the subject.
    Cn,
    /// The whole subject, as RFC 2253 writes it.
    Subject,
    /// The first alternative name that is an e-mail address, a name of DNS or a URI.
    San,
}

impl Identity {
    /// The name in a certificate (DER) that has been verified, if it is there.
    pub fn of(self, der: &[u8]) -> Option<String> {
        let certificate = Certificate::read(der)?;
        match self {
            Identity::Cn => certificate.common_name(),
            Identity::Subject => certificate.subject_name(),
            Identity::San => certificate.alternative_name(),
        }
    }
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a listener asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsPolicy {
    /// Whether they show certificates.
    pub client_certificates: ClientCertificates,
    /// The name that is taken from them.
    pub identity: Option<Identity>,
    /// The oldest version they may speak.
    pub minimum_version: MinimumVersion,
}

/// The keys by which clients take up earlier sessions: made once for each listener, shared by all cores.
///
/// Not by all listeners: a ticket is worth as much as the handshake it was given after, and listeners ask for different
/// things.
#[derive(Clone)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// New keys; they change by themselves every few hours. Nothing if the system has no randomness.
    pub fn new() -> Option<Tickets> {
        ring::Ticketer::new().ok().map(Tickets)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tickets")
    }
}

/// The texts that decide which clients are let in.
#[derive(Debug, PartialEq, Eq)]
struct Trust {
    client_ca: Option<Vec<u8>>,
    crl: Option<Vec<u8>>,
}

/// Speaks TLS for one listener, on any core. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    policy: TlsPolicy,
    tickets: Option<Tickets>,
    facts: Arc<[CertificateFacts]>,
    /// What decides which clients are let in: sessions that began under another rule are not taken up.
    trust: Arc<Trust>,
}

impl TlsServer {
    /// Makes a server from the texts of its certificates; `before` is the one it takes the place of. `now_s` are seconds
    /// since 1970.
    ///
    /// # Errors
    /// The first text that is wrong.
    pub fn new(
        material: &Material,
        policy: TlsPolicy,
        before: Option<&TlsServer>,
        now_s: i64,
    ) -> Result<TlsServer, TlsFault> {
        let provider = Arc::new(ring::default_provider());
        let mut facts = Vec::new();
        let names = Names::read(material, &provider, now_s, &mut facts)?;
        let verifier = verifier(material, policy.client_certificates, &provider, now_s, &mut facts)?;
        let versions = match policy.minimum_version {
            MinimumVersion::Tls12 => ALL_VERSIONS,
            MinimumVersion::Tls13 => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|_| fault(TlsPart::Certificate(0), "TLS cannot be set up"))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(names));
        let trust = Arc::new(Trust { client_ca: material.client_ca.clone(), crl: material.crl.clone() });
        let kept = before.filter(|before| before.trust == trust && before.policy == policy);
        let tickets = kept.map_or_else(Tickets::new, |before| before.tickets.clone());
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = TICKETS_SENT;
        // What follows the handshake is sealed and opened by `records`.
        config.enable_secret_extraction = true;
        if let Some(Tickets(ticketer)) = &tickets {
            config.ticketer = Arc::clone(ticketer);
        }
        Ok(TlsServer { config: Arc::new(config), policy, tickets, facts: facts.into(), trust })
    }

    /// The certificates it is made of.
    pub fn certificates(&self) -> &[CertificateFacts] {
        &self.facts
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.policy.identity
    }
}

/// What client certificates are held against.
fn verifier(
    material: &Material,
    clients: ClientCertificates,
    provider: &Arc<CryptoProvider>,
    now_s: i64,
    facts: &mut Vec<CertificateFacts>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsFault> {
    if clients == ClientCertificates::None {
        return Ok(None);
    }
    let text = material.client_ca.as_deref().unwrap_or_default();
    let roots = Arc::new(read_roots(text, now_s, facts)?);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    if clients == ClientCertificates::Optional {
        builder = builder.allow_unauthenticated();
    }
    if let Some(text) = &material.crl {
        // As OpenSSL's CRL check does: the client's own certificate, by a list that is of its authority and up to date.
        builder =
            builder.with_crls(read_lists(text)?).only_check_end_entity_revocation().enforce_revocation_expiration();
    }
    let built = builder.build().map_err(|error| match error {
        VerifierBuilderError::InvalidCrl(_) => fault(TlsPart::Crl, "holds a revocation list that cannot be used"),
        _ => fault(TlsPart::ClientCa, "holds no authority that can be used"),
    })?;
    Ok(Some(built))
}

/// Chooses the certificate by the server name a client asks for.
#[derive(Debug)]
struct Names {
    entries: Vec<(Arc<CertifiedKey>, Vec<String>)>,
}

impl Names {
    fn read(
        material: &Material,
        provider: &CryptoProvider,
        now_s: i64,
        facts: &mut Vec<CertificateFacts>,
    ) -> Result<Names, TlsFault> {
        let pairs = material.pairs.iter().enumerate();
        let entries: Result<Vec<_>, _> =
            pairs.map(|(index, pair)| read_pair(pair, index, provider, now_s, facts)).collect();
        let entries = entries?;
        if entries.is_empty() {
            return Err(fault(TlsPart::Certificate(0), "is missing; TLS needs a certificate and its key"));
        }
        Ok(Names { entries })
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        let is_for =
            |names: &[String]| asked.as_deref().is_some_and(|asked| names.iter().any(|name| covers(name, asked)));
        let is_usable = |key: &CertifiedKey| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = || self.entries.iter().filter(|(_, names)| is_for(names)).map(|(key, _)| key);
        let all = || self.entries.iter().map(|(key, _)| key);
        let usable = named().find(|key| is_usable(key)).or_else(|| all().find(|key| is_usable(key)));
        usable.or_else(|| named().next()).or_else(|| all().next()).cloned()
    }
}

/// Whether a name in a certificate is for the name asked for; a star stands for one label, the first.
fn covers(name: &str, asked: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(domain) => asked.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == domain),
        None => name == asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_one_label() {
        assert!(covers("a.example", "a.example") && covers("*.example", "a.example"));
        for (name, asked) in [("a.example", "b.example"), ("*.example", "a.b.example"), ("*.example", "example")] {
            assert!(!covers(name, asked), "{name} {asked}");
        }
        assert!(!covers("*.example", ".example"));
    }
}
