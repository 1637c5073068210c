//! What comes and goes once a handshake is through: rustls at the other end, or one that seals what it should not.

use std::io::Write;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{any, ProptestConfig};
use proptest::test_runner::TestRunner;
use rustls::crypto::ring::{default_provider, ALL_CIPHER_SUITES};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ContentType, SupportedCipherSuite, SupportedProtocolVersion};

use super::super::keys::HEADER_BYTES;
use super::super::sealer::Sealer;
use super::super::{Records, Stage};
use super::scene::{seal, take, Ends, Scene, OPEN};
use crate::transport::{Refusal, Transport};

/// A client of this suite only.
fn client(scene: &Scene, suite: SupportedCipherSuite) -> Arc<ClientConfig> {
    scene.client(None, |config| {
        let provider = rustls::crypto::CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
        let mut only = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[suite.version()])
            .expect("its version")
            .with_root_certificates(scene.roots())
            .with_no_client_auth();
        only.enable_secret_extraction = true;
        *config = only;
    })
}

/// The suites that a server with a key on an elliptic curve can speak.
fn suites() -> impl Iterator<Item = SupportedCipherSuite> {
    ALL_CIPHER_SUITES.iter().copied().filter(|suite| !format!("{:?}", suite.suite()).contains("RSA"))
}

fn one_suite(version: &SupportedProtocolVersion) -> SupportedCipherSuite {
    suites().find(|suite| suite.version() == version).expect("a suite")
}

fn records(server: &mut Transport) -> &mut Records {
    match server.tls.as_mut().map(|tls| &mut tls.stage) {
        Some(Stage::Open(records)) => records,
        _ => panic!("it is open"),
    }
}

/// A client that has shaken hands and now seals whatever it likes.
struct Wild {
    server: Transport,
    sealer: Sealer,
    opened: Vec<u8>,
    replies: Vec<u8>,
}

impl Wild {
    fn new(scene: &Scene, version: &SupportedProtocolVersion) -> Wild {
        let suite = one_suite(version);
        let mut ends = Ends::new(&scene.server(OPEN), &client(scene, suite));
        ends.talk(usize::MAX);
        let (sequence, secrets) = ends.client.dangerous_extract_secrets().expect("enabled").tx;
        let sealer = Sealer::new(suite, sequence, secrets).expect("a cipher");
        Wild { server: ends.server, sealer, opened: Vec::new(), replies: Vec::new() }
    }

    fn say(&mut self, content: ContentType, bytes: &[u8]) -> Result<(), Refusal> {
        let mut record = Vec::new();
        self.sealer.seal(content, bytes, &mut record).expect("keys");
        self.send(&mut record)
    }

    fn send(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        take(&mut self.server, bytes, &mut self.opened, &mut self.replies)
    }

    #[track_caller]
    fn refused(mut self, content: ContentType, bytes: &[u8], reason: &str) {
        let refusal = self.say(content, bytes).expect_err("refused");
        assert!(refusal.reason.contains(reason), "{refusal}");
        assert!(self.say(ContentType::ApplicationData, b"more").is_err(), "that was the end");
        assert!(seal(&mut self.server, b"more").is_err(), "on both sides");
    }
}

#[test]
fn every_suite_is_spoken_in_both_directions() {
    let scene = Scene::new();
    let server = scene.server(OPEN);
    assert_eq!(suites().count(), 6);
    for suite in suites() {
        for step in [1, 100, 16_000, usize::MAX] {
            let mut ends = Ends::new(&server, &client(&scene, suite));
            for _ in 0..3 {
                ends.talk(step);
            }
            assert_eq!(ends.client.negotiated_cipher_suite(), Some(suite));
        }
    }
}

