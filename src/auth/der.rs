//! Public keys in DER (SubjectPublicKeyInfo), as far as tokens need them.

/// A key, as the check of a signature wants it.
pub(super) enum PublicKey {
    /// PKCS #1.
    Rsa(Vec<u8>),
    /// Big-endian numbers.
    RsaParts { modulus: Vec<u8>, exponent: Vec<u8> },
    /// An uncompressed point.
    P256(Vec<u8>),
    /// An uncompressed point.
    P384(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const ELLIPTIC_CURVE: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const CURVE_P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const CURVE_P384: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

/// The key in a SubjectPublicKeyInfo; `None` if it is of another type or damaged.
pub(super) fn public_key_of(der: &[u8]) -> Option<PublicKey> {
    let (whole, after) = take(der, SEQUENCE)?;
    let (algorithm, bits) = take(whole, SEQUENCE)?;
    let (bits, behind) = take(bits, BIT_STRING)?;
    let (identifier, parameters) = take(algorithm, OBJECT_IDENTIFIER)?;
    if !after.is_empty() || !behind.is_empty() {
        return None;
    }
    // The first byte counts unused bits at the end; keys are whole bytes.
    let key = bits.strip_prefix(&[0])?.to_vec();
    match identifier {
        RSA => Some(PublicKey::Rsa(key)),
        ED25519 => (key.len() == 32).then_some(PublicKey::Ed25519(key)),
        ELLIPTIC_CURVE => match take(parameters, OBJECT_IDENTIFIER)?.0 {
            CURVE_P256 => (key.len() == 65).then_some(PublicKey::P256(key)),
            CURVE_P384 => (key.len() == 97).then_some(PublicKey::P384(key)),
            _ => None,
        },
        _ => None,
    }
}

/// The content of an element of this tag, and what follows the element.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7F => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}
