//! What a client may, asked from memory, and what becomes of clients when that changes.

use std::sync::Arc;

use tracing::{debug, warn};

use crate::auth::{shorten, Grant, Policies};
use crate::mqtt::{ProtocolVersion, Publish, QoS, ReasonCode, TopicFilter};
use crate::router::SessionKey;
use crate::shard::client::Client;
use crate::shard::disconnect::{say_goodbye, Goodbye};
use crate::shard::ending::end_session;
use crate::shard::fault::Fault;
use crate::shard::publish::Sender;
use crate::shard::state::State;
use crate::time::Time;

/// Units of work for new rules of a session, and for each of them that is made for it alone: a third and half a microsecond.
const RENEWAL_UNITS: usize = 8;
const PATTERN_UNITS: usize = 6;

/// Whether a client may publish to a topic; counts and tells if it may not.
pub(crate) fn may_write(state: &mut State, now: Time, session: SessionKey, topic: &str) -> bool {
    let rules = state.client(session).and_then(Client::rules);
    let allowed = rules.is_none_or(|rules| rules.may_write(topic));
    if !allowed {
        state.metrics.publish_denied_total += 1;
        tell(state, now, session, topic, "a client may not publish there");
    }
    allowed
}

/// How a publication is answered that is not made, because its client may not make it or memory is short; `None`: it is made.
pub(crate) fn refusal(
    state: &mut State,
    now: Time,
    sender: Sender,
    packet: &Publish<'_>,
    topic: &str,
) -> Option<ReasonCode> {
    let can_be_told = sender.version == ProtocolVersion::V5 && packet.packet_id.is_some();
    if !may_write(state, now, sender.session, topic) {
        // Who cannot be told is acknowledged as if all were well, as other brokers do.
        return Some(if can_be_told { ReasonCode::NotAuthorized } else { ReasonCode::Success });
    }
    // QoS 0 is kept for nobody; what a client before 5.0 publishes is not read, unless it had all the memory it needs.
    if state.is_refusing() && can_be_told && packet.qos != QoS::AtMostOnce {
        state.metrics.publish_refused_memory_total += 1;
        return Some(ReasonCode::QuotaExceeded);
    }
    None
}

/// Whether a topic is within the bounds of all clients.
pub(crate) fn topic_fits(state: &State, topic: &str) -> bool {
    let limits = &state.options.limits;
    // A topic cannot have more levels than bytes: short ones need no counting.
    topic.len() <= limits.topic_bytes_max
        && (topic.len() < limits.topic_levels_max
            || topic.bytes().filter(|byte| *byte == b'/').count() < limits.topic_levels_max)
}

/// Whether a client may be told of publications to a topic. Without rules it costs one comparison.
#[inline]
pub(crate) fn may_read(client: &Client, topic: &str) -> bool {
    client.rules().is_none_or(|rules| rules.may_read(topic))
}

/// Whether a subscription can bring a client anything; counts and tells if not.
pub(crate) fn may_subscribe(state: &mut State, now: Time, session: SessionKey, filter: TopicFilter<'_>) -> bool {
    let inner = filter.share().map_or(filter, |share| share.filter);
    let rules = state.client(session).and_then(Client::rules);
    let allowed = rules.is_none_or(|rules| rules.may_subscribe(inner.as_str()));
    if !allowed {
        state.metrics.subscriptions_denied_total += 1;
        tell(state, now, session, filter.as_str(), "a client may not subscribe to that");
    }
    allowed
}

/// One line for what was denied, as long as there are not too many.
fn tell(state: &mut State, now: Time, session: SessionKey, topic: &str, what: &'static str) {
    let Some(untold) = state.denials.pass(now) else { return };
    let Some(client) = state.client(session) else { return };
    let username = client.grant.as_deref().and_then(|grant| grant.username.as_deref()).map(shorten);
    let (client_id, topic) = (shorten(&client.session.client_id), shorten(topic));
    warn!(username, client_id, topic, untold = (untold > 0).then_some(untold), "{what}");
}

/// What a session keeps of a grant: nothing of one that says nothing.
pub(crate) fn kept(grant: Grant) -> Option<Box<Grant>> {
    let says_something = grant.username.is_some() || grant.rules.is_some() || grant.own_rules.is_some();
    says_something.then(|| Box::new(grant))
}

/// New rules hold from here on: at once for those who come, and for those who are there by and by, each as a whole. Who would
/// not be let in by them any more is sent away, and its session ends.
pub(crate) fn on_policy(state: &mut State, now: Time, policies: Arc<Policies>) {
    state.policies = policies;
    state.renewing_at = Some(0);
    go_on_renewing(state, now);
}

/// Gives the new rules to as many sessions as the turn has room for.
pub(crate) fn go_on_renewing(state: &mut State, now: Time) {
    if state.renewing_at.is_none() {
        return;
    }
    let policies = Arc::clone(&state.policies);
    while let Some(at) = state.renewing_at {
        if state.budget.is_spent() {
            return;
        }
        state.budget.spend(1);
        state.renewing_at = (at < state.clients.keys_end()).then_some(at + 1);
        let session = SessionKey(at as u32);
        if state.client(session).is_some_and(|client| !client.has_ended) {
            let patterns = renew(state, now, session, &policies);
            state.budget.spend(RENEWAL_UNITS + PATTERN_UNITS * patterns);
        }
    }
}

/// Answers how many rules were made for it alone.
fn renew(state: &mut State, now: Time, session: SessionKey, policies: &Policies) -> usize {
    let Some(client) = state.client_mut(session) else { return 0 };
    let anonymous = Grant::default();
    let old = client.grant.as_deref().unwrap_or(&anonymous);
    let policy = policies.of(client.listener);
    match policy.renew(old, &client.session.client_id) {
        Some(grant) => client.grant = kept(grant),
        None => {
            debug!(client_id = &*client.session.client_id, "is not let in by the new rules");
            let connection = client.connection;
            state.metrics.sessions_revoked_total += 1;
            if let Some(id) = connection {
                let fault = Fault::new(ReasonCode::NotAuthorized, "not authorized any more");
                say_goodbye(state, now, id, Goodbye::Fault(fault));
            }
            // What it left unsaid, its will included, was not asked for by anybody who may.
            if let Some(client) = state.client_mut(session).filter(|client| !client.has_ended) {
                client.session.will = None;
                end_session(state, now, session);
            }
        }
    }
    let connection = state.client(session).and_then(|client| client.connection);
    if let Some(slot) = connection.and_then(|id| state.slot_mut(id)) {
        // What it has been seen to publish to is asked for again.
        slot.known = None;
    }
    policy.acl.as_ref().map_or(0, |acl| acl.patterns())
}
