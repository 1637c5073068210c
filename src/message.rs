//! The Application Message: one allocation, shared by every queue of the process that holds it.
//!
//! Knows bytes only: the topic is already valid, the properties are already encoded. Must not know sessions, routing or
//! protocol versions.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::mem::MaybeUninit;
use std::slice;
use std::sync::Arc;

use crate::time::Time;

/// Bytes of the fixed fields in front of topic, properties and payload.
const HEAD: usize = 32;

/// What a [`Message`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// A valid Topic Name, at most 65,535 bytes.
    pub topic: &'a str,
    /// 5.0 properties to be forwarded unaltered, in their wire encoding, without their length.
    pub properties: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// QoS of the publication: 0, 1 or 2.
    pub qos: u8,
    /// The publication's RETAIN flag.
    pub retain: bool,
    /// When the message may no longer be delivered; [`Time::NEVER`] if it does not expire.
    pub expires_at: Time,
    /// When it was published, unique per origin.
    pub stamp: Stamp,
}

/// Orders publications of all shards: by time, then by the shard they entered at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Nanoseconds, or one more than the largest seen.
    pub time: u64,
    /// The shard of origin.
    pub shard: u8,
}

/// An Application Message. Cloning shares it; the price is one atomic increment.
///
/// Layout: time of the stamp (8), expiry (8), length of topic (4), length of properties (4), QoS (1), retain (1), shard
/// of the stamp (1), padding (5), then topic, properties, payload. One block, so that a message costs one allocation and
/// 16 bytes for each queue it stands in.
#[derive(Clone)]
pub struct Message {
    bytes: Arc<[u8]>,
}

impl Message {
    /// Copies `parts` into a new message: one allocation.
    pub fn new(parts: Parts<'_>) -> Message {
        let mut head = [0; HEAD];
        head[0..8].copy_from_slice(&parts.stamp.time.to_le_bytes());
        head[8..16].copy_from_slice(&parts.expires_at.as_nanos().to_le_bytes());
        head[16..20].copy_from_slice(&length(parts.topic.len()).to_le_bytes());
        head[20..24].copy_from_slice(&length(parts.properties.len()).to_le_bytes());
        head[24] = parts.qos;
        head[25] = u8::from(parts.retain);
        head[26] = parts.stamp.shard;
        let pieces = [&head, parts.topic.as_bytes(), parts.properties, parts.payload];
        let mut bytes = Arc::<[u8]>::new_uninit_slice(pieces.iter().map(|piece| piece.len()).sum());
        let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has the new block yet");
        for piece in pieces {
            rest = put(rest, piece);
        }
        assert!(rest.is_empty(), "the pieces fill the block");
        // SAFETY: `put` has written every byte in front of `rest`, and nothing is left behind it.
        Message { bytes: unsafe { bytes.assume_init() } }
    }

    /// The Topic Name.
    pub fn topic(&self) -> &str {
        // Checking the encoding again costs a few nanoseconds and only where a queued message is sent.
        std::str::from_utf8(self.topic_bytes()).expect("made from a str")
    }

    /// The Topic Name's bytes.
    pub fn topic_bytes(&self) -> &[u8] {
        &self.bytes[HEAD..HEAD + self.topic_len()]
    }

    /// The forwarded 5.0 properties, encoded, without their length.
    pub fn properties(&self) -> &[u8] {
        let start = HEAD + self.topic_len();
        &self.bytes[start..start + self.properties_len()]
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEAD + self.topic_len() + self.properties_len()..]
    }

    /// QoS of the publication: 0, 1 or 2.
    pub fn qos(&self) -> u8 {
        self.bytes[24]
    }

    /// The publication's RETAIN flag.
    pub fn retain(&self) -> bool {
        self.bytes[25] != 0
    }

    /// When the message may no longer be delivered.
    pub fn expires_at(&self) -> Time {
        Time::from_nanos(self.word(8))
    }

    /// When and where it was published.
    pub fn stamp(&self) -> Stamp {
        Stamp { time: self.word(0), shard: self.bytes[26] }
    }

    /// Bytes of topic, properties and payload: what the limits count.
    pub fn size(&self) -> usize {
        self.bytes.len() - HEAD
    }

    fn topic_len(&self) -> usize {
        self.half_word(16) as usize
    }

    fn properties_len(&self) -> usize {
        self.half_word(20) as usize
    }

    fn word(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn half_word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }
}

impl fmt::Debug for Message {
    /// Never prints the payload: it may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("topic", &self.topic())
            .field("qos", &self.qos())
            .field("retain", &self.retain())
            .field("payload_bytes", &self.payload().len())
            .finish()
    }
}

/// Writes `piece` at the front of `block` and answers what is behind it. Filling the block with zeros first, which needs no
/// `unsafe`, costs 6 % of the CPU time at payloads of 64 KiB.
#[inline]
fn put<'a>(block: &'a mut [MaybeUninit<u8>], piece: &[u8]) -> &'a mut [MaybeUninit<u8>] {
    let (front, rest) = block.split_at_mut(piece.len());
    // SAFETY: the same bytes; whatever a `u8` holds a `MaybeUninit<u8>` may hold.
    front.copy_from_slice(unsafe { slice::from_raw_parts(piece.as_ptr().cast::<MaybeUninit<u8>>(), piece.len()) });
    rest
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("no packet is larger than 268,435,460 bytes")
}

/// Lets an ordered set of messages be asked for a topic.
impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Message {}

/// By topic first, then by everything else.
impl Ord for Message {
    fn cmp(&self, other: &Message) -> Ordering {
        self.topic_bytes().cmp(other.topic_bytes()).then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Message {
    fn partial_cmp(&self, other: &Message) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_gives_back_what_it_was_made_of() {
        let parts = Parts {
            topic: "a/é",
            properties: &[1, 0],
            payload: b"payload",
            qos: 2,
            retain: true,
            expires_at: Time::from_nanos(99),
            stamp: Stamp { time: 7, shard: 3 },
        };
        let message = Message::new(parts);
        assert_eq!(message.topic(), "a/é");
        assert_eq!(message.properties(), &[1, 0]);
        assert_eq!(message.payload(), b"payload");
        assert_eq!((message.qos(), message.retain()), (2, true));
        assert_eq!(message.expires_at(), Time::from_nanos(99));
        assert_eq!(message.stamp(), Stamp { time: 7, shard: 3 });
        assert_eq!(message.size(), 4 + 2 + 7);
        assert!(!format!("{message:?}").contains("payload\""));
    }
}
