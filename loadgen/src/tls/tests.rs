//! What the client's side does, with rustls as the broker.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::{Terms, Tls};
use crate::arguments::TlsArguments;

fn terms(resume: bool) -> Terms {
    let arguments = TlsArguments { tls: true, insecure: true, resume, ..TlsArguments::default() };
    Terms::read(&arguments, "localhost").expect("no file is needed")
}

fn server(version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let made = generate_simple_self_signed(["other.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    Arc::new(config)
}

/// The client and what it has received.
struct Ends {
    client: Tls,
    server: ServerConnection,
    to_server: Vec<u8>,
    heard: Vec<u8>,
    records: Vec<u8>,
}

impl Ends {
    fn new(version: &'static SupportedProtocolVersion) -> Ends {
        Ends::by(&terms(false), server(version))
    }

    fn by(terms: &Terms, server: Arc<ServerConfig>) -> Ends {
        let mut to_server = Vec::new();
        let client = Tls::new(terms, &mut to_server).expect("it begins");
        let server = ServerConnection::new(server).expect("a configuration");
        Ends { client, server, to_server, heard: Vec::new(), records: Vec::new() }
    }

    /// Carries bytes both ways in pieces until there are none; answers what the server has heard.
    fn talk(&mut self, step: usize) -> Vec<u8> {
        let mut said = Vec::new();
        while !self.to_server.is_empty() || self.server.wants_write() {
            let sent = std::mem::take(&mut self.to_server);
            for mut piece in sent.chunks(step) {
                while !piece.is_empty() {
                    self.server.read_tls(&mut piece).expect("room");
                    let state = self.server.process_new_packets().expect("no fault");
                    let start = said.len();
                    said.resize(start + state.plaintext_bytes_to_read(), 0);
                    self.server.reader().read_exact(&mut said[start..]).expect("as many as it says");
                }
            }
            let mut to_client = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut to_client).expect("a vector takes all");
            }
            to_client.chunks(step).for_each(|piece| self.hear(piece));
        }
        said
    }

    fn hear(&mut self, piece: &[u8]) {
        let start = self.client.make_room(&mut self.records, piece.len());
        let end = start + piece.len();
        self.records[start..end].copy_from_slice(piece);
        let mut opened = vec![0; end];
        let heard = self.client.receive(&mut self.records[..end], &mut opened, &mut self.to_server);
        self.heard.extend_from_slice(&opened[..heard.expect("no fault")]);
    }
}

#[test]
fn what_is_said_before_and_after_the_handshake_arrives_however_it_is_cut() {
    for version in [&TLS12, &TLS13] {
        for step in [1, 100, 16_000, usize::MAX] {
            let mut ends = Ends::new(version);
            ends.client.send(b"early ", &mut ends.to_server).expect("it is kept");
            assert!(!ends.client.is_open());
            let mut said = ends.talk(step);
            assert!(ends.client.is_open());
            let large: Vec<u8> = (0..40_000_u32).map(|index| (index % 251) as u8).collect();
            ends.client.send(&large, &mut ends.to_server).expect("it is open");
            ends.server.writer().write_all(&large).expect("a buffer takes all");
            said.extend(ends.talk(step));
            assert!(said == [b"early ", &large[..]].concat() && ends.heard == large);
            ends.client.finish(&mut ends.to_server).expect("it is open");
            ends.server.send_close_notify();
            ends.talk(step);
            assert!(ends.client.has_ended());
            assert_eq!(ends.server.reader().read(&mut [0; 8]).expect("it has ended in order"), 0);
        }
    }
}

#[test]
fn sessions_are_taken_up_again_if_that_is_asked_for() {
    for version in [&TLS12, &TLS13] {
        for (resume, expected) in [(false, 0), (true, 2)] {
            let (terms, server) = (terms(resume), server(version));
            for _ in 0..3 {
                let mut ends = Ends::by(&terms, Arc::clone(&server));
                ends.talk(usize::MAX);
                assert!(ends.client.is_open());
            }
            assert_eq!(terms.resumed(), expected);
        }
    }
}

#[test]
fn what_is_no_tls_or_changed_on_its_way_is_said_so() {
    let mut ends = Ends::new(&TLS13);
    let mut opened = [0; 64];
    let refused = ends.client.receive(&mut b"HTTP/1.1 400 Bad Request".to_vec(), &mut opened, &mut Vec::new());
    assert!(refused.expect_err("no TLS").contains("is no TLS"));
    let mut ends = Ends::new(&TLS13);
    ends.talk(usize::MAX);
    let (mut record, mut out) = (vec![0x17, 3, 3, 0, 40], Vec::new());
    record.resize(45, 0xAA);
    let refused = ends.client.receive(&mut record, &mut opened, &mut out);
    assert!(refused.expect_err("it is nobody's").contains("cannot be decrypted"));
    assert!(!out.is_empty(), "an alert tells the broker why");
}
