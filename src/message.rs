//! The Application Message: one allocation, shared by every queue of the process that holds it.
//!
//! Knows bytes only: the topic is already valid, the properties are already encoded. Must not know sessions, routing or
//! protocol versions.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Range;
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
/// of the stamp (1), bytes in front of the topic (1), bytes between topic and properties (1), padding (3), then topic,
/// properties, payload. One block, so that a message costs one allocation and 16 bytes for each queue it stands in. The
/// two gaps are where a large packet, which is not copied out of the block it came into, has what a message has not.
#[derive(Clone)]
pub struct Message {
    bytes: Arc<[u8]>,
}

impl Message {
    /// Copies `parts` into a new message: one allocation.
    pub fn new(parts: Parts<'_>) -> Message {
        let Parts { topic, properties, qos, retain, expires_at, stamp, .. } = parts;
        let head = Head { qos, retain, expires_at, stamp }.encode([0, topic.len(), 0, properties.len()]);
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
        // SAFETY: a message is made of a topic that was a `str`, and its bytes never change.
        unsafe { std::str::from_utf8_unchecked(self.topic_bytes()) }
    }

    /// The Topic Name's bytes.
    pub fn topic_bytes(&self) -> &[u8] {
        let start = HEAD + self.gap_before_topic();
        &self.bytes[start..start + self.topic_len()]
    }

    /// The forwarded 5.0 properties, encoded, without their length.
    pub fn properties(&self) -> &[u8] {
        let start = self.properties_at();
        &self.bytes[start..start + self.properties_len()]
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.properties_at() + self.properties_len()..]
    }

    /// All that stands behind the fixed fields: of a landed message the packet it came in.
    pub fn packet(&self) -> &[u8] {
        &self.bytes[HEAD..]
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
        self.bytes.len() - HEAD - self.gap_before_topic() - self.gap_behind_topic()
    }

    fn properties_at(&self) -> usize {
        HEAD + self.gap_before_topic() + self.topic_len() + self.gap_behind_topic()
    }

    fn gap_before_topic(&self) -> usize {
        usize::from(self.bytes[27])
    }

    fn gap_behind_topic(&self) -> usize {
        usize::from(self.bytes[28])
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

/// A large packet on its way into the block that becomes its message: received there, not copied there.
///
/// The memory is not touched before the bytes come.
pub struct Landing {
    block: Arc<[MaybeUninit<u8>]>,
    /// Bytes of the packet that are there.
    filled: usize,
}

impl Landing {
    /// Room for a packet of so many bytes, fixed header included.
    pub fn new(packet_bytes: usize) -> Landing {
        Landing { block: Arc::new_uninit_slice(HEAD + packet_bytes), filled: 0 }
    }

    /// What has come of the packet.
    pub fn packet(&self) -> &[u8] {
        let packet = &self.block[HEAD..HEAD + self.filled];
        // SAFETY: as many bytes have been written, by `push` or by whom `advance` trusts.
        unsafe { slice::from_raw_parts(packet.as_ptr().cast::<u8>(), packet.len()) }
    }

    /// Bytes of the packet that have not come.
    pub fn missing(&self) -> usize {
        self.block.len() - HEAD - self.filled
    }

    /// Takes what of `bytes` belongs to the packet; answers how many that were.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.missing());
        put(self.rest(), &bytes[..count]);
        self.filled += count;
        count
    }

    /// Where the missing bytes go. They count once `push` or `advance` has said so.
    pub fn rest(&mut self) -> &mut [MaybeUninit<u8>] {
        let start = HEAD + self.filled;
        &mut Arc::get_mut(&mut self.block).expect("a landing is nobody else's")[start..]
    }

    /// Counts bytes that have been written to [`Landing::rest`] from elsewhere.
    ///
    /// # Safety
    /// The first `count` bytes of the rest are written, and nobody writes to the block any more.
    ///
    /// # Panics
    /// If fewer are missing.
    pub unsafe fn advance(&mut self, count: usize) {
        assert!(count <= self.missing(), "no more comes than was asked for");
        self.filled += count;
    }

    /// Makes the message, without a copy. The payload is what stands behind the properties.
    ///
    /// # Panics
    /// If bytes are missing, or topic and properties do not stand where they do in a PUBLISH.
    pub fn into_message(mut self, head: Head, topic: Range<usize>, properties: Range<usize>) -> Message {
        assert!(self.missing() == 0 && properties.end <= self.filled, "the packet is whole");
        assert!(std::str::from_utf8(&self.packet()[topic.clone()]).is_ok(), "the topic has been decoded");
        let gap_behind_topic = properties.start.checked_sub(topic.end).expect("properties come behind the topic");
        let head = head.encode([topic.start, topic.len(), gap_behind_topic, properties.len()]);
        put(Arc::get_mut(&mut self.block).expect("a landing is nobody else's"), &head);
        // SAFETY: the fixed fields have just been written, and no byte of the packet is missing.
        Message { bytes: unsafe { self.block.assume_init() } }
    }
}

