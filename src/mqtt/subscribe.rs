//! SUBSCRIBE: filters, each with its options.

use std::num::NonZeroU32;

use super::error::DecodeError;
use super::properties::Properties;
use super::property::{Place, Property};
use super::topic::TopicFilter;
use super::types::{PacketId, PacketType, ProtocolVersion, QoS};
use super::wire::{put_binary, put_block, put_packet, put_u16, Reader};

const NO_LOCAL: u8 = 0b0100;
const RETAIN_AS_PUBLISHED: u8 = 0b1000;

/// When retained messages are sent for a new subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// Each time it is subscribed to; what 3.x does.
    #[default]
    SendAtSubscribe = 0,
    /// Only if the subscription was not there before.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

impl RetainHandling {
    /// The handling of this number; `None` above 2.
    pub const fn from_u8(value: u8) -> Option<RetainHandling> {
        match value {
            0 => Some(RetainHandling::SendAtSubscribe),
            1 => Some(RetainHandling::SendIfNew),
            2 => Some(RetainHandling::DoNotSend),
            _ => None,
        }
    }
}

/// What a client wants of one subscription; in 3.x only the QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionOptions {
    /// The highest QoS messages are to be sent with.
    pub qos: QoS,
    /// Not what the client published itself.
    pub no_local: bool,
    /// RETAIN is to stay as the publisher set it.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// The options byte.
    fn to_byte(self, version: ProtocolVersion) -> u8 {
        match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => self.qos as u8,
            ProtocolVersion::V5 => {
                let no_local = if self.no_local { NO_LOCAL } else { 0 };
                let retain_as_published = if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
                self.qos as u8 | no_local | retain_as_published | (self.retain_handling as u8) << 4
            }
        }
    }

    fn from_byte(version: ProtocolVersion, byte: u8) -> Result<SubscriptionOptions, DecodeError> {
        let reserved = if version.has_properties() { 0b1100_0000 } else { 0b1111_1100 };
        if byte & reserved != 0 {
            return Err(DecodeError::SubscriptionOptionsReserved); // [MQTT5-3.8.3-5] [MQTT311-3.8.3-4]
        }
        Ok(SubscriptionOptions {
            qos: QoS::from_u8(byte & 3).ok_or(DecodeError::SubscriptionQoS)?, // [MQTT5-3.8.3.1] [MQTT311-3.8.3-4]
            no_local: byte & NO_LOCAL != 0,
            retain_as_published: byte & RETAIN_AS_PUBLISHED != 0,
            retain_handling: RetainHandling::from_u8(byte >> 4).ok_or(DecodeError::RetainHandling)?, // [MQTT5-3.8.3.1]
        })
    }
}

/// A SUBSCRIBE; every filter is valid unless [`decode_head`](super::decode_head) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// To be repeated in SUBACK.
    pub packet_id: PacketId,
    /// 5.0: for all of its filters.
    pub subscription_identifier: Option<NonZeroU32>,
    /// 5.0: all properties.
    pub properties: Properties<'a>,
    version: ProtocolVersion,
    payload: &'a [u8],
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Subscribe<'a>, DecodeError> {
        let packet = Subscribe::decode_head(version, body)?;
        packet.filters_from(0).try_for_each(|filter| filter.map(|_| ()))?;
        Ok(packet)
    }

    /// Reads all but the filters.
    pub(super) fn decode_head(version: ProtocolVersion, body: &'a [u8]) -> Result<Subscribe<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut subscription_identifier = None;
        let mut properties = Properties::EMPTY;
        if version.has_properties() {
            properties = Properties::read(reader.block()?, Place::SUBSCRIBE, |property, _| {
                if let Property::SubscriptionIdentifier(identifier) = property {
                    subscription_identifier = NonZeroU32::new(identifier);
                }
            })?;
        }
        let payload = reader.rest();
        if payload.is_empty() {
            return Err(DecodeError::PayloadMissing); // [MQTT5-3.8.3-2] [MQTT311-3.8.3-3]
        }
        Ok(Subscribe { packet_id, subscription_identifier, properties, version, payload })
    }

    /// The filters with their options, in order; at least one. Each step parses one.
    pub fn filters(&self) -> impl Iterator<Item = (TopicFilter<'a>, SubscriptionOptions)> {
        // All of them were read before, so an error is the end.
        self.filters_from(0).map_while(|filter| filter.ok()).map(|(_, filter, options)| (filter, options))
    }

    /// The filters from `at` on, with their options, each with where the next one begins: where to go on after a break.
    /// The first begins at 0; behind the last is [`Subscribe::filter_bytes`]. Nothing follows an error.
    pub fn filters_from(
        &self,
        at: usize,
    ) -> impl Iterator<Item = Result<(usize, TopicFilter<'a>, SubscriptionOptions), DecodeError>> {
        let version = self.version;
        let filters = Reader::items_from(self.payload, at, move |reader| read_filter(version, reader));
        filters.map(|filter| filter.map(|(next, (filter, options))| (next, filter, options)))
    }

    /// Bytes of all filters with their options.
    pub fn filter_bytes(&self) -> usize {
        self.payload.len()
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        let filters = self.filters().map(|(filter, options)| (filter.as_str(), options));
        put_subscribe(version, self.packet_id, self.subscription_identifier, self.properties, filters, out);
    }
}

