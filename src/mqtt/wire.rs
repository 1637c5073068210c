//! The data types of the wire: integers, strings, binary data and the Variable Byte Integer.

use std::iter;

use super::error::DecodeError;
use super::types::PacketId;

/// The largest Variable Byte Integer, and so the largest Remaining Length.
pub(super) const VARIABLE_MAX: usize = 268_435_455;

/// Takes fields off the front of a packet. Every method leaves the reader where it was if it fails on its first field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes not yet taken.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// All that has not been taken.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What `read` makes of these bytes from `at` on, one after another, each with where the next one begins. Nothing
    /// follows an error; behind the end there is nothing.
    pub(super) fn items_from<T, F>(
        bytes: &'a [u8],
        at: usize,
        mut read: F,
    ) -> impl Iterator<Item = Result<(usize, T), DecodeError>> + use<'a, T, F>
    where
        F: FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    {
        let mut reader = Reader::new(bytes.get(at..).unwrap_or_default());
        iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let item = read(&mut reader);
            let next = bytes.len() - reader.len();
            if item.is_err() {
                reader = Reader::new(&[]);
            }
            Some(item.map(|item| (next, item)))
        })
    }

    /// Refuses a packet that goes on.
    #[inline]
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<COUNT>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A Variable Byte Integer, which exists in bodies of 5.0 only.
    #[inline]
    pub(super) fn variable(&mut self) -> Result<u32, DecodeError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        self.variable_tail(u32::from(first & 0x7F))
    }

    fn variable_tail(&mut self, mut value: u32) -> Result<u32, DecodeError> {
        for shift in [7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte == 0 {
                // It would have ended a byte earlier. [MQTT5-1.5.5-1]
                return Err(DecodeError::VariableByteInteger);
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::VariableByteInteger)
    }

    /// Binary Data: two bytes of length, then that many.
    #[inline]
    pub(super) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A UTF-8 Encoded String.
    pub(super) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        // Surrogates are no UTF-8 for the standard library either. [MQTT5-1.5.4-1] [MQTT311-1.5.3-1]
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)?;
        if bytes.contains(&0) {
            return Err(DecodeError::NullCharacter); // [MQTT5-1.5.4-2] [MQTT311-1.5.3-2]
        }
        Ok(text)
    }

    #[inline]
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or(DecodeError::PacketIdZero) // [MQTT5-2.2.1-3] [MQTT311-2.3.1-1]
    }

    /// A block with a Variable Byte Integer of length in front, as properties are.
    #[inline]
    pub(super) fn block(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.variable()?;
        self.take(count as usize)
    }
}

/// The encoding of `value` and how many bytes of it count.
#[inline]
pub(super) fn variable_bytes(value: usize) -> ([u8; 4], usize) {
    assert!(value <= VARIABLE_MAX, "longer than any packet may be");
    let mut bytes = [0; 4];
    let mut count = 0;
    let mut rest = value;
    loop {
        bytes[count] = (rest & 0x7F) as u8;
        rest >>= 7;
        if rest == 0 {
            return (bytes, count + 1);
        }
        bytes[count] |= 0x80;
        count += 1;
    }
}

/// How many bytes the encoding of `value` takes.
#[inline]
pub(super) const fn variable_size(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

#[inline]
pub(super) fn put_variable(out: &mut Vec<u8>, value: usize) {
    let (bytes, count) = variable_bytes(value);
    out.extend_from_slice(&bytes[..count]);
}

#[inline]
pub(super) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[inline]
pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Writes Binary Data or, given the bytes of one, a string. Panics above 65,535 bytes: whoever builds a packet has its
/// strings from another packet or from a bound of its own.
pub(super) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u16(out, u16::try_from(bytes.len()).expect("a string or binary data has at most 65,535 bytes"));
    out.extend_from_slice(bytes);
}

/// Writes what `fill` appends, with its length as Variable Byte Integer in front.
pub(super) fn put_block(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    fill(out);
    let (bytes, count) = variable_bytes(out.len() - at - 1);
    out[at] = bytes[0];
    if count > 1 {
        // Rare, and not on the way of a publication: moving the block beats measuring it first.
        out.splice(at + 1..at + 1, bytes[1..count].iter().copied());
    }
}

/// Writes a whole packet whose body `fill` appends.
pub(super) fn put_packet(out: &mut Vec<u8>, first_byte: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(first_byte);
    put_block(out, fill);
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [(usize, &[u8]); 8] = [
        (0, &[0x00]),
        (127, &[0x7F]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xFF, 0x7F]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xFF, 0xFF, 0x7F]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (268_435_455, &[0xFF, 0xFF, 0xFF, 0x7F]),
    ];

    #[test]
    fn variable_byte_integers_are_those_of_the_standards_table() {
        for (value, bytes) in EDGES {
            let mut out = Vec::new();
            put_variable(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(variable_size(value), bytes.len());
            assert_eq!(Reader::new(bytes).variable(), Ok(value as u32));
            for cut in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..cut]).variable(), Err(DecodeError::Truncated));
            }
        }
    }

    #[test]
    fn mqtt5_1_5_5_1_overlong_and_endless_variable_byte_integers_are_refused() {
        let refused: [&[u8]; 5] = [
            &[0x80, 0x00],
            &[0xFF, 0x80, 0x00],
            &[0x80, 0x80, 0x80, 0x00],
            &[0x80; 4],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        ];
        for bytes in refused {
            assert_eq!(Reader::new(bytes).variable(), Err(DecodeError::VariableByteInteger), "{bytes:?}");
        }
    }

    #[test]
    fn strings_are_utf8_without_null() {
        let check = |bytes: &[u8]| Reader::new(bytes).string().map(str::to_owned);
        assert_eq!(check(b"\x00\x00"), Ok(String::new()));
        assert_eq!(check(b"\x00\x02\xC3\xA9rest"), Ok("é".to_owned()));
        assert_eq!(check(b"\x00\x03\xEF\xBB\xBF"), Ok("\u{FEFF}".to_owned()), "kept, [MQTT5-1.5.4-3]");
        assert_eq!(check(b"\x00\x02a\x00"), Err(DecodeError::NullCharacter));
        assert_eq!(check(b"\x00\x03\xED\xA0\x80"), Err(DecodeError::InvalidUtf8));
        assert_eq!(check(b"\x00\x02\xC0\x80"), Err(DecodeError::InvalidUtf8), "an overlong U+0000");
        assert_eq!(check(b"\x00\x03ab"), Err(DecodeError::Truncated));
        assert_eq!(check(b"\x00"), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_block_gets_its_length_in_front_at_every_size() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            let mut out = vec![9];
            put_block(&mut out, |out| out.resize(out.len() + size, 7));
            let mut reader = Reader::new(&out[1..]);
            let block = reader.block().unwrap();
            assert_eq!(block.len(), size);
            assert!(block.iter().all(|&byte| byte == 7));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn a_reader_says_what_is_left() {
        let mut reader = Reader::new(&[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(reader.packet_id().map(PacketId::get), Ok(1));
        assert_eq!(reader.u32(), Ok(0x0203_0405));
        assert_eq!(reader.u16(), Err(DecodeError::Truncated));
        assert_eq!((reader.len(), reader.rest(), reader.finish()), (1, &[6][..], Err(DecodeError::TrailingBytes)));
        assert_eq!(reader.u8(), Ok(6));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&[0, 0]).packet_id(), Err(DecodeError::PacketIdZero));
    }
}
