//! From a publication and its receiver to bytes in an outbox, or a place in a queue.

use crate::connection::Connection;
use crate::message::Message;
use crate::mqtt::{encode_acknowledgement, PacketId, PacketType, PublishHead, QoS, ReasonCode};
use crate::router::{Scanned, SessionKey, ShareKey};
use crate::session::{Delivery, Identifiers, Inflight, Next, Overflow};
use crate::shard::allowed::may_read;
use crate::shard::client::Client;
use crate::shard::event::ConnectionId;
use crate::shard::pen::{is_too_large, Pen, Target};
use crate::shard::pressure::count_dropped;
use crate::shard::publication::Publication;
use crate::shard::publish::pass_on;
use crate::shard::state::State;
use crate::time::Time;

/// A queue is emptied and retained messages are looked up while fewer bytes than this wait for the socket: enough for
/// the kernel to be busy until the next turn, little enough for a stalled client to cost nothing.
const PUMP_BYTES: usize = 256 * 1024;

/// Work of one slice of a scan: so many retained topics looked at.
const SCAN_SLICE_UNITS: usize = 256;

/// Units of work for a message sent from a queue, from in flight or from the retained set.
const KEPT_MESSAGE_UNITS: usize = 4;

/// Expired messages dropped to make room for one.
const EXPIRED_PER_MESSAGE: usize = 1024;

/// Gives a publication to one session: into its outbox if that is possible now, into its queue if it must wait. QoS 0 is
/// not kept for anybody. Cost: a copy of the encoded packet; no allocation for QoS 0.
pub(crate) fn deliver(state: &mut State, now: Time, publication: &mut Publication<'_>, target: &Target<'_>) {
    let State { clients, slots, encoder, pool, dirty, metrics, options, outbox_bytes_max, .. } = state;
    let Some(client) = clients.get_mut(target.session.0 as usize) else { return };
    if !may_read(client, publication.topic) {
        metrics.deliveries_denied_total += 1;
        return;
    }
    let qos = target.qos.min(publication.qos);
    let Some(id) = client.connection else {
        if client.has_ended {
            if let Some(share) = target.share {
                pass_on(state, now, publication, target.session, share);
            }
            return;
        }
        if qos != QoS::AtMostOnce {
            enqueue(state, now, target.session, delivery(publication, qos, target));
        }
        return;
    };
    let Some(slot) = slots.get_mut(id.index as usize) else { return };
    debug_assert_eq!(slot.generation, id.generation, "a client's connection is open");
    let connection = &mut slot.connection;
    let outbox_full = connection.outbox.waiting_bytes() >= *outbox_bytes_max;
    let mut pen = Pen { encoder, pool, dirty, metrics };
    if qos == QoS::AtMostOnce {
        if outbox_full {
            count_dropped(pen.metrics, &options.limits, connection);
        } else {
            pen.write_live(connection, id, now, publication, target, None);
        }
        return;
    }
    let in_flight_max = usize::from(connection.receive_maximum);
    let inflight = &mut client.session.inflight;
    let must_wait = outbox_full
        || inflight.has_unsent()
        || !client.session.queue.is_empty()
        || inflight.sent() >= in_flight_max
        || is_too_large(connection, &publication.head(now, qos, target.retain), target.identifiers);
    if must_wait {
        enqueue(state, now, target.session, delivery(publication, qos, target));
        // Nothing may be under way that would come back for it.
        return pump(state, now, target.session);
    }
    match inflight.push(delivery(publication, qos, target)) {
        Some(packet_id) => pen.write_live(connection, id, now, publication, target, Some(packet_id)),
        None => enqueue(state, now, target.session, delivery(publication, qos, target)),
    }
}

