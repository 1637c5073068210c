//! CONNECT: to the right shard, to the right session, with the right CONNACK.

use std::collections::BTreeSet;
use std::mem;

use tracing::{debug, field};

use crate::auth::{Ask, Grant, Refusal, SCRAM_METHOD};
use crate::connection::{Connection, OutboundAliases, Phase};
use crate::limits::Limits;
use crate::mqtt::{
    Connack, Connect, DecodeError, Packet, Properties, Property, PropertyBuffer, ProtocolVersion, ReasonCode,
    Will as ConnectWill,
};
use crate::router::SessionKey;
use crate::session::{Session, Will};
use crate::shard::allowed::kept;
use crate::shard::authenticate::{refuse, suspend, tell, Admitted};
use crate::shard::client::Client;
use crate::shard::deliver::pump;
use crate::shard::disconnect::{say_goodbye, Goodbye};
use crate::shard::ending::end_session;
use crate::shard::event::{ConnectionId, Effect, Origin};
use crate::shard::exchange::{begin, offers};
use crate::shard::fault::Fault;
use crate::shard::filters::FilterSums;
use crate::shard::members::set_members_connected;
use crate::shard::scans::Scans;
use crate::shard::state::State;
use crate::shard::users::{has_too_many_connections, note_connection};
use crate::time::Time;

/// A new connection: it has a while to send CONNECT.
pub(crate) fn on_opened(state: &mut State, now: Time, id: ConnectionId, origin: Origin, admitted: bool) {
    let limits = state.limits_of(origin.listener);
    let due = now + limits.connect_timeout;
    let mut connection = Connection::new(now, admitted);
    connection.listener = origin.listener;
    connection.packet_bytes_max = limits.packet_bytes_max;
    connection.address = origin.address.map(|address| address.ip());
    connection.identity = origin.identity.clone();
    state.add_slot(id, connection);
    state.set_connection_timer(id, Some(due));
    let Origin { address, listener, identity } = origin;
    let (address, identity) = (address.map(field::display), identity.as_deref());
    debug!(shard = state.options.id.0, connection = id.index, listener, address, identity, admitted, "opened");
}

/// A CONNECT, decoded; `unread` is all that has come, from its first byte on. Answers whether the connection is still
/// here.
pub(crate) fn on_connect(state: &mut State, now: Time, id: ConnectionId, packet: &Connect<'_>, unread: &[u8]) -> bool {
    if let Err(fault) = check(state, id, packet) {
        note_agreement(state, id, packet);
        refuse_connect(state, now, id, fault);
        return true;
    }
    if packet.authentication_method.is_some_and(|method| !offers(state, id, method)) {
        // [MQTT5-4.12.0-1]
        note_agreement(state, id, packet);
        tell(state, now, id, packet.client_id, Refusal::MethodNotOffered);
        refuse(state, now, id, Refusal::MethodNotOffered);
        return true;
    }
    if !packet.client_id.is_empty() {
        let home = state.home(packet.client_id);
        if home != state.options.id {
            state.remove_slot(id);
            state.metrics.connections_moved_total += 1;
            debug!(shard = state.options.id.0, connection = id.index, peer = home.0, "moves to its client's home");
            state.effects.push(Effect::Move { connection: id, to: home, unread: unread.to_vec() });
            return false;
        }
    }
    note_agreement(state, id, packet);
    if let Some(suspended) = state.suspended.remove(&id) {
        if let Some(admitted) = suspended.admitted {
            admit(state, now, id, packet, suspended.named.assigned(), admitted);
            return true;
        }
    }
    let assigned = packet.client_id.is_empty().then(|| state.assign_client_id());
    if packet.authentication_method.is_some() {
        begin(state, now, id, packet, assigned, unread);
        return true;
    }
    let client_id = assigned.as_deref().unwrap_or(packet.client_id);
    let identity = state.slot(id).and_then(|slot| slot.connection.identity.as_deref());
    match state.policy(id).ask(client_id, identity, packet.username, packet.password) {
        Ask::Grant(grant) => {
            admit(state, now, id, packet, assigned, Admitted { grant, ends_at: None, signature: None })
        }
        Ask::Refuse(refusal) => {
            tell(state, now, id, client_id, refusal);
            refuse(state, now, id, refusal);
        }
        Ask::Judge => {
            suspend(state, id, packet, assigned, unread);
            return false;
        }
    }
    true
}

