//! What the filter does, with rustls as the client.

mod records;
mod scene;

use std::io::{Read, Write};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{any, ProptestConfig};
use proptest::test_runner::TestRunner;
use rcgen::{
    date_time_ymd, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair as SigningKey,
    SerialNumber, PKCS_ECDSA_P384_SHA384,
};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};

use self::scene::{asking, seal, Authority, Ends, Scene, NOW_S, OPEN};
use super::super::Transport;
use super::{ClientCertificates, Identity, KeyPair, Material, MinimumVersion, Tls, TlsPart, TlsPolicy, TlsServer};

fn only(version: &'static SupportedProtocolVersion) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

#[test]
fn both_versions_are_spoken_however_the_bytes_are_cut() {
    let scene = Scene::new();
    let server = scene.server(OPEN);
    for version in [&TLS12, &TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(scene.authority.pem.as_bytes()).expect("pem")).expect("an authority");
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Arc::new(client);
        for step in [1, 100, 16_000, usize::MAX] {
            let mut ends = Ends::new(&server, &client);
            ends.talk(step);
            ends.talk(step);
            assert_eq!(ends.client.protocol_version(), Some(version.version));
            assert_eq!(ends.server.identity(), None);
        }
    }
}

#[test]
fn what_is_no_tls_is_refused_by_name() {
    let server = Scene::new().server(OPEN);
    for (bytes, reason) in [
        (&b"\x10\x0c\x00\x04MQTT"[..], "speaks MQTT without TLS"),
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"\x80\x2e\x01\x00\x02", "SSL 2"),
        (b"\0", "does not speak TLS"),
        (b"\x16\x03\x01\xff\xff\0\0", "is no TLS"),
    ] {
        let mut transport = Transport::new(None, Some(&server));
        let (mut opened, mut replies) = (Vec::new(), Vec::new());
        let refusal = transport.receive(&mut bytes.to_vec(), &mut opened, &mut replies).expect_err("refused");
        assert!(refusal.reason.contains(reason), "{refusal}");
    }
}

/// A ClientHello of this version without extensions, as TLS 1.0 and 1.1 have it.
fn old_hello(version: u8) -> Vec<u8> {
    let body = [&[3, version][..], &[7; 32], &[0], &[0, 2, 0, 0x2f], &[1, 0]].concat();
    let hello = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[0x16, 3, 1, 0, hello.len() as u8][..], &hello].concat()
}

#[test]
fn versions_below_the_minimum_are_refused_with_an_alert() {
    let scene = Scene::new();
    for version in [0, 1, 2] {
        let mut transport = Transport::new(None, Some(&scene.server(OPEN)));
        let (mut opened, mut replies) = (Vec::new(), Vec::new());
        let refusal = transport.receive(&mut old_hello(version), &mut opened, &mut replies).expect_err("refused");
        assert!(refusal.reason.contains("TLS 1.1 or older"), "{refusal}");
        // protocol_version, fatal.
        assert_eq!((replies[0], &replies[5..]), (0x15, &[2, 70][..]));
    }
    let server = scene.server(TlsPolicy { minimum_version: MinimumVersion::Tls13, ..OPEN });
    Ends::new(&server, &Arc::new(only(&TLS12))).refused("no version of TLS");
}

#[test]
fn a_client_without_a_common_cipher_or_protocol_is_refused() {
    let scene = Scene::new();
    let mut transport = Transport::new(None, Some(&scene.server(OPEN)));
    let (mut opened, mut replies) = (Vec::new(), Vec::new());
    let refusal = transport.receive(&mut old_hello(3), &mut opened, &mut replies).expect_err("refused");
    assert!(!replies.is_empty() && refusal.reason.contains("the client"), "{refusal}");
    let http = scene.client(None, |config| config.alpn_protocols = vec![b"h2".to_vec()]);
    Ends::new(&scene.server(OPEN), &http).refused("ALPN");
    let mqtt = scene.client(None, |config| config.alpn_protocols = vec![b"h2".to_vec(), b"mqtt".to_vec()]);
    let mut ends = Ends::new(&scene.server(OPEN), &mqtt);
    ends.talk(usize::MAX);
    assert_eq!(ends.client.alpn_protocol(), Some(&b"mqtt"[..]));
}

