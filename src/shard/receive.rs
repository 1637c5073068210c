//! From bytes to packets: what a socket has brought is cut in place, and each packet given to its flow.
//!
//! Only the beginning of an unfinished packet is copied, and large ones are received where they stay. Must not know what
//! packets mean: that is for the flows.

use crate::connection::{Phase, Unfinished};
use crate::message::Landing;
use crate::mqtt::{next_frame, DecodeError, Frame, ProtocolVersion};
use crate::shard::authenticate::keep_suspended;
use crate::shard::disconnect::{say_goodbye, Goodbye};
use crate::shard::dispatch::{on_packet, Next};
use crate::shard::event::{ConnectionId, Effect};
use crate::shard::exchange::{give_up, on_packet_before_connack};
use crate::shard::fan_outs::is_fanning_out;
use crate::shard::fault::Fault;
use crate::shard::held_back::{note_fan_out, Beginning};
use crate::shard::known::Known;
use crate::shard::pressure::readable_bytes;
use crate::shard::publication::message_of;
use crate::shard::publish::{on_landed_publish, Sender};
use crate::shard::series::{may_begin_row, on_series};
use crate::shard::slow::pause_if_slow;
use crate::shard::state::State;
use crate::shard::stranger::{may_be_taken, on_bad_head, on_first_packet, VERSION_BYTES};
use crate::shard::throttle::pause_if_fast;
use crate::time::Time;

/// A large packet of which so many bytes are missing, or that has so many in all, is worth telling the driver of, which receives
/// the rest where it belongs, and that of the next: smaller ones mostly come whole in one of its buffers.
const LAND_MISSING_BYTES_MIN: usize = 16 * 1024;
const LAND_BYTES_MIN: usize = 64 * 1024;

/// Units of work for a packet beside its deliveries.
const PACKET_UNITS: usize = 1;

/// What became of some bytes.
struct Consumed {
    /// So many of them need not be kept.
    used: usize,
    /// The rest is for the next turn.
    is_cut: bool,
}

impl State {
    /// Bytes from a socket, unless the turn has worked enough. Answers how many are left.
    pub(super) fn on_received(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) -> Option<usize> {
        if self.is_spent() || is_fanning_out(self, id) {
            return Some(bytes.len());
        }
        let begin = Beginning::of(self);
        let left = match self.is_throttling {
            true => self.receive_throttling(now, id, bytes),
            false => self.receive(now, id, bytes),
        };
        pause_if_slow(self, id);
        note_fan_out(self, begin, Some(id));
        left
    }

    /// The same where clients may send so much only, or memory is short.
    #[inline(never)]
    fn receive_throttling(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) -> Option<usize> {
        let readable = readable_bytes(self, id, bytes);
        let must_wait = bytes.len() - readable;
        let published = self.metrics.publish_received_total;
        let mut left = None;
        if readable > 0 || must_wait == 0 {
            self.forget_known(id);
            left = self.receive(now, id, &bytes[..readable]);
        }
        let used = readable - left.unwrap_or(0);
        let messages = self.metrics.publish_received_total - published;
        pause_if_fast(self, now, id, messages, used, must_wait > 0);
        if must_wait > 0 {
            left = Some(left.unwrap_or(0) + must_wait);
        }
        left
    }

    /// What a client has published to before need not be checked again, unless publications are being refused.
    fn forget_known(&mut self, id: ConnectionId) {
        if self.is_refusing() {
            if let Some(slot) = self.slot_mut(id) {
                slot.known = None;
            }
        }
    }

