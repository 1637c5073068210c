//! How connections and sessions end.

use std::time::Duration;

use tracing::debug;

use crate::mqtt::{Disconnect, Packet, Properties, Property, PropertyBuffer, ProtocolVersion, ReasonCode};
use crate::router::SessionKey;
use crate::shard::ending::end_session;
use crate::shard::event::ConnectionId;
use crate::shard::fault::Fault;
use crate::shard::members::set_members_connected;
use crate::shard::publish::publish_will;
use crate::shard::state::State;
use crate::shard::users::note_connection;
use crate::time::Time;

/// Why we part from a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goodbye {
    /// It did something wrong, or cannot be served.
    Fault(Fault),
    /// Another connection has its client identifier now.
    TakenOver,
    /// The process ends.
    Draining,
}

/// A client's DISCONNECT.
///
/// # Errors
/// It asks for a session to be kept that was to end [MQTT5-3.14.2.2.2].
pub(crate) fn on_disconnect(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Disconnect<'_>,
) -> Result<(), Fault> {
    let longest_s = state.options.limits.session_expiry_interval_max_s;
    let Some(client) = state.client_mut(session) else { return Ok(()) };
    if let Some(interval_s) = packet.session_expiry_interval_s {
        if client.session.expiry_interval_s == 0 && interval_s != 0 {
            return Err(Fault::protocol("session expiry interval was zero at CONNECT"));
        }
        client.session.expiry_interval_s = interval_s.min(longest_s);
    }
    if packet.reason == ReasonCode::Success {
        // [MQTT5-3.14.4-3] [MQTT311-3.14.4-3]
        client.session.will = None;
    }
    let shard = state.options.id.0;
    debug!(shard, connection = id.index, reason = packet.reason.text(), "says goodbye");
    detach(state, now, id);
    // What it was still owed leaves; a client that has gone already costs nothing more.
    state.finish(now, id);
    Ok(())
}

/// Tells a client why, as its version can, and lets it go: last words, half-close, and then the end.
pub(crate) fn say_goodbye(state: &mut State, now: Time, id: ConnectionId, goodbye: Goodbye) {
    let Some(slot) = state.slot(id) else { return };
    let (reason, text) = match goodbye {
        Goodbye::Fault(fault) => (fault.reason, fault.text),
        Goodbye::TakenOver => (ReasonCode::SessionTakenOver, "another connection has this client identifier"),
        Goodbye::Draining if state.options.server_reference.is_some() => {
            (ReasonCode::UseAnotherServer, "server is shutting down")
        }
        Goodbye::Draining => (ReasonCode::ServerShuttingDown, "server is shutting down"),
    };
    let shard = state.options.id.0;
    debug!(shard, connection = id.index, reason = reason.text(), error = text, "parting");
    if slot.connection.version == ProtocolVersion::V5 {
        let mut properties = PropertyBuffer::default();
        if slot.connection.request_problem_information && !text.is_empty() {
            properties.push(Property::ReasonString(text));
        }
        if reason == ReasonCode::UseAnotherServer {
            if let Some(reference) = &state.options.server_reference {
                properties.push(Property::ServerReference(reference));
            }
        }
        // [MQTT5-3.14.2-3]: without the explanation, if the explanation makes it too large.
        for properties in [properties.as_properties(), Properties::EMPTY] {
            let packet = Packet::Disconnect(Disconnect { reason, session_expiry_interval_s: None, properties });
            if state.write(id, |version, out| packet.encode(version, out)) {
                break;
            }
        }
    }
    match goodbye {
        Goodbye::Draining => forget_will(state, id),
        Goodbye::Fault(_) | Goodbye::TakenOver => {}
    }
    detach(state, now, id);
    state.finish(now, id);
}

/// The network connection is gone, with or without a goodbye.
pub(crate) fn on_closed(state: &mut State, now: Time, id: ConnectionId) {
    debug!(shard = state.options.id.0, connection = id.index, "closed");
    detach(state, now, id);
    state.remove_slot(id);
}

/// Unties connection and session: the will comes due, the session begins to expire.
fn detach(state: &mut State, now: Time, id: ConnectionId) {
    let Some(session) = state.slot_mut(id).and_then(|slot| slot.session.take()) else { return };
    let Some(client) = state.client_mut(session) else { return };
    if client.connection != Some(id) {
        return;
    }
    client.connection = None;
    note_connection(state, now, session, false);
    let Some(client) = state.client_mut(session) else { return };
    client.session.give_back();
    let lives_s = client.session.expiry_interval_s;
    client.session.ends_at = match lives_s {
        u32::MAX => None,
        seconds => Some(now + Duration::from_secs(u64::from(seconds))),
    };
    if let Some(will) = &client.session.will {
        // [MQTT5-3.1.2-8]
        client.session.will_due = Some(now + Duration::from_secs(u64::from(will.delay_interval_s)));
    }
    set_members_connected(state, session);
    if lives_s == 0 {
        // Even a client that comes back at this moment finds no session [MQTT5-4.1.0-2] [MQTT311-3.1.2-6].
        return end_session(state, now, session);
    }
    publish_due_will(state, now, session);
    state.set_session_timer(session);
}

/// Publishes a will whose delay is over.
pub(crate) fn publish_due_will(state: &mut State, now: Time, session: SessionKey) {
    let Some(client) = state.client_mut(session) else { return };
    if client.session.will_due.is_some_and(|due| due <= now) {
        client.session.will_due = None;
        if let Some(will) = client.session.will.take() {
            publish_will(state, now, session, &will);
        }
    }
}

/// A session's timer: its will is due, or its end.
pub(crate) fn on_session_due(state: &mut State, now: Time, session: SessionKey) {
    let Some(client) = state.client_mut(session) else { return };
    client.timer = None;
    if client.session.ends_at.is_some_and(|end| end <= now) {
        state.metrics.sessions_expired_total += 1;
        return end_session(state, now, session);
    }
    publish_due_will(state, now, session);
    state.set_session_timer(session);
}

/// A process that ends in good order has not abandoned its clients: their wills are not due [MQTT5-3.1.2.5].
fn forget_will(state: &mut State, id: ConnectionId) {
    let session = state.slot(id).and_then(|slot| slot.session);
    if let Some(client) = session.and_then(|session| state.client_mut(session)) {
        client.session.will = None;
    }
}