/// Sends whatever a session is owed and its client can take now: what an earlier connection left unacknowledged, then
/// its queue, then retained messages. Called when there is reason to think that something can move. What the turn has no
/// work left for goes on in the next, but for one step: a queue must not fill because each message put into it waits for the
/// end of the turn.
pub(crate) fn pump(state: &mut State, now: Time, key: SessionKey) {
    if !state.client(key).is_some_and(Client::is_owed) {
        return;
    }
    let enough_bytes = enough_bytes(state);
    let mut has_moved = false;
    loop {
        let Some(client) = state.clients.get_mut(key.0 as usize) else { return };
        let Some(id) = client.connection else { return };
        let Some(slot) = state.slots.get(id.index as usize) else { return };
        if slot.connection.outbox.waiting_bytes() >= enough_bytes {
            return;
        }
        if has_moved && state.budget.is_spent() {
            return state.add_work(key);
        }
        let in_flight_max = usize::from(slot.connection.receive_maximum);
        let session = &mut client.session;
        let moved = if session.inflight.has_unsent() {
            let may_send = session.inflight.next_is_release() || session.inflight.sent() < in_flight_max;
            may_send && resend(state, now, key, id)
        } else if !session.queue.is_empty() {
            session.inflight.sent() < in_flight_max && send_queued(state, now, key, id)
        } else if client.scans.is_empty() {
            false
        } else {
            scan(state, now, key, id)
        };
        if !moved {
            return;
        }
        has_moved = true;
    }
}

/// Bytes waiting for a socket from which on nothing more is fetched for it.
fn enough_bytes(state: &State) -> usize {
    PUMP_BYTES.min(state.outbox_bytes_max)
}

fn delivery(publication: &mut Publication<'_>, qos: QoS, target: &Target<'_>) -> Delivery {
    Delivery {
        message: publication.message().clone(),
        qos,
        retain: target.retain,
        share: target.share.map(ShareKey::to_bits),
        identifiers: Identifiers::from(target.identifiers),
    }
}

fn enqueue(state: &mut State, now: Time, key: SessionKey, delivery: Delivery) {
    let Some(bounds) = state.client(key).map(|client| state.queue_bounds(client.listener)) else { return };
    let metrics = &mut state.metrics;
    if let Some(client) = state.clients.get_mut(key.0 as usize) {
        let queue = &mut client.session.queue;
        if !queue.has_room(delivery.message.size(), &bounds) {
            // What has expired must not keep out what lives [MQTT5-3.3.2-5].
            let dropped = queue.drop_expired(now, EXPIRED_PER_MESSAGE);
            metrics.dropped_expired_total += dropped as u64;
            state.budget.spend(dropped);
        }
        queue.push(delivery, &bounds, |overflow, _| match overflow {
            Overflow::Messages => metrics.dropped_queue_messages_total += 1,
            Overflow::Bytes => metrics.dropped_queue_bytes_total += 1,
        });
    }
}

/// Sends the next unacknowledged packet of an earlier connection [MQTT5-4.4.0-1].
fn resend(state: &mut State, now: Time, key: SessionKey, id: ConnectionId) -> bool {
    let Some(client) = state.clients.get_mut(key.0 as usize) else { return false };
    match client.session.inflight.resend_next() {
        None => return false,
        Some(Next::Release(packet_id)) => {
            state.write(id, |version, out| {
                encode_acknowledgement(version, PacketType::Pubrel, packet_id, ReasonCode::Success, out);
            });
        }
        Some(Next::Publish { packet_id, delivery, dup }) => {
            let delivery = delivery.clone();
            send(state, now, key, id, &delivery, packet_id, dup);
        }
    }
    true
}

/// Sends the first message of the queue; those that expired meanwhile are dropped [MQTT5-3.3.2-5].
fn send_queued(state: &mut State, now: Time, key: SessionKey, id: ConnectionId) -> bool {
    let Some(client) = state.clients.get_mut(key.0 as usize) else { return false };
    let session = &mut client.session;
    let dropped = session.queue.drop_expired(now, state.budget.left().max(1));
    state.metrics.dropped_expired_total += dropped as u64;
    state.budget.spend(dropped);
    if dropped > 0 && state.budget.is_spent() {
        return true;
    }
    let Some(delivery) = session.queue.pop() else { return true };
    if !may_read(client, delivery.message.topic()) {
        // It was allowed when it came; other rules hold now.
        state.metrics.deliveries_denied_total += 1;
        return true;
    }
    match client.session.inflight.push(delivery.clone()) {
        Some(packet_id) => send(state, now, key, id, &delivery, packet_id, false),
        // All 65,535 identifiers are in use: more than any Receive Maximum allows.
        None => unreachable!("the in-flight bound is below the number of identifiers"),
    }
    true
}

