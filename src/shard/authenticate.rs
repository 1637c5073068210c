//! A CONNECT whose credentials take work to check: it waits, unread, until an answer comes from beside the shards.

use std::mem;
use std::time::Duration;

use tracing::{debug, field, warn};

use crate::auth::{shorten, Credentials, Grant, Refusal};
use crate::connection::Phase;
use crate::mqtt::{Connect, ReasonCode};
use crate::shard::connect::refuse_connect;
use crate::shard::event::{ConnectionId, Effect};
use crate::shard::fault::Fault;
use crate::shard::state::State;
use crate::time::Time;

/// A client that waits for an answer, or has just got one.
#[derive(Debug)]
pub(crate) struct Suspended {
    /// All that has come, from the first byte of CONNECT on.
    unread: Vec<u8>,
    pub(crate) named: Named,
    /// Who it is; none until that is known.
    pub(crate) admitted: Option<Admitted>,
}

/// The client identifier by which a client is asked about.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) client_id: Box<str>,
    /// Whether that was made for it.
    is_assigned: bool,
}

impl Named {
    pub(crate) fn new(packet: &Connect<'_>, assigned: Option<String>) -> Named {
        let is_assigned = assigned.is_some();
        let client_id = assigned.map_or_else(|| Box::from(packet.client_id), String::into_boxed_str);
        Named { client_id, is_assigned }
    }

    /// The client identifier made for it, since the answer depended on it.
    pub(crate) fn assigned(self) -> Option<String> {
        self.is_assigned.then(|| String::from(self.client_id))
    }
}

/// A good answer.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) grant: Grant,
    /// When its connection ends.
    pub(crate) ends_at: Option<Time>,
    /// What CONNACK shows it after an exchange of enhanced authentication.
    pub(crate) signature: Option<Vec<u8>>,
}

/// Stops reading a client and has its credentials checked. The time for its CONNECT runs on.
pub(crate) fn suspend(
    state: &mut State,
    id: ConnectionId,
    packet: &Connect<'_>,
    assigned: Option<String>,
    unread: &[u8],
) {
    let Some(slot) = state.slot_mut(id) else { return };
    slot.connection.phase = Phase::AwaitingVerdict;
    slot.connection.paused = true;
    let named = Named::new(packet, assigned);
    let credentials = Credentials {
        client_id: named.client_id.clone(),
        username: packet.username.map(Box::from),
        password: packet.password.map(Box::from),
        address: slot.connection.address,
        listener: slot.connection.listener,
    };
    state.suspended.insert(id, Suspended { unread: unread.to_vec(), named, admitted: None });
    state.effects.push(Effect::Pause { connection: id });
    state.effects.push(Effect::Judge { connection: id, credentials: Box::new(credentials) });
}

/// Bytes that were on their way when reading stopped: they come behind what waits.
pub(crate) fn keep_suspended(state: &mut State, now: Time, id: ConnectionId, bytes: &[u8]) {
    let most = state.packet_bytes_max(id) as usize;
    let Some(suspended) = state.suspended.get_mut(&id) else { return };
    suspended.unread.extend_from_slice(bytes);
    if suspended.unread.len() > most.saturating_mul(2) {
        // So much cannot have been on its way: somebody does not stop when told to.
        state.finish(now, id);
    }
}

/// The answer has come. `generation` is that of the policies it was found by, `lifetime` how long the connection may last.
pub(crate) fn on_judged(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    generation: u64,
    answer: Result<Grant, Refusal>,
    lifetime: Option<Duration>,
) {
    let Some(slot) = state.slot_mut(id).filter(|slot| slot.connection.phase == Phase::AwaitingVerdict) else { return };
    slot.connection.phase = Phase::AwaitingConnect;
    let Some(mut suspended) = state.suspended.remove(&id) else { return };
    // Whoever has checked it has told; that there was no room, or that the files have changed since, only we know.
    let is_told = answer.as_ref().is_err_and(|refusal| *refusal != Refusal::Busy);
    let answer = answer.and_then(|grant| {
        if generation == state.policies.generation {
            return Ok(grant);
        }
        state.policy(id).renew(&grant, &suspended.named.client_id).ok_or(Refusal::BadCredentials)
    });
    match answer {
        Ok(grant) => {
            if let Some(slot) = state.slot_mut(id) {
                slot.connection.paused = false;
            }
            let unread = mem::take(&mut suspended.unread);
            let ends_at = lifetime.map(|lifetime| now + lifetime);
            suspended.admitted = Some(Admitted { grant, ends_at, signature: None });
            state.suspended.insert(id, suspended);
            state.effects.push(Effect::Reread { connection: id, unread });
        }
        Err(refusal) => {
            if !is_told {
                tell(state, now, id, &suspended.named.client_id, refusal);
            }
            refuse(state, now, id, refusal);
        }
    }
}

/// Nobody has answered in time.
pub(crate) fn on_verdict_late(state: &mut State, now: Time, id: ConnectionId) {
    if let Some(suspended) = state.suspended.remove(&id) {
        tell(state, now, id, &suspended.named.client_id, Refusal::Unavailable);
    }
    if let Some(slot) = state.slot_mut(id) {
        slot.connection.phase = Phase::AwaitingConnect;
    }
    refuse(state, now, id, Refusal::Unavailable);
}

/// One line for a client that is refused here, as long as there are not too many; who checks credentials tells of those it
/// refuses itself.
pub(crate) fn tell(state: &mut State, now: Time, id: ConnectionId, client_id: &str, refusal: Refusal) {
    let Some(untold) = state.refusals.pass(now) else { return };
    let address = state.slot(id).and_then(|slot| slot.connection.address).map(field::display);
    let untold = (untold > 0).then_some(untold);
    warn!(address, client_id = shorten(client_id), untold, reason = %refusal, "a client is not let in");
}

/// Tells a client that it is not let in. An unknown user and a wrong password look the same.
pub(crate) fn refuse(state: &mut State, now: Time, id: ConnectionId, refusal: Refusal) {
    state.metrics.connects_unauthenticated_total += 1;
    debug!(shard = state.options.id.0, connection = id.index, error = %refusal, "not let in");
    refuse_connect(state, now, id, fault_of(refusal));
}

/// How CONNACK says it.
pub(crate) fn fault_of(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::AnonymousNotAllowed => Fault::new(ReasonCode::NotAuthorized, "anonymous clients are not allowed"),
        Refusal::BadCredentials => Fault::new(ReasonCode::BadUserNameOrPassword, "bad user name or password"),
        Refusal::TooManyFailures => {
            Fault::new(ReasonCode::ConnectionRateExceeded, "too many failures from this address")
        }
        Refusal::Unavailable => Fault::new(ReasonCode::ServerUnavailable, "authentication is not available"),
        Refusal::Busy => Fault::new(ReasonCode::ServerBusy, "too many clients wait to be authenticated"),
        Refusal::MethodNotOffered => {
            Fault::new(ReasonCode::BadAuthenticationMethod, "the authentication method is not offered")
        }
    }
}
