//! PUBLISH, the packet that must be fast: read without a copy, written with one look at the buffer's room.

use std::fmt;
use std::num::NonZeroU16;

use super::error::DecodeError;
use super::forwarded::{Forwarded, ForwardedSpan};
use super::frame::DUP;
use super::properties::Properties;
use super::property::{Place, Property};
use super::topic::is_plain;
use super::types::{PacketId, PacketType, ProtocolVersion, QoS};
use super::wire::{put_u16, put_u32, put_variable, variable_bytes, variable_size, Reader};

const RETAIN: u8 = 0b0001;

/// Identifier and value of a Message Expiry Interval.
const EXPIRY_BYTES: usize = 5;
/// Identifier and value of a Topic Alias.
const ALIAS_BYTES: usize = 3;

/// A PUBLISH that came in. All of it borrows from the receive buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// Its QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// A valid Topic Name, or empty with a topic alias (5.0).
    pub topic: &'a str,
    /// There if and only if the QoS is not 0.
    pub packet_id: Option<PacketId>,
    /// 5.0: stands for the topic or is to stand for it.
    pub topic_alias: Option<NonZeroU16>,
    /// 5.0: seconds the message may live.
    pub message_expiry_interval_s: Option<u32>,
    /// 5.0: whether there are subscription identifiers, which only a server may send.
    pub has_subscription_identifier: bool,
    /// 5.0: what is passed on to subscribers.
    pub forwarded: Forwarded<'a>,
    /// 5.0: all properties.
    pub properties: Properties<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

impl Publish<'_> {
    /// The Subscription Identifiers, in order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + '_ {
        let properties = if self.has_subscription_identifier { self.properties } else { Properties::EMPTY };
        properties.into_iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }

    /// The whole packet, for tests and tools; a broker sends a [`PublishHead`] and the payload.
    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        let subscription_identifiers: Vec<u32> = self.subscription_identifiers().collect();
        let head = PublishHead {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic,
            packet_id: self.packet_id,
            topic_alias: self.topic_alias,
            message_expiry_interval_s: self.message_expiry_interval_s,
            subscription_identifiers: &subscription_identifiers,
            forwarded: self.forwarded,
            payload_bytes: self.payload.len(),
        };
        head.encode(version, out);
        out.extend_from_slice(self.payload);
    }
}

impl fmt::Debug for Publish<'_> {
    /// Never prints the payload: it may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Publish")
            .field("dup", &self.dup)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("topic", &self.topic)
            .field("packet_id", &self.packet_id)
            .field("topic_alias", &self.topic_alias)
            .field("message_expiry_interval_s", &self.message_expiry_interval_s)
            .field("properties", &self.properties)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

/// Reads a PUBLISH whose fixed header has been taken off. No allocation; cost is that of checking topic and properties.
///
/// # Errors
/// What makes it invalid.
#[inline]
pub fn decode_publish<'a>(
    version: ProtocolVersion,
    first_byte: u8,
    body: &'a [u8],
) -> Result<Publish<'a>, DecodeError> {
    decode_named(version, first_byte, body, None)
}

/// Whether a PUBLISH, of which this is the body, names this topic. One comparison.
#[inline]
pub fn publish_names(body: &[u8], topic: &str) -> bool {
    Reader::new(body).binary().is_ok_and(|name| name == topic.as_bytes())
}

/// Like [`decode_publish`] for a body that names `topic`, which has been found valid before and is not checked again.
///
/// # Errors
/// The same.
#[inline]
pub fn decode_publish_naming<'a>(
    version: ProtocolVersion,
    first_byte: u8,
    body: &'a [u8],
    topic: &'a str,
) -> Result<Publish<'a>, DecodeError> {
    debug_assert!(publish_names(body, topic));
    decode_named(version, first_byte, body, Some(topic))
}

