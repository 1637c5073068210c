use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::*;

const SIZES: RingSizes = RingSizes { submissions: 4, completions: 16, buffers: 4, buffer_bytes: 8 };

fn tag(operation: Operation, index: u32) -> Tag {
    Tag { operation, index, generation: u32::MAX - index }
}

fn ring() -> Ring {
    Ring::new(SIZES).expect("a ring")
}

/// Enters until `count` completions are there.
fn gather(ring: &mut Ring, count: usize) -> Vec<Completion> {
    let mut all = Vec::new();
    for _ in 0..100 {
        if all.len() >= count {
            break;
        }
        ring.enter(Wait::AtMost(Duration::from_millis(100))).expect("entered");
        ring.collect(&mut all, usize::MAX);
    }
    assert_eq!(all.len(), count);
    all
}

fn gather_some(ring: &mut Ring) -> Vec<Completion> {
    let mut some = Vec::new();
    ring.enter(Wait::AtMost(Duration::from_millis(100))).expect("entered");
    ring.collect(&mut some, usize::MAX);
    some
}

#[test]
fn a_tag_comes_back_as_it_went() {
    for (operation, index) in OPERATIONS.into_iter().zip([0, 1, 77, TAG_INDEX_MAX, 5, 6, 7, 8, 9, 10, 11]) {
        let tag = tag(operation, index);
        assert_eq!(Tag::unpack(tag.pack()), tag);
    }
}

#[test]
fn a_receive_goes_on_until_the_buffers_run_out_and_again_when_they_are_back() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    near.write_all(&[7; 40]).expect("written");
    let mut completions = gather(&mut ring, 5);
    let shortage = completions.pop().expect("the fifth");
    assert_eq!(shortage.result(), Err(libc::ENOBUFS));
    assert!(!shortage.is_going_on());
    ring.recycle(shortage);
    assert!(!ring.has_free_buffers());
    for completion in completions {
        assert_eq!(ring.bytes(&completion), [7; 8]);
        ring.recycle(completion);
    }
    assert!(ring.has_free_buffers());
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    let completion = gather(&mut ring, 1).pop().expect("one");
    assert_eq!(ring.bytes(&completion), [7; 8]);
    assert!(completion.is_going_on());
    ring.recycle(completion);
}

#[test]
fn what_has_come_is_seen_before_it_is_a_completion() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    ring.enter(Wait::Not).expect("entered");
    assert!(!ring.has_come());
    near.write_all(b"x").expect("written");
    assert!(ring.has_come());
    let completion = gather(&mut ring, 1).pop().expect("one");
    ring.recycle(completion);
    assert!(!ring.has_come());
}

#[test]
fn buffers_are_used_again_and_again_without_mixing_up_their_bytes() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    for round in 0..100_000u32 {
        // The table of buffers wraps its 16-bit tail on the way.
        ring.receive(far.as_raw_fd(), tag(Operation::ReceiveOnce, round & 1));
        near.write_all(&round.to_le_bytes()).expect("written");
        let completion = gather(&mut ring, 1).pop().expect("one");
        assert_eq!(completion.tag(), tag(Operation::ReceiveOnce, round & 1));
        assert_eq!(ring.bytes(&completion), round.to_le_bytes());
        ring.recycle(completion);
    }
}

/// A receive is armed all the while: it must find its bytes in whatever buffers circulate.
#[test]
fn buffers_that_a_burst_has_needed_are_given_back_and_no_byte_is_lost_by_it() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = Ring::new(RingSizes { completions: 1024, buffers: 256, ..SIZES }).expect("a ring");
    let arm = |ring: &mut Ring| ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    arm(&mut ring);
    // Nobody gives a buffer back, so that all of them are needed in the end.
    near.write_all(&[7; 256 * 8]).expect("written");
    let mut held = Vec::new();
    while held.len() < 256 {
        for completion in gather_some(&mut ring) {
            match completion.result() {
                Err(libc::ENOBUFS) => {
                    ring.add_buffers();
                    arm(&mut ring);
                }
                result => {
                    assert_eq!(result, Ok(8));
                    held.push(completion);
                }
            }
        }
    }
    ring.give_back();
    assert_eq!(ring.buffers.circulating(), 256, "they are in use");
    assert!(held.iter().all(|completion| ring.bytes(completion) == [7; 8]));
    held.into_iter().for_each(|completion| ring.recycle(completion));
    for (round, circulating) in (0..).zip([256, 128, 64, 32, 16, 16]) {
        assert_eq!(ring.buffers.circulating(), circulating);
        for number in 0..300u64 {
            let bytes = (round * 1000 + number).to_le_bytes();
            near.write_all(&bytes).expect("written");
            for completion in gather(&mut ring, 1) {
                assert_eq!(ring.bytes(&completion), bytes);
                if !completion.is_going_on() {
                    arm(&mut ring);
                }
                ring.recycle(completion);
            }
        }
        ring.give_back();
    }
}