/// Lets a client in, if there is room for it.
pub(crate) fn admit(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    packet: &Connect<'_>,
    assigned: Option<String>,
    admitted: Admitted,
) {
    let client_id = assigned.as_deref().unwrap_or(packet.client_id);
    let Admitted { grant, ends_at, signature } = admitted;
    let mut properties = PropertyBuffer::default();
    if packet.version == ProtocolVersion::V5 {
        let packet_bytes_max = state.packet_bytes_max(id);
        describe(state, packet, assigned.as_deref(), packet_bytes_max, &mut properties);
    }
    if let Some(signature) = &signature {
        // [MQTT5-4.12.0-5]
        properties.push(Property::AuthenticationMethod(SCRAM_METHOD));
        properties.push(Property::AuthenticationData(signature));
    }
    if !takes_connack(state, id, properties.as_properties()) {
        // Known before anything has been done for it: no session suffers [MQTT5-3.1.2-24].
        let text = "maximum packet size is too small for CONNACK";
        return refuse_connect(state, now, id, Fault::new(ReasonCode::ImplementationSpecificError, text));
    }
    if let Some(text) = lack_of_room(state, client_id, &grant) {
        return refuse_connect(state, now, id, Fault::new(ReasonCode::QuotaExceeded, text));
    }
    let listener = state.slot(id).map_or(0, |slot| slot.connection.listener);
    let Some((session, present)) = open_session(state, now, packet, client_id, listener, grant) else {
        state.metrics.sessions_refused_total += 1;
        return refuse_connect(state, now, id, Fault::new(ReasonCode::QuotaExceeded, "too many sessions"));
    };
    if let Some(slot) = state.slot_mut(id) {
        slot.connection.ends_at = ends_at;
    }
    attach(state, now, id, session, packet);
    let connack = Connack {
        session_present: present && packet.version != ProtocolVersion::V3_1,
        reason: ReasonCode::Success,
        properties: properties.as_properties(),
    };
    let written = state.write(id, |version, out| Packet::Connack(connack).encode(version, out));
    debug_assert!(written, "the client takes this CONNACK");
    state.metrics.connects_accepted_total += 1;
    debug!(
        shard = state.options.id.0,
        connection = id.index,
        client_id,
        version = ?packet.version,
        clean_start = packet.clean_start,
        session_present = present,
        "connected"
    );
    state.effects.push(Effect::Established { connection: id });
    if let Some(client) = state.client_mut(session) {
        // [MQTT5-4.4.0-1]
        client.session.inflight.restart();
    }
    pump(state, now, session);
}

/// Why there is no room for a client, if so; counts it.
fn lack_of_room(state: &mut State, client_id: &str, grant: &Grant) -> Option<&'static str> {
    // Who comes for what it is owed makes room.
    let known = state.session_of(client_id);
    if state.is_refusing() && known.is_none() {
        state.metrics.connects_refused_memory_total += 1;
        return Some("memory is short");
    }
    let replaced = known.and_then(|key| state.client(key));
    let is_replaced = replaced.is_some_and(|old| old.connection.is_some() && old.owner() == grant.owner());
    if has_too_many_connections(state, grant.owner(), is_replaced) {
        state.metrics.user_connections_refused_total += 1;
        return Some("too many connections of this user");
    }
    None
}

/// Answers a CONNECT that cannot be accepted, then parts from the client.
pub(crate) fn refuse_connect(state: &mut State, now: Time, id: ConnectionId, fault: Fault) {
    state.metrics.connects_refused_total += 1;
    let shard = state.options.id.0;
    debug!(shard, connection = id.index, reason = fault.reason.text(), error = fault.text, "refused");
    let Some(slot) = state.slot(id) else { return };
    let mut properties = PropertyBuffer::default();
    if slot.connection.version == ProtocolVersion::V5 {
        if slot.connection.request_problem_information && !fault.text.is_empty() {
            properties.push(Property::ReasonString(fault.text));
        }
        if fault.reason == ReasonCode::UseAnotherServer {
            if let Some(reference) = &state.options.server_reference {
                properties.push(Property::ServerReference(reference));
            }
        }
    }
    // [MQTT5-3.2.2-19]: without the explanation, if the explanation makes it too large.
    for properties in [properties.as_properties(), Properties::EMPTY] {
        let connack = Connack { session_present: false, reason: fault.reason, properties };
        if state.write(id, |version, out| Packet::Connack(connack).encode(version, out)) {
            break;
        }
    }
    state.finish(now, id);
}

/// Answers bytes that should have been a CONNECT. Who does not speak MQTT is not answered in MQTT; a 3.x client is only
/// told what its return codes can say [MQTT311-3.1.4-1].
pub(crate) fn refuse_malformed(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    version: Option<ProtocolVersion>,
    error: DecodeError,
) {
    state.metrics.protocol_errors_total += 1;
    state.metrics.connects_too_large_total += u64::from(error == DecodeError::PacketTooLarge);
    let reason = error.reason_code();
    let answers = match version {
        None => reason == ReasonCode::UnsupportedProtocolVersion,
        Some(ProtocolVersion::V5) => true,
        Some(ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1) => {
            matches!(reason, ReasonCode::UnsupportedProtocolVersion | ReasonCode::ClientIdentifierNotValid)
        }
    };
    if let Some(slot) = state.slot_mut(id) {
        // An unknown level is answered in the oldest form, which every client can read [MQTT311-3.1.2-2].
        slot.connection.version = version.unwrap_or(ProtocolVersion::V3_1_1);
    }
    if answers {
        refuse_connect(state, now, id, Fault::from(error));
    } else {
        state.metrics.connects_refused_total += 1;
        state.finish(now, id);
    }
}