#[inline]
fn decode_named<'a>(
    version: ProtocolVersion,
    first_byte: u8,
    body: &'a [u8],
    known: Option<&'a str>,
) -> Result<Publish<'a>, DecodeError> {
    debug_assert_eq!(PacketType::from_first_byte(first_byte), Some(PacketType::Publish));
    let qos = QoS::from_u8(first_byte >> 1 & 3).ok_or(DecodeError::QoSInvalid)?; // [MQTT5-3.3.1-4] [MQTT311-3.3.1-4]
    let dup = first_byte & DUP != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(DecodeError::DupWithoutQoS); // [MQTT5-3.3.1-2] [MQTT311-3.3.1-2]
    }
    let mut reader = Reader::new(body);
    let name = reader.binary()?;
    let topic = match known {
        Some(topic) => topic,
        None => topic_name(name)?,
    };
    let packet_id = match qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_id()?),
    };
    let mut extras = Extras::default();
    if version.has_properties() {
        let block = reader.block()?;
        if !block.is_empty() {
            extras = read_properties(block)?;
        }
    }
    if topic.is_empty() && extras.topic_alias.is_none() {
        return Err(if version.has_properties() {
            DecodeError::TopicNameMissing // [MQTT5-3.3.2.1]
        } else {
            DecodeError::TopicNameInvalid // [MQTT311-4.7.3-1]
        });
    }
    Ok(Publish {
        dup,
        qos,
        retain: first_byte & RETAIN != 0,
        topic,
        packet_id,
        topic_alias: extras.topic_alias,
        message_expiry_interval_s: extras.message_expiry_interval_s,
        has_subscription_identifier: extras.has_subscription_identifier,
        forwarded: extras.forwarded,
        properties: extras.properties,
        payload: reader.rest(),
    })
}

/// A Topic Name, or nothing.
#[inline]
fn topic_name(bytes: &[u8]) -> Result<&str, DecodeError> {
    if !is_plain(bytes) {
        return Err(DecodeError::TopicNameInvalid); // [MQTT5-3.3.2-2] [MQTT311-3.3.2-2], NUL: [MQTT5-4.7.3-2]
    }
    std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8) // [MQTT5-3.3.2-1] [MQTT311-3.3.2-1]
}

/// What the properties of a PUBLISH say.
#[derive(Default)]
struct Extras<'a> {
    topic_alias: Option<NonZeroU16>,
    message_expiry_interval_s: Option<u32>,
    has_subscription_identifier: bool,
    forwarded: Forwarded<'a>,
    properties: Properties<'a>,
}

fn read_properties(block: &[u8]) -> Result<Extras<'_>, DecodeError> {
    let mut extras = Extras::default();
    let mut span = ForwardedSpan::default();
    extras.properties = Properties::read(block, Place::PUBLISH, |property, range| {
        span.add(&property, range);
        match property {
            Property::TopicAlias(alias) => extras.topic_alias = NonZeroU16::new(alias),
            Property::MessageExpiryInterval(seconds) => extras.message_expiry_interval_s = Some(seconds),
            Property::SubscriptionIdentifier(_) => extras.has_subscription_identifier = true,
            _ => {}
        }
    })?;
    extras.forwarded = span.in_block(block);
    Ok(extras)
}

/// All of a PUBLISH to be sent but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishHead<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// Its QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// A valid Topic Name, or empty with a topic alias (5.0).
    pub topic: &'a str,
    /// There if and only if the QoS is not 0.
    pub packet_id: Option<PacketId>,
    /// 5.0: stands for the topic or is to stand for it.
    pub topic_alias: Option<NonZeroU16>,
    /// 5.0: seconds the message may live.
    pub message_expiry_interval_s: Option<u32>,
    /// 5.0: of the subscriptions it is sent for, each 1 to 268,435,455.
    pub subscription_identifiers: &'a [u32],
    /// 5.0: what the publisher said to subscribers.
    pub forwarded: Forwarded<'a>,
    /// Bytes of the payload, which the caller appends.
    pub payload_bytes: usize,
}

