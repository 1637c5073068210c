//! QoS 1 and 2 towards the client: which Packet Identifiers are out, and how far each has come.
//!
//! Publications stand in the order in which they were first sent, so that redelivery keeps it [MQTT5-4.6.0-1]. Those before
//! `unsent` have been sent on the present connection.

use std::collections::VecDeque;
use std::mem;

use crate::mqtt::{PacketId, QoS};
use crate::session::delivery::Delivery;

/// One Packet Identifier in use.
#[derive(Debug)]
struct Entry {
    /// The identifier.
    packet_id: PacketId,
    /// What it stands for.
    stage: Stage,
    /// Whether it has been sent before, on whatever connection: it is then sent again with DUP.
    sent_before: bool,
}

/// How far a Packet Identifier has come.
#[derive(Debug)]
enum Stage {
    /// PUBLISH is out (or to be sent again); PUBACK or PUBREC must come.
    Published(Delivery),
    /// PUBREC has come, PUBREL is out; PUBCOMP must come. The message is no longer needed.
    Released,
}

/// What an acknowledgement meant.
#[derive(Debug)]
pub enum Acknowledged {
    /// It completes the delivery; the identifier is free.
    Done,
    /// It was a PUBREC: PUBREL is to be sent.
    Release,
    /// No such identifier is in use.
    Unknown,
    /// The identifier is in use for something this packet cannot acknowledge.
    WrongPacket,
}

/// What is to be sent (again) next.
#[derive(Debug)]
pub enum Next<'a> {
    /// This PUBLISH; `dup` if it was sent before.
    Publish {
        /// Its identifier.
        packet_id: PacketId,
        /// Its message.
        delivery: &'a Delivery,
        /// Whether it was sent before.
        dup: bool,
    },
    /// PUBREL for this identifier.
    Release(PacketId),
}

/// The Packet Identifiers in use towards one client. Empty, it owns no memory once that has been given back.
#[derive(Debug, Default)]
pub struct Inflight {
    entries: VecDeque<Entry>,
    unsent: usize,
    last_id: u16,
    /// How many entries, from the front, may have an identifier from before the last wrap: only those can be met again.
    before_wrap: usize,
}

impl Inflight {
    /// Identifiers in use.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no identifier is in use.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the messages that may have to be sent again. Cost: a look at each.
    pub fn bytes(&self) -> usize {
        let published = self.entries.iter().filter_map(|entry| match &entry.stage {
            Stage::Published(delivery) => Some(delivery.message.size()),
            Stage::Released => None,
        });
        published.sum()
    }

    /// Identifiers sent on this connection and not yet free: what counts against the client's Receive Maximum.
    pub fn sent(&self) -> usize {
        self.unsent
    }

    /// Whether something from an earlier connection waits to be sent again.
    pub fn has_unsent(&self) -> bool {
        self.unsent < self.entries.len()
    }

    /// Takes the next free identifier for a message that is being sent now. They start at 1, go up and wrap. `None` if
    /// all 65,535 are in use. Nothing from an earlier connection may be waiting: it goes first.
    pub fn push(&mut self, delivery: Delivery) -> Option<PacketId> {
        debug_assert!(!self.has_unsent(), "redelivery goes before new messages");
        let packet_id = self.free_id()?;
        self.entries.push_back(Entry { packet_id, stage: Stage::Published(delivery), sent_before: true });
        self.unsent = self.entries.len();
        Some(packet_id)
    }

    /// A new connection: all that is in flight waits to be sent again, PUBRELs first: they must not wait until the client
    /// has acknowledged publications [MQTT5-3.3.4-10].
    pub fn restart(&mut self) {
        self.unsent = 0;
        let released = self.entries.iter().filter(|entry| matches!(entry.stage, Stage::Released)).count();
        if released > 0 && released < self.entries.len() {
            let entries = mem::take(&mut self.entries).into_iter();
            let (first, rest): (VecDeque<Entry>, VecDeque<Entry>) =
                entries.partition(|entry| matches!(entry.stage, Stage::Released));
            self.entries = first;
            self.entries.extend(rest);
            if self.before_wrap > 0 {
                self.before_wrap = self.entries.len();
            }
        }
    }

    /// Whether what waits to be sent again next is a PUBREL.
    pub fn next_is_release(&self) -> bool {
        self.entries.get(self.unsent).is_some_and(|entry| matches!(entry.stage, Stage::Released))
    }

