//! Makes records of what leaves: sealed where they will be sent from. [RFC8446-5.2], [RFC5288-3], [RFC7905-2].

use ring::aead::{
    Aad, Algorithm, LessSafeKey, Nonce as AeadNonce, UnboundKey, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305,
};
use rustls::crypto::cipher::{make_tls12_aad, make_tls13_aad, AeadKey, Iv, Nonce};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use crate::transport::opened::append;

/// The header of a record: type, version, length.
pub(super) const HEADER_BYTES: usize = 5;
/// What the nonce of AES-GCM in TLS 1.2 adds to a record.
const EXPLICIT_NONCE_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
/// What a record adds at most: header, explicit nonce, tag or header, type, tag.
pub(super) const OVERHEAD_MAX: usize = HEADER_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES;

/// How a record is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The type is sealed, too, behind the content.
    Tls13,
    /// A part of the nonce is in front of what is sealed.
    Tls12Explicit,
    /// The nonce is known to both.
    Tls12Implicit,
}

/// The keys of one direction and how many records they have sealed.
pub(super) struct Sealer {
    key: LessSafeKey,
    iv: Iv,
    layout: Layout,
    sequence: u64,
    /// Records that these keys may seal.
    limit: u64,
}

impl Sealer {
    /// Nothing if the library does not know the cipher.
    pub(super) fn new(suite: SupportedCipherSuite, sequence: u64, secrets: ConnectionTrafficSecrets) -> Option<Sealer> {
        let (algorithm, key, iv): (&'static Algorithm, AeadKey, Iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return None,
        };
        let (layout, limit) = match suite {
            SupportedCipherSuite::Tls13(suite) => (Layout::Tls13, suite.common.confidentiality_limit),
            SupportedCipherSuite::Tls12(suite) if *algorithm == CHACHA20_POLY1305 => {
                (Layout::Tls12Implicit, suite.common.confidentiality_limit)
            }
            SupportedCipherSuite::Tls12(suite) => (Layout::Tls12Explicit, suite.common.confidentiality_limit),
        };
        let key = UnboundKey::new(algorithm, key.as_ref().get(..algorithm.key_len())?).ok()?;
        Some(Sealer { key: LessSafeKey::new(key), iv, layout, sequence, limit })
    }

    /// Records that may still be sealed.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.sequence)
    }

    /// Lets these keys seal so many records more.
    #[cfg(test)]
    pub(super) fn lower(&mut self, left: u64) {
        self.limit = self.sequence + left;
    }

    /// Appends a record; nothing if the keys are used up. `bytes` are 16 KiB at most. Cost: one copy, and the cipher's.
    pub(super) fn seal(&mut self, content: ContentType, bytes: &[u8], into: &mut Vec<u8>) -> Option<()> {
        if self.left() == 0 {
            return None;
        }
        let nonce = Nonce::new(&self.iv, self.sequence).0;
        let (outer, around) = match self.layout {
            Layout::Tls13 => (ContentType::ApplicationData, 1 + TAG_BYTES),
            Layout::Tls12Explicit => (content, EXPLICIT_NONCE_BYTES + TAG_BYTES),
            Layout::Tls12Implicit => (content, TAG_BYTES),
        };
        let length = u16::try_from(bytes.len() + around).ok()?;
        let [major, minor] = ProtocolVersion::TLSv1_2.to_array();
        let [high, low] = length.to_be_bytes();
        into.reserve(HEADER_BYTES + usize::from(length));
        into.extend_from_slice(&[u8::from(outer), major, minor, high, low]);
        if self.layout == Layout::Tls12Explicit {
            into.extend_from_slice(&nonce[nonce.len() - EXPLICIT_NONCE_BYTES..]);
        }
        let start = into.len();
        append(into, bytes);
        if self.layout == Layout::Tls13 {
            into.push(u8::from(content));
        }
        let sealed = &mut into[start..];
        let nonce = AeadNonce::assume_unique_for_key(nonce);
        let tag = match self.layout {
            Layout::Tls13 => {
                let with = Aad::from(make_tls13_aad(usize::from(length)));
                self.key.seal_in_place_separate_tag(nonce, with, sealed)
            }
            Layout::Tls12Explicit | Layout::Tls12Implicit => {
                let with = make_tls12_aad(self.sequence, content, ProtocolVersion::TLSv1_2, bytes.len());
                self.key.seal_in_place_separate_tag(nonce, Aad::from(with), sealed)
            }
        };
        into.extend_from_slice(tag.ok()?.as_ref());
        self.sequence += 1;
        Some(())
    }
}