#[test]
fn client_certificates_name_the_client() {
    let scene = Scene::new();
    let shown = scene.clients.pair(&["pump.example"], |params| {
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Pumps");
        params.distinguished_name.push(DnType::CommonName, "pump");
    });
    let client = scene.client(Some(&shown), |_| {});
    for (identity, name) in
        [(Identity::Cn, "pump"), (Identity::Subject, "CN=pump,O=Pumps"), (Identity::San, "pump.example")]
    {
        for certificates in [ClientCertificates::Optional, ClientCertificates::Required] {
            let mut ends = Ends::new(&scene.server(asking(certificates, identity)), &client);
            ends.talk(500);
            assert_eq!(ends.server.identity(), Some(name));
        }
    }
    let mut ends = Ends::new(&scene.server(OPEN), &client);
    ends.talk(usize::MAX);
    assert_eq!(ends.server.identity(), None, "nobody asked");
}

#[test]
fn a_client_certificate_that_is_missing_or_wrong_is_refused_for_what_it_is() {
    let scene = Scene::new();
    let required = scene.server(asking(ClientCertificates::Required, Identity::Cn));
    let optional = scene.server(asking(ClientCertificates::Optional, Identity::Cn));
    let none = scene.client(None, |_| {});
    Ends::new(&required, &none).refused("has shown no certificate");
    Ends::new(&optional, &none).talk(usize::MAX);
    let show = |pair: KeyPair| scene.client(Some(&pair), |_| {});
    let foreign = show(Authority::new("others").pair(&["pump"], |_| {}));
    let old = show(scene.clients.pair(&["pump"], |params| params.not_after = date_time_ymd(2020, 1, 1)));
    let early = show(scene.clients.pair(&["pump"], |params| params.not_before = date_time_ymd(4000, 1, 1)));
    let of_server = show(scene.clients.pair(&["pump"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }));
    for server in [&required, &optional] {
        Ends::new(server, &foreign).refused("no authority in client_ca");
        Ends::new(server, &old).refused("has expired");
        Ends::new(server, &early).refused("not valid yet");
        Ends::new(server, &of_server).refused("not for clients");
    }
}

#[test]
fn a_revoked_certificate_is_refused_and_so_is_one_that_no_current_list_is_about() {
    let mut scene = Scene::new();
    let show = |scene: &Scene, serial: u64| {
        let numbered = |params: &mut CertificateParams| params.serial_number = Some(SerialNumber::from(serial));
        scene.client(Some(&scene.clients.pair(&["pump"], numbered)), |_| {})
    };
    let policy = asking(ClientCertificates::Required, Identity::San);
    scene.material.crl = Some(scene.clients.revocations(7, 4000).into_bytes());
    Ends::new(&scene.server(policy), &show(&scene, 7)).refused("is revoked");
    Ends::new(&scene.server(policy), &show(&scene, 8)).talk(usize::MAX);
    scene.material.crl = Some(scene.clients.revocations(7, 2025).into_bytes());
    Ends::new(&scene.server(policy), &show(&scene, 8)).refused("out of date");
    scene.material.crl = Some(Authority::new("others").revocations(7, 4000).into_bytes());
    Ends::new(&scene.server(policy), &show(&scene, 8)).refused("nothing in crl");
}

#[test]
fn the_certificate_follows_the_name_the_client_asks_for() {
    let mut scene = Scene::new();
    let strong = SigningKey::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    scene.material.pairs.push(scene.authority.pair_of(strong, &["*.other.example"], |_| {}));
    let server = scene.server(OPEN);
    let client = scene.client(None, |_| {});
    for name in ["broker.example", "a.other.example"] {
        Ends::asking_for(&server, &client, name).talk(usize::MAX);
    }
    // The client gets the first and does not take it.
    let mut ends = Ends::asking_for(&server, &client, "b.a.other.example");
    ends.refused("does not accept our certificate");
}

