//! The sockets of one core: slots with generations, so that whatever comes late for a former user of a slot is known
//! to be late.

use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::crowd::Crowd;
use super::passage::{Passage, Stage};
use super::ring::{Operation, SendKey, Tag, TAG_INDEX_MAX};
use crate::shard::{ConnectionId, Origin, ShardId};
use crate::table::{Paged, Pages};

/// What one connection is at the ring. About 100 bytes, nothing on the heap while it is not paused and needs no
/// filter.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) descriptor: OwnedFd,
    /// The listener it came from.
    pub(super) listener: u16,
    /// The filters its bytes go through, if its listener asks for any.
    pub(super) passage: Option<Box<Passage>>,
    /// What the filters have found out, for the shard it may move to.
    pub(super) origin: Option<Box<Origin>>,
    /// Counts among the connections of the process; otherwise among the few that are there to be refused.
    pub(super) is_admitted: bool,
    /// CONNECT is through: it will not move, so receives may go on by themselves.
    pub(super) is_established: bool,
    /// The shard does not want its bytes now.
    pub(super) is_paused: bool,
    /// The shard wants it half-closed when its outbox has left.
    pub(super) is_finishing: bool,
    /// It is half-closed.
    pub(super) is_half_closed: bool,
    /// Nothing more can be sent; what had come before is still being read.
    pub(super) is_broken: bool,
    /// The peer sends nothing more, but bytes that came before wait in `held`, or answers have not left.
    pub(super) has_ended: bool,
    /// It brings large packets, each of which is received in two steps: its head, then the rest into its landing.
    pub(super) is_bulk: bool,
    /// The shard has not done all that came: bytes that wait in the driver's queue or in `held` go on with it, even if there
    /// are none.
    pub(super) is_cut: bool,
    /// The receive in flight, if there is one.
    pub(super) receiving: Option<Operation>,
    /// The send in flight, if there is one.
    pub(super) sending: Option<SendKey>,
    /// Cancellations in flight.
    pub(super) cancelling: u8,
    /// What happens when nothing is in flight any more.
    pub(super) leaving: Leaving,
    /// Receive completions that wait in the driver's queue.
    pub(super) waiting: u16,
    /// The last turn it received in, and how many bytes in that turn.
    pub(super) turn: u32,
    pub(super) turn_bytes: u32,
    /// Bytes that came while it was paused; or those that go along while it moves.
    pub(super) held: Vec<u8>,
}

/// Whether the core's shard still knows the connection, and if not, where the socket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It stays.
    No,
    /// It is closed.
    Close,
    /// It moves to another core.
    Move(ShardId),
}

impl Socket {
    pub(super) fn new(descriptor: OwnedFd, is_admitted: bool, listener: u16) -> Socket {
        Socket {
            descriptor,
            listener,
            passage: None,
            origin: None,
            is_admitted,
            is_established: false,
            is_paused: false,
            is_finishing: false,
            is_half_closed: false,
            is_broken: false,
            has_ended: false,
            is_bulk: false,
            is_cut: false,
            receiving: None,
            sending: None,
            cancelling: 0,
            leaving: Leaving::No,
            waiting: 0,
            turn: 0,
            turn_bytes: 0,
            held: Vec::new(),
        }
    }

    pub(super) fn number(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// Whether the kernel still has something to say about it. Until it has not, the descriptor must stay open.
    pub(super) fn is_in_flight(&self) -> bool {
        self.receiving.is_some() || self.sending.is_some() || self.cancelling > 0
    }

    /// Whether the shard still knows it.
    pub(super) fn is_staying(&self) -> bool {
        self.leaving == Leaving::No
    }

    /// Whether a receive should be in flight but is not.
    pub(super) fn wants_receive(&self) -> bool {
        self.receiving.is_none()
            && self.is_staying()
            && !self.is_paused
            && !self.has_ended
            && !self.holds()
            && self.waiting == 0
    }

    /// Whether nothing has come of what its filters want to see first.
    pub(super) fn is_silent(&self) -> bool {
        self.passage.as_ref().is_some_and(|passage| passage.stage == Stage::Silent)
    }

    /// Whether what has come waits here to be delivered: everything behind it waits, too.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty() || self.is_cut
    }

    /// Whether bytes that have been through the filters go to the shard now. Those that have to wait do so here, those nobody
    /// wants are dropped.
    pub(super) fn admits(&mut self, bytes: &[u8]) -> bool {
        match self.leaving {
            Leaving::Close => return false,
            Leaving::No if self.is_finishing => return false,
            Leaving::No if !self.is_paused && !self.holds() => return true,
            Leaving::No | Leaving::Move(_) => {}
        }
        self.held.extend_from_slice(bytes);
        false
    }

    /// Whether all its peer will ever send has been read and delivered.
    pub(super) fn is_read_out(&self) -> bool {
        self.has_ended && !self.is_paused && !self.holds()
    }