/// What can be refused before it is known where the client belongs.
fn check(state: &mut State, id: ConnectionId, packet: &Connect<'_>) -> Result<(), Fault> {
    let Some(slot) = state.slot(id) else { return Ok(()) };
    if !slot.connection.admitted {
        state.metrics.connections_over_limit_total += 1;
        return Err(Fault::new(ReasonCode::QuotaExceeded, "too many connections"));
    }
    if state.draining.is_some() {
        return Err(match state.options.server_reference {
            Some(_) => Fault::new(ReasonCode::UseAnotherServer, "server is shutting down"),
            None => Fault::new(ReasonCode::ServerUnavailable, "server is shutting down"),
        });
    }
    let may_assign = match packet.version {
        ProtocolVersion::V3_1 => false,
        // [MQTT311-3.1.3-8]
        ProtocolVersion::V3_1_1 => packet.clean_start,
        ProtocolVersion::V5 => true,
    };
    if packet.client_id.is_empty() && !may_assign {
        return Err(Fault::new(ReasonCode::ClientIdentifierNotValid, "client identifier is empty"));
    }
    if let Some(will) = &packet.will {
        let limits = &state.options.limits;
        let topic = will.topic;
        if topic.as_str().len() > limits.topic_bytes_max || topic.level_count() > limits.topic_levels_max {
            state.metrics.topics_refused_total += 1;
            return Err(Fault::new(ReasonCode::TopicNameInvalid, "will topic has too many levels or bytes"));
        }
    }
    Ok(())
}

/// Notes what CONNECT says of the connection itself.
fn note_agreement(state: &mut State, id: ConnectionId, packet: &Connect<'_>) {
    let Some(listener) = state.slot(id).map(|slot| slot.connection.listener) else { return };
    let limits = state.limits_of(listener);
    let inflight_messages_max = limits.inflight_messages_max;
    let aliases_max = packet.topic_alias_maximum.min(limits.topic_alias_out_max);
    let keep_alive_s = keep_alive_s(limits, packet);
    let seed = state.options.seeds.own.1;
    let Some(slot) = state.slot_mut(id) else { return };
    let connection = &mut slot.connection;
    connection.version = packet.version;
    connection.maximum_packet_size = packet.maximum_packet_size.map_or(u32::MAX, |size| size.get());
    connection.receive_maximum = packet.receive_maximum.get().min(inflight_messages_max);
    connection.request_problem_information = packet.request_problem_information;
    connection.outbound_aliases = (aliases_max > 0).then(|| Box::new(OutboundAliases::new(aliases_max, seed)));
    connection.keep_alive_ms = u32::from(keep_alive_s) * 1500;
}

/// The keep alive that holds: the client's, but no longer than ours. A 3.x client cannot be told of ours.
fn keep_alive_s(limits: &Limits, packet: &Connect<'_>) -> u16 {
    let asked_s = packet.keep_alive_s;
    match (packet.version, limits.keep_alive_max_s) {
        (ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1, _) | (ProtocolVersion::V5, 0) => asked_s,
        (ProtocolVersion::V5, cap) if asked_s == 0 => cap,
        (ProtocolVersion::V5, cap) => asked_s.min(cap),
    }
}