/// A client that comes back is known by its ticket, also after new certificates; not after another idea of whom to trust.
#[test]
fn tickets_outlive_new_certificates_but_not_new_trust() {
    let mut scene = Scene::new();
    let shown = scene.clients.pair(&["pump"], |_| {});
    let client = scene.client(Some(&shown), |config| config.resumption = Resumption::in_memory_sessions(8));
    let policy = asking(ClientCertificates::Required, Identity::San);
    let kind = |server: &TlsServer| {
        let mut ends = Ends::new(server, &client);
        ends.talk(usize::MAX);
        assert_eq!(ends.server.identity(), Some("pump"), "a ticket brings the name along");
        ends.client.handshake_kind()
    };
    let first = scene.server(policy);
    assert_eq!(kind(&first), Some(HandshakeKind::Full));
    assert_eq!(kind(&first), Some(HandshakeKind::Resumed));
    scene.material.pairs = vec![scene.authority.pair(&["broker.example"], |_| {})];
    let second = TlsServer::new(&scene.material, policy, Some(&first), NOW_S).expect("a server");
    assert_eq!(kind(&second), Some(HandshakeKind::Resumed));
    scene.material.crl = Some(scene.clients.revocations(7, 4000).into_bytes());
    let third = TlsServer::new(&scene.material, policy, Some(&second), NOW_S).expect("a server");
    assert_eq!(kind(&third), Some(HandshakeKind::Full));
}

#[test]
fn both_ends_can_say_goodbye() {
    let scene = Scene::new();
    let mut ends = Ends::new(&scene.server(OPEN), &scene.client(None, |_| {}));
    ends.talk(usize::MAX);
    ends.client.send_close_notify();
    ends.carry(usize::MAX).expect("a goodbye");
    assert!(ends.server.has_ended());
    let mut sealed = seal(&mut ends.server, b"still for you").expect("one side is still open");
    ends.server.finish(&mut sealed);
    ends.hear(&sealed);
    assert_eq!(ends.heard, b"still for you");
    assert_eq!(ends.client.reader().read(&mut [0]).expect("a clean end"), 0);
    let mut early = Transport::new(None, Some(&scene.server(OPEN)));
    let mut nothing = Vec::new();
    early.finish(&mut nothing);
    assert!(nothing.is_empty(), "nothing has begun");
    assert!(seal(&mut early, b"x").is_err());
}

#[test]
fn messages_of_the_handshake_may_be_cut_into_many_records() {
    let scene = Scene::new();
    let server = scene.server(asking(ClientCertificates::Required, Identity::San));
    let shown = scene.clients.pair(&["pump"], |_| {});
    for bytes in [33, 100, 1000] {
        let client = scene.client(Some(&shown), |config| config.max_fragment_size = Some(bytes));
        for step in [1, 50, usize::MAX] {
            Ends::new(&server, &client).talk(step);
        }
    }
}

#[test]
fn nothing_is_kept_of_what_is_whole() {
    let scene = Scene::new();
    let mut ends = Ends::new(&scene.server(OPEN), &scene.client(None, |_| {}));
    ends.talk(usize::MAX);
    assert_eq!(ends.server.tls.as_ref().map(Tls::waiting_capacity), Some(0));
}

#[track_caller]
fn wrong(material: &Material, part: TlsPart, what: &str) {
    let policy = asking(ClientCertificates::Required, Identity::Cn);
    let fault = TlsServer::new(material, policy, None, NOW_S).expect_err("refused");
    assert!(fault.part == part && fault.what.contains(what), "{fault:?}");
}

