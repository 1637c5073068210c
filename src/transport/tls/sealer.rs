//! Makes records of what leaves, where it lies. [RFC8446-5.2], [RFC5288-3], [RFC7905-2].

use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use super::keys::{once, Keys, Layout, HEADER_BYTES, TAG_BYTES};

/// What the cipher of a record takes in one piece at most: clients with little memory have no room for 16 KiB, and what is not a
/// whole number of the cipher's blocks costs more.
const PIECE_BYTES_MAX: usize = 4096;

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

    /// How many records it takes to seal so many bytes.
    pub(super) fn records(&self, bytes: usize) -> usize {
        bytes.div_ceil(self.content_bytes_max())
    }

    /// What a record holds at most.
    fn content_bytes_max(&self) -> usize {
        PIECE_BYTES_MAX - self.keys.layout.type_bytes()
    }

    fn bytes_before(&self) -> usize {
        HEADER_BYTES + self.keys.layout.nonce_bytes()
    }

    fn bytes_behind(&self) -> usize {
        self.keys.layout.type_bytes() + TAG_BYTES
    }

    /// Appends a record; nothing if the keys are used up. `bytes` are 16 KiB at most. Cost: one copy, and the cipher's.
    pub(super) fn seal(&mut self, content: ContentType, bytes: &[u8], into: &mut Vec<u8>) -> Option<()> {
        if self.left() == 0 {
            return None;
        }
        let start = into.len();
        into.resize(start + self.bytes_before(), 0);
        into.extend_from_slice(bytes);
        into.resize(into.len() + self.bytes_behind(), 0);
        self.seal_record(content, &mut into[start..])?;
        self.keys.sequence += 1;
        Some(())
    }

    /// Makes records of all of the broker's `bytes`, behind as many as `in_front` that are anything then; nothing if the keys do
    /// not suffice. Cost: the cipher's, and that of moving the bytes by what records add.
    pub(super) fn seal_all(&mut self, bytes: &mut Vec<u8>, in_front: usize) -> Option<()> {
        let (length, content_max) = (bytes.len(), self.content_bytes_max());
        let count = self.records(length);
        if self.left() < count as u64 {
            return None;
        }
        let (before, behind) = (self.bytes_before(), self.bytes_behind());
        bytes.resize(in_front + length + count * (before + behind), 0);
        let first = self.keys.sequence;
        // From the last on, each goes to where none is that has not been moved yet.
        let sealed = (0..count).rev().try_for_each(|record| {
            let start = record * content_max;
            let content = start..length.min(start + content_max);
            let start = in_front + record * (before + content_max + behind);
            let end = start + before + content.len() + behind;
            bytes.copy_within(content, start + before);
            self.keys.sequence = first + record as u64;
            self.seal_record(ContentType::ApplicationData, &mut bytes[start..end])
        });
        // Whatever has come of it, no number is used again.
        self.keys.sequence = first + count as u64;
        sealed
    }

    /// Seals what is to be all of a record, and has its content in its place, under the number that is next.
    fn seal_record(&mut self, content: ContentType, record: &mut [u8]) -> Option<()> {
        let (header, rest) = record.split_first_chunk_mut::<HEADER_BYTES>()?;
        let [high, low] = u16::try_from(rest.len()).ok()?.to_be_bytes();
        let [major, minor] = ProtocolVersion::TLSv1_2.to_array();
        let nonce = self.keys.nonce();
        let (explicit, rest) = rest.split_at_mut(self.keys.layout.nonce_bytes());
        explicit.copy_from_slice(&nonce[nonce.len() - explicit.len()..]);
        let (sealed, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
        let mut outer = content;
        let mut known_bytes = sealed.len();
        if let Some(inner) = sealed.last_mut().filter(|_| self.keys.layout == Layout::Tls13) {
            *inner = content.into();
            outer = ContentType::ApplicationData;
            known_bytes += TAG_BYTES;
        }
        *header = [outer.into(), major, minor, high, low];
        let known = self.keys.known(content, known_bytes);
        *tag = self.keys.key.seal_in_place_separate_tag(once(nonce), known, sealed).ok()?.as_ref().try_into().ok()?;
        Some(())
    }
}
