//! Enhanced authentication [MQTT5-4.12]: SCRAM-SHA-256 between CONNECT and CONNACK, and again whenever a client likes.
//!
//! Proofs are checked here, since that takes microseconds. Whether an address has failed too often is known beside the
//! shards, so what has been shown is weighed there before it counts.

use std::sync::Arc;

use tracing::debug;

use crate::auth::{Attempt, Exchange, Refusal, ScramError, Way, SCRAM_METHOD};
use crate::connection::Phase;
use crate::mqtt::{
    decode, decode_connect, next_frame, next_header_across, Auth, Connect, DecodeError, Frame, Packet, PacketType,
    Property, PropertyBuffer, ProtocolVersion, ReasonCode,
};
use crate::router::SessionKey;
use crate::shard::authenticate::{fault_of, refuse, tell, Admitted, Named};
use crate::shard::connect::{admit, refuse_connect};
use crate::shard::disconnect::{say_goodbye, Goodbye};
use crate::shard::dispatch::Next;
use crate::shard::event::{ConnectionId, Effect};
use crate::shard::fault::Fault;
use crate::shard::state::State;
use crate::time::Time;

/// Units of work for a message of an exchange: a few microseconds.
const MESSAGE_UNITS: usize = 64;

/// A client between its CONNECT and its CONNACK.
pub(crate) struct Exchanging {
    /// Its CONNECT, without the fixed header.
    connect: Box<[u8]>,
    named: Named,
    /// What it may still send: together with its CONNECT no more than a CONNECT may have.
    bytes_left: u32,
    stage: Stage,
}

/// How far an exchange has come.
pub(crate) enum Stage {
    /// Our message is on its way; the client's last is awaited.
    Challenged(Box<Exchange>),
    /// All has been shown and is being weighed. Nothing, if it was wrong.
    Shown(Option<Shown>),
}

/// Something that was right.
pub(crate) struct Shown {
    username: String,
    /// Shows the client that we know it, too.
    signature: Vec<u8>,
}

/// Whether a CONNECT may name this method.
pub(crate) fn offers(state: &State, id: ConnectionId, method: &str) -> bool {
    method == SCRAM_METHOD && state.policy(id).scram.is_some()
}

/// Begins with what a CONNECT brings, which stands at the front of `unread`.
pub(crate) fn begin(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    packet: &Connect<'_>,
    assigned: Option<String>,
    unread: &[u8],
) {
    let named = Named::new(packet, assigned);
    if state.exchanges.len() >= state.options.limits.exchanges_max {
        tell(state, now, id, &named.client_id, Refusal::Busy);
        return refuse(state, now, id, Refusal::Busy);
    }
    let bytes_max = state.connect_bytes_max(id);
    let Ok(Some(frame)) = next_frame(unread, bytes_max) else {
        debug_assert!(false, "it has been cut from there");
        return;
    };
    let stage = match challenge(state, id, &named.client_id, packet.authentication_data) {
        Ok(stage) => stage,
        Err(fault) => return refuse_connect(state, now, id, fault),
    };
    let exchanging = Exchanging {
        connect: Box::from(&unread[frame.header_bytes..frame.total_bytes]),
        named,
        bytes_left: bytes_max.saturating_sub(frame.total_bytes as u32),
        stage,
    };
    state.exchanges.insert(id, exchanging);
    if let Some(slot) = state.slot_mut(id) {
        slot.connection.phase = Phase::Authenticating;
    }
}

/// Looks at the beginning of a packet before CONNACK, of which `partial` has come before. Answers whether it may be taken; if
/// not, it has been seen to.
pub(crate) fn may_go_on(state: &mut State, now: Time, id: ConnectionId, partial: &[u8], bytes: &[u8]) -> bool {
    let Some(exchanging) = state.exchanges.get(&id) else { return true };
    let fault = match next_header_across(partial, bytes, exchanging.bytes_left) {
        Ok(_) => partial.first().or(bytes.first()).and_then(|first| may_come(*first).err()),
        Err(error) => Some(Fault::from(error)),
    };
    match fault {
        None => true,
        Some(fault) => {
            give_up(state, now, id, fault);
            false
        }
    }
}

/// A packet before CONNACK. Kept out of the way of all other packets, which pass the place it is called at.
#[cold]
#[inline(never)]
pub(crate) fn on_packet_before_connack(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    frame: &Frame,
    body: &[u8],
) -> Next {
    match go_on(state, now, id, frame, body) {
        Ok(next) => next,
        Err(fault) => {
            give_up(state, now, id, fault);
            Next::Stop
        }
    }
}

