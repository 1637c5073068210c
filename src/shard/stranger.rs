//! What comes before a connection is a client's: the beginning of a CONNECT, and of nothing else.

use crate::connection::{Phase, Unfinished};
use crate::mqtt::{
    connect_version, decode_connect, next_header_across, DecodeError, Frame, PacketType, ProtocolVersion,
};
use crate::shard::connect::{on_connect, refuse_malformed};
use crate::shard::dispatch::Next;
use crate::shard::event::ConnectionId;
use crate::shard::exchange::may_go_on;
use crate::shard::state::State;
use crate::time::Time;

/// Bytes of a CONNECT that say its version in any case: the longest protocol name and the level.
pub(crate) const VERSION_BYTES: usize = 2 + 6 + 1;
/// Those and the longest fixed header.
const HEAD_BYTES: usize = 5 + VERSION_BYTES;

/// Looks at the first bytes of a stranger, of which `partial` have come before. Answers whether they may be taken; if not,
/// it has been seen to.
pub(crate) fn may_be_taken(state: &mut State, now: Time, id: ConnectionId, partial: &[u8], bytes: &[u8]) -> bool {
    if state.slot(id).is_some_and(|slot| slot.connection.phase == Phase::Authenticating) {
        return may_go_on(state, now, id, partial, bytes);
    }
    if !begins_connect(partial, bytes) {
        // Its first byte tells: what comes behind it need not be waited for, nor kept.
        state.metrics.protocol_errors_total += 1;
        state.finish(now, id);
        return false;
    }
    let header = next_header_across(partial, bytes, state.connect_bytes_max(id));
    let is_too_large = header == Err(DecodeError::PacketTooLarge);
    if is_too_large {
        let head: Vec<u8> = partial.iter().chain(bytes).take(HEAD_BYTES).copied().collect();
        on_bad_head(state, now, id, &head, DecodeError::PacketTooLarge);
    }
    !is_too_large
}

/// The first packet, which is CONNECT; `unread` is all that has come, from its first byte on. Kept out of the way of all other
/// packets.
#[inline(never)]
pub(crate) fn on_first_packet(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    frame: &Frame,
    body: &[u8],
    unread: &[u8],
) -> Next {
    debug_assert!(begins_connect(&[frame.first_byte], &[]), "nothing else is read");
    let decoded = match decode_connect(body) {
        // [MQTT5-1.5.5-1]
        Ok(packet) if packet.version == ProtocolVersion::V5 && frame.is_overlong() => Err(DecodeError::RemainingLength),
        decoded => decoded,
    };
    match decoded {
        Ok(packet) if on_connect(state, now, id, &packet, unread) => Next::GoOn,
        Ok(_) => Next::Stop,
        Err(error) => {
            refuse_malformed(state, now, id, connect_version(body), error);
            Next::Stop
        }
    }
}

/// The fixed header of a first packet is wrong.
pub(crate) fn on_bad_head(state: &mut State, now: Time, id: ConnectionId, head: &[u8], error: DecodeError) {
    // The beginning of CONNECT may already say how to answer.
    let length_bytes = 1 + head.iter().skip(1).take(3).take_while(|byte| **byte >= 0x80).count();
    let body = head.get(1 + length_bytes..).unwrap_or_default();
    let is_connect = head.first().is_some_and(|first| first >> 4 == PacketType::Connect as u8);
    let says_version = body.len() >= VERSION_BYTES || connect_version(body).is_some();
    if is_connect && error == DecodeError::PacketTooLarge && !says_version {
        if let Some(slot) = state.slot_mut(id).filter(|slot| slot.connection.phase == Phase::AwaitingConnect) {
            slot.connection.keep_unfinished(Unfinished::Bytes(head.to_vec()));
        }
        return;
    }
    let version = connect_version(body).filter(|_| is_connect);
    refuse_malformed(state, now, id, version, error);
}

/// Whether the first of these bytes is that of a CONNECT: nothing else may come first [MQTT5-3.1.0-1] [MQTT311-3.1.0-1].
fn begins_connect(partial: &[u8], bytes: &[u8]) -> bool {
    let first = partial.first().or(bytes.first());
    first.is_none_or(|first| PacketType::from_first_byte(*first) == Some(PacketType::Connect))
}
