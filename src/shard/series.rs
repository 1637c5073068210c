//! What clients send in rows: publications to one topic and acknowledgements, handled as one instead of packet by packet.
//!
//! A busy publisher's read brings hundreds of packets to one topic. Handed out receiver by receiver, each receiver's tables
//! are looked at once for all of them, and at QoS 0 all it takes is one copy. Whoever cannot be served that way (a full
//! outbox, an own alias, a queue) gets them one by one as ever.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::connection::SHARED_PAYLOAD_BYTES_MIN;
use crate::message::{Message, Parts, Stamp};
use crate::mqtt::{
    encode_acknowledgement, Forwarded, PacketId, PacketType, QoS, ReasonCode, Series, SeriesPacket, TopicName,
};
use crate::router::{PeerSet, Receiver, Route};
use crate::session::{Acknowledged, Delivery, Identifiers};
use crate::shard::acknowledge::charge_search;
use crate::shard::allowed::may_read;
use crate::shard::copies::Copies;
use crate::shard::deliver::{deliver, pump};
use crate::shard::event::Mail;
use crate::shard::fan_outs::{cut_series, reaching_units, Source};
use crate::shard::fault::Fault;
use crate::shard::known::Known;
use crate::shard::pen::Target;
use crate::shard::publication::Publication;
use crate::shard::publish::Sender;
use crate::shard::state::State;
use crate::time::Time;

/// A PUBACK without reason: first byte and Remaining Length.
const PUBACK: [u8; 2] = [PacketType::Puback.first_byte(), 2];
/// Bytes of that.
const PUBACK_BYTES: usize = 4;

/// Publications at QoS 0, and acknowledgements, that are handled in a unit of work.
const COPIED_PER_UNIT: usize = 8;
const PUBACKS_PER_UNIT: usize = 4;

/// Packets of a series that peers get: they handle it at once, and may have a thousand receivers.
const MAILED_MAX: usize = 64;

/// Publications of one client to one topic, mailed as one.
#[derive(Clone, Debug)]
pub struct MailedSeries {
    packets: Arc<[u8]>,
    has_properties: bool,
    count: usize,
    /// Of the last one.
    stamp: Stamp,
}

/// Room to work in, reused by every series.
#[derive(Default)]
pub(crate) struct Workbench {
    copies: Copies,
    /// The messages of the series, once somebody has to keep them.
    messages: Vec<Message>,
    /// Which receivers get them one by one.
    slow: Vec<u32>,
}

/// Whether a packet with this first byte may be one of a row.
#[inline]
pub(crate) fn may_begin_row(first_byte: u8) -> bool {
    first_byte == PUBACK[0] || Series::may_begin_with(first_byte)
}

/// Handles what stands in a row at the front of `bytes`. Answers how many bytes that were: 0 if the first packet is to be
/// handled by itself.
///
/// # Errors
/// The client broke the protocol.
#[inline]
pub(crate) fn on_series(
    state: &mut State,
    now: Time,
    sender: Sender,
    bytes: &[u8],
    known: &mut Option<Box<Known>>,
) -> Result<usize, Fault> {
    if bytes.starts_with(&PUBACK) {
        return on_pubacks(state, now, sender, bytes);
    }
    let Some(Known { topic, memory }) = known.as_deref_mut() else { return Ok(0) };
    let changes = state.router.changes();
    let Some(receivers) = memory.receivers(changes) else { return Ok(0) };
    // Even one of them has to be cut; then each receiver gets as many as peers would.
    let is_long = state.budget.is_long(receivers);
    let affordable = if is_long { MAILED_MAX } else { packets_of(state.budget.left(), bytes[0], receivers) };
    let count_max = if memory.has_peers() { affordable.min(MAILED_MAX) } else { affordable };
    let packet_bytes_max = state.packet_bytes_max(sender.id);
    let found = Series::find(sender.version, topic, bytes, count_max, packet_bytes_max, SHARED_PAYLOAD_BYTES_MIN);
    let Some(series) = found else { return Ok(0) };
    state.metrics.publish_received_total += series.count as u64;
    state.metrics.publish_received_payload_bytes_total += series.payload_bytes as u64;
    match memory.recall(changes) {
        Some(route) => publish_series(state, now, sender, &series, route, is_long),
        None => {
            let Ok(name) = TopicName::parse(topic) else { return Ok(0) };
            let mut route = mem::take(&mut state.route);
            state.router.route(name, Some(sender.session), &mut route);
            publish_series(state, now, sender, &series, &route, is_long);
            state.route = route;
        }
    }
    Ok(series.bytes.len())
}

