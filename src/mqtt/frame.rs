//! The fixed header: cuts a stream of bytes into packets.

use super::error::DecodeError;
use super::types::{PacketType, ProtocolVersion};
use super::wire::variable_size;

/// DUP, bit 3 of the first byte.
pub(super) const DUP: u8 = 0b1000;

/// Where one packet lies at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Packet type and flags.
    pub first_byte: u8,
    /// Bytes of the fixed header, 2 to 5.
    pub header_bytes: usize,
    /// Bytes of the whole packet, fixed header included.
    pub total_bytes: usize,
}

impl Frame {
    /// Whether the Remaining Length takes more bytes than it needs: malformed in 5.0 [MQTT5-1.5.5-1], allowed in 3.x.
    /// Here and not in [`next_frame`], which does not know the version.
    #[inline]
    pub const fn is_overlong(&self) -> bool {
        self.header_bytes != 1 + variable_size(self.total_bytes - self.header_bytes)
    }
}

/// Finds the packet at the front of `buffer`; `Ok(None)` if more bytes are needed to see its end. Constant cost.
///
/// # Errors
/// As soon as the bytes that are there show it: a reserved packet type, wrong reserved flags, a Remaining Length of more
/// than four bytes, or a packet of more than `packet_bytes_max` bytes.
#[inline]
pub fn next_frame(buffer: &[u8], packet_bytes_max: u32) -> Result<Option<Frame>, DecodeError> {
    let frame = next_header(buffer, packet_bytes_max)?;
    Ok(frame.filter(|frame| frame.total_bytes <= buffer.len()))
}

/// Like [`next_frame`], but answers as soon as the fixed header is there: how long the packet will be.
///
/// # Errors
/// The same.
#[inline]
pub fn next_header(buffer: &[u8], packet_bytes_max: u32) -> Result<Option<Frame>, DecodeError> {
    let Some(&first_byte) = buffer.first() else { return Ok(None) };
    if !FIRST_BYTE_IS_VALID[usize::from(first_byte)] {
        return Err(first_byte_error(first_byte));
    }
    let (header_bytes, remaining_length) = match buffer.get(1) {
        None => return Ok(None),
        Some(&length) if length < 0x80 => (2, usize::from(length)),
        Some(_) => match long_length(buffer)? {
            None => return Ok(None),
            Some(found) => found,
        },
    };
    let total_bytes = header_bytes + remaining_length;
    if total_bytes > packet_bytes_max as usize {
        return Err(DecodeError::PacketTooLarge);
    }
    Ok(Some(Frame { first_byte, header_bytes, total_bytes }))
}

/// Bytes of the longest fixed header.
const HEADER_BYTES_MAX: usize = 5;

/// Like [`next_header`], of a packet of which `partial` has come before `bytes`.
///
/// # Errors
/// The same.
pub fn next_header_across(partial: &[u8], bytes: &[u8], packet_bytes_max: u32) -> Result<Option<Frame>, DecodeError> {
    let mut head = [0; HEADER_BYTES_MAX];
    let mut count = 0;
    for (byte, came) in head.iter_mut().zip(partial.iter().chain(bytes)) {
        *byte = *came;
        count += 1;
    }
    next_header(&head[..count], packet_bytes_max)
}

/// The packet type, if the flags are those this version wants with it.
pub(super) fn check_first_byte(version: ProtocolVersion, first_byte: u8) -> Result<PacketType, DecodeError> {
    if !FIRST_BYTE_IS_VALID[usize::from(first_byte)] {
        return Err(first_byte_error(first_byte));
    }
    let packet_type = PacketType::from_first_byte(first_byte).ok_or(DecodeError::PacketType)?;
    match version {
        // 3.1 lets these three be sent again with DUP.
        ProtocolVersion::V3_1 => {}
        ProtocolVersion::V3_1_1 | ProtocolVersion::V5 => {
            if packet_type != PacketType::Publish && first_byte & DUP != 0 {
                return Err(DecodeError::ReservedFlags); // [MQTT5-2.1.3-1] [MQTT311-2.2.2-2]
            }
        }
    }
    Ok(packet_type)
}

/// Header size and Remaining Length where that has more than one byte.
#[inline]
fn long_length(buffer: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (index, &byte) in buffer.iter().skip(1).take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((index + 2, value)));
        }
    }
    if buffer.len() < HEADER_BYTES_MAX {
        Ok(None)
    } else {
        Err(DecodeError::RemainingLength)
    }
}

/// Per first byte, whether any version allows it.
static FIRST_BYTE_IS_VALID: [bool; 256] = {
    let mut table = [false; 256];
    let mut first_byte = 0;
    while first_byte < 256 {
        table[first_byte] = first_byte_is_valid(first_byte as u8);
        first_byte += 1;
    }
    table
};