impl fmt::Debug for Landing {
    /// Never prints the payload.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Landing({} bytes, {} missing)", self.filled, self.missing())
    }
}

/// The fixed fields of a message but the places of its parts; see [`Parts`].
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// QoS of the publication: 0, 1 or 2.
    pub qos: u8,
    /// The publication's RETAIN flag.
    pub retain: bool,
    /// When the message may no longer be delivered.
    pub expires_at: Time,
    /// When it was published.
    pub stamp: Stamp,
}

impl Head {
    /// `spans`: bytes in front of the topic, of the topic, between topic and properties, of the properties.
    fn encode(self, spans: [usize; 4]) -> [u8; HEAD] {
        let [gap_before_topic, topic, gap_behind_topic, properties] = spans;
        let mut head = [0; HEAD];
        head[0..8].copy_from_slice(&self.stamp.time.to_le_bytes());
        head[8..16].copy_from_slice(&self.expires_at.as_nanos().to_le_bytes());
        head[16..20].copy_from_slice(&length(topic).to_le_bytes());
        head[20..24].copy_from_slice(&length(properties).to_le_bytes());
        head[24] = self.qos;
        head[25] = u8::from(self.retain);
        head[26] = self.stamp.shard;
        head[27] = gap(gap_before_topic);
        head[28] = gap(gap_behind_topic);
        head
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

/// Writes `piece` at the front of `block` and answers what is behind it. A landing's memory must not be touched before its
/// bytes come, so the block cannot be filled with zeros first, which would need no `unsafe`. For an ordinary message that
/// was 6 % of the samples at payloads of 64 KiB, though leaving it out alone changed nothing that could be measured.
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

fn gap(bytes: usize) -> u8 {
    u8::try_from(bytes).expect("a fixed header, a length, a packet identifier: 13 bytes at most")
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

    const HEAD_OF_TEST: Head =
        Head { qos: 1, retain: true, expires_at: Time::NEVER, stamp: Stamp { time: 7, shard: 3 } };

    #[test]
    fn a_landed_packet_is_a_message_where_it_stands() {
        // Fixed header, length and topic, packet identifier, length of the properties, properties, payload.
        let packet = b"\x33\x0f\0\x03a/b\0\x09\x02\x01\0payload";
        let mut landing = Landing::new(packet.len());
        assert_eq!(landing.push(&packet[..5]), 5);
        assert_eq!((landing.packet(), landing.missing()), (&packet[..5], packet.len() - 5));
        for (room, byte) in landing.rest().iter_mut().zip(&packet[5..9]) {
            room.write(*byte);
        }
        // SAFETY: four bytes have just been written.
        unsafe { landing.advance(4) };
        let with_the_next = [&packet[9..], b"next"].concat();
        assert_eq!(landing.push(&with_the_next), packet.len() - 9);
        assert_eq!((landing.push(b"x"), landing.packet(), landing.missing()), (0, &packet[..], 0));
        let block = landing.packet().as_ptr();
        let message = landing.into_message(HEAD_OF_TEST, 4..7, 10..12);
        assert_eq!((message.topic(), message.properties(), message.payload()), ("a/b", &[1, 0][..], &b"payload"[..]));
        assert_eq!((message.qos(), message.retain(), message.expires_at()), (1, true, Time::NEVER));
        assert_eq!((message.stamp(), message.size()), (HEAD_OF_TEST.stamp, 3 + 2 + 7));
        assert_eq!((message.packet(), message.packet().as_ptr()), (&packet[..], block), "not copied");
    }

    #[test]
    fn a_landing_may_be_given_up_at_any_byte() {
        for filled in 0..4 {
            let mut landing = Landing::new(3);
            landing.push(&b"abc"[..filled.min(3)]);
            assert_eq!(landing.missing(), 3 - filled.min(3));
        }
    }

    #[test]
    #[should_panic(expected = "the packet is whole")]
    fn an_unfinished_packet_is_no_message() {
        let mut landing = Landing::new(9);
        landing.push(b"0123");
        landing.into_message(HEAD_OF_TEST, 1..2, 2..2);
    }
}