#[test]
fn more_operations_than_the_queue_holds_are_all_done_in_order() {
    let pairs: Vec<_> = (0..64).map(|_| UnixStream::pair().expect("a pair")).collect();
    let mut ring = ring();
    for (far, index) in pairs.iter().map(|pair| &pair.1).zip(0..) {
        ring.receive(far.as_raw_fd(), tag(Operation::ReceiveOnce, index));
    }
    for index in 0..64 {
        ring.cancel(tag(Operation::ReceiveOnce, index), tag(Operation::Cancel, index));
    }
    let completions = gather(&mut ring, 128);
    let (received, cancelled): (Vec<_>, Vec<_>) =
        completions.into_iter().partition(|completion| completion.tag().operation == Operation::ReceiveOnce);
    assert!(received.iter().all(|completion| completion.result() == Err(libc::ECANCELED)));
    assert!(cancelled.iter().all(|completion| completion.result() == Ok(0)), "each found its receive");
    received.into_iter().chain(cancelled).for_each(|completion| ring.recycle(completion));
}

#[test]
fn a_ring_dropped_with_operations_in_flight_waits_for_the_kernel_to_let_go() {
    let (near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    ring.enter(Wait::Not).expect("entered");
    assert!(ring.quiesce());
    assert_eq!(ring.in_flight, 0);
    drop((near, far));
}

#[test]
fn a_ring_wakes_itself_and_hears_of_a_ring_it_cannot_wake() {
    let (one, other) = (ring(), UnixStream::pair().expect("a pair"));
    let mut ring = one;
    ring.wake(ring.descriptor(), 3);
    assert_eq!(gather(&mut ring, 1)[0].tag().operation, Operation::MailHere);
    ring.wake(other.0.as_raw_fd(), 3);
    let failed = gather(&mut ring, 1).pop().expect("one");
    assert_eq!(failed.tag().operation, Operation::WakeFailed);
    assert_eq!(failed.tag().index, 3);
    assert_eq!(failed.result(), Err(libc::EBADFD));
}

#[test]
fn a_landing_fills_in_the_pieces_that_come_and_takes_nothing_of_what_is_behind_it() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    let packet: Vec<u8> = (0..100_000u32).map(|at| (at / 3) as u8).collect();
    let mut landing = Landing::new(packet.len());
    landing.push(&packet[..10]);
    let mut written = 10;
    for piece in [1, 7, 30_000, 69_982] {
        near.write_all(&packet[written..written + piece]).expect("written");
        written += piece;
        if written == packet.len() {
            near.write_all(b"next").expect("written");
        }
        while landing.packet().len() < written {
            ring.receive_into(far.as_raw_fd(), tag(Operation::ReceiveInto, 5), landing);
            let completion = gather(&mut ring, 1).pop().expect("one");
            assert!(!completion.is_going_on() && completion.result().is_ok_and(|count| count > 0));
            landing = ring.landed(completion);
        }
    }
    assert!((landing.missing(), landing.packet()) == (0, &packet[..]));
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveHead, 5));
    let completion = gather(&mut ring, 1).pop().expect("one");
    assert_eq!(ring.bytes(&completion), b"next");
    ring.recycle(completion);
}