const fn first_byte_is_valid(first_byte: u8) -> bool {
    match PacketType::from_first_byte(first_byte) {
        None => false,
        Some(PacketType::Publish) => true,
        Some(packet_type @ (PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe)) => {
            // DUP is for `decode` to judge, which knows the version.
            first_byte & !DUP == packet_type.first_byte()
        }
        Some(packet_type) => first_byte == packet_type.first_byte(),
    }
}

#[cold]
fn first_byte_error(first_byte: u8) -> DecodeError {
    if first_byte >> 4 == 0 {
        DecodeError::PacketType
    } else {
        DecodeError::ReservedFlags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_when_its_last_byte_is_there() {
        for (length, header_bytes) in [(0_usize, 2), (127, 2), (128, 3), (16_383, 3), (16_384, 4), (2_097_152, 5)] {
            let mut packet = vec![0x30];
            let mut rest = length;
            while rest > 0x7F {
                packet.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            packet.push(rest as u8);
            packet.resize(packet.len() + length, 0);
            let frame = Frame { first_byte: 0x30, header_bytes, total_bytes: header_bytes + length };
            assert_eq!(next_frame(&packet, u32::MAX), Ok(Some(frame)));
            assert!(!frame.is_overlong());
            for cut in (0..6.min(packet.len())).chain([packet.len() - 1]) {
                assert_eq!(next_frame(&packet[..cut], u32::MAX), Ok(None));
            }
            packet.push(0xFF);
            assert_eq!(next_frame(&packet, u32::MAX), Ok(Some(frame)), "what follows does not matter");
        }
    }

    #[test]
    fn a_header_that_comes_in_two_parts_is_read_as_a_whole_one() {
        for packet in
            [&[0x30, 0x00, 1, 2][..], &[0x30, 0x81, 0x80, 0x01, 5, 6, 7], &[0x30, 0x80, 0x80, 0x80, 0x80], &[0x00]]
        {
            for cut in 0..=packet.len() {
                for packet_bytes_max in [u32::MAX, 10] {
                    let (partial, bytes) = packet.split_at(cut);
                    let whole = next_header(packet, packet_bytes_max);
                    assert_eq!(next_header_across(partial, bytes, packet_bytes_max), whole, "{packet:?} at {cut}");
                }
            }
        }
        assert_eq!(next_header_across(&[0x30], &[], u32::MAX), Ok(None));
    }

    #[test]
    fn a_packet_too_large_is_refused_before_it_has_arrived() {
        assert_eq!(next_frame(&[0x30, 0x0A], 11), Err(DecodeError::PacketTooLarge));
        assert_eq!(next_frame(&[0x30, 0x0A], 12), Ok(None));
        assert_eq!(next_frame(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 268_435_459), Err(DecodeError::PacketTooLarge));
        assert_eq!(next_frame(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 268_435_460), Ok(None));
    }

    #[test]
    fn a_remaining_length_of_five_bytes_is_refused() {
        assert_eq!(next_frame(&[0x30, 0x80, 0x80, 0x80], u32::MAX), Ok(None));
        assert_eq!(next_frame(&[0x30, 0x80, 0x80, 0x80, 0x80], u32::MAX), Err(DecodeError::RemainingLength));
    }

    #[test]
    fn mqtt5_1_5_5_1_an_overlong_remaining_length_is_seen() {
        let check = |packet: &[u8]| next_frame(packet, u32::MAX).unwrap().unwrap().is_overlong();
        assert!(check(&[0xC0, 0x80, 0x00]));
        assert!(check(&[0xC0, 0x80, 0x80, 0x80, 0x00]));
        assert!(check(&[0x30, 0x81, 0x00, 0x00]));
        assert!(!check(&[0xC0, 0x00]));
    }

    #[test]
    fn mqtt5_2_1_3_1_reserved_flags_are_checked_per_version() {
        let versions = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];
        for first_byte in 0..=255_u8 {
            let (number, flags) = (first_byte >> 4, first_byte & 0x0F);
            let expected = match number {
                0 => [Err(DecodeError::PacketType); 3],
                3 => [Ok(()); 3],
                6 | 8 | 10 if flags == 0b0010 => [Ok(()); 3],
                6 | 8 | 10 if flags == 0b1010 => {
                    [Ok(()), Err(DecodeError::ReservedFlags), Err(DecodeError::ReservedFlags)]
                }
                6 | 8 | 10 => [Err(DecodeError::ReservedFlags); 3],
                _ if flags == 0 => [Ok(()); 3],
                _ => [Err(DecodeError::ReservedFlags); 3],
            };
            assert_eq!(versions.map(|version| check_first_byte(version, first_byte).map(|_| ())), expected);
            let framed = next_frame(&[first_byte], u32::MAX);
            assert_eq!(framed.map(|_| ()), expected[0], "3.1 is the laxest");
        }
    }
}
