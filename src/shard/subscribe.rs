//! SUBSCRIBE and UNSUBSCRIBE, and telling the peers what is wanted here.

use std::num::NonZeroU32;

use crate::mqtt::{
    Packet, Properties, ProtocolVersion, ReasonCode, RetainHandling, Suback, Subscribe, SubscriptionOptions,
    TopicFilter, Unsuback, Unsubscribe,
};
use crate::router::{FilterKey, Interest, Options, RetainedScan, SessionKey, ShareWeight};
use crate::shard::deliver::pump;
use crate::shard::event::{ConnectionId, Mail};
use crate::shard::state::{PendingSuback, Scan, State};
use crate::time::Time;

/// A client's SUBSCRIBE. SUBACK, and the retained messages after it, wait until every shard knows what is wanted here:
/// else a client could see SUBACK, let another publish on a different core and miss the message.
pub(crate) fn on_subscribe(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Subscribe<'_>,
) {
    let identifier = packet.subscription_identifier;
    let mut codes = Vec::new();
    let mut scans = Vec::new();
    for (filter, options) in packet.filters() {
        let code = match check(state, session, filter) {
            Err(refused) => refused,
            Ok(()) => {
                let (key, is_new) = subscribe(state, now, session, filter, options, identifier);
                if wants_retained(filter, options, is_new) {
                    // Messages published from now on reach the subscriber live; the scan leaves them out.
                    let newest = state.next_stamp(now);
                    let retained = RetainedScan::new(filter.as_str(), newest);
                    let identifier = identifier.map(|identifier| identifier.get());
                    scans.push(Scan { filter: key, retained, options, identifier });
                }
                granted(options)
            }
        };
        codes.push(code);
    }
    let Some(slot) = state.slot(id) else { return };
    let version = slot.connection.version;
    let codes: Vec<u8> = codes.into_iter().map(|code| code_value(version, code)).collect();
    let mut suback = Vec::new();
    Packet::Suback(Suback { packet_id: packet.packet_id, codes: &codes, properties: Properties::EMPTY })
        .encode(version, &mut suback);
    let sequence = state.announced;
    let pending = PendingSuback { sequence, connection: id, session, suback, scans };
    if state.is_seen(sequence) {
        send_suback(state, now, pending);
    } else {
        state.pending_subacks.push_back(pending);
    }
}

/// A client's UNSUBSCRIBE [MQTT5-3.10.4-1].
pub(crate) fn on_unsubscribe(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Unsubscribe<'_>,
) {
    let Some(slot) = state.slot(id) else { return };
    let version = slot.connection.version;
    let mut codes = Vec::new();
    for filter in packet.filters() {
        let existed = unsubscribe(state, now, session, filter);
        let code = if existed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted };
        codes.push(code.value());
    }
    let codes = if version == ProtocolVersion::V5 { codes.as_slice() } else { &[] };
    let packet = Packet::Unsuback(Unsuback { packet_id: packet.packet_id, codes, properties: Properties::EMPTY });
    state.write(id, |version, out| packet.encode(version, out));
}

/// Sends the SUBACKs that every peer's word allows now.
pub(crate) fn release_subacks(state: &mut State, now: Time) {
    while state.pending_subacks.front().is_some_and(|pending| state.is_seen(pending.sequence)) {
        if let Some(pending) = state.pending_subacks.pop_front() {
            send_suback(state, now, pending);
        }
    }
}

/// Tells the peers that a filter came to be wanted here, or ceased to be.
pub(crate) fn announce_interest(state: &mut State, now: Time, interest: Option<Interest>, wanted: bool) {
    if let Some(interest) = interest {
        state.announce(|sequence| Mail::Interest { interest: interest.clone(), wanted, since: now, sequence });
    }
}

/// Tells the peers how many members a shared subscription has here.
pub(crate) fn announce_weight(state: &mut State, weight: Option<ShareWeight>) {
    if let Some(weight) = weight {
        state.announce(|sequence| Mail::ShareWeight { weight: weight.clone(), sequence });
    }
}

