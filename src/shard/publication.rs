//! A publication on its way through this shard, before anybody had to keep it.

use std::borrow::Cow;
use std::time::Duration;

use crate::message::{Message, Parts, Stamp};
use crate::mqtt::{Forwarded, PacketId, PublishHead, QoS};
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
}

impl<'a> Publication<'a> {
    /// What a message of a peer, a queue or the retained set says.
    pub(crate) fn of(message: &'a Message) -> Publication<'a> {
        Publication {
            topic: message.topic(),
            payload: message.payload(),
            forwarded: Forwarded::from_encoded(message.properties()),
            qos: QoS::from_u8(message.qos()).unwrap_or(QoS::AtMostOnce),
            retain: message.retain(),
            expires_at: message.expires_at(),
            stamp: message.stamp(),
            message: Some(message.clone()),
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