    /// Cut into packets in place; only the beginning of an unfinished packet is copied.
    fn receive(&mut self, now: Time, id: ConnectionId, mut bytes: &[u8]) -> Option<usize> {
        let slot = self.slot_mut(id).filter(|slot| slot.connection.phase != Phase::Lingering)?;
        slot.connection.last_received = now;
        let phase = slot.connection.phase;
        if phase == Phase::AwaitingVerdict {
            keep_suspended(self, now, id, bytes);
            return None;
        }
        let mut unfinished = slot.connection.take_unfinished();
        let trusted_bytes = (phase == Phase::Open).then_some(slot.connection.landed_bytes_max);
        let packet_bytes_max = slot.connection.packet_bytes_max;
        let is_stranger = matches!(phase, Phase::AwaitingConnect | Phase::Authenticating);
        if is_stranger && !may_be_taken(self, now, id, unfinished.bytes(), bytes) {
            return None;
        }
        if unfinished.bytes().is_empty() {
            return self.consume_and_keep(now, id, bytes);
        }
        match unfinished.complete(&mut bytes, packet_bytes_max, trusted_bytes) {
            Err(error) => {
                let begin = bytes.len().min(VERSION_BYTES);
                self.on_bad_frame(now, id, &[unfinished.bytes(), &bytes[..begin]].concat(), error);
                return None;
            }
            Ok(false) => {
                self.keep(id, unfinished);
                return None;
            }
            Ok(true) => {}
        }
        match unfinished {
            Unfinished::Landing(landing) => self.on_landing(now, id, landing),
            Unfinished::Bytes(mut packets) if phase == Phase::AwaitingConnect => {
                // CONNECT may have to move with all that came behind it.
                packets.extend_from_slice(bytes);
                return self.consume_and_keep(now, id, &packets);
            }
            Unfinished::Bytes(packet) => {
                if self.consume(now, id, &packet).is_cut {
                    self.keep(id, Unfinished::Bytes(packet));
                    return Some(bytes.len());
                }
            }
        }
        if self.budget.is_spent() && !bytes.is_empty() {
            return Some(bytes.len());
        }
        self.consume_and_keep(now, id, bytes)
    }

    /// Handles all whole packets and keeps the beginning of another until its rest comes. Answers how many bytes are left
    /// if the turn has worked enough before.
    fn consume_and_keep(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) -> Option<usize> {
        let Consumed { used, is_cut } = self.consume(now, id, bytes);
        if is_cut {
            return Some(bytes.len() - used);
        }
        if used < bytes.len() {
            let connection = self.slot(id).map(|slot| &slot.connection);
            let packet_bytes_max = connection.map_or(0, |connection| connection.packet_bytes_max);
            let trusted_bytes = connection.map_or(0, |connection| connection.landed_bytes_max);
            self.keep(id, Unfinished::begin(&bytes[used..], packet_bytes_max, trusted_bytes));
        }
        None
    }

    /// Bytes that have been received where they belong.
    pub(super) fn on_landed(&mut self, now: Time, id: ConnectionId, landing: Landing, count: usize) {
        let Some(slot) = self.slot_mut(id) else { return };
        if count > 0 {
            slot.connection.last_received = now;
        }
        let is_whole = landing.missing() == 0;
        if is_whole {
            self.forget_known(id);
            self.on_landing(now, id, landing);
            pause_if_slow(self, id);
        } else {
            self.keep(id, Unfinished::Landing(landing));
        }
        if self.is_throttling {
            pause_if_fast(self, now, id, u64::from(is_whole), count, false);
        }
    }

    /// A large PUBLISH is whole, in the block that becomes its message.
    fn on_landing(&mut self, now: Time, id: ConnectionId, landing: Landing) {
        let Some(slot) = self.slot_mut(id) else { return };
        let connection = &mut slot.connection;
        connection.landed_bytes_max = connection.landed_bytes_max.max(landing.packet().len() as u32);
        let (Phase::Open, Some(session)) = (slot.connection.phase, slot.session) else { return };
        let sender = Sender { id, session, version: slot.connection.version };
        let stamp = self.next_stamp(now);
        let landed = match message_of(sender.version, landing, stamp) {
            Ok(landed) => landed,
            Err(landing) => {
                self.consume(now, id, landing.packet());
                return;
            }
        };
        let mut known = self.slot_mut(id).and_then(|slot| slot.known.take()).unwrap_or_default();
        if let Err(fault) = on_landed_publish(self, now, sender, &landed, &mut known) {
            self.part(now, id, fault);
        }
        if let Some(slot) = self.slot_mut(id) {
            slot.known = Some(known);
        }
    }

    fn keep(&mut self, id: ConnectionId, unfinished: Unfinished) {
        if let Some(slot) = self.slot_mut(id) {
            if slot.connection.phase == Phase::Lingering {
                return;
            }
            let lands = matches!(&unfinished, Unfinished::Landing(landing) if is_worth_landing(landing));
            slot.connection.keep_unfinished(unfinished);
            if lands {
                self.effects.push(Effect::Land { connection: id });
            }
        }
    }

    /// Handles all whole packets in `bytes`, at least one, until the turn has worked enough.
    fn consume(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) -> Consumed {
        let mut known = self.slot_mut(id).and_then(|slot| slot.known.take());
        let consumed = self.consume_knowing(now, id, bytes, &mut known);
        if let Some(slot) = self.slot_mut(id) {
            slot.known = known;
        }
        consumed
    }