#[test]
fn a_landing_comes_back_from_a_cancelled_receive_and_goes_with_one_nobody_asks_for() {
    let (near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    let into = tag(Operation::ReceiveInto, 5);
    let mut landing = Landing::new(20);
    landing.push(b"begin");
    ring.receive_into(far.as_raw_fd(), into, landing);
    ring.cancel(into, tag(Operation::Cancel, 5));
    let (received, others): (Vec<_>, Vec<_>) =
        gather(&mut ring, 2).into_iter().partition(|completion| completion.tag() == into);
    assert_eq!(others.len(), 1);
    let mut landing = None;
    for completion in received {
        assert_eq!(completion.result(), Err(libc::ECANCELED));
        landing = Some(ring.landed(completion));
    }
    let landing = landing.expect("it has come back");
    assert_eq!((landing.packet(), landing.missing()), (&b"begin"[..], 15));
    ring.receive_into(far.as_raw_fd(), into, landing);
    drop(near);
    let end = gather(&mut ring, 1).pop().expect("one");
    assert_eq!(end.result(), Ok(0));
    ring.recycle(end);
    assert!(ring.landings.is_empty());
    others.into_iter().for_each(|completion| ring.recycle(completion));
}

#[test]
fn a_ring_dropped_while_something_lands_waits_for_the_kernel_to_let_go() {
    let (near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    ring.receive_into(far.as_raw_fd(), tag(Operation::ReceiveInto, 5), Landing::new(70_000));
    ring.enter(Wait::Not).expect("entered");
    assert!(ring.quiesce());
    assert_eq!(ring.in_flight, 0);
    drop((near, far));
}

#[test]
fn a_head_is_few_bytes_and_leaves_the_rest() {
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let mut ring = Ring::new(RingSizes { buffer_bytes: 4096, ..SIZES }).expect("a ring");
    near.write_all(&[7; 1000]).expect("written");
    for count in [HEAD_BYTES as usize, 1000 - HEAD_BYTES as usize] {
        ring.receive(far.as_raw_fd(), tag(Operation::ReceiveHead, 1));
        let completion = gather(&mut ring, 1).pop().expect("one");
        assert_eq!((ring.bytes(&completion).len(), completion.is_going_on()), (count, false));
        ring.recycle(completion);
    }
}

#[test]
fn a_stream_that_ends_completes_with_nothing() {
    let (near, far) = UnixStream::pair().expect("a pair");
    let mut ring = ring();
    ring.receive(far.as_raw_fd(), tag(Operation::ReceiveMany, 1));
    drop(near);
    let end = gather(&mut ring, 1).pop().expect("one");
    assert_eq!(end.result(), Ok(0));
    assert!(ring.bytes(&end).is_empty());
    ring.recycle(end);
}

mod sends {
    use super::*;
    use crate::connection::{ChunkPool, Outbox, SHARED_PAYLOAD_BYTES_MIN};
    use crate::message::{Message, Parts, Stamp};
    use crate::time::Time;

    /// A chunk of `count` heads, each followed by a shared payload, and all its bytes.
    fn chunk(count: u8) -> (Chunk, Vec<u8>) {
        let (mut pool, mut outbox) = (ChunkPool::new(0), Outbox::default());
        for number in 0..count {
            outbox.writer(&mut pool).0.extend_from_slice(&[number; 3]);
            let payload = vec![number; SHARED_PAYLOAD_BYTES_MIN + usize::from(number)];
            outbox.push_payload(&Message::new(Parts {
                topic: "t",
                properties: &[],
                payload: &payload,
                qos: 0,
                retain: false,
                expires_at: Time::NEVER,
                stamp: Stamp::default(),
            }));
        }
        let chunk = outbox.take().expect("something waits");
        let bytes = chunk.slices().flatten().copied().collect();
        (chunk, bytes)
    }

    /// Sends to a peer that reads; answers what it has read.
    fn send(ring: &mut Ring, chunk: Chunk, count: usize) -> Vec<u8> {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let reader = thread::spawn(move || {
            let mut bytes = vec![0; count];
            far.read_exact(&mut bytes).expect("all of it");
            bytes
        });
        let key = ring.send(near.as_raw_fd(), tag(Operation::Send, 1), chunk);
        loop {
            let completion = gather(ring, 1).pop().expect("one");
            match ring.sent(near.as_raw_fd(), key, &completion) {
                Sent::InPart => {}
                Sent::Wholly(chunk) => {
                    assert_eq!(chunk.len(), count);
                    return reader.join().expect("no panic");
                }
                Sent::Failed(error) => panic!("error {error}"),
            }
        }
    }

    #[test]
    fn large_chunks_leave_in_parts_and_in_order() {
        let mut ring = ring();
        for count in [1, 31, 32, 33, 200] {
            let (chunk, bytes) = chunk(count);
            assert!(send(&mut ring, chunk, bytes.len()) == bytes, "{count} payloads");
        }
    }

    #[test]
    fn a_single_buffer_leaves_in_parts_and_in_order() {
        let mut ring = ring();
        let (mut pool, mut outbox) = (ChunkPool::new(0), Outbox::default());
        let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number / 7) as u8).collect();
        outbox.writer(&mut pool).0.extend_from_slice(&bytes);
        let chunk = outbox.take().expect("something waits");
        assert!(send(&mut ring, chunk, bytes.len()) == bytes);
    }

    #[test]
    fn a_send_to_a_peer_that_has_gone_fails() {
        let mut ring = ring();
        let (near, far) = UnixStream::pair().expect("a pair");
        drop(far);
        let key = ring.send(near.as_raw_fd(), tag(Operation::Send, 1), chunk(1).0);
        let completion = gather(&mut ring, 1).pop().expect("one");
        assert!(matches!(ring.sent(near.as_raw_fd(), key, &completion), Sent::Failed(libc::EPIPE)));
    }
}