fn go_on(state: &mut State, now: Time, id: ConnectionId, frame: &Frame, body: &[u8]) -> Result<Next, Fault> {
    may_come(frame.first_byte)?;
    let Some(mut exchanging) = state.exchanges.remove(&id) else { return Ok(Next::Stop) };
    let left = exchanging.bytes_left.checked_sub(frame.total_bytes as u32);
    exchanging.bytes_left = left.ok_or(Fault::from(DecodeError::PacketTooLarge))?;
    if frame.is_overlong() {
        // [MQTT5-1.5.5-1]
        return Err(Fault::from(DecodeError::RemainingLength));
    }
    let Packet::Auth(auth) = decode(ProtocolVersion::V5, frame.first_byte, body)? else {
        // A client may leave whenever it likes [MQTT5-4.12].
        state.finish(now, id);
        return Ok(Next::Stop);
    };
    exchanging.stage = respond(state, id, &exchanging.named.client_id, None, &auth, Some(exchanging.stage))?;
    state.exchanges.insert(id, exchanging);
    Ok(Next::GoOn)
}

/// AUTH of a client that is connected: it shows again who it is, while everything else goes on [MQTT5-4.12.1].
///
/// # Errors
/// It has not authenticated like that before, or it is not its turn.
#[cold]
#[inline(never)]
pub(crate) fn on_auth(state: &mut State, id: ConnectionId, session: SessionKey, auth: &Auth<'_>) -> Result<(), Fault> {
    let Some(client) = state.client(session) else { return Ok(()) };
    let Some(grant) = client.grant.as_ref().filter(|grant| grant.way == Way::Scram) else {
        // [MQTT5-4.12.0-7]
        return Err(Fault::protocol("AUTH without an authentication method"));
    };
    let (client_id, username) = (Arc::clone(&client.session.client_id), grant.username.clone());
    let stage = match (auth.reason, state.renewals.remove(&id)) {
        (ReasonCode::ReAuthenticate, None) => {
            check_method(auth)?;
            challenge(state, id, &client_id, data_of(auth))?
        }
        (_, stage) => respond(state, id, &client_id, username.as_deref(), auth, stage)?,
    };
    state.renewals.insert(id, stage);
    Ok(())
}

/// What a client has shown has been weighed.
pub(crate) fn on_weighed(state: &mut State, now: Time, id: ConnectionId, answer: Result<(), Refusal>) {
    if let Some(exchanging) = state.exchanges.remove(&id) {
        return on_connect_weighed(state, now, id, exchanging, answer);
    }
    let Some(Stage::Shown(shown)) = state.renewals.remove(&id) else { return };
    match answer.and(shown.ok_or(Refusal::BadCredentials)) {
        Ok(shown) => {
            debug!(shard = state.options.id.0, connection = id.index, "has authenticated again");
            // Who is too small for it gets none [MQTT5-3.1.2-24]; it is shorter than the challenge before it.
            send(state, id, ReasonCode::Success, &shown.signature);
        }
        Err(refusal) => {
            state.metrics.reauthentications_refused_total += 1;
            debug!(shard = state.options.id.0, connection = id.index, error = %refusal, "is not let in again");
            // DISCONNECT knows no 0x86 [MQTT5-3.14.2.1]; that the connection ends is [MQTT5-4.12.1-2].
            let fault = match refusal {
                Refusal::TooManyFailures => fault_of(refusal),
                Refusal::AnonymousNotAllowed
                | Refusal::BadCredentials
                | Refusal::Unavailable
                | Refusal::Busy
                | Refusal::MethodNotOffered => Fault::new(ReasonCode::NotAuthorized, "not authenticated again"),
            };
            say_goodbye(state, now, id, Goodbye::Fault(fault));
        }
    }
}

fn on_connect_weighed(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    exchanging: Exchanging,
    answer: Result<(), Refusal>,
) {
    let Exchanging { connect, named, stage, .. } = exchanging;
    if let Some(slot) = state.slot_mut(id) {
        slot.connection.phase = Phase::AwaitingConnect;
    }
    let shown = match stage {
        Stage::Shown(shown) => shown,
        Stage::Challenged(_) => None,
    };
    let shown = answer.and(shown.ok_or(Refusal::BadCredentials));
    // Whoever has weighed it has told; that the file is another by now, only we know.
    let is_told = shown.is_err();
    let admitted = shown.and_then(|Shown { username, signature }| {
        let policy = state.policy(id);
        let is_there = policy.scram.as_ref().is_some_and(|file| file.knows(&username));
        let grant = policy.grant(Way::Scram, Some(&username), &named.client_id);
        is_there.then_some(Admitted { grant, ends_at: None, signature: Some(signature) }).ok_or(Refusal::BadCredentials)
    });
    match (admitted, decode_connect(&connect)) {
        (Ok(admitted), Ok(packet)) => {
            admit(state, now, id, &packet, named.assigned(), admitted);
        }
        (Err(refusal), _) => {
            if !is_told {
                tell(state, now, id, &named.client_id, refusal);
            }
            refuse(state, now, id, refusal);
        }
        (Ok(_), Err(error)) => unreachable!("it has been decoded before: {error}"),
    }
}