impl PublishHead<'_> {
    /// Bytes of the whole packet, payload included. For 3.x the fields of 5.0 count nothing.
    #[inline]
    pub fn encoded_bytes(&self, version: ProtocolVersion) -> usize {
        let remaining_length = self.remaining_length(version, self.properties_bytes(version));
        1 + variable_size(remaining_length) + remaining_length
    }

    /// Appends all but the payload; returns the offset of the packet identifier from the packet's first byte, 0 if it has
    /// none. For 3.x the fields of 5.0 are ignored.
    ///
    /// # Panics
    /// If the topic is longer than 65,535 bytes or the packet than 268,435,460.
    #[inline]
    pub fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) -> usize {
        debug_assert_eq!(self.packet_id.is_some(), self.qos != QoS::AtMostOnce);
        debug_assert!(!self.dup || self.qos != QoS::AtMostOnce);
        let topic_bytes = u16::try_from(self.topic.len()).expect("a topic name has at most 65,535 bytes");
        let properties_bytes = self.properties_bytes(version);
        let remaining_length = self.remaining_length(version, properties_bytes);
        let (length, length_bytes) = variable_bytes(remaining_length);
        // Once, and with room for the payload: the caller appends it next.
        out.reserve(1 + length_bytes + remaining_length);

        let flags = u8::from(self.dup) << 3 | (self.qos as u8) << 1 | u8::from(self.retain);
        out.push(PacketType::Publish.first_byte() | flags);
        out.extend_from_slice(&length[..length_bytes]);
        put_u16(out, topic_bytes);
        out.extend_from_slice(self.topic.as_bytes());
        let packet_id_at = match self.packet_id {
            Some(packet_id) => {
                put_u16(out, packet_id.get());
                1 + length_bytes + 2 + self.topic.len()
            }
            None => 0,
        };
        if version.has_properties() {
            put_variable(out, properties_bytes);
            if properties_bytes != 0 {
                self.put_properties(out);
            }
        }
        packet_id_at
    }

    #[inline]
    fn remaining_length(&self, version: ProtocolVersion, properties_bytes: usize) -> usize {
        let packet_id_bytes = if self.packet_id.is_some() { 2 } else { 0 };
        let block_bytes = if version.has_properties() { variable_size(properties_bytes) + properties_bytes } else { 0 };
        2 + self.topic.len() + packet_id_bytes + block_bytes + self.payload_bytes
    }

    /// Bytes of the properties without their length.
    #[inline]
    fn properties_bytes(&self, version: ProtocolVersion) -> usize {
        if !version.has_properties() {
            return 0;
        }
        let mut bytes = self.forwarded.len();
        if self.topic_alias.is_some() {
            bytes += ALIAS_BYTES;
        }
        if self.message_expiry_interval_s.is_some() {
            bytes += EXPIRY_BYTES;
        }
        for &identifier in self.subscription_identifiers {
            bytes += 1 + variable_size(identifier as usize);
        }
        bytes
    }

    fn put_properties(&self, out: &mut Vec<u8>) {
        if let Some(alias) = self.topic_alias {
            out.push(Property::TopicAlias(alias.get()).identifier());
            put_u16(out, alias.get());
        }
        if let Some(seconds) = self.message_expiry_interval_s {
            out.push(Property::MessageExpiryInterval(seconds).identifier());
            put_u32(out, seconds);
        }
        for &identifier in self.subscription_identifiers {
            out.push(Property::SubscriptionIdentifier(identifier).identifier());
            put_variable(out, identifier as usize);
        }
        self.forwarded.copy_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
    const V5: ProtocolVersion = ProtocolVersion::V5;

    fn head<'a>(qos: QoS, topic: &'a str) -> PublishHead<'a> {
        PublishHead {
            dup: false,
            qos,
            retain: false,
            topic,
            packet_id: if qos == QoS::AtMostOnce { None } else { PacketId::new(0x0102) },
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: 0,
        }
    }

    #[test]
    fn a_publish_is_read_as_it_was_written() {
        let forwarded = [0x03, 0, 1, b't', 0x26, 0, 1, b'k', 0, 0];
        let head = PublishHead {
            dup: true,
            retain: true,
            topic_alias: NonZeroU16::new(7),
            message_expiry_interval_s: Some(0),
            subscription_identifiers: &[1, 300],
            forwarded: Forwarded::from_encoded(&forwarded),
            payload_bytes: 200,
            ..head(QoS::ExactlyOnce, "a/é")
        };
        for version in [ProtocolVersion::V3_1, V3, V5] {
            let mut out = vec![0xEE];
            let packet_id_at = head.encode(version, &mut out);
            assert_eq!(out[1 + packet_id_at..][..2], [1, 2]);
            out.extend_from_slice(&[9; 200]);
            assert_eq!(out.len() - 1, head.encoded_bytes(version));
            let publish = decode_publish(version, out[1], &out[4..]).unwrap();
            assert_eq!((publish.dup, publish.qos, publish.retain), (true, QoS::ExactlyOnce, true));
            assert_eq!((publish.topic, publish.payload), ("a/é", &[9; 200][..]));
            assert_eq!(publish.packet_id, head.packet_id);
            let is_5 = version == V5;
            assert_eq!(publish.topic_alias, head.topic_alias.filter(|_| is_5));
            assert_eq!(publish.message_expiry_interval_s, is_5.then_some(0));
            assert_eq!(publish.has_subscription_identifier, is_5);
            assert_eq!(
                publish.subscription_identifiers().collect::<Vec<_>>(),
                if is_5 { vec![1, 300] } else { vec![] }
            );
            assert_eq!(publish.forwarded.as_contiguous(), Some(if is_5 { &forwarded[..] } else { &[] }));
        }
    }

    #[test]
    fn qos_0_has_no_packet_identifier() {
        let mut out = Vec::new();
        assert_eq!(head(QoS::AtMostOnce, "t").encode(V3, &mut out), 0);
        assert_eq!(out, [0x30, 3, 0, 1, b't']);
        out.clear();
        assert_eq!(head(QoS::AtLeastOnce, "t").encode(V5, &mut out), 5);
        assert_eq!(out, [0x32, 6, 0, 1, b't', 1, 2, 0]);
    }

    #[test]
    fn what_is_wrong_with_a_publish_is_said() {
        let rows: [(ProtocolVersion, u8, &[u8], DecodeError); 20] = [
            (V3, 0x36, b"\0\x01t\0\x01", DecodeError::QoSInvalid),
            (V3, 0x38, b"\0\x01t", DecodeError::DupWithoutQoS),
            (V5, 0x39, b"\0\x01t\0", DecodeError::DupWithoutQoS),
            (V3, 0x30, b"", DecodeError::Truncated),
            (V3, 0x30, b"\0\x02t", DecodeError::Truncated),
            (V3, 0x30, b"\0\0", DecodeError::TopicNameInvalid),
            (V3, 0x30, b"\0\x01+", DecodeError::TopicNameInvalid),
            (V3, 0x30, b"\0\x03a/#", DecodeError::TopicNameInvalid),
            (V3, 0x30, b"\0\x02a\0", DecodeError::TopicNameInvalid),
            (V3, 0x30, b"\0\x02\xC3\x28", DecodeError::InvalidUtf8),
            (V3, 0x32, b"\0\x01t\0\0", DecodeError::PacketIdZero),
            (V3, 0x32, b"\0\x01t\0", DecodeError::Truncated),
            (V5, 0x30, b"\0\x01t", DecodeError::Truncated),
            (V5, 0x30, b"\0\x01t\x02\x01", DecodeError::Truncated),
            (V5, 0x30, b"\0\0\0", DecodeError::TopicNameMissing),
            (V5, 0x30, b"\0\x01t\x03\x23\0\0", DecodeError::TopicAliasInvalid),
            (V5, 0x30, b"\0\x01t\x04\x08\0\x01+", DecodeError::ResponseTopicInvalid),
            (V5, 0x30, b"\0\x01t\x03\x21\0\x01", DecodeError::PropertyNotAllowed),
            (V5, 0x30, b"\0\x01t\x06\x23\0\x01\x23\0\x01", DecodeError::DuplicateProperty),
            (V5, 0x30, b"\0\x01t\x80\x00", DecodeError::VariableByteInteger),
        ];
        for (version, first_byte, body, error) in rows {
            assert_eq!(decode_publish(version, first_byte, body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn mqtt5_3_3_2_an_alias_may_stand_for_the_topic() {
        let publish = decode_publish(V5, 0x30, b"\0\0\x03\x23\0\x05payload").unwrap();
        assert_eq!((publish.topic, publish.topic_alias.map(NonZeroU16::get)), ("", Some(5)));
        assert_eq!(publish.payload, b"payload");
        assert!(!format!("{publish:?}").contains("payload\""));
    }
}
