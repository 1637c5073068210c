//! Base64 as our files and tokens have it, with or without padding.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BARE: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT.with_encode_padding(false));
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT.with_encode_padding(false));

/// The bytes of a base64 text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    PADDED.decode(text).ok()
}

/// The bytes of a text in the alphabet for URLs.
pub(super) fn decode_url(text: &str) -> Option<Vec<u8>> {
    URL.decode(text).ok()
}

/// With padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    PADDED.encode(bytes)
}

/// Without padding.
pub(super) fn encode_bare(bytes: &[u8]) -> String {
    BARE.encode(bytes)
}