/// Writes a kept message; one the client would not take counts as delivered [MQTT5-3.1.2-25].
fn send(
    state: &mut State,
    now: Time,
    key: SessionKey,
    id: ConnectionId,
    delivery: &Delivery,
    packet_id: PacketId,
    dup: bool,
) {
    state.budget.spend(KEPT_MESSAGE_UNITS);
    let mut publication = Publication::of(&delivery.message);
    let head = PublishHead {
        dup,
        packet_id: Some(packet_id),
        subscription_identifiers: delivery.identifiers.as_slice(),
        ..publication.head(now, delivery.qos, delivery.retain)
    };
    let Some(slot) = state.slots.get(id.index as usize) else { return };
    if is_too_large(&slot.connection, &head, head.subscription_identifiers) {
        state.metrics.dropped_too_large_total += 1;
        if let Some(client) = state.clients.get_mut(key.0 as usize) {
            client.session.inflight.forget(packet_id);
        }
        return;
    }
    write_own(state, id, &mut publication, head);
}

fn write_own(state: &mut State, id: ConnectionId, publication: &mut Publication<'_>, head: PublishHead<'_>) {
    let State { slots, encoder, pool, dirty, metrics, .. } = state;
    let Some(slot) = slots.get_mut(id.index as usize) else { return };
    Pen { encoder, pool, dirty, metrics }.write_own(&mut slot.connection, id, publication, head);
}

/// Looks up and sends one slice of the retained messages a subscription is owed. Answers whether more may follow at once:
/// not if the socket or the client's Receive Maximum has no room for now. The encoder is left to the publication that may
/// be on its way.
fn scan(state: &mut State, now: Time, key: SessionKey, id: ConnectionId) -> bool {
    let enough_bytes = enough_bytes(state);
    let State { router, clients, slots, encoder, pool, dirty, metrics, budget, .. } = state;
    let Some(client) = clients.get_mut(key.0 as usize) else { return false };
    let Some(slot) = slots.get_mut(id.index as usize) else { return false };
    let Some((number, mut scan)) = client.scans.take_first() else { return false };
    let connection = &mut slot.connection;
    let in_flight_max = usize::from(connection.receive_maximum);
    let mut retained = RetainedPen {
        pen: Pen { encoder, pool, dirty, metrics },
        id,
        now,
        in_flight_max,
        qos: scan.options.qos,
        identifiers: scan.identifier.into(),
    };
    let rules = client.rules().cloned();
    let mut units = SCAN_SLICE_UNITS;
    let mut sent = 0;
    let scanned = router.retained().scan(&mut scan.retained, &mut units, now, |message| {
        if !rules.as_ref().is_none_or(|rules| rules.may_read(message.topic())) {
            // Taken, and not sent.
            retained.pen.metrics.deliveries_denied_total += 1;
            return true;
        }
        let has_room = connection.outbox.waiting_bytes() < enough_bytes;
        let is_taken = has_room && retained.send(connection, &mut client.session.inflight, message);
        sent += usize::from(is_taken);
        is_taken
    });
    budget.spend(SCAN_SLICE_UNITS - units + sent * KEPT_MESSAGE_UNITS);
    match scanned {
        Scanned::All => client.scans.finish(number, scan.filter),
        Scanned::SoFar | Scanned::Refused => client.scans.put_back(number, scan),
    }
    scanned != Scanned::Refused
}

/// What it takes to send retained messages to one subscription.
struct RetainedPen<'a> {
    pen: Pen<'a>,
    id: ConnectionId,
    now: Time,
    in_flight_max: usize,
    /// That of the subscription.
    qos: QoS,
    identifiers: Identifiers,
}

impl RetainedPen<'_> {
    /// Sends a message, or drops it if the client would not take it; `false` if it has no room for another in flight.
    fn send(&mut self, connection: &mut Connection, inflight: &mut Inflight, message: &Message) -> bool {
        let mut publication = Publication::glance(message);
        let qos = self.qos.min(publication.qos);
        let identifiers = self.identifiers.as_slice();
        let mut head = PublishHead { subscription_identifiers: identifiers, ..publication.head(self.now, qos, true) };
        if qos != QoS::AtMostOnce {
            if inflight.sent() >= self.in_flight_max {
                return false;
            }
            if is_too_large(connection, &head, identifiers) {
                self.pen.metrics.dropped_too_large_total += 1;
                return true;
            }
            let (message, identifiers) = (message.clone(), self.identifiers.clone());
            head.packet_id = inflight.push(Delivery { message, qos, retain: true, share: None, identifiers });
            debug_assert!(head.packet_id.is_some(), "fewer are in flight than there are identifiers");
        }
        self.pen.write_own(connection, self.id, &mut publication, head);
        true
    }
}
