//! UNSUBSCRIBE: filters alone.

use super::error::DecodeError;
use super::properties::Properties;
use super::property::Place;
use super::topic::TopicFilter;
use super::types::{PacketId, PacketType, ProtocolVersion};
use super::wire::{put_binary, put_block, put_packet, put_u16, Reader};

/// An UNSUBSCRIBE; every filter is valid unless [`decode_head`](super::decode_head) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// To be repeated in UNSUBACK.
    pub packet_id: PacketId,
    /// 5.0: user properties.
    pub properties: Properties<'a>,
    version: ProtocolVersion,
    payload: &'a [u8],
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Unsubscribe<'a>, DecodeError> {
        let packet = Unsubscribe::decode_head(version, body)?;
        packet.filters_from(0).try_for_each(|filter| filter.map(|_| ()))?;
        Ok(packet)
    }

    /// Reads all but the filters.
    pub(super) fn decode_head(version: ProtocolVersion, body: &'a [u8]) -> Result<Unsubscribe<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut properties = Properties::EMPTY;
        if version.has_properties() {
            properties = Properties::check(reader.block()?, Place::UNSUBSCRIBE)?;
        }
        let payload = reader.rest();
        if payload.is_empty() {
            return Err(DecodeError::PayloadMissing); // [MQTT5-3.10.3-2] [MQTT311-3.10.3-2]
        }
        Ok(Unsubscribe { packet_id, properties, version, payload })
    }

    /// The filters, in order; at least one. Each step parses one.
    pub fn filters(&self) -> impl Iterator<Item = TopicFilter<'a>> {
        // All of them were read before, so an error is the end.
        self.filters_from(0).map_while(|filter| filter.ok()).map(|(_, filter)| filter)
    }

    /// The filters from `at` on, each with where the next one begins: where to go on after a break. The first begins at 0;
    /// behind the last is [`Unsubscribe::filter_bytes`]. Nothing follows an error.
    pub fn filters_from(&self, at: usize) -> impl Iterator<Item = Result<(usize, TopicFilter<'a>), DecodeError>> {
        let version = self.version;
        Reader::items_from(self.payload, at, move |reader| read_filter(version, reader))
    }

    /// Bytes of all filters.
    pub fn filter_bytes(&self) -> usize {
        self.payload.len()
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        put_unsubscribe(version, self.packet_id, self.properties, self.filters().map(TopicFilter::as_str), out);
    }
}

/// Appends an UNSUBSCRIBE. Filters must be valid and at least one.
///
/// # Panics
/// If a filter has more than 65,535 bytes.
pub fn encode_unsubscribe(
    version: ProtocolVersion,
    packet_id: PacketId,
    properties: Properties<'_>,
    filters: &[&str],
    out: &mut Vec<u8>,
) {
    put_unsubscribe(version, packet_id, properties, filters.iter().copied(), out);
}

fn put_unsubscribe<'f>(
    version: ProtocolVersion,
    packet_id: PacketId,
    properties: Properties<'_>,
    filters: impl Iterator<Item = &'f str>,
    out: &mut Vec<u8>,
) {
    put_packet(out, PacketType::Unsubscribe.first_byte(), |out| {
        put_u16(out, packet_id.get());
        if version.has_properties() {
            put_block(out, |out| out.extend_from_slice(properties.as_bytes()));
        }
        for filter in filters {
            put_binary(out, filter.as_bytes());
        }
    });
}

fn read_filter<'a>(version: ProtocolVersion, reader: &mut Reader<'a>) -> Result<TopicFilter<'a>, DecodeError> {
    TopicFilter::parse(version, reader.string()?).map_err(|_| DecodeError::TopicFilterInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
    const V5: ProtocolVersion = ProtocolVersion::V5;

    #[test]
    fn an_unsubscribe_is_read_as_it_was_written() {
        for (version, expected) in
            [(V3, &b"\xA2\x0A\x00\x03\x00\x01a\x00\x03b/#"[..]), (V5, b"\xA2\x0B\x00\x03\x00\x00\x01a\x00\x03b/#")]
        {
            let mut out = Vec::new();
            encode_unsubscribe(version, PacketId::new(3).unwrap(), Properties::EMPTY, &["a", "b/#"], &mut out);
            assert_eq!(out, expected);
            let unsubscribe = Unsubscribe::decode(version, &out[2..]).unwrap();
            assert_eq!(unsubscribe.filters().map(TopicFilter::as_str).collect::<Vec<_>>(), ["a", "b/#"]);
            let mut again = Vec::new();
            unsubscribe.encode(version, &mut again);
            assert_eq!(again, out);
        }
    }

    #[test]
    fn what_is_wrong_with_an_unsubscribe_is_said() {
        let rows: [(ProtocolVersion, &[u8], DecodeError); 8] = [
            (V3, b"\0\0\0\x01a", DecodeError::PacketIdZero),
            (V3, b"\0\x01", DecodeError::PayloadMissing),
            (V5, b"\0\x01\0", DecodeError::PayloadMissing),
            (V3, b"\0\x01\0\x01a\0", DecodeError::Truncated),
            (V3, b"\0\x01\0\0", DecodeError::TopicFilterInvalid),
            (V3, b"\0\x01\0\x02+a", DecodeError::TopicFilterInvalid),
            (V5, b"\0\x01\0\0\x09$share//a", DecodeError::TopicFilterInvalid),
            (V5, b"\0\x01\x04\x1F\0\x01x\0\x01a", DecodeError::PropertyNotAllowed),
        ];
        for (version, body, error) in rows {
            assert_eq!(Unsubscribe::decode(version, body), Err(error), "{body:?}");
        }
    }
}
