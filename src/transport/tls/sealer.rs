//! Makes records of what leaves: sealed where they will be sent from. [RFC8446-5.2], [RFC5288-3], [RFC7905-2].

use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use super::keys::{once, Keys, Layout, EXPLICIT_NONCE_BYTES, HEADER_BYTES, TAG_BYTES};
use crate::transport::copy::append;

/// What a record adds at most: header, explicit nonce, tag or header, type, tag.
pub(super) const OVERHEAD_MAX: usize = HEADER_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES;

/// The keys of what leaves.
pub(super) struct Sealer {
    keys: Keys,
    /// Records that these keys may seal.
    limit: u64,
}

impl Sealer {
    /// Nothing if the library does not know the cipher.
    pub(super) fn new(suite: SupportedCipherSuite, sequence: u64, secrets: ConnectionTrafficSecrets) -> Option<Sealer> {
        let limit = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
            SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        };
        Some(Sealer { keys: Keys::new(suite, sequence, secrets)?, limit })
    }

    /// Records that may still be sealed.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.keys.sequence)
    }

    /// Lets these keys seal so many records more.
    #[cfg(test)]
    pub(super) fn lower(&mut self, left: u64) {
        self.limit = self.keys.sequence + left;
    }

    /// Appends a record; nothing if the keys are used up. `bytes` are 16 KiB at most. Cost: one copy, and the cipher's.
    pub(super) fn seal(&mut self, content: ContentType, bytes: &[u8], into: &mut Vec<u8>) -> Option<()> {
        if self.left() == 0 {
            return None;
        }
        let is_tls13 = self.keys.layout == Layout::Tls13;
        let nonce = self.keys.nonce();
        let explicit = &nonce[nonce.len() - self.keys.layout.nonce_bytes()..];
        let outer = if is_tls13 { ContentType::ApplicationData } else { content };
        let length = u16::try_from(explicit.len() + bytes.len() + usize::from(is_tls13) + TAG_BYTES).ok()?;
        let [major, minor] = ProtocolVersion::TLSv1_2.to_array();
        let [high, low] = length.to_be_bytes();
        into.reserve(HEADER_BYTES + usize::from(length));
        into.extend_from_slice(&[u8::from(outer), major, minor, high, low]);
        into.extend_from_slice(explicit);
        let start = into.len();
        append(into, bytes);
        if is_tls13 {
            into.push(u8::from(content));
        }
        let known = self.keys.known(content, if is_tls13 { usize::from(length) } else { bytes.len() });
        let tag = self.keys.key.seal_in_place_separate_tag(once(nonce), known, &mut into[start..]);
        into.extend_from_slice(tag.ok()?.as_ref());
        self.keys.sequence += 1;
        Some(())
    }
}