#[test]
fn a_few_bytes_of_a_record_do_not_keep_the_memory_of_a_large_one() {
    let scene = Scene::new();
    let mut wild = Wild::new(&scene, &TLS13);
    let mut sent = Vec::new();
    wild.sealer.seal(ContentType::ApplicationData, &[7; 16_000], &mut sent).expect("keys");
    let large = sent.len();
    wild.sealer.seal(ContentType::ApplicationData, &[7; 16_000], &mut sent).expect("keys");
    // In use again, as long as much of it is.
    wild.opened = Vec::with_capacity(64_000);
    wild.send(&mut sent[..100].to_vec()).expect("a beginning");
    wild.send(&mut sent[100..large + 20].to_vec()).expect("the rest, and a beginning");
    let capacity = records(&mut wild.server).waiting_capacity();
    assert!((20..100).contains(&capacity), "{capacity}");
    wild.send(&mut sent[large + 20..].to_vec()).expect("the rest");
    assert_eq!(wild.opened, [7; 32_000]);
}

#[test]
fn what_is_large_leaves_in_records_that_small_clients_have_room_for() {
    let scene = Scene::new();
    // The type, where it is sealed, makes whole blocks of what is.
    for (version, in_front, behind) in [(&TLS12, 8, 16), (&TLS13, 0, 1 + 16)] {
        for length in [1, 4095, 4096, 4097, 3 * 4095, 3 * 4096, 40_001] {
            let mut ends = Ends::new(&scene.server(OPEN), &client(&scene, one_suite(version)));
            ends.carry(usize::MAX).expect("a handshake");
            let said: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let sent = seal(&mut ends.server, &said).expect("it is open");
            let mut lengths = Vec::new();
            let mut rest = &sent[..];
            while let [_, _, _, high, low, more @ ..] = rest {
                let bytes = usize::from(u16::from_be_bytes([*high, *low]));
                lengths.push(bytes - in_front - behind);
                rest = &more[bytes..];
            }
            let (last, full) = lengths.split_last().expect("a record");
            let content_max = 4096 + 16 - behind;
            assert!(full.iter().all(|bytes| *bytes == content_max) && *last <= content_max, "{length}: {lengths:?}");
            assert_eq!(lengths.iter().sum::<usize>(), said.len());
            ends.hear(&sent);
            assert!(ends.heard == said, "{length}");
        }
    }
}

#[test]
fn the_client_may_change_its_keys_and_ask_for_ours_to_change() {
    let scene = Scene::new();
    let mut ends = Ends::new(&scene.server(OPEN), &scene.client(None, |_| {}));
    for step in [usize::MAX, 3, 1] {
        ends.talk(step);
        ends.client.refresh_traffic_keys().expect("TLS 1.3");
    }
    // However often it asks before something is said, the keys change once.
    ends.talk(1);
    for _ in 0..5 {
        ends.client.refresh_traffic_keys().expect("TLS 1.3");
        ends.carry(usize::MAX).expect("nothing is wrong with that");
    }
    let sealed = seal(&mut ends.server, b"x").expect("keys");
    let key_update = HEADER_BYTES + 5 + 1 + 16;
    assert_eq!(sealed.len(), key_update + HEADER_BYTES + 1 + 1 + 16);
    ends.hear(&sealed);
    assert_eq!(ends.heard, b"x");
}

#[test]
fn what_tls_itself_says_is_in_front_of_what_is_sealed_with_it() {
    let scene = Scene::new();
    for version in [&TLS12, &TLS13] {
        let mut ends = Ends::new(&scene.server(OPEN), &client(&scene, one_suite(version)));
        ends.carry(usize::MAX).expect("a handshake");
        let (mut replies, mut bytes) = (seal(&mut ends.server, b"first ").expect("keys"), vec![b'x'; 9000]);
        ends.server.send(&mut replies, &mut bytes).expect("keys");
        assert!(replies.is_empty());
        ends.hear(&bytes);
        assert_eq!(ends.heard, [&b"first "[..], &[b'x'; 9000]].concat());
    }
}

