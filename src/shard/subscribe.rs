//! SUBSCRIBE and UNSUBSCRIBE, and telling the peers what is wanted here.

use std::num::NonZeroU32;

use crate::mqtt::{
    Packet, Properties, ProtocolVersion, ReasonCode, RetainHandling, Suback, Subscribe, SubscriptionOptions,
    TopicFilter, Unsuback, Unsubscribe,
};
use crate::router::{FilterKey, Interest, Options, RetainedScan, SessionKey, ShareWeight};
use crate::shard::allowed::may_subscribe;
use crate::shard::begun::{Begun, Progress};
use crate::shard::deliver::pump;
use crate::shard::event::{ConnectionId, Mail};
use crate::shard::fault::Fault;
use crate::shard::scans::{Scan, ScanNumber};
use crate::shard::state::{PendingSuback, State};
use crate::shard::users::{has_too_many_subscriptions, note_subscription};
use crate::time::Time;

/// What making or ending a subscription costs, in units of work.
pub(crate) const SUBSCRIPTION_UNITS: usize = 24;

/// A client's SUBSCRIBE. SUBACK, and the retained messages after it, wait until every shard knows what is wanted here:
/// else a client could see SUBACK, let another publish on a different core and miss the message.
///
/// # Errors
/// A filter is malformed.
pub(crate) fn on_subscribe(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Subscribe<'_>,
) -> Result<Progress, Fault> {
    let mut begun = Begun::of(state, id);
    let unchecked = packet.filters_from(begun.checked).map(|filter| filter.map(|(next, ..)| next));
    if begun.check(state, packet.filter_bytes(), unchecked)? == Progress::Cut {
        return Ok(begun.cut(state, id));
    }
    let Some(slot) = state.slot(id) else { return Ok(Progress::Whole) };
    let version = slot.connection.version;
    if begun.done == 0 {
        begun.scans_before = state.last_scan;
    }
    for filter in packet.filters_from(begun.done) {
        if state.budget.is_spent() {
            return Ok(begun.cut(state, id));
        }
        let (next, filter, options) = filter?;
        let code = match check(state, now, session, filter) {
            Err(refused) => refused,
            Ok(()) => {
                let (key, is_new) = subscribe(state, now, session, filter, options, packet.subscription_identifier);
                if wants_retained(filter, options, is_new) {
                    // Messages published from now on reach the subscriber live; the scan leaves them out.
                    let retained = RetainedScan::new(filter.as_str(), state.next_stamp(now));
                    let identifier = packet.subscription_identifier.map(NonZeroU32::get);
                    let scan = Scan { filter: key, retained, options, identifier };
                    add_scan(state, session, scan, begun.scans_before);
                }
                granted(options)
            }
        };
        begun.codes.push(code_value(version, code));
        begun.done = next;
        state.budget.spend(SUBSCRIPTION_UNITS);
    }
    let mut suback = Vec::new();
    Packet::Suback(Suback { packet_id: packet.packet_id, codes: &begun.codes, properties: Properties::EMPTY })
        .encode(version, &mut suback);
    let sequence = state.announced;
    let pending = PendingSuback { sequence, connection: id, session, suback, scans_to: state.last_scan };
    if state.is_seen(sequence) {
        send_suback(state, now, pending);
    } else {
        state.pending_subacks.push_back(pending);
    }
    Ok(Progress::Whole)
}

/// A client's UNSUBSCRIBE [MQTT5-3.10.4-1].
///
/// # Errors
/// A filter is malformed.
pub(crate) fn on_unsubscribe(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    session: SessionKey,
    packet: &Unsubscribe<'_>,
) -> Result<Progress, Fault> {
    let mut begun = Begun::of(state, id);
    let unchecked = packet.filters_from(begun.checked).map(|filter| filter.map(|(next, _)| next));
    if begun.check(state, packet.filter_bytes(), unchecked)? == Progress::Cut {
        return Ok(begun.cut(state, id));
    }
    for filter in packet.filters_from(begun.done) {
        if state.budget.is_spent() {
            return Ok(begun.cut(state, id));
        }
        let (next, filter) = filter?;
        let existed = unsubscribe(state, now, session, filter);
        let code = if existed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted };
        begun.codes.push(code.value());
        begun.done = next;
        state.budget.spend(SUBSCRIPTION_UNITS);
    }
    let unsuback = Unsuback { packet_id: packet.packet_id, codes: &begun.codes, properties: Properties::EMPTY };
    // 3.x has no codes; the packet leaves them out.
    state.write(id, |version, out| Packet::Unsuback(unsuback).encode(version, out));
    Ok(Progress::Whole)
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
    let Some(client) = state.client_mut(pending.session) else { return };
    // Who breaks off before SUBACK has the subscription all the same, and with it what is retained.
    client.scans.allow(pending.scans_to);
    if client.connection != Some(pending.connection) {
        // Nothing may come behind a goodbye [MQTT5-3.14.4-1].
        return;
    }
    state.write(pending.connection, |_, out| out.extend_from_slice(&pending.suback));
    pump(state, now, pending.session);
}

/// Whether one filter may be subscribed to.
fn check(state: &mut State, now: Time, session: SessionKey, filter: TopicFilter<'_>) -> Result<(), ReasonCode> {
    let limits = &state.options.limits;
    if filter.as_str().len() > limits.topic_bytes_max || filter.level_count() > limits.topic_levels_max {
        state.metrics.topics_refused_total += 1;
        return Err(ReasonCode::TopicFilterInvalid);
    }
    if !may_subscribe(state, now, session, filter) {
        return Err(ReasonCode::NotAuthorized);
    }
    check_sums(state, session, filter)
}

/// Whether a session may have another filter, unless it has it already.
fn check_sums(state: &mut State, session: SessionKey, filter: TopicFilter<'_>) -> Result<(), ReasonCode> {
    let client = state.client(session).ok_or(ReasonCode::UnspecifiedError)?;
    let limits = state.limits_of(client.listener);
    let is_full = client.subscriptions.len() >= limits.subscriptions_max;
    let beyond = client.filter_sums.refusal(filter, limits);
    let is_known = || state.router.key_of(filter).is_some_and(|key| client.subscriptions.contains(&key));
    let are_too_many = has_too_many_subscriptions(state, session);
    let is_short = state.is_refusing();
    if !(is_full || are_too_many || beyond.is_some() || is_short) || is_known() {
        return Ok(());
    }
    match beyond {
        _ if is_full => state.metrics.subscriptions_refused_total += 1,
        Some(beyond) => beyond.count(&mut state.metrics),
        None if are_too_many => state.metrics.user_subscriptions_refused_total += 1,
        None => state.metrics.subscriptions_refused_memory_total += 1,
    }
    Err(ReasonCode::QuotaExceeded)
}

/// Has retained messages looked up once SUBACK has been sent.
fn add_scan(state: &mut State, session: SessionKey, scan: Scan, before: ScanNumber) {
    state.last_scan = ScanNumber(state.last_scan.0 + 1);
    let number = state.last_scan;
    if let Some(client) = state.client_mut(session) {
        client.scans.add(number, scan, before);
    }
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
        if client.subscriptions.insert(key) {
            client.filter_sums.add(filter);
            if filter.share().is_some() {
                client.add_share(key);
            }
            note_subscription(state, now, session, true);
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
        client.filter_sums.remove(filter);
        client.remove_share(key);
        // Retained messages are not owed any more, sent in part or not at all [MQTT5-3.10.4-2].
        client.scans.forget(key);
        note_subscription(state, now, session, false);
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
