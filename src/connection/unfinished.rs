//! The beginning of a packet whose rest has not come yet.
//!
//! Most are small and wait in a buffer that grows with them. A large PUBLISH lands at once in the block that becomes its
//! message, so that its payload is not copied again.

use crate::message::Landing;
use crate::mqtt::{next_header, DecodeError, Frame, PacketType};

/// PUBLISH packets from this size on land (bytes): well above the size from which payloads are shared, so that what has
/// landed is what would have been copied into a message.
pub const LANDING_BYTES_MIN: usize = 32 * 1024;

/// Larger ones do not (bytes): a client that only says that it will send so much shall not reserve more than that.
const LANDING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Room made for an unfinished packet ahead of its bytes; or as much again as has come, if that is more.
const RESERVED_BYTES_MAX: usize = 128 * 1024;

/// What has come of a packet.
#[derive(Debug)]
pub enum Unfinished {
    /// Less than a fixed header, or a packet that does not land. Nothing, if there is none.
    Bytes(Vec<u8>),
    /// A large PUBLISH.
    Landing(Landing),
}

impl Default for Unfinished {
    fn default() -> Unfinished {
        Unfinished::Bytes(Vec::new())
    }
}

impl Unfinished {
    /// Begins with the first bytes of a packet, which are not all of it.
    pub fn begin(bytes: &[u8], packet_bytes_max: u32) -> Unfinished {
        match next_header(bytes, packet_bytes_max) {
            Ok(Some(frame)) if lands(&frame) => Unfinished::Landing(landing(&frame, bytes)),
            Ok(_) | Err(_) => Unfinished::Bytes(bytes.to_vec()),
        }
    }

    /// What has come so far.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Unfinished::Bytes(bytes) => bytes,
            Unfinished::Landing(landing) => landing.packet(),
        }
    }

    /// Adds what belongs to the packet; answers whether it is whole now. `may_land`: publications may come.
    ///
    /// # Errors
    /// What is wrong with its fixed header; see [`next_header`].
    pub fn complete(&mut self, bytes: &mut &[u8], packet_bytes_max: u32, may_land: bool) -> Result<bool, DecodeError> {
        loop {
            let partial = match self {
                Unfinished::Landing(landing) => {
                    *bytes = &bytes[landing.push(bytes)..];
                    return Ok(landing.missing() == 0);
                }
                Unfinished::Bytes(partial) => partial,
            };
            let missing = match next_header(partial, packet_bytes_max)? {
                Some(frame) if frame.total_bytes <= partial.len() => return Ok(true),
                Some(frame) if may_land && lands(&frame) => {
                    *self = Unfinished::Landing(landing(&frame, partial));
                    continue;
                }
                Some(frame) => frame.total_bytes - partial.len(),
                None => 1,
            };
            // All the room it will need at once, as far as nobody is trusted with memory for bytes that have not come.
            partial.reserve(missing.min(RESERVED_BYTES_MAX.max(partial.len())));
            if bytes.is_empty() {
                return Ok(false);
            }
            let (mine, rest) = bytes.split_at(missing.min(bytes.len()));
            partial.extend_from_slice(mine);
            *bytes = rest;
        }
    }
}

fn lands(frame: &Frame) -> bool {
    PacketType::from_first_byte(frame.first_byte) == Some(PacketType::Publish)
        && (LANDING_BYTES_MIN..=LANDING_BYTES_MAX).contains(&frame.total_bytes)
}

fn landing(frame: &Frame, bytes: &[u8]) -> Landing {
    let mut landing = Landing::new(frame.total_bytes);
    landing.push(bytes);
    landing
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 268_435_460;

    /// A packet of so many bytes in all, 4 of them the fixed header.
    fn packet(first_byte: u8, total_bytes: usize) -> Vec<u8> {
        let length = total_bytes - 4;
        let mut packet = vec![first_byte, length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
        packet.extend((0..length).map(|at| at as u8));
        packet
    }

    /// Gives the packet in pieces of `piece` bytes, something behind it, and answers whether it has landed.
    fn check(packet: &[u8], piece: usize, may_land: bool) -> bool {
        let mut unfinished = Unfinished::default();
        let stream = [packet, b"next"].concat();
        let mut rest = stream.as_slice();
        loop {
            let mut bytes = &rest[..piece.min(rest.len())];
            let before = bytes.len();
            let is_whole = unfinished.complete(&mut bytes, MAX, may_land).expect("a good header");
            rest = &rest[before - bytes.len()..];
            if is_whole {
                break;
            }
            assert!(bytes.is_empty() && rest.len() > 4, "it is whole with its last byte");
        }
        assert_eq!((unfinished.bytes() == packet, rest), (true, &b"next"[..]));
        matches!(unfinished, Unfinished::Landing(_))
    }

    #[test]
    fn a_large_publish_lands_however_its_bytes_are_cut() {
        for piece in [1, 3, 4, 5, 1000, LANDING_BYTES_MIN - 1, LANDING_BYTES_MIN, usize::MAX] {
            assert!(check(&packet(0x30, LANDING_BYTES_MIN), piece, true), "in pieces of {piece}");
            assert!(!check(&packet(0x30, LANDING_BYTES_MIN - 1), piece, true), "too small");
        }
    }

    #[test]
    fn nothing_else_lands() {
        assert!(check(&packet(0x3b, 2_000_000), 70_000, true));
        assert!(!check(&packet(0x10, LANDING_BYTES_MIN), 5000, true), "CONNECT");
        assert!(!check(&packet(0x82, LANDING_BYTES_MIN), 5000, true), "SUBSCRIBE");
        assert!(!check(&packet(0x30, LANDING_BYTES_MIN), 5000, false), "before CONNECT");
        let too_large = [0x30, 0x81, 0x80, 0x80, 0x02];
        assert!(matches!(Unfinished::begin(&too_large, MAX), Unfinished::Bytes(bytes) if bytes == too_large));
        assert!(matches!(Unfinished::begin(&packet(0x30, LANDING_BYTES_MIN)[..4], MAX), Unfinished::Landing(_)));
        assert!(matches!(Unfinished::begin(&[0x30, 0x80], MAX), Unfinished::Bytes(_)), "how large is not known");
    }
}