#[test]
fn keys_that_are_used_up_are_changed_or_end_the_connection() {
    let scene = Scene::new();
    for (version, may_go_on) in [(&TLS13, true), (&TLS12, false)] {
        let mut ends = Ends::new(&scene.server(OPEN), &client(&scene, one_suite(version)));
        ends.talk(usize::MAX);
        records(&mut ends.server).sealer().lower(3);
        let sealed = seal(&mut ends.server, &[7; 12_000]);
        ends.hear(&sealed.expect("three records"));
        let sealed = seal(&mut ends.server, b"more");
        assert_eq!(sealed.is_ok(), may_go_on);
        ends.hear(&sealed.unwrap_or_default());
        assert_eq!(ends.heard.len(), if may_go_on { 12_004 } else { 12_000 });
    }
}

#[test]
fn a_changed_record_is_refused_and_the_client_told() {
    let scene = Scene::new();
    for version in [&TLS12, &TLS13] {
        for at in [HEADER_BYTES, HEADER_BYTES + 8, HEADER_BYTES + 20] {
            let mut ends = Ends::new(&scene.server(OPEN), &client(&scene, one_suite(version)));
            ends.talk(usize::MAX);
            ends.client.writer().write_all(b"hello").expect("room");
            let mut sent = Vec::new();
            ends.client.write_tls(&mut sent).expect("into memory");
            sent[at] ^= 1;
            let mut replies = Vec::new();
            let refusal = ends.take(&mut sent, &mut replies).expect_err("changed");
            assert!(refusal.reason.contains("cannot be decrypted"), "{refusal}");
            assert!(ends.opened.is_empty());
            ends.client.read_tls(&mut &replies[..]).expect("from memory");
            let told = ends.client.process_new_packets().expect_err("an alert");
            assert_eq!(told, rustls::Error::AlertReceived(AlertDescription::BadRecordMac));
        }
    }
}

#[test]
fn what_no_client_should_say_is_refused() {
    let scene = Scene::new();
    let rules = "breaks the rules";
    for version in [&TLS12, &TLS13] {
        let wild = || Wild::new(&scene, version);
        wild().refused(ContentType::Alert, &[2, 40], "nothing in common");
        wild().refused(ContentType::Alert, &[2], rules);
        wild().refused(ContentType::Heartbeat, b"x", rules);
        wild().refused(ContentType::Handshake, &[], rules);
        wild().refused(ContentType::Handshake, &[2, 0, 0, 0], rules);
        wild().refused(ContentType::ChangeCipherSpec, &[1], rules);
        wild().refused(ContentType::ApplicationData, &[0; (16 << 10) + 1], "larger than TLS allows");
        let mut long = wild();
        let refusal = long.send(&mut [23, 3, 3, 0xff, 0xff]).expect_err("refused");
        assert!(refusal.reason.contains("larger than TLS allows"), "{refusal}");
    }
    Wild::new(&scene, &TLS13).refused(ContentType::Handshake, &[24, 0, 0, 1, 2], rules);
    Wild::new(&scene, &TLS13).refused(ContentType::Handshake, &[1, 0, 0, 0], rules);
    Wild::new(&scene, &TLS12).refused(ContentType::Handshake, &[24, 0, 0, 1, 0], rules);
    let mut plain = Wild::new(&scene, &TLS13);
    assert!(plain.send(&mut [21, 3, 3, 0, 2, 1, 0]).is_err(), "nothing is plain any more");
}

