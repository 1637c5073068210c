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

/// New rules hold from here on, for those who are there too: who would not be let in by them any more is sent away, and its
/// session ends. Cost: a look at each session of the shard, and for those with rules the making of new ones.
pub(crate) fn on_policy(state: &mut State, now: Time, policies: Arc<Policies>) {
    state.policies = Arc::clone(&policies);
    let sessions: Vec<SessionKey> = state.by_client_id.values().copied().collect();
    for session in sessions {
        let Some(client) = state.client_mut(session) else { continue };
        let anonymous = Grant::default();
        let old = client.grant.as_deref().unwrap_or(&anonymous);
        match policies.of(client.listener).renew(old, &client.session.client_id) {
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
    }
    // What clients have been seen to publish to is asked for again.
    for index in 0..state.slots.len() {
        if let Some(slot) = state.slots[index].as_mut() {
            slot.known = None;
        }
    }
}
