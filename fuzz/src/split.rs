//! One client, its bytes in any pieces: what it is told does not depend on where they were cut.

use corecast::mqtt::{next_frame, next_header, PacketType};

use crate::input::Input;
use crate::rng::Rng;
use crate::world::{Options, World};

/// A byte that chooses how to cut, then a stream.
pub(crate) fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = u64::from(input.byte());
    let stream = input.rest();
    let (one, mut other) = (play(stream, !seed), play(stream, seed));
    // A CONNECT with a wrong first byte or length is refused as soon as that shows: with an answer if the version to answer
    // in has come by then.
    if next_header(stream, u32::MAX).is_err() {
        other.else_told.clone_from(&one.else_told);
    }
    assert_eq!(one, other);
}

/// What the client is told: publications, and all else, each in order. Several publications in a row may be acknowledged
/// together, so that the two are not compared with each other.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    publications: Vec<Vec<u8>>,
    else_told: Vec<Vec<u8>>,
    has_ended: bool,
}

fn play(stream: &[u8], seed: u64) -> Told {
    let mut world = World::new(Options::new(1, 1));
    // What the shard knows of chance stays the same, only what happens when does not.
    world.rng = Rng::new(seed);
    let socket = world.open();
    world.send(socket, stream);
    world.run();
    let mut received = Vec::new();
    world.take_received(socket, &mut received);
    let mut told = Told { publications: Vec::new(), else_told: Vec::new(), has_ended: world.has_ended(socket) };
    let mut rest = received.as_slice();
    while let Some(frame) = next_frame(rest, u32::MAX).expect("the server frames its packets") {
        let (packet, behind) = rest.split_at(frame.total_bytes);
        let is_publication = PacketType::from_first_byte(packet[0]) == Some(PacketType::Publish);
        let list = if is_publication { &mut told.publications } else { &mut told.else_told };
        list.push(packet.to_vec());
        rest = behind;
    }
    assert!(rest.is_empty(), "no packet is left in part");
    told
}