    /// Adds to the bytes of this turn and answers whether that is more than one connection may have.
    pub(super) fn is_over_turn(&mut self, turn: u32, count: usize, bytes_max: u32) -> bool {
        if self.turn != turn {
            self.turn = turn;
            self.turn_bytes = 0;
        }
        if self.turn_bytes >= bytes_max {
            return true;
        }
        self.turn_bytes = self.turn_bytes.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        false
    }
}

/// The slots.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    sockets: Pages<Seated>,
    /// For each slot there has been the generation of its next user.
    generations: Paged<u32>,
    free: Vec<u32>,
    /// Those that are not established.
    pub(super) crowd: Crowd,
}

#[derive(Debug)]
struct Seated {
    generation: u32,
    socket: Socket,
}

impl Sockets {
    /// Takes a slot; nothing when as many are taken as a tag can tell apart.
    pub(super) fn insert(&mut self, socket: Socket) -> Option<ConnectionId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.generations.len()).ok().filter(|&index| index <= TAG_INDEX_MAX)?;
                self.generations.push(0);
                index
            }
        };
        let generation = self.generations[index as usize];
        self.sockets.put(index as usize, Seated { generation, socket });
        self.crowd.enter();
        Some(ConnectionId { index, generation })
    }

    /// Frees a slot for its next user.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Socket> {
        self.socket(connection)?;
        let Seated { generation, socket } = self.sockets.take(connection.index as usize)?;
        self.generations[connection.index as usize] = generation.wrapping_add(1);
        self.free.push(connection.index);
        if !socket.is_established {
            self.crowd.leave();
        }
        Some(socket)
    }

    /// CONNECT is through.
    pub(super) fn establish(&mut self, connection: ConnectionId) {
        if let Some(socket) = self.socket(connection) {
            if !mem::replace(&mut socket.is_established, true) {
                self.crowd.pass();
            }
        }
    }

    /// The socket of a connection, unless that is a former user of the slot.
    pub(super) fn socket(&mut self, connection: ConnectionId) -> Option<&mut Socket> {
        let seated = self.sockets.get_mut(connection.index as usize)?;
        (seated.generation == connection.generation).then_some(&mut seated.socket)
    }

    /// Frees what the most connections there ever were have needed, as far as nobody needs it.
    pub(super) fn give_back(&mut self) {
        self.sockets.give_back();
    }

    /// Whether no send is in flight.
    pub(super) fn are_flushed(&self) -> bool {
        self.sockets.iter().all(|seated| seated.socket.sending.is_none())
    }
}

/// The tag of an operation for a connection.
pub(super) fn tag(operation: Operation, connection: ConnectionId) -> Tag {
    Tag { operation, index: connection.index, generation: connection.generation }
}

/// The connection a tag is for.
pub(super) fn connection(tag: Tag) -> ConnectionId {
    ConnectionId { index: tag.index, generation: tag.generation }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn socket() -> Socket {
        let (one, _) = UnixStream::pair().expect("a pair");
        Socket::new(one.into(), true, 0)
    }

    #[test]
    fn a_used_slot_comes_back_with_another_generation_and_knows_its_former_user_no_more() {
        let mut sockets = Sockets::default();
        let first = sockets.insert(socket()).expect("room");
        assert!(sockets.socket(first).is_some());
        assert!(sockets.remove(first).is_some());
        let second = sockets.insert(socket()).expect("room");
        assert_eq!(second.index, first.index);
        assert_ne!(second.generation, first.generation);
        assert!(sockets.socket(first).is_none());
        assert!(sockets.remove(first).is_none(), "the late one must not close its successor");
        assert!(sockets.socket(second).is_some());
    }

    #[test]
    fn an_index_that_never_was_is_nobody() {
        let mut sockets = Sockets::default();
        let nobody = ConnectionId { index: 7, generation: 0 };
        assert!(sockets.socket(nobody).is_none());
        assert!(sockets.remove(nobody).is_none());
    }

    #[test]
    fn one_connection_may_have_so_many_bytes_a_turn_and_again_the_next() {
        let mut socket = socket();
        assert!(!socket.is_over_turn(1, 90, 100));
        assert!(!socket.is_over_turn(1, 90, 100), "the bound is looked at before, bytes are not cut");
        assert!(socket.is_over_turn(1, 1, 100));
        assert!(!socket.is_over_turn(2, 1, 100));
    }

    #[test]
    fn a_receive_is_wanted_only_by_a_socket_that_can_take_bytes() {
        let mut socket = socket();
        assert!(socket.wants_receive());
        socket.is_paused = true;
        assert!(!socket.wants_receive());
        socket.is_paused = false;
        socket.held.push(1);
        assert!(!socket.wants_receive(), "older bytes first");
        socket.held.clear();
        socket.leaving = Leaving::Move(ShardId(1));
        assert!(!socket.wants_receive());
    }
}
