//! Bytes waiting for the wire.
//!
//! Small packets are copied into one growing buffer; a large payload is shared and only marked at its place. The buffer
//! is borrowed from a pool when the first byte comes and goes back when the last has left, so an idle connection owns
//! none.

use std::iter;
use std::mem;

use crate::message::Message;

/// Payloads from this size on are shared with the message instead of copied (bytes). Below it, a copy of a few cache
/// lines costs less than one more slice for the kernel to walk.
pub const SHARED_PAYLOAD_BYTES_MIN: usize = 8 * 1024;

/// Spare buffers larger than this are only for those who needed as much the last time (bytes).
const SMALL_BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Buffers larger than this are not kept (bytes), and so many of the large ones are.
const LARGE_BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;
const LARGE_SPARE_MAX: usize = 16;

/// A run of bytes on its way to one socket.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    shared: Vec<SharedPayload>,
    shared_bytes: usize,
}

/// A payload that stands between `bytes[..at]` and `bytes[at..]`.
#[derive(Debug)]
struct SharedPayload {
    at: usize,
    message: Message,
}

impl Chunk {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes as one slice, if no payload is shared.
    pub fn as_single(&self) -> Option<&[u8]> {
        self.shared.is_empty().then_some(self.bytes.as_slice())
    }

    /// The same, to be changed: they may become others, and more.
    pub fn as_single_mut(&mut self) -> Option<&mut Vec<u8>> {
        self.shared.is_empty().then_some(&mut self.bytes)
    }

    /// All bytes in order; empty slices are possible.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let starts = iter::once(0).chain(self.shared.iter().map(|part| part.at));
        let ends = self.shared.iter().map(|part| part.at).chain(iter::once(self.bytes.len()));
        let payloads = self.shared.iter().map(|part| part.message.payload()).chain(iter::once(&[][..]));
        starts.zip(ends).zip(payloads).flat_map(|((start, end), payload)| [&self.bytes[start..end], payload])
    }

    /// The memory of the chunk, to be used for other bytes.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.clear();
        self.bytes
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.shared.clear();
        self.shared_bytes = 0;
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Chunk {
        Chunk { bytes, ..Chunk::default() }
    }
}

/// Spare buffers of one shard.
#[derive(Debug)]
pub struct ChunkPool {
    spare: Vec<Chunk>,
    spare_max: usize,
    /// Apart, because to let a buffer grow so far again costs a copy of all that is in it.
    large: Vec<Chunk>,
}

impl ChunkPool {
    /// A pool that keeps at most `spare_max` buffers of up to 256 KiB, and 16 of up to 2 MiB.
    pub fn new(spare_max: usize) -> ChunkPool {
        ChunkPool { spare: Vec::new(), spare_max, large: Vec::new() }
    }

    /// Takes a buffer back.
    pub fn put(&mut self, mut chunk: Chunk) {
        let capacity = chunk.bytes.capacity();
        let (place, place_max) = if capacity <= SMALL_BUFFER_BYTES_MAX {
            (&mut self.spare, self.spare_max)
        } else {
            (&mut self.large, LARGE_SPARE_MAX)
        };
        if place.len() < place_max && capacity <= LARGE_BUFFER_BYTES_MAX {
            chunk.clear();
            place.push(chunk);
        }
    }

    /// Frees all spare buffers.
    pub fn give_back(&mut self) {
        self.spare = Vec::new();
        self.large = Vec::new();
    }

    fn take(&mut self, is_large: bool) -> Chunk {
        let large = if is_large { self.large.pop() } else { None };
        large.or_else(|| self.spare.pop()).unwrap_or_default()
    }
}

/// What waits for one socket: a chunk that fills and the bytes of the one that is out.
#[derive(Debug, Default)]
pub struct Outbox {
    filling: Chunk,
    out_bytes: usize,
    /// Whoever wrote the first byte has been told that it was.
    is_named: bool,
    /// It stands in a list of those that are named later.
    is_held: bool,
    /// The last chunk was larger than most are.
    was_large: bool,
}

impl Outbox {
    /// Bytes that have not left yet, those at the driver included.
    pub fn waiting_bytes(&self) -> usize {
        self.filling.len() + self.out_bytes
    }

    /// Whether the driver has a chunk it has not reported as flushed.
    pub fn is_out(&self) -> bool {
        self.out_bytes != 0
    }

    /// Bytes that have not been handed out.
    pub fn filling_bytes(&self) -> usize {
        self.filling.len()
    }

    /// Where to write the next packet; answers whether this is the first since the outbox was emptied, or since its name
    /// was forgotten. Cost: none once it is filling.
    pub fn writer(&mut self, pool: &mut ChunkPool) -> (&mut Vec<u8>, bool) {
        let first = !mem::replace(&mut self.is_named, true);
        if first && self.filling.bytes.capacity() == 0 {
            self.filling = pool.take(self.was_large);
        }
        (&mut self.filling.bytes, first)
    }

    /// Puts the payload of `message` behind what has been written, by copy or shared, whichever is cheaper.
    pub fn push_payload(&mut self, message: &Message) {
        let payload = message.payload();
        if payload.len() < SHARED_PAYLOAD_BYTES_MIN {
            self.filling.bytes.extend_from_slice(payload);
        } else {
            self.filling.shared.push(SharedPayload { at: self.filling.bytes.len(), message: message.clone() });
            self.filling.shared_bytes += payload.len();
        }
    }

