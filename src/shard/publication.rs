//! A publication on its way through this shard, before anybody had to keep it.

use std::borrow::Cow;
use std::time::Duration;

use crate::connection::SHARED_PAYLOAD_BYTES_MIN;
use crate::message::{Head, Landing, Message, Parts, Stamp};
use crate::mqtt::{
    decode_publish, next_header, Forwarded, Frame, PacketId, PacketType, ProtocolVersion, Publish, PublishHead, QoS,
};
use crate::shard::encoder::Encoded;
use crate::time::Time;

/// What was published, borrowed from the read buffer or from a message. The one allocation (the shared [`Message`]) is
/// made when somebody first needs to keep it: a queue, an acknowledgement to come, the retained set, a peer.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) forwarded: Forwarded<'a>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expires_at: Time,
    pub(crate) stamp: Stamp,
    pub(crate) message: Option<Message>,
    /// The packet it came in, if it may be passed on as it is.
    pub(crate) wire: Option<Wire<'a>>,
}

/// A PUBLISH as it came. Nearly every receiver of the same format and QoS gets the very same bytes, but for the first
/// one and the Packet Identifier: those need not be encoded anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    packet: &'a [u8],
    has_properties: bool,
    qos: QoS,
    packet_id_at: usize,
    payload_bytes: usize,
}

impl<'a> Wire<'a> {
    /// The packet with this header, unless passing it on means to change more: an alias, an expiry that counts down,
    /// a length in more bytes than it needs.
    #[inline]
    pub(crate) fn of(
        version: ProtocolVersion,
        frame: &Frame,
        packet: &'a [u8],
        publish: &Publish<'_>,
    ) -> Option<Wire<'a>> {
        let is_plain = publish.topic_alias.is_none()
            && publish.message_expiry_interval_s.is_none()
            && publish.forwarded.len() == publish.properties.as_bytes().len()
            && !frame.is_overlong();
        is_plain.then(|| Wire {
            packet,
            has_properties: version.has_properties(),
            qos: publish.qos,
            packet_id_at: frame.header_bytes + 2 + publish.topic.len(),
            payload_bytes: publish.payload.len(),
        })
    }

    /// Its bytes for a receiver of this version, without the payload if that is shared; `None` if they do not serve.
    #[inline]
    pub(crate) fn encoded(
        &self,
        version: ProtocolVersion,
        qos: QoS,
        retain: bool,
        shares_payload: bool,
    ) -> Option<Encoded<'a>> {
        if self.qos != qos || self.has_properties != version.has_properties() {
            return None;
        }
        let end = self.packet.len() - if shares_payload { self.payload_bytes } else { 0 };
        let first_byte = PacketType::Publish.first_byte() | (qos as u8) << 1 | u8::from(retain);
        Some(Encoded { bytes: self.packet.get(..end)?, packet_id_at: self.packet_id_at, first_byte })
    }
}

impl<'a> Publication<'a> {
    /// What a message of a peer or a queue says.
    pub(crate) fn of(message: &'a Message) -> Publication<'a> {
        Publication { message: Some(message.clone()), ..Publication::glance(message) }
    }

    /// The same of one that is only to be written: it is shared just if its payload is.
    pub(crate) fn glance(message: &'a Message) -> Publication<'a> {
        Publication {
            topic: message.topic(),
            payload: message.payload(),
            forwarded: Forwarded::from_encoded(message.properties()),
            qos: QoS::from_u8(message.qos()).unwrap_or(QoS::AtMostOnce),
            retain: message.retain(),
            expires_at: message.expires_at(),
            stamp: message.stamp(),
            message: (message.payload().len() >= SHARED_PAYLOAD_BYTES_MIN).then(|| message.clone()),
            wire: None,
        }
    }

    /// The shared message, made now if it has not been needed before.
    pub(crate) fn message(&mut self) -> &Message {
        self.message.get_or_insert_with(|| {
            let properties = match self.forwarded.as_contiguous() {
                Some(bytes) => Cow::Borrowed(bytes),
                None => {
                    let mut bytes = Vec::with_capacity(self.forwarded.len());
                    self.forwarded.copy_to(&mut bytes);
                    Cow::Owned(bytes)
                }
            };
            Message::new(Parts {
                topic: self.topic,
                properties: &properties,
                payload: self.payload,
                qos: self.qos as u8,
                retain: self.retain,
                expires_at: self.expires_at,
                stamp: self.stamp,
            })
        })
    }

    /// The head of the PUBLISH that passes this on at `now`, without anything that belongs to one receiver.
    pub(crate) fn head(&self, now: Time, qos: QoS, retain: bool) -> PublishHead<'a> {
        PublishHead {
            dup: false,
            qos,
            retain,
            topic: self.topic,
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
            topic_alias: None,
            message_expiry_interval_s: remaining_s(self.expires_at, now),
            subscription_identifiers: &[],
            forwarded: self.forwarded,
            payload_bytes: self.payload.len(),
        }
    }
}

/// A large PUBLISH in the block of its message.
pub(crate) struct Landed {
    pub(crate) frame: Frame,
    pub(crate) message: Message,
}

/// Makes a message of a large packet where it stands, if the packet may be passed on as it is; else gives it back to be
/// read like any other.
pub(crate) fn message_of(version: ProtocolVersion, landing: Landing, stamp: Stamp) -> Result<Landed, Landing> {
    let packet = landing.packet();
    let Ok(Some(frame)) = next_header(packet, u32::MAX) else { return Err(landing) };
    let body = packet.get(frame.header_bytes..).unwrap_or_default();
    let Ok(publish) = decode_publish(version, frame.first_byte, body) else { return Err(landing) };
    if Wire::of(version, &frame, packet, &publish).is_none() {
        return Err(landing);
    }
    let head = Head { qos: publish.qos as u8, retain: publish.retain, expires_at: Time::NEVER, stamp };
    let topic_at = frame.header_bytes + 2;
    let topic = topic_at..topic_at + publish.topic.len();
    // All properties are forwarded, so the payload comes behind the last of them.
    let payload_at = packet.len() - publish.payload.len();
    let properties = payload_at - publish.forwarded.len()..payload_at;
    Ok(Landed { frame, message: landing.into_message(head, topic, properties) })
}

/// The Message Expiry Interval to be sent on: what was received less the time it has waited here, in whole seconds
/// [MQTT5-3.3.2-6]. Zero for a message that is overdue but was already sent once.
pub(crate) fn remaining_s(expires_at: Time, now: Time) -> Option<u32> {
    if expires_at == Time::NEVER {
        return None;
    }
    let left = expires_at.since(now) + Duration::from_nanos(999_999_999);
    Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt5_3_3_2_6_the_expiry_interval_sent_on_is_what_is_left() {
        let at = |seconds: f64| Time::START + Duration::from_secs_f64(seconds);
        assert_eq!(remaining_s(Time::NEVER, at(3.0)), None);
        assert_eq!(remaining_s(at(10.0), at(0.0)), Some(10));
        assert_eq!(remaining_s(at(10.0), at(0.5)), Some(10));
        assert_eq!(remaining_s(at(10.0), at(3.5)), Some(7));
        assert_eq!(remaining_s(at(10.0), at(11.0)), Some(0));
    }
}