#[test]
fn what_says_nothing_is_heard_a_bounded_number_of_times() {
    let scene = Scene::new();
    let kinds = [
        (&TLS12, ContentType::ApplicationData, &b""[..]),
        (&TLS13, ContentType::ApplicationData, b""),
        (&TLS12, ContentType::Alert, &[1, 90]),
        (&TLS13, ContentType::Alert, &[1, 90]),
        // A wish for another handshake.
        (&TLS12, ContentType::Handshake, &[1, 0, 0, 0]),
    ];
    for (version, content, bytes) in kinds {
        let mut wild = Wild::new(&scene, version);
        for _ in 0..2 {
            for _ in 0..32 {
                wild.say(content, bytes).expect("it may");
            }
            wild.say(ContentType::ApplicationData, b"hello").expect("it goes on");
        }
        assert_eq!(wild.opened, b"hellohello");
        let is_answered = content == ContentType::Handshake;
        assert_eq!(wild.replies.len(), if is_answered { 64 * (HEADER_BYTES + 8 + 2 + 16) } else { 0 });
        for _ in 0..32 {
            wild.say(content, bytes).expect("it may");
        }
        wild.refused(content, bytes, "breaks the rules");
    }
}

#[test]
fn nothing_is_heard_after_a_goodbye() {
    let scene = Scene::new();
    for version in [&TLS12, &TLS13] {
        let mut wild = Wild::new(&scene, version);
        let mut sent = Vec::new();
        wild.sealer.seal(ContentType::ApplicationData, b"last", &mut sent).expect("keys");
        wild.sealer.seal(ContentType::Alert, &[1, 0], &mut sent).expect("keys");
        wild.sealer.seal(ContentType::ApplicationData, b"later", &mut sent).expect("keys");
        wild.send(&mut sent).expect("a goodbye");
        assert!(wild.server.has_ended());
        assert_eq!(wild.opened, b"last");
        seal(&mut wild.server, b"we still may").expect("one side is open");
    }
}

#[test]
fn padding_is_no_content() {
    let scene = Scene::new();
    let mut wild = Wild::new(&scene, &TLS13);
    // A type of zero behind what is said makes zeroes of the padding.
    let padding = ContentType::from(0);
    let mut sent = Vec::new();
    for said in [&b"hello\x17\0\0\0"[..], b"\x17", b"\0\0\x17\0"] {
        wild.sealer.seal(padding, said, &mut sent).expect("keys");
    }
    wild.send(&mut sent).expect("it may");
    assert_eq!(wild.opened, b"hello\0\0");
    wild.refused(padding, &[0; 100], "breaks the rules");
}

#[test]
fn records_without_room_for_their_tag_are_refused() {
    let scene = Scene::new();
    for version in [&TLS12, &TLS13] {
        for bytes in [0, 1, 7, 8, 15, 16, 23] {
            let mut wild = Wild::new(&scene, version);
            let mut record = vec![23, 3, 3, 0, bytes];
            record.resize(HEADER_BYTES + usize::from(bytes), 0);
            let refusal = wild.send(&mut record).expect_err("refused");
            assert!(refusal.reason.contains("cannot be decrypted"), "{bytes}: {refusal}");
        }
    }
}

/// Contents of any kind, whole or cut, many in one piece or one in many.
#[test]
fn whatever_is_sealed_ends_the_connection_at_most() {
    let scene = Scene::new();
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let content = (20u8..25, vec(any::<u8>(), 0..40));
    let case = (any::<bool>(), vec(content, 1..12), 1usize..200);
    let run = |(is_new, contents, step): (bool, Vec<(u8, Vec<u8>)>, usize)| {
        let mut wild = Wild::new(&scene, if is_new { &TLS13 } else { &TLS12 });
        let mut sent = Vec::new();
        for (content, bytes) in &contents {
            wild.sealer.seal(ContentType::from(*content), bytes, &mut sent).expect("keys");
        }
        let first_data: Vec<u8> = contents
            .iter()
            .take_while(|(content, _)| *content == u8::from(ContentType::ApplicationData))
            .flat_map(|(_, bytes)| bytes.clone())
            .collect();
        let refusal = sent.chunks_mut(step).find_map(|piece| wild.send(piece).err());
        // What is in the same piece as what ends it is lost with it.
        let heard = &wild.opened;
        assert!(heard.starts_with(&first_data) || (refusal.is_some() && first_data.starts_with(heard)), "{refusal:?}");
        Ok(())
    };
    runner.run(&case, run).expect("no panic");
}
