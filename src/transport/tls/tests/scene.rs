//! Both ends of TLS in one process: rustls as the client, this filter as the server, no socket between them.

use std::io::{Read, Write};
use std::mem;
use std::sync::Arc;

use rcgen::{
    date_time_ymd, BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair as SigningKey, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ALL_VERSIONS};

use super::super::super::{Refusal, RefusalKind, Transport};
use super::super::{ClientCertificates, Identity, KeyPair, Material, MinimumVersion, TlsPolicy, TlsServer};

/// Within the validity of what is made here.
pub(super) const NOW_S: i64 = 1_780_000_000;

/// An authority.
pub(super) struct Authority {
    pub(super) issuer: Issuer<'static, SigningKey>,
    pub(super) pem: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Authority {
        let key = SigningKey::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate of this authority, with its key.
    pub(super) fn pair(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> KeyPair {
        self.pair_of(SigningKey::generate().expect("a key"), names, change)
    }

    pub(super) fn pair_of(
        &self,
        key: SigningKey,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> KeyPair {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            names.iter().map(|&name| SanType::DnsName(name.try_into().expect("ascii"))).collect();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        KeyPair { certificate: certificate.into_bytes(), key: key.serialize_pem().into_bytes() }
    }

    /// A list that revokes a serial number, and is out of date after this year.
    pub(super) fn revocations(&self, serial: u64, until: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("text")
    }
}

pub(super) const OPEN: TlsPolicy =
    TlsPolicy { client_certificates: ClientCertificates::None, identity: None, minimum_version: MinimumVersion::Tls12 };

pub(super) fn asking(client_certificates: ClientCertificates, identity: Identity) -> TlsPolicy {
    TlsPolicy { client_certificates, identity: Some(identity), ..OPEN }
}

/// A server with one certificate, its authority, and the authority of clients.
pub(super) struct Scene {
    pub(super) authority: Authority,
    pub(super) clients: Authority,
    pub(super) material: Material,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
        let pairs = vec![authority.pair(&["broker.example"], |_| {})];
        let client_ca = Some(clients.pem.clone().into_bytes());
        Scene { authority, clients, material: Material { pairs, client_ca, crl: None } }
    }

    pub(super) fn server(&self, policy: TlsPolicy) -> TlsServer {
        TlsServer::new(&self.material, policy, None, NOW_S).expect("a server")
    }

    /// What a client of the server trusts.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).expect("pem")).expect("an authority");
        roots
    }

    pub(super) fn client(&self, shown: Option<&KeyPair>, change: impl FnOnce(&mut ClientConfig)) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(ALL_VERSIONS)
            .expect("known versions")
            .with_root_certificates(self.roots());
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(&pair.certificate).map(|der| der.expect("pem")).collect();
                let key = PrivateKeyDer::from_pem_slice(&pair.key).expect("pem");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        };
        config.resumption = Resumption::disabled();
        change(&mut config);
        Arc::new(config)
    }
}

/// A client and the filters of its connection.
pub(super) struct Ends {
    pub(super) client: ClientConnection,
    pub(super) server: Transport,
    pub(super) opened: Vec<u8>,
    pub(super) heard: Vec<u8>,
}

impl Ends {
    pub(super) fn new(server: &TlsServer, client: &Arc<ClientConfig>) -> Ends {
        Ends::asking_for(server, client, "broker.example")
    }

    pub(super) fn asking_for(server: &TlsServer, client: &Arc<ClientConfig>, name: &'static str) -> Ends {
        let name = ServerName::try_from(name).expect("a name");
        let client = ClientConnection::new(Arc::clone(client), name).expect("a client");
        Ends { client, server: Transport::new(None, Some(server)), opened: Vec::new(), heard: Vec::new() }
    }

    /// Carries bytes to and fro, at most `step` at a time, until nobody has any.
    pub(super) fn carry(&mut self, step: usize) -> Result<(), Refusal> {
        loop {
            let mut sent = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut sent).expect("into memory");
            }
            if sent.is_empty() {
                return Ok(());
            }
            for piece in sent.chunks_mut(step) {
                let mut replies = Vec::new();
                let received = self.take(piece, &mut replies);
                self.hear(&replies);
                received?;
            }
        }
    }

    /// Gives the server bytes.
    pub(super) fn take(&mut self, bytes: &mut [u8], replies: &mut Vec<u8>) -> Result<(), Refusal> {
        take(&mut self.server, bytes, &mut self.opened, replies)
    }

    /// Gives the client bytes; what it makes of them is its own affair.
    pub(super) fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).expect("from memory");
            let Ok(state) = self.client.process_new_packets() else { return };
            let start = self.heard.len();
            self.heard.resize(start + state.plaintext_bytes_to_read(), 0);
            self.client.reader().read_exact(&mut self.heard[start..]).expect("so many are there");
        }
    }

    /// Both ends say something to each other.
    pub(super) fn talk(&mut self, step: usize) {
        self.carry(step).expect("a handshake");
        assert!(self.server.is_open() && !self.client.is_handshaking());
        let long: Vec<u8> = (0..50_000u32).map(|number| number as u8).collect();
        self.client.writer().write_all(&long).expect("room");
        self.carry(step).expect("records");
        assert!(self.opened == long, "what is opened is what was sent");
        let sealed = seal(&mut self.server, &long).expect("keys");
        assert!(sealed.len() <= long.len() + 13 * (5 + 8 + 16), "{} bytes", sealed.len());
        self.hear(&sealed);
        assert!(mem::take(&mut self.heard) == long);
        self.opened.clear();
    }

    #[track_caller]
    pub(super) fn refused(&mut self, reason: &str) {
        let refusal = self.carry(usize::MAX).expect_err("refused");
        assert_eq!(refusal.kind, RefusalKind::Tls);
        assert!(refusal.reason.contains(reason), "{refusal}");
        assert!(!self.server.is_open());
    }
}

/// Gives a server bytes and puts all that is opened together.
pub(super) fn take(
    server: &mut Transport,
    bytes: &mut [u8],
    opened: &mut Vec<u8>,
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let others = server.receive(bytes, opened, replies)?;
    opened.extend_from_slice(&bytes[others]);
    Ok(())
}

/// What a server makes of bytes for its client.
pub(super) fn seal(server: &mut Transport, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut sealed = bytes.to_vec();
    server.send(&mut Vec::new(), &mut sealed).map(|()| sealed)
}