fn send_suback(state: &mut State, now: Time, pending: PendingSuback) {
    let client = state.client(pending.session);
    if client.is_none_or(|client| client.connection != Some(pending.connection)) {
        // Nothing may come behind a goodbye [MQTT5-3.14.4-1].
        return;
    }
    let written = state.write(pending.connection, |_, out| out.extend_from_slice(&pending.suback));
    let Some(client) = state.client_mut(pending.session).filter(|_| written) else { return };
    // Of two scans for one filter the later one has what the earlier one has.
    for scan in &pending.scans {
        client.scans.emptying(|scans| scans.retain(|old| old.filter != scan.filter));
    }
    if !pending.scans.is_empty() {
        client.scans.filling().extend(pending.scans);
    }
    pump(state, now, pending.session);
}

/// Whether one filter may be subscribed to.
fn check(state: &mut State, session: SessionKey, filter: TopicFilter<'_>) -> Result<(), ReasonCode> {
    let limits = &state.options.limits;
    if filter.as_str().len() > limits.topic_bytes_max || filter.level_count() > limits.topic_levels_max {
        state.metrics.topics_refused_total += 1;
        return Err(ReasonCode::TopicFilterInvalid);
    }
    let subscriptions_max = limits.subscriptions_max;
    let client = state.client(session).ok_or(ReasonCode::UnspecifiedError)?;
    let is_full = client.subscriptions.len() >= subscriptions_max;
    let is_known = || state.router.key_of(filter).is_some_and(|key| client.subscriptions.contains(&key));
    if is_full && !is_known() {
        state.metrics.subscriptions_refused_total += 1;
        return Err(ReasonCode::QuotaExceeded);
    }
    Ok(())
}

/// Makes or replaces one subscription [MQTT5-3.8.4-3]; answers its key and whether it is new.
fn subscribe(
    state: &mut State,
    now: Time,
    session: SessionKey,
    filter: TopicFilter<'_>,
    options: SubscriptionOptions,
    identifier: Option<NonZeroU32>,
) -> (FilterKey, bool) {
    let wanted =
        Options { qos: options.qos, no_local: options.no_local, retain_as_published: options.retain_as_published };
    let (key, is_new) = if filter.share().is_some() {
        let connected = state.client(session).is_some_and(|client| client.connection.is_some());
        let shared = state.router.share(session, filter, wanted, identifier, connected);
        announce_weight(state, Some(shared.weight));
        (shared.key, shared.is_new)
    } else {
        let subscribed = state.router.subscribe(session, filter, wanted, identifier);
        announce_interest(state, now, subscribed.interest, true);
        (subscribed.key, subscribed.is_new)
    };
    if let Some(client) = state.client_mut(session) {
        if client.subscriptions.insert(key) && filter.share().is_some() {
            client.shared.push(key);
        }
    }
    (key, is_new)
}

fn unsubscribe(state: &mut State, now: Time, session: SessionKey, filter: TopicFilter<'_>) -> bool {
    let key = if filter.share().is_some() {
        let Some(gone) = state.router.unshare(session, filter.as_str()) else { return false };
        announce_weight(state, Some(gone.weight));
        gone.key
    } else {
        let Some(gone) = state.router.unsubscribe(session, filter.as_str()) else { return false };
        announce_interest(state, now, gone.interest, false);
        gone.key
    };
    if let Some(client) = state.client_mut(session) {
        client.subscriptions.remove(&key);
        client.shared.retain(|shared| *shared != key);
        client.scans.emptying(|scans| scans.retain(|scan| scan.filter != key));
    }
    // Retained messages are not owed any more where SUBACK still waits for a peer's word [MQTT5-3.10.4-2].
    for pending in state.pending_subacks.iter_mut().filter(|pending| pending.session == session) {
        pending.scans.retain(|scan| scan.filter != key);
    }
    true
}

/// [MQTT5-3.3.1-9] to [MQTT5-3.3.1-11]; shared subscriptions get no retained messages [MQTT5-4.8.2].
fn wants_retained(filter: TopicFilter<'_>, options: SubscriptionOptions, is_new: bool) -> bool {
    filter.share().is_none()
        && match options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        }
}

fn granted(options: SubscriptionOptions) -> ReasonCode {
    ReasonCode::from_u8(options.qos as u8).unwrap_or(ReasonCode::UnspecifiedError)
}

/// 3.1 and 3.1.1 know one failure, 0x80 [MQTT311-3.9.3-2].
fn code_value(version: ProtocolVersion, code: ReasonCode) -> u8 {
    match version {
        ProtocolVersion::V5 => code.value(),
        ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => code.value().min(ReasonCode::UnspecifiedError.value()),
    }
}