    fn consume_knowing(
        &mut self,
        now: Time,
        id: ConnectionId,
        bytes: &[u8],
        known: &mut Option<Box<Known>>,
    ) -> Consumed {
        let packet_bytes_max = self.packet_bytes_max(id);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let in_row = if may_begin_row(rest[0]) { self.on_row(now, id, rest, known) } else { 0 };
            if in_row > 0 {
                at += in_row;
                if self.budget.is_spent() && at < bytes.len() {
                    return Consumed { used: at, is_cut: true };
                }
                continue;
            }
            let frame = match next_frame(rest, packet_bytes_max) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    self.on_bad_frame(now, id, rest, error);
                    return Consumed { used: bytes.len(), is_cut: false };
                }
            };
            match self.on_frame(now, id, &frame, rest, known) {
                Next::GoOn => {
                    at += frame.total_bytes;
                    self.budget.spend(PACKET_UNITS);
                }
                Next::Stop => return Consumed { used: bytes.len(), is_cut: false },
                Next::Cut => return Consumed { used: at, is_cut: true },
            }
            if self.budget.is_spent() && at < bytes.len() {
                return Consumed { used: at, is_cut: true };
            }
        }
        Consumed { used: at, is_cut: false }
    }

    /// Handles what stands in a row at the front of `rest`; answers how many bytes that were.
    fn on_row(&mut self, now: Time, id: ConnectionId, rest: &[u8], known: &mut Option<Box<Known>>) -> usize {
        let Some(slot) = self.slot(id).filter(|slot| slot.connection.phase == Phase::Open) else { return 0 };
        let (version, Some(session)) = (slot.connection.version, slot.session) else { return 0 };
        match on_series(self, now, Sender { id, session, version }, rest, known) {
            Ok(used) => used,
            Err(fault) => {
                self.part(now, id, fault);
                rest.len()
            }
        }
    }

    fn on_frame(
        &mut self,
        now: Time,
        id: ConnectionId,
        frame: &Frame,
        rest: &[u8],
        known: &mut Option<Box<Known>>,
    ) -> Next {
        let Some(slot) = self.slot(id) else { return Next::Stop };
        let Some(body) = rest.get(frame.header_bytes..frame.total_bytes) else { return Next::Stop };
        match (slot.connection.phase, slot.session) {
            (Phase::Open, Some(session)) => {
                let version = slot.connection.version;
                if version == ProtocolVersion::V5 && frame.header_bytes > 2 && frame.is_overlong() {
                    // [MQTT5-1.5.5-1]
                    return self.part(now, id, Fault::from(DecodeError::RemainingLength));
                }
                let (sender, packet) = (Sender { id, session, version }, &rest[..frame.total_bytes]);
                match on_packet(self, now, sender, frame, packet, known) {
                    Ok(next) => next,
                    Err(fault) => self.part(now, id, fault),
                }
            }
            (Phase::AwaitingConnect, _) => on_first_packet(self, now, id, frame, body, rest),
            (Phase::Authenticating, _) => on_packet_before_connack(self, now, id, frame, body),
            (Phase::Open | Phase::AwaitingVerdict | Phase::Lingering, _) => Next::Stop,
        }
    }

    /// Bytes that cannot be cut into packets.
    fn on_bad_frame(&mut self, now: Time, id: ConnectionId, rest: &[u8], error: DecodeError) {
        let Some(slot) = self.slot(id) else { return };
        match slot.connection.phase {
            Phase::Open => {
                self.part(now, id, Fault::from(error));
            }
            Phase::AwaitingConnect => on_bad_head(self, now, id, rest, error),
            Phase::Authenticating => give_up(self, now, id, Fault::from(error)),
            Phase::AwaitingVerdict | Phase::Lingering => {}
        }
    }

    /// Parts from a client that broke the rules [MQTT5-4.13.1-1] [MQTT311-4.8.0-1].
    pub(super) fn part(&mut self, now: Time, id: ConnectionId, fault: Fault) -> Next {
        self.metrics.protocol_errors_total += 1;
        say_goodbye(self, now, id, Goodbye::Fault(fault));
        Next::Stop
    }
}

fn is_worth_landing(landing: &Landing) -> bool {
    let missing = landing.missing();
    missing >= LAND_MISSING_BYTES_MIN || landing.packet().len() + missing >= LAND_BYTES_MIN
}