/// Packets of a series that so many units of work, and a fifth, suffice for, beside the unit that each receiver costs.
fn packets_of(units: usize, first_byte: u8, receivers: usize) -> usize {
    let per_unit = if Series::is_copied(first_byte) { COPIED_PER_UNIT } else { 1 };
    ((units + units / 5) * per_unit / receivers.max(1)).saturating_sub(per_unit)
}

/// A series that entered at another shard: for this shard's own subscribers.
pub(crate) fn publish_mailed_series(state: &mut State, now: Time, peer: u8, mailed: &MailedSeries) {
    let MailedSeries { packets, has_properties, count, stamp } = mailed;
    state.metrics.mail_publish_received_total += *count as u64;
    state.last_stamp = state.last_stamp.max(stamp.time);
    let Some(series) = Series::again(*has_properties, packets) else { return };
    debug_assert_eq!(series.count, *count);
    let Ok(topic) = TopicName::parse(series.topic) else { return };
    let mut route = mem::take(&mut state.route);
    state.router.route_local(topic, &mut route);
    let receivers = route.receivers().len();
    let spent = receivers * series_units(mailed, receivers);
    if !cut_series(state, now, mailed, spent, &route, Source::Peer(peer)) {
        state.budget.spend(spent);
        give(state, now, &series, *stamp, &route, 0..receivers);
    }
    state.route = route;
}

/// Gives a mailed series to some of its receivers.
pub(crate) fn give_series(state: &mut State, now: Time, mailed: &MailedSeries, route: &Route, range: Range<usize>) {
    if let Some(series) = Series::again(mailed.has_properties, &mailed.packets) {
        give(state, now, &series, mailed.stamp, route, range);
    }
}

/// What one receiver of it costs, in units of work.
pub(crate) fn series_units(mailed: &MailedSeries, receivers: usize) -> usize {
    let is_copied = mailed.packets.first().is_some_and(|first_byte| Series::is_copied(*first_byte));
    units(mailed.count, is_copied, receivers)
}

fn publish_series(state: &mut State, now: Time, sender: Sender, series: &Series<'_>, route: &Route, is_long: bool) {
    debug_assert!(route.shared().is_empty(), "members of shared subscriptions take turns");
    let mut stamp = state.next_stamp(now);
    stamp.time += series.count as u64 - 1;
    state.last_stamp = stamp.time;
    let receivers = route.receivers().len();
    let spent = receivers * units(series.count, series.qos == QoS::AtMostOnce, receivers);
    let peers = route.peers();
    let (has_properties, count) = (series.has_properties, series.count);
    let mailed = (is_long || !peers.is_empty()).then(|| MailedSeries {
        packets: series.bytes.into(),
        has_properties,
        count,
        stamp,
    });
    let long = mailed.as_ref().filter(|_| is_long);
    if !long.is_some_and(|long| cut_series(state, now, long, spent, route, Source::Session(sender.session))) {
        state.budget.spend(spent);
        give(state, now, series, stamp, route, 0..receivers);
    }
    if let Some(mailed) = mailed {
        for peer in peers.iter() {
            state.metrics.mail_publish_sent_total += count as u64;
            state.post(peer, Mail::Series { series: mailed.clone() });
        }
    }
    remember_first(state, now, series, stamp, peers);
    if series.qos == QoS::AtLeastOnce {
        let reason = if route.is_empty() { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success };
        // [MQTT5-4.3.2-4]
        let bytes_max = PUBACK_BYTES + usize::from(reason != ReasonCode::Success);
        state.write_all(sender.id, bytes_max, |version, out| {
            for packet_id in series.packets().filter_map(|packet| packet.packet_id) {
                encode_acknowledgement(version, PacketType::Puback, packet_id, reason, out);
            }
        });
    }
}