/// Takes the first message of a client and answers it, or gives what is wrong with it to be weighed.
fn challenge(state: &mut State, id: ConnectionId, client_id: &str, data: Option<&[u8]>) -> Result<Stage, Fault> {
    state.budget.spend(MESSAGE_UNITS);
    let nonce = state.nonce();
    let policy = Arc::clone(state.policy(id));
    let file = policy.scram.as_ref().ok_or(ScramError::Proof);
    match file.and_then(|file| file.begin(data.unwrap_or_default(), &nonce)) {
        Ok((exchange, message)) => {
            if !send(state, id, ReasonCode::ContinueAuthentication, &message) {
                let text = "maximum packet size is too small for AUTH";
                return Err(Fault::new(ReasonCode::ImplementationSpecificError, text));
            }
            Ok(Stage::Challenged(Box::new(exchange)))
        }
        Err(error) => {
            weigh(state, id, client_id, None, Some(error));
            Ok(Stage::Shown(None))
        }
    }
}

/// Takes the last message of a client and gives it to be weighed. `before` is who it was the last time.
fn respond(
    state: &mut State,
    id: ConnectionId,
    client_id: &str,
    before: Option<&str>,
    auth: &Auth<'_>,
    stage: Option<Stage>,
) -> Result<Stage, Fault> {
    state.budget.spend(MESSAGE_UNITS);
    check_method(auth)?;
    let (ReasonCode::ContinueAuthentication, Some(Stage::Challenged(exchange))) = (auth.reason, stage) else {
        return Err(Fault::protocol("an AUTH that may not come now"));
    };
    let claimed: Box<str> = Box::from(exchange.username());
    let shown = match exchange.finish(data_of(auth).unwrap_or_default()) {
        Ok((username, _)) if before.is_some_and(|before| before != username) => Err(ScramError::OtherUser),
        Ok((username, signature)) => Ok(Shown { username, signature }),
        Err(error) => Err(error),
    };
    weigh(state, id, client_id, Some(claimed), shown.as_ref().err().copied());
    Ok(Stage::Shown(shown.ok()))
}

fn weigh(state: &mut State, id: ConnectionId, client_id: &str, username: Option<Box<str>>, error: Option<ScramError>) {
    let address = state.slot(id).and_then(|slot| slot.connection.address);
    let attempt = Attempt { client_id: Box::from(client_id), username, address, error };
    state.effects.push(Effect::Weigh { connection: id, attempt: Box::new(attempt) });
}

/// Sends AUTH, with the method of CONNECT [MQTT5-4.12.0-5]. It has neither Reason String nor User Property. Answers whether
/// the client takes a packet of that size.
fn send(state: &mut State, id: ConnectionId, reason: ReasonCode, data: &[u8]) -> bool {
    let mut properties = PropertyBuffer::default();
    properties.push(Property::AuthenticationData(data));
    let auth = Auth { reason, authentication_method: Some(SCRAM_METHOD), properties: properties.as_properties() };
    state.write(id, |version, out| Packet::Auth(auth).encode(version, out))
}

/// What is wrong before CONNACK is said by it.
#[cold]
#[inline(never)]
pub(crate) fn give_up(state: &mut State, now: Time, id: ConnectionId, fault: Fault) {
    state.metrics.protocol_errors_total += 1;
    refuse_connect(state, now, id, fault);
}

/// Before CONNACK a client sends AUTH or DISCONNECT and nothing else [MQTT5-3.1.2-30].
fn may_come(first_byte: u8) -> Result<(), Fault> {
    match PacketType::from_first_byte(first_byte) {
        Some(PacketType::Auth | PacketType::Disconnect) => Ok(()),
        _ => Err(Fault::protocol("a packet other than AUTH before CONNACK")),
    }
}

/// The method is that of CONNECT [MQTT5-4.12.0-5] [MQTT5-4.12.1-1].
fn check_method(auth: &Auth<'_>) -> Result<(), Fault> {
    match auth.authentication_method {
        Some(SCRAM_METHOD) => Ok(()),
        Some(_) => Err(Fault::new(ReasonCode::BadAuthenticationMethod, "another authentication method than before")),
        None => Err(Fault::protocol("an AUTH that may not come now")),
    }
}

fn data_of<'a>(auth: &Auth<'a>) -> Option<&'a [u8]> {
    auth.properties.iter().find_map(|property| match property {
        Property::AuthenticationData(data) => Some(data),
        _ => None,
    })
}
