//! The keys of one direction: the cipher, how its records are laid out, and the number of the next. [RFC8446-5.2],
//! [RFC5288-3], [RFC7905-2].

use ring::aead::{
    Aad, Algorithm, LessSafeKey, Nonce as AeadNonce, UnboundKey, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, NONCE_LEN,
};
use rustls::crypto::cipher::{make_tls12_aad, make_tls13_aad, AeadKey, Iv, Nonce};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

/// The header of a record: type, version, length.
pub(super) const HEADER_BYTES: usize = 5;
/// What the nonce of AES-GCM in TLS 1.2 adds to a record.
pub(super) const EXPLICIT_NONCE_BYTES: usize = 8;
pub(super) const TAG_BYTES: usize = 16;

/// How a record is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The type is sealed, too, behind the content.
    Tls13,
    /// A part of the nonce is in front of what is sealed.
    Tls12Explicit,
    /// The nonce is known to both.
    Tls12Implicit,
}

impl Layout {
    /// What of the nonce is in front of what is sealed, in bytes.
    pub(super) fn nonce_bytes(self) -> usize {
        if self == Layout::Tls12Explicit {
            EXPLICIT_NONCE_BYTES
        } else {
            0
        }
    }

    /// What says of what type the content is and is sealed behind it, in bytes.
    pub(super) fn type_bytes(self) -> usize {
        usize::from(self == Layout::Tls13)
    }
}

/// The keys of one direction and how many records they have been used for.
pub(super) struct Keys {
    pub(super) key: LessSafeKey,
    pub(super) layout: Layout,
    pub(super) sequence: u64,
    iv: Iv,
}

/// What is known to both and goes into the tag of a record.
pub(super) enum Known {
    Tls13([u8; 5]),
    Tls12([u8; 13]),
}

impl AsRef<[u8]> for Known {
    fn as_ref(&self) -> &[u8] {
        match self {
            Known::Tls13(bytes) => bytes,
            Known::Tls12(bytes) => bytes,
        }
    }
}

impl Keys {
    /// Nothing if the library does not know the cipher.
    pub(super) fn new(suite: SupportedCipherSuite, sequence: u64, secrets: ConnectionTrafficSecrets) -> Option<Keys> {
        let (algorithm, key, iv): (&'static Algorithm, AeadKey, Iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return None,
        };
        let layout = match suite {
            SupportedCipherSuite::Tls13(_) => Layout::Tls13,
            SupportedCipherSuite::Tls12(_) if *algorithm == CHACHA20_POLY1305 => Layout::Tls12Implicit,
            SupportedCipherSuite::Tls12(_) => Layout::Tls12Explicit,
        };
        let key = UnboundKey::new(algorithm, key.as_ref().get(..algorithm.key_len())?).ok()?;
        Some(Keys { key: LessSafeKey::new(key), layout, sequence, iv })
    }

    /// The nonce of the next record.
    pub(super) fn nonce(&self) -> [u8; NONCE_LEN] {
        Nonce::new(&self.iv, self.sequence).0
    }

    /// The nonce of a record that brings a part of it along.
    pub(super) fn nonce_with(&self, explicit: [u8; EXPLICIT_NONCE_BYTES]) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let (fixed, rest) = nonce.split_at_mut(NONCE_LEN - EXPLICIT_NONCE_BYTES);
        fixed.copy_from_slice(&self.iv.as_ref()[..NONCE_LEN - EXPLICIT_NONCE_BYTES]);
        rest.copy_from_slice(&explicit);
        nonce
    }

    /// What goes into the tag of the next record: its type, and how many bytes there are of what; in TLS 1.3 of all that is
    /// sealed with its tag, before of the content.
    pub(super) fn known(&self, content: ContentType, bytes: usize) -> Aad<Known> {
        Aad::from(match self.layout {
            Layout::Tls13 => Known::Tls13(make_tls13_aad(bytes)),
            Layout::Tls12Explicit | Layout::Tls12Implicit => {
                Known::Tls12(make_tls12_aad(self.sequence, content, ProtocolVersion::TLSv1_2, bytes))
            }
        })
    }
}

/// A nonce for one record: the number of the record, which goes into it, is never used again with a key.
pub(super) fn once(nonce: [u8; NONCE_LEN]) -> AeadNonce {
    AeadNonce::assume_unique_for_key(nonce)
}
