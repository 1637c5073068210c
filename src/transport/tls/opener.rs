//! Opens the records that come, each where it lies, and moves what is in them together. [RFC8446-5.2], [RFC8446-5.4],
//! [RFC5288-3], [RFC7905-2].

use rustls::{ConnectionTrafficSecrets, ContentType, Error, PeerMisbehaved, SupportedCipherSuite};

use super::keys::{once, Keys, Layout, HEADER_BYTES, TAG_BYTES};

/// What may be in a record. [RFC8446-5.1], [RFC5246-6.2.1].
const CONTENT_BYTES_MAX: usize = 16 << 10;

/// The keys of what comes.
pub(super) struct Opener(Keys);

impl Opener {
    /// Nothing if the library does not know the cipher.
    pub(super) fn new(suite: SupportedCipherSuite, sequence: u64, secrets: ConnectionTrafficSecrets) -> Option<Opener> {
        Keys::new(suite, sequence, secrets).map(Opener)
    }

    /// Opens the next record, which is `bytes[start..]`, and puts what is in it at the front of `bytes`. Answers of what type
    /// it is and how many bytes. Cost: the cipher's.
    ///
    /// # Errors
    /// It was not sealed with these keys, or breaks the rules. Nothing more can be opened.
    pub(super) fn open(&mut self, bytes: &mut [u8], start: usize) -> Result<(ContentType, usize), Error> {
        let Opener(keys) = self;
        let outer = ContentType::from(bytes[start]);
        let (nonce, sealed) = match keys.layout {
            Layout::Tls13 | Layout::Tls12Implicit => (keys.nonce(), start + HEADER_BYTES),
            Layout::Tls12Explicit => {
                let explicit = bytes[start + HEADER_BYTES..].first_chunk().ok_or(Error::DecryptError)?;
                (keys.nonce_with(*explicit), start + HEADER_BYTES + explicit.len())
            }
        };
        let length = bytes.len() - sealed;
        let content = length.checked_sub(TAG_BYTES).ok_or(Error::DecryptError)?;
        let is_tls13 = keys.layout == Layout::Tls13;
        let known = keys.known(outer, if is_tls13 { length } else { content });
        let opened = keys.key.open_within(once(nonce), known, bytes, sealed..).map_err(|_| Error::DecryptError)?;
        keys.sequence += 1;
        if opened.len() > CONTENT_BYTES_MAX + keys.layout.type_bytes() {
            return Err(Error::PeerSentOversizedRecord);
        }
        if is_tls13 {
            inner(opened)
        } else {
            Ok((outer, opened.len()))
        }
    }
}

/// The type is behind the content, and behind it zeroes, as many as the client likes. [RFC8446-5.4].
fn inner(opened: &[u8]) -> Result<(ContentType, usize), Error> {
    let last = opened.iter().rposition(|byte| *byte != 0);
    let count = last.ok_or(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsInnerPlaintext))?;
    Ok((ContentType::from(opened[count]), count))
}