    /// Hands out all that waits, if there is anything and nothing is out.
    pub fn take(&mut self) -> Option<Chunk> {
        if self.is_out() || self.filling.is_empty() {
            return None;
        }
        self.out_bytes = self.filling.len();
        self.was_large = self.filling.bytes.len() > SMALL_BUFFER_BYTES_MAX;
        self.is_named = false;
        Some(mem::take(&mut self.filling))
    }

    /// Puts what waits off until it is named; answers whether it had not been put off before.
    pub fn hold(&mut self) -> bool {
        self.is_named = false;
        !mem::replace(&mut self.is_held, true)
    }

    /// Names what waits, as if its first byte had been written now.
    pub fn name(&mut self) {
        self.is_named = !self.filling.is_empty();
        self.is_held = false;
    }

    /// Whether something waits that whoever wrote its first byte has been told of.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// The next packet written is a first one again: nothing was written after all.
    pub fn forget_named(&mut self) {
        self.is_named = false;
    }

    /// Throws away what waits and has not been handed out; that always begins and ends with a whole packet.
    pub fn forget_filling(&mut self) {
        self.filling = Chunk::default();
    }

    /// The chunk that was out has left.
    pub fn flushed(&mut self) {
        self.out_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Parts, Stamp};
    use crate::time::Time;

    fn message(payload: &[u8]) -> Message {
        Message::new(Parts {
            topic: "t",
            properties: &[],
            payload,
            qos: 0,
            retain: false,
            expires_at: Time::NEVER,
            stamp: Stamp::default(),
        })
    }

    #[test]
    fn large_payloads_are_shared_and_small_ones_copied_in_order() {
        let mut pool = ChunkPool::new(4);
        let mut outbox = Outbox::default();
        let large = vec![7u8; SHARED_PAYLOAD_BYTES_MIN];
        assert!(outbox.writer(&mut pool).1, "the first byte is announced");
        outbox.writer(&mut pool).0.extend_from_slice(b"head1");
        outbox.push_payload(&message(&large));
        outbox.writer(&mut pool).0.extend_from_slice(b"head2");
        outbox.push_payload(&message(b"small"));
        assert!(!outbox.writer(&mut pool).1);
        let chunk = outbox.take().expect("something waits");
        assert!(chunk.as_single().is_none());
        let all: Vec<u8> = chunk.slices().flatten().copied().collect();
        assert_eq!(all, [b"head1".as_slice(), &large, b"head2small"].concat());
        assert_eq!(all.len(), chunk.len());
    }

    #[test]
    fn one_chunk_is_out_at_a_time_and_counts_until_it_has_left() {
        let mut pool = ChunkPool::new(4);
        let mut outbox = Outbox::default();
        outbox.writer(&mut pool).0.extend_from_slice(b"one");
        let chunk = outbox.take().expect("something waits");
        outbox.writer(&mut pool).0.extend_from_slice(b"three");
        assert!(outbox.take().is_none());
        assert_eq!(outbox.waiting_bytes(), 8);
        outbox.flushed();
        pool.put(chunk);
        assert_eq!(outbox.waiting_bytes(), 5);
        assert_eq!(outbox.take().expect("the second").as_single(), Some(b"three".as_slice()));
    }

    fn chunk(capacity: usize) -> Chunk {
        Chunk { bytes: Vec::with_capacity(capacity), ..Chunk::default() }
    }

    #[test]
    fn the_pool_keeps_few_buffers_and_none_that_is_very_large() {
        let mut pool = ChunkPool::new(1);
        pool.put(chunk(LARGE_BUFFER_BYTES_MAX + 1));
        assert_eq!((pool.spare.len(), pool.large.len()), (0, 0));
        pool.put(Chunk { bytes: vec![1; 10], ..Chunk::default() });
        pool.put(Chunk { bytes: vec![1; 10], ..Chunk::default() });
        for _ in 0..LARGE_SPARE_MAX + 1 {
            pool.put(chunk(SMALL_BUFFER_BYTES_MAX + 1));
        }
        assert_eq!((pool.spare.len(), pool.large.len()), (1, LARGE_SPARE_MAX));
        assert!(pool.take(false).is_empty());
        pool.put(chunk(10));
        pool.give_back();
        assert_eq!((pool.spare.capacity(), pool.large.capacity()), (0, 0));
    }

    #[test]
    fn who_needed_a_large_buffer_gets_one_the_next_time() {
        let (mut pool, mut outbox) = (ChunkPool::new(4), Outbox::default());
        let mut capacity_of_next = |length: usize| {
            pool.put(chunk(10));
            let buffer = outbox.writer(&mut pool).0;
            let capacity = buffer.capacity();
            buffer.resize(length, 0);
            let sent = outbox.take().expect("something waits");
            outbox.flushed();
            pool.put(sent);
            capacity
        };
        let large = SMALL_BUFFER_BYTES_MAX + 1;
        assert_eq!(capacity_of_next(large), 10);
        assert!(capacity_of_next(1) >= large);
        assert_eq!(capacity_of_next(large), 10, "it needed little");
        assert!(capacity_of_next(large) >= large);
    }
}