/// Appends a SUBSCRIBE. Filters must be valid and at least one; a Subscription Identifier among `properties` is not
/// written, `identifier` is.
///
/// # Panics
/// If a filter has more than 65,535 bytes or the identifier is above 268,435,455.
pub fn encode_subscribe(
    version: ProtocolVersion,
    packet_id: PacketId,
    identifier: Option<NonZeroU32>,
    properties: Properties<'_>,
    filters: &[(&str, SubscriptionOptions)],
    out: &mut Vec<u8>,
) {
    put_subscribe(version, packet_id, identifier, properties, filters.iter().copied(), out);
}

fn put_subscribe<'f>(
    version: ProtocolVersion,
    packet_id: PacketId,
    identifier: Option<NonZeroU32>,
    properties: Properties<'_>,
    filters: impl Iterator<Item = (&'f str, SubscriptionOptions)>,
    out: &mut Vec<u8>,
) {
    put_packet(out, PacketType::Subscribe.first_byte(), |out| {
        put_u16(out, packet_id.get());
        if version.has_properties() {
            put_block(out, |out| {
                if let Some(identifier) = identifier {
                    Property::SubscriptionIdentifier(identifier.get()).put(out);
                }
                properties.put_some(out, |property| !matches!(property, Property::SubscriptionIdentifier(_)));
            });
        }
        for (filter, options) in filters {
            put_binary(out, filter.as_bytes());
            out.push(options.to_byte(version));
        }
    });
}

fn read_filter<'a>(
    version: ProtocolVersion,
    reader: &mut Reader<'a>,
) -> Result<(TopicFilter<'a>, SubscriptionOptions), DecodeError> {
    let text = reader.string()?;
    let filter = TopicFilter::parse(version, text).map_err(|_| DecodeError::TopicFilterInvalid)?;
    let options = SubscriptionOptions::from_byte(version, reader.u8()?)?;
    if options.no_local && filter.share().is_some() {
        return Err(DecodeError::NoLocalOnShared); // [MQTT5-3.8.3-4]
    }
    Ok((filter, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
    const V5: ProtocolVersion = ProtocolVersion::V5;

    #[test]
    fn a_subscribe_is_read_as_it_was_written() {
        let filters = [
            ("a/+", SubscriptionOptions { qos: QoS::ExactlyOnce, no_local: true, ..Default::default() }),
            (
                "$share/g/#",
                SubscriptionOptions {
                    qos: QoS::AtLeastOnce,
                    no_local: false,
                    retain_as_published: true,
                    retain_handling: RetainHandling::DoNotSend,
                },
            ),
        ];
        let packet_id = PacketId::new(7).unwrap();
        let identifier = NonZeroU32::new(200);
        let mut out = Vec::new();
        encode_subscribe(V5, packet_id, identifier, Properties::EMPTY, &filters, &mut out);
        assert_eq!(out[..7], [0x82, 25, 0, 7, 3, 0x0B, 0xC8]);
        let subscribe = Subscribe::decode(V5, &out[2..]).unwrap();
        assert_eq!((subscribe.packet_id, subscribe.subscription_identifier), (packet_id, identifier));
        let read: Vec<_> = subscribe.filters().map(|(filter, options)| (filter.as_str(), options)).collect();
        assert_eq!(read, filters);
        let mut again = Vec::new();
        subscribe.encode(V5, &mut again);
        assert_eq!(again, out);

        let mut plain = Vec::new();
        subscribe.encode(V3, &mut plain);
        assert_eq!(plain, b"\x82\x15\x00\x07\x00\x03a/+\x02\x00\x0A$share/g/#\x01");
    }

    #[test]
    fn what_is_wrong_with_a_subscribe_is_said() {
        let rows: [(ProtocolVersion, &[u8], DecodeError); 20] = [
            (V3, b"\0\0\0\x01a\0", DecodeError::PacketIdZero),
            (V3, b"\0\x01", DecodeError::PayloadMissing),
            (V5, b"\0\x01\0", DecodeError::PayloadMissing),
            (V3, b"\0\x01\0\x01a", DecodeError::Truncated),
            (V3, b"\0\x01\0\x01a\0\0", DecodeError::Truncated),
            (V3, b"\0\x01\0\x01a\x03", DecodeError::SubscriptionQoS),
            (V3, b"\0\x01\0\x01a\x04", DecodeError::SubscriptionOptionsReserved),
            (V3, b"\0\x01\0\x01a\0\0\x01b\x80", DecodeError::SubscriptionOptionsReserved),
            (V3, b"\0\x01\0\0\0", DecodeError::TopicFilterInvalid),
            (V3, b"\0\x01\0\x02a#\0", DecodeError::TopicFilterInvalid),
            (V3, b"\0\x01\0\x01\xFF\0", DecodeError::InvalidUtf8),
            (V3, b"\0\x01\0\x01\0\0", DecodeError::NullCharacter),
            (V5, b"\0\x01\0\0\x01a\x40", DecodeError::SubscriptionOptionsReserved),
            (V5, b"\0\x01\0\0\x01a\x80", DecodeError::SubscriptionOptionsReserved),
            (V5, b"\0\x01\0\0\x01a\x30", DecodeError::RetainHandling),
            (V5, b"\0\x01\0\0\x01a\x03", DecodeError::SubscriptionQoS),
            (V5, b"\0\x01\0\0\x0A$share/a/b\x04", DecodeError::NoLocalOnShared),
            (V5, b"\0\x01\0\0\x08$share/a\0", DecodeError::TopicFilterInvalid),
            (V5, b"\0\x01\x02\x0B\0\0\x01a\0", DecodeError::PropertyValue),
            (V5, b"\0\x01\x04\x0B\x01\x0B\x01\0\x01a\0", DecodeError::DuplicateProperty),
        ];
        for (version, body, error) in rows {
            assert_eq!(Subscribe::decode(version, body), Err(error), "{body:?}");
        }
    }
}
