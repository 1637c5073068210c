//! A test client's end of a connection in a simulated world: bytes out, packets in.

use corecast::mqtt::{decode, next_frame, Packet, ProtocolVersion};

use crate::world::{SocketId, World};

/// A connection seen from the client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: SocketId,
    pub(crate) version: ProtocolVersion,
    received: Vec<u8>,
}

impl Client {
    /// Opens a connection at a random shard.
    pub(crate) fn open(world: &mut World, version: ProtocolVersion) -> Client {
        Client { socket: world.open(), version, received: Vec::new() }
    }

    /// Sends any bytes.
    pub(crate) fn send(&self, world: &mut World, bytes: &[u8]) {
        world.send(self.socket, bytes);
    }

    /// Shows each packet that has come; the beginning of an unfinished one is kept.
    pub(crate) fn receive(&mut self, world: &mut World, show: impl FnMut(&Packet<'_>)) {
        let whole = self.take_whole(world);
        each_packet(self.version, &whole, show);
    }

    /// The bytes of all whole packets that have come.
    pub(crate) fn take_whole(&mut self, world: &mut World) -> Vec<u8> {
        world.take_received(self.socket, &mut self.received);
        let mut at = 0;
        while let Some(frame) = next_frame(&self.received[at..], u32::MAX).expect("a server sends whole packets") {
            at += frame.total_bytes;
        }
        self.received.drain(..at).collect()
    }

    /// The server has said its last and closed its direction.
    pub(crate) fn has_ended(&self, world: &World) -> bool {
        world.has_ended(self.socket)
    }

    /// Closes the connection without a word.
    pub(crate) fn cut(&self, world: &mut World) {
        world.cut(self.socket);
    }

    /// Closes the connection behind what was sent.
    pub(crate) fn close(&self, world: &mut World) {
        world.close(self.socket);
    }
}

/// Shows the packets that `whole` is made of.
pub(crate) fn each_packet(version: ProtocolVersion, whole: &[u8], mut show: impl FnMut(&Packet<'_>)) {
    let mut rest = whole;
    while let Some(frame) = next_frame(rest, u32::MAX).expect("whole packets") {
        let body = &rest[frame.header_bytes..frame.total_bytes];
        let packet = decode(version, frame.first_byte, body);
        show(&packet.unwrap_or_else(|error| panic!("the server sent {:#04x} {body:02x?}: {error}", frame.first_byte)));
        rest = &rest[frame.total_bytes..];
    }
}