/// Units of work for one receiver.
fn units(count: usize, is_copied: bool, receivers: usize) -> usize {
    reaching_units(receivers) + if is_copied { count / COPIED_PER_UNIT } else { count }
}

/// Gives a series to some receivers of this shard. `stamp` is that of the last one.
fn give(state: &mut State, now: Time, series: &Series<'_>, stamp: Stamp, route: &Route, range: Range<usize>) {
    if range.is_empty() {
        return;
    }
    let mut bench = mem::take(&mut state.workbench);
    bench.copies.begin();
    for (index, receiver) in (range.start as u32..).zip(&route.receivers()[range]) {
        let is_plain = route.identifiers_of(receiver).is_empty();
        if !(is_plain && deliver_all(state, series, stamp, receiver, &mut bench)) {
            bench.slow.push(index);
        }
    }
    if !bench.slow.is_empty() {
        deliver_each(state, now, series, stamp, route, &bench);
        bench.slow.clear();
    }
    bench.messages.clear();
    state.workbench = bench;
}

/// Gives all of a series to one receiver, if nothing stands in the way. Cost: one copy; at QoS 1 an entry a packet.
fn deliver_all(
    state: &mut State,
    series: &Series<'_>,
    stamp: Stamp,
    receiver: &Receiver,
    bench: &mut Workbench,
) -> bool {
    let State { clients, slots, pool, dirty, metrics, outbox_bytes_max, .. } = state;
    let Some(client) = clients.get_mut(receiver.session.0 as usize) else { return true };
    if !may_read(client, series.topic) {
        metrics.deliveries_denied_total += series.count as u64;
        return true;
    }
    let qos = receiver.options.qos.min(series.qos);
    // QoS 0 is not kept for anybody.
    let Some(id) = client.connection else { return qos == QoS::AtMostOnce };
    let Some(slot) = slots.get_mut(id.index as usize) else { return true };
    debug_assert_eq!(slot.generation, id.generation, "a client's connection is open");
    let connection = &mut slot.connection;
    let copy = bench.copies.variant(series, connection.version, qos);
    let is_roomy = connection.outbox.waiting_bytes() + copy.bytes.len() <= *outbox_bytes_max;
    if !is_roomy || connection.outbound_aliases.is_some() || connection.is_too_large(copy.packet_bytes_max) {
        return false;
    }
    if qos == QoS::AtMostOnce {
        let (out, first) = connection.outbox.writer(pool);
        out.extend_from_slice(copy.bytes);
        if first {
            dirty.push(id);
        }
        metrics.publish_sent_total += series.count as u64;
        return true;
    }
    let inflight = &mut client.session.inflight;
    let in_flight_max = usize::from(connection.receive_maximum);
    if inflight.has_unsent() || !client.session.queue.is_empty() || inflight.sent() + series.count > in_flight_max {
        return false;
    }
    if bench.messages.is_empty() {
        bench.messages.extend(messages(series, stamp));
    }
    let (out, first) = connection.outbox.writer(pool);
    let start = out.len();
    out.extend_from_slice(copy.bytes);
    let packets = &mut out[start..];
    for (message, at) in bench.messages.iter().zip(copy.packet_id_at) {
        let message = message.clone();
        let delivery = Delivery { message, qos, retain: false, share: None, identifiers: Identifiers::None };
        let packet_id = inflight.push(delivery).expect("no more are in flight than there are identifiers");
        packets[*at as usize..][..2].copy_from_slice(&packet_id.get().to_be_bytes());
    }
    if first {
        dirty.push(id);
    }
    metrics.publish_sent_total += series.count as u64;
    true
}