/// Finds or makes the session; answers whether it was there. `None`: there are too many.
fn open_session(
    state: &mut State,
    now: Time,
    packet: &Connect<'_>,
    client_id: &str,
    listener: u16,
    grant: Grant,
) -> Option<(SessionKey, bool)> {
    let expiry_interval_s = expiry_interval_s(&state.options.limits, packet);
    let owner = grant.owner();
    if let Some(key) = state.session_of(client_id) {
        let old = state.client(key).and_then(|client| client.connection);
        if let Some(old) = old {
            // [MQTT5-3.1.4-3] [MQTT311-3.1.4-2]
            state.metrics.takeovers_total += 1;
            say_goodbye(state, now, old, Goodbye::TakenOver);
        }
        // A session that was to end with its connection has gone with it.
        if let Some(key) = state.session_of(client_id) {
            // A session is its user's: another one with the same client identifier begins anew.
            let is_theirs = state.client(key).is_some_and(|client| client.owner() == owner);
            if !packet.clean_start && is_theirs {
                if let Some(client) = state.client_mut(key) {
                    client.grant = kept(grant);
                    client.listener = listener;
                    client.session.expiry_interval_s = expiry_interval_s;
                }
                return Some((key, true));
            }
            // [MQTT5-3.1.2-4] [MQTT311-3.1.2-6]
            end_session(state, now, key);
        }
    }
    // Those being taken apart are nobody's.
    if state.metrics.sessions_now >= state.options.limits.sessions_max as u64 {
        return None;
    }
    let key = state.clients.insert(Client {
        session: Session::new(client_id.into(), expiry_interval_s),
        connection: None,
        subscriptions: BTreeSet::new(),
        filter_sums: FilterSums::default(),
        shares: None,
        scans: Scans::default(),
        timer: None,
        has_work: false,
        has_ended: false,
        listener,
        grant: kept(grant),
    });
    let key = SessionKey(u32::try_from(key).expect("the limit of sessions is below 2^32"));
    state.by_client_id.insert(client_id, key);
    state.metrics.sessions_now += 1;
    Some((key, false))
}

/// Seconds the session is to outlive its connection. A 3.x session does so for ever or not at all.
fn expiry_interval_s(limits: &Limits, packet: &Connect<'_>) -> u32 {
    let asked_s = match packet.version {
        ProtocolVersion::V5 => packet.session_expiry_interval_s,
        ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 if packet.clean_start => 0,
        ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => u32::MAX,
    };
    asked_s.min(limits.session_expiry_interval_max_s)
}

/// Ties connection and session together.
fn attach(state: &mut State, now: Time, id: ConnectionId, session: SessionKey, packet: &Connect<'_>) {
    if let Some(slot) = state.slot_mut(id) {
        slot.session = Some(session);
        slot.connection.phase = Phase::Open;
        slot.connection.last_received = now;
        let due = slot.connection.deadline();
        state.set_connection_timer(id, due);
    }
    if let Some(client) = state.client_mut(session) {
        client.connection = Some(id);
        client.session.will = packet.will.as_ref().map(|will| Box::new(keep_will(will)));
        // [MQTT5-3.1.3-9]: a client that is back in time takes its delayed will back.
        client.session.will_due = None;
        client.session.ends_at = None;
        state.set_session_timer(session);
        note_connection(state, now, session, true);
        set_members_connected(state, session);
    }
}

fn keep_will(will: &ConnectWill<'_>) -> Will {
    let mut forwarded = Vec::with_capacity(will.forwarded.len());
    will.forwarded.copy_to(&mut forwarded);
    Will {
        topic: will.topic.as_str().into(),
        payload: will.payload.into(),
        forwarded: mem::take(&mut forwarded).into_boxed_slice(),
        qos: will.qos,
        retain: will.retain,
        delay_interval_s: will.delay_interval_s,
        message_expiry_interval_s: will.message_expiry_interval_s,
    }
}

/// Whether the client takes the CONNACK that would accept it. Costs nothing for those that name no maximum.
fn takes_connack(state: &State, id: ConnectionId, properties: Properties<'_>) -> bool {
    let Some(slot) = state.slot(id) else { return true };
    let connection = &slot.connection;
    if connection.maximum_packet_size == u32::MAX {
        return true;
    }
    let mut encoded = Vec::new();
    let connack = Connack { session_present: false, reason: ReasonCode::Success, properties };
    Packet::Connack(connack).encode(connection.version, &mut encoded);
    !connection.is_too_large(encoded.len())
}

/// What a 5.0 client is told about this server and about what differs from its wishes.
fn describe(
    state: &State,
    packet: &Connect<'_>,
    assigned: Option<&str>,
    packet_bytes_max: u32,
    properties: &mut PropertyBuffer,
) {
    let limits = &state.options.limits;
    let granted_s = expiry_interval_s(limits, packet);
    if granted_s != packet.session_expiry_interval_s {
        properties.push(Property::SessionExpiryInterval(granted_s));
    }
    properties.push(Property::ReceiveMaximum(limits.receive_maximum));
    properties.push(Property::MaximumPacketSize(packet_bytes_max));
    if let Some(client_id) = assigned {
        // [MQTT5-3.2.2-16]
        properties.push(Property::AssignedClientIdentifier(client_id));
    }
    if limits.topic_alias_maximum > 0 {
        properties.push(Property::TopicAliasMaximum(limits.topic_alias_maximum));
    }
    let keep_alive_s = keep_alive_s(limits, packet);
    if keep_alive_s != packet.keep_alive_s {
        // [MQTT5-3.2.2-21]
        properties.push(Property::ServerKeepAlive(keep_alive_s));
    }
    if packet.request_response_information {
        if let Some(information) = &state.options.response_information {
            properties.push(Property::ResponseInformation(information));
        }
    }
}
