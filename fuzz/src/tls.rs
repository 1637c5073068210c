//! The filter that speaks TLS: strangers get no further however their bytes are cut, and all are refused or none.

use std::sync::LazyLock;

use corecast::transport::{
    ClientCertificates, KeyPair, Material, MinimumVersion, Refusal, TlsPolicy, TlsServer, Transport,
};
use rcgen::{CertificateParams, KeyPair as SigningKey};

use crate::input::{parts, pieces};

/// Within the validity of what is made here.
const NOW_S: i64 = 1_780_000_000;

/// Bytes a stranger can make the server say before it has shown that it shares a secret.
const REPLIES_MAX: usize = 8 * 1024;

static SERVER: LazyLock<TlsServer> = LazyLock::new(|| {
    let key = SigningKey::generate().expect("a key");
    let params = CertificateParams::new(vec!["broker".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").pem().into_bytes();
    let pairs = vec![KeyPair { certificate, key: key.serialize_pem().into_bytes() }];
    let material = Material { pairs, client_ca: None, crl: None };
    let policy = TlsPolicy {
        client_certificates: ClientCertificates::None,
        identity: None,
        minimum_version: MinimumVersion::Tls12,
    };
    TlsServer::new(&material, policy, None, NOW_S).expect("a server")
});

/// How long each piece is; then what a stranger sends.
pub(crate) fn check(bytes: &[u8]) {
    let [cuts, stream] = parts(bytes);
    let whole = read(&[stream]);
    assert_eq!(read(&pieces(stream, cuts)), whole);
    assert_eq!(read(&pieces(stream, &[1])), whole);
}

/// Whether the stranger is refused. Of several things that are wrong the log names the one that shows first, and that may
/// depend on what has come.
fn read(pieces: &[&[u8]]) -> bool {
    let mut transport = Transport::new(None, Some(&SERVER));
    let (mut opened, mut replies) = (Vec::new(), Vec::new());
    let mut receive = |piece: &&[u8]| {
        let mut piece = piece.to_vec();
        let others = transport.receive(&mut piece, &mut opened, &mut replies)?;
        opened.extend_from_slice(&piece[others]);
        Ok::<(), Refusal>(())
    };
    let is_refused = pieces.iter().any(|piece| receive(piece).is_err());
    assert!(opened.is_empty() && !transport.is_open() && !transport.is_transparent(), "it shares no secret");
    assert!(transport.identity().is_none());
    assert!(replies.len() <= REPLIES_MAX, "{} bytes for {pieces:?}", replies.len());
    // Goodbyes may be said at any time.
    transport.finish(&mut replies);
    is_refused
}