    /// The oldest entry that waits to be sent again, now to be sent.
    pub fn resend_next(&mut self) -> Option<Next<'_>> {
        let entry = self.entries.get_mut(self.unsent)?;
        self.unsent += 1;
        let dup = mem::replace(&mut entry.sent_before, true);
        Some(match &entry.stage {
            Stage::Published(delivery) => Next::Publish { packet_id: entry.packet_id, delivery, dup },
            Stage::Released => Next::Release(entry.packet_id),
        })
    }

    /// PUBACK, whatever its reason.
    pub fn on_puback(&mut self, packet_id: PacketId) -> Acknowledged {
        match self.find(packet_id) {
            None => Acknowledged::Unknown,
            Some(at) => match &self.entries[at].stage {
                Stage::Published(delivery) if delivery.qos == QoS::AtLeastOnce => self.remove(at),
                Stage::Published(_) | Stage::Released => Acknowledged::WrongPacket,
            },
        }
    }

    /// PUBREC; with `refused` (a reason of 0x80 or more) the identifier is free and no PUBREL follows.
    pub fn on_pubrec(&mut self, packet_id: PacketId, refused: bool) -> Acknowledged {
        match self.find(packet_id) {
            None => Acknowledged::Unknown,
            Some(at) => match &self.entries[at].stage {
                Stage::Published(delivery) if delivery.qos == QoS::ExactlyOnce => {
                    if refused {
                        return self.remove(at);
                    }
                    self.entries[at].stage = Stage::Released;
                    self.mark_sent(at);
                    Acknowledged::Release
                }
                Stage::Published(_) => Acknowledged::WrongPacket,
                Stage::Released => Acknowledged::Release,
            },
        }
    }

    /// PUBCOMP, whatever its reason.
    pub fn on_pubcomp(&mut self, packet_id: PacketId) -> Acknowledged {
        match self.find(packet_id) {
            None => Acknowledged::Unknown,
            Some(at) => match &self.entries[at].stage {
                Stage::Released => self.remove(at),
                Stage::Published(_) => Acknowledged::WrongPacket,
            },
        }
    }

    /// Frees an identifier whose message will not be sent again (it expired before it could be).
    pub fn forget(&mut self, packet_id: PacketId) {
        if let Some(at) = self.find(packet_id) {
            self.remove(at);
        }
    }

    /// Takes the oldest entry out for good: its message, if that was published and not acknowledged.
    pub fn abandon(&mut self) -> Option<Option<Delivery>> {
        let entry = self.entries.pop_front()?;
        self.unsent = self.unsent.saturating_sub(1);
        self.before_wrap = self.before_wrap.saturating_sub(1);
        Some(match entry.stage {
            Stage::Published(delivery) => Some(delivery),
            Stage::Released => None,
        })
    }

    /// Gives back the memory of a burst that is over.
    pub fn give_back(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    fn remove(&mut self, at: usize) -> Acknowledged {
        match at {
            0 => self.entries.pop_front(),
            _ => self.entries.remove(at),
        };
        self.unsent -= usize::from(at < self.unsent);
        self.before_wrap -= usize::from(at < self.before_wrap);
        Acknowledged::Done
    }

    /// The client acknowledged an entry before it was sent again: it takes its place among the sent ones.
    fn mark_sent(&mut self, at: usize) {
        if at >= self.unsent {
            let entry = self.entries.remove(at).expect("found a moment ago");
            self.entries.insert(self.unsent, entry);
            self.before_wrap += usize::from(at >= self.before_wrap && self.unsent < self.before_wrap);
            self.unsent += 1;
        }
    }

    /// Acknowledgements mostly come in order, so the front is tried first. Identifiers go up along the entries but for
    /// the wrap, so a binary search by distance from the front finds most others; a scan finds the rest.
    fn find(&self, packet_id: PacketId) -> Option<usize> {
        let front = self.entries.front()?.packet_id;
        if front == packet_id {
            return Some(0);
        }
        let distance = |id: PacketId| id.get().wrapping_sub(front.get());
        let found = self.entries.binary_search_by_key(&distance(packet_id), |entry| distance(entry.packet_id));
        match found {
            Ok(at) => Some(at),
            Err(_) => self.entries.iter().position(|entry| entry.packet_id == packet_id),
        }
    }

    fn free_id(&mut self) -> Option<PacketId> {
        if self.entries.len() >= usize::from(u16::MAX) {
            return None;
        }
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            match PacketId::new(self.last_id) {
                None => self.before_wrap = self.entries.len(),
                Some(packet_id) => {
                    let mut old = self.entries.range(..self.before_wrap);
                    if old.all(|entry| entry.packet_id != packet_id) {
                        return Some(packet_id);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