/// Gives a series packet by packet to those who could not be given all.
fn deliver_each(state: &mut State, now: Time, series: &Series<'_>, stamp: Stamp, route: &Route, bench: &Workbench) {
    for (index, (packet, stamp)) in series.packets().zip(stamps(series, stamp)).enumerate() {
        state.encoder.begin();
        let message = bench.messages.get(index).cloned();
        let mut publication = publication(series, &packet, stamp, message);
        for receiver in bench.slow.iter().map(|index| &route.receivers()[*index as usize]) {
            let target = Target {
                session: receiver.session,
                qos: receiver.options.qos,
                retain: false,
                share: None,
                identifiers: route.identifiers_of(receiver),
            };
            deliver(state, now, &mut publication, &target);
        }
    }
}

fn publication<'a>(
    series: &Series<'a>,
    packet: &SeriesPacket<'a>,
    stamp: Stamp,
    message: Option<Message>,
) -> Publication<'a> {
    Publication {
        topic: series.topic,
        payload: packet.payload,
        forwarded: Forwarded::EMPTY,
        qos: series.qos,
        retain: false,
        expires_at: Time::NEVER,
        stamp,
        message,
        wire: None,
    }
}

fn messages<'a>(series: &'a Series<'_>, last: Stamp) -> impl Iterator<Item = Message> + 'a {
    let parts = series.packets().zip(stamps(series, last)).map(|(packet, stamp)| Parts {
        topic: series.topic,
        properties: &[],
        payload: packet.payload,
        qos: series.qos as u8,
        retain: false,
        expires_at: Time::NEVER,
        stamp,
    });
    parts.map(Message::new)
}

/// The stamps of a series whose last one is given.
fn stamps(series: &Series<'_>, last: Stamp) -> impl Iterator<Item = Stamp> {
    let first = last.time - (series.count as u64 - 1);
    (first..=last.time).map(move |time| Stamp { time, ..last })
}

/// Remembers the first ones for a moment, for peers whose interest in them is still on its way.
fn remember_first(state: &mut State, now: Time, series: &Series<'_>, stamp: Stamp, mailed: PeerSet) {
    for (packet, stamp) in series.packets().zip(stamps(series, stamp)) {
        let mut publication = publication(series, &packet, stamp, None);
        if !state.recent.remember(now, &mut publication, mailed, state.options.shards) {
            return;
        }
    }
}

/// PUBACKs in a row. What becomes free is filled once for all of them.
fn on_pubacks(state: &mut State, now: Time, sender: Sender, bytes: &[u8]) -> Result<usize, Fault> {
    let Some(client) = state.client_mut(sender.session) else { return Ok(0) };
    let (mut used, mut has_done, mut is_unknown) = (0, false, false);
    for packet in bytes.chunks_exact(PUBACK_BYTES) {
        let Some(packet_id) = PacketId::new(u16::from_be_bytes([packet[2], packet[3]])) else { break };
        if !packet.starts_with(&PUBACK) {
            break;
        }
        match client.session.inflight.on_puback(packet_id) {
            Acknowledged::Done => has_done = true,
            // A client may acknowledge again what it acknowledged on an earlier connection.
            Acknowledged::Unknown => is_unknown = true,
            Acknowledged::Release => {}
            Acknowledged::WrongPacket => return Err(Fault::protocol("PUBACK for a QoS 2 message")),
        }
        used += PUBACK_BYTES;
        if is_unknown {
            break;
        }
    }
    state.budget.spend(used / PUBACK_BYTES / PUBACKS_PER_UNIT);
    if is_unknown {
        charge_search(state, sender.session);
    }
    if has_done {
        pump(state, now, sender.session);
    }
    Ok(used)
}
