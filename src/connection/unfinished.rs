//! The beginning of a packet whose rest has not come yet.
//!
//! Most are small and wait in a buffer that grows with them. A large PUBLISH lands at once in the block that becomes its
//! message, so that its payload is not copied again.

use crate::message::Landing;
use crate::mqtt::{next_header, DecodeError, Frame, PacketType};

/// PUBLISH packets from this size on land (bytes): well above the size from which payloads are shared, so that what has
/// landed is what would have been copied into a message.
pub const LANDING_BYTES_MIN: usize = 32 * 1024;

/// A packet lands once one of so many parts of it has come. Whoever only says that he will send much shall not make us
/// spend it: with huge pages even memory that is not touched may be spent.
const LANDING_PARTS: usize = 8;

/// Room made for any other unfinished packet ahead of its bytes; or as much again as has come, if that is more.
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
    /// Begins with the first bytes of a packet, which are not all of it. `trusted_bytes`: of the largest packet that has
    /// landed before.
    pub fn begin(bytes: &[u8], packet_bytes_max: u32, trusted_bytes: u32) -> Unfinished {
        match next_header(bytes, packet_bytes_max) {
            Ok(Some(frame)) if lands(&frame, bytes.len(), trusted_bytes) => Unfinished::Landing(landing(&frame, bytes)),
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

    /// Adds what belongs to the packet; answers whether it is whole now. `trusted_bytes` as for [`Unfinished::begin`];
    /// `None` where no publication may come.
    ///
    /// # Errors
    /// What is wrong with its fixed header; see [`next_header`].
    pub fn complete(
        &mut self,
        bytes: &mut &[u8],
        packet_bytes_max: u32,
        trusted_bytes: Option<u32>,
    ) -> Result<bool, DecodeError> {
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
                Some(frame) => {
                    let come = partial.len() + bytes.len();
                    match trusted_bytes.filter(|_| may_land(&frame)) {
                        Some(trusted_bytes) if lands(&frame, come, trusted_bytes) => {
                            *self = Unfinished::Landing(landing(&frame, partial));
                            continue;
                        }
                        // It lands before more have come.
                        Some(_) => frame.total_bytes.div_ceil(LANDING_PARTS) - partial.len(),
                        None => frame.total_bytes - partial.len(),
                    }
                }
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

/// Whether a packet of which so many bytes have come is to land. Who has sent as much before may do so again.
fn lands(frame: &Frame, come: usize, trusted_bytes: u32) -> bool {
    may_land(frame) && frame.total_bytes <= come.saturating_mul(LANDING_PARTS).max(trusted_bytes as usize)
}

fn may_land(frame: &Frame) -> bool {
    PacketType::from_first_byte(frame.first_byte) == Some(PacketType::Publish) && frame.total_bytes >= LANDING_BYTES_MIN
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
    fn check(packet: &[u8], piece: usize, trusted_bytes: Option<u32>) -> bool {
        let mut unfinished = Unfinished::default();
        let stream = [packet, b"next"].concat();
        let mut rest = stream.as_slice();
        loop {
            let mut bytes = &rest[..piece.min(rest.len())];
            let before = bytes.len();
            let is_whole = unfinished.complete(&mut bytes, MAX, trusted_bytes).expect("a good header");
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
            assert!(check(&packet(0x30, LANDING_BYTES_MIN), piece, Some(0)), "in pieces of {piece}");
            assert!(!check(&packet(0x30, LANDING_BYTES_MIN - 1), piece, Some(0)), "too small");
        }
        assert!(check(&packet(0x3b, 2_000_000), 70_000, Some(0)));
    }

    #[test]
    fn nothing_else_lands() {
        assert!(!check(&packet(0x10, LANDING_BYTES_MIN), 5000, Some(0)), "CONNECT");
        assert!(!check(&packet(0x82, LANDING_BYTES_MIN), 5000, Some(0)), "SUBSCRIBE");
        assert!(!check(&packet(0x30, LANDING_BYTES_MIN), 5000, None), "before CONNECT");
        assert!(matches!(Unfinished::begin(&[0x30, 0x80], MAX, u32::MAX), Unfinished::Bytes(_)), "how large?");
    }

    #[test]
    fn no_more_room_is_made_than_a_client_is_good_for() {
        let lands = |total_bytes, come, trusted_bytes| {
            let begun = Unfinished::begin(&packet(0x30, total_bytes)[..come], MAX, trusted_bytes);
            assert_eq!(begun.bytes().len(), come);
            matches!(begun, Unfinished::Landing(_))
        };
        assert!(!lands(1_000_000, 124_999, 0));
        assert!(lands(1_000_000, 125_000, 0));
        assert!(!lands(1_000_000, 4, 999_999));
        assert!(lands(1_000_000, 4, 1_000_000), "it has sent as much before");
    }
}