#[test]
fn texts_that_cannot_be_used_are_told_apart() {
    let scene = Scene::new();
    let good = &scene.material;
    let pair = |certificate: &[u8], key: &[u8]| {
        let pair = KeyPair { certificate: certificate.to_vec(), key: key.to_vec() };
        Material { pairs: vec![good.pairs[0].clone(), pair], ..good.clone() }
    };
    let (certificate, key) = (&good.pairs[0].certificate, &good.pairs[0].key);
    let other = scene.authority.pair(&["x"], |_| {});
    wrong(&pair(certificate, &other.key), TlsPart::Key(1), "not the key of its certificate");
    wrong(&pair(certificate, b""), TlsPart::Key(1), "holds no private key");
    wrong(&pair(certificate, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), TlsPart::Key(1), "is encrypted");
    wrong(
        &pair(certificate, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        TlsPart::Key(1),
        "kind",
    );
    wrong(&pair(b"hello", key), TlsPart::Certificate(1), "holds no certificate");
    wrong(&pair(b"-----BEGIN CERTIFICATE-----\n!\n", key), TlsPart::Certificate(1), "no PEM");
    wrong(
        &pair(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key),
        TlsPart::Certificate(1),
        "read",
    );
    let old = scene.authority.pair(&["x"], |params| params.not_after = date_time_ymd(2026, 5, 1));
    wrong(&pair(&old.certificate, &old.key), TlsPart::Certificate(1), "has expired 27 days ago");
    let early = scene.authority.pair(&["x"], |params| params.not_before = date_time_ymd(2027, 1, 1));
    wrong(&pair(&early.certificate, &early.key), TlsPart::Certificate(1), "is not valid before 218 days");
    wrong(&Material { client_ca: None, ..good.clone() }, TlsPart::ClientCa, "holds no certificate");
    wrong(&Material { crl: Some(b"x".to_vec()), ..good.clone() }, TlsPart::Crl, "holds no revocation list");
    wrong(&Material { pairs: Vec::new(), ..good.clone() }, TlsPart::Certificate(0), "is missing");
}

#[test]
fn facts_tell_when_each_certificate_ends() {
    let mut scene = Scene::new();
    let soon = scene.authority.pair(&["x"], |params| params.not_after = date_time_ymd(2026, 6, 28));
    scene.material.pairs.push(soon);
    let server = scene.server(asking(ClientCertificates::Required, Identity::Cn));
    let parts: Vec<TlsPart> = server.certificates().iter().map(|facts| facts.part).collect();
    assert_eq!(parts, [TlsPart::Certificate(0), TlsPart::Certificate(1), TlsPart::ClientCa]);
    assert_eq!(server.certificates()[1].expires_at_s, 1_782_604_800);
}

/// A place, a byte, and one of six ways of being wrong.
type Change = (u16, u8, u8);

fn apply(sent: &mut Vec<u8>, (at, byte, how): Change) {
    let Some(at) = usize::from(at).checked_rem(sent.len()) else { return };
    match how {
        0 => sent[at] = byte,
        1 => sent[at] ^= 1 << (byte & 7),
        2 => sent.truncate(at),
        3 => drop(sent.drain(at..(at + usize::from(byte)).min(sent.len()))),
        4 => sent.extend_from_within(at..),
        _ => sent.insert(at, byte),
    }
}

/// What a client would send, with some of it changed, doubled or left out, in pieces of any size. Nothing is to be gained by
/// it, least of all the end of the process.
#[test]
fn changed_bytes_are_refused_or_taken_but_never_panic() {
    let scene = Scene::new();
    let shown = scene.clients.pair(&["pump"], |_| {});
    let server = scene.server(asking(ClientCertificates::Optional, Identity::San));
    let pieces = |config: &mut ClientConfig| config.max_fragment_size = Some(40);
    let clients = [scene.client(Some(&shown), pieces), scene.client(None, |_| {})];
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let bytes = (any::<u16>(), any::<u8>(), 0u8..6);
    let case = (0usize..2, 1usize..3000, vec((0u8..6, bytes), 1..6), any::<bool>());
    let run = |(client, step, changes, talks): (usize, usize, Vec<(u8, Change)>, bool)| {
        let mut ends = Ends::new(&server, &clients[client]);
        for flight in 0..6 {
            let mut sent = Vec::new();
            if talks && ends.server.is_open() {
                ends.client.writer().write_all(b"hello").expect("room");
            }
            while ends.client.wants_write() {
                ends.client.write_tls(&mut sent).expect("into memory");
            }
            for (_, change) in changes.iter().filter(|(when, _)| *when == flight) {
                apply(&mut sent, *change);
            }
            for piece in sent.chunks_mut(step) {
                let mut replies = Vec::new();
                let received = ends.take(piece, &mut replies);
                if !replies.is_empty() {
                    ends.hear(&replies);
                }
                if received.is_err() {
                    return Ok(());
                }
                // As the broker does: it may have something to say at any time.
                let _ = seal(&mut ends.server, b"hello");
            }
        }
        ends.server.finish(&mut Vec::new());
        Ok(())
    };
    runner.run(&case, run).expect("no panic");
}
