//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use crate::mqtt::{encode_acknowledgement, Acknowledgement, PacketId, PacketType, ReasonCode};
use crate::router::SessionKey;
use crate::session::Acknowledged;
use crate::shard::deliver::pump;
use crate::shard::event::ConnectionId;
use crate::shard::fault::Fault;
use crate::shard::state::State;
use crate::time::Time;

/// Identifiers looked at for one unit of work.
const SEARCHED_PER_UNIT: usize = 32;

/// The client has a QoS 1 message. A refusing reason means the same: it is not sent again [MQTT5-4.4.0-2].
///
/// # Errors
/// The identifier is in use for a QoS 2 message.
pub(crate) fn on_puback(
    state: &mut State,
    now: Time,
    session: SessionKey,
    packet: &Acknowledgement<'_>,
) -> Result<(), Fault> {
    let Some(client) = state.client_mut(session) else { return Ok(()) };
    match client.session.inflight.on_puback(packet.packet_id) {
        Acknowledged::Done => pump(state, now, session),
        // A client may acknowledge again what it acknowledged on an earlier connection.
        Acknowledged::Unknown => charge_search(state, session),
        Acknowledged::Release => {}
        Acknowledged::WrongPacket => return Err(Fault::protocol("PUBACK for a QoS 2 message")),
    }
    Ok(())
}

/// The client has a QoS 2 message, or refuses it [MQTT5-4.3.3-4].
///
/// # Errors
/// The identifier is in use for a QoS 1 message.
pub(crate) fn on_pubrec(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Acknowledgement<'_>,
) -> Result<(), Fault> {
    let Some(client) = state.client_mut(session) else { return Ok(()) };
    match client.session.inflight.on_pubrec(packet.packet_id, packet.reason.is_error()) {
        Acknowledged::Done => pump(state, now, session),
        Acknowledged::Release => answer(state, id, PacketType::Pubrel, packet.packet_id, ReasonCode::Success),
        Acknowledged::Unknown if packet.reason.is_error() => charge_search(state, session),
        Acknowledged::Unknown => {
            charge_search(state, session);
            answer(state, id, PacketType::Pubrel, packet.packet_id, ReasonCode::PacketIdentifierNotFound);
        }
        Acknowledged::WrongPacket => return Err(Fault::protocol("PUBREC for a QoS 1 message")),
    }
    Ok(())
}

/// The client will not send a QoS 2 message again [MQTT5-4.3.3-11].
pub(crate) fn on_pubrel(state: &mut State, id: ConnectionId, session: SessionKey, packet: &Acknowledgement<'_>) {
    let Some(client) = state.client_mut(session) else { return };
    let reason = match client.session.release(packet.packet_id) {
        true => ReasonCode::Success,
        false => ReasonCode::PacketIdentifierNotFound,
    };
    answer(state, id, PacketType::Pubcomp, packet.packet_id, reason);
}

/// The client has released a QoS 2 message: its identifier is free.
///
/// # Errors
/// No PUBREC has come for the identifier.
pub(crate) fn on_pubcomp(
    state: &mut State,
    now: Time,
    session: SessionKey,
    packet: &Acknowledgement<'_>,
) -> Result<(), Fault> {
    let Some(client) = state.client_mut(session) else { return Ok(()) };
    match client.session.inflight.on_pubcomp(packet.packet_id) {
        Acknowledged::Done => pump(state, now, session),
        Acknowledged::Unknown => charge_search(state, session),
        Acknowledged::Release => {}
        Acknowledged::WrongPacket => return Err(Fault::protocol("PUBCOMP before PUBREC")),
    }
    Ok(())
}

/// An identifier that is not in use has been looked for among all that are.
pub(crate) fn charge_search(state: &mut State, session: SessionKey) {
    if let Some(client) = state.client(session) {
        let units = client.session.inflight.len() / SEARCHED_PER_UNIT;
        state.budget.spend(units);
    }
}

fn answer(state: &mut State, id: ConnectionId, packet: PacketType, packet_id: PacketId, reason: ReasonCode) {
    state.write(id, |version, out| encode_acknowledgement(version, packet, packet_id, reason, out));
}
