//! PUBLISH and everything else that publishes: wills, and publications mailed by peers.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::message::Message;
use crate::mqtt::{
    decode_publish, decode_publish_naming, encode_acknowledgement, publish_names, Forwarded, Frame, PacketId,
    PacketType, ProtocolVersion, Publish, QoS, ReasonCode, TopicName,
};
use crate::router::{PeerSet, Receiver, Route, SessionKey, ShareKey, ShareTarget, SharedPick};
use crate::session::Will;
use crate::shard::allowed::{may_write, refusal, topic_fits};
use crate::shard::deliver::deliver;
use crate::shard::event::{ConnectionId, Mail};
use crate::shard::fan_outs::{deliver_local, Source};
use crate::shard::fault::Fault;
use crate::shard::known::{Known, RouteMemory};
use crate::shard::members::drop_member;
use crate::shard::pen::Target;
use crate::shard::publication::{Landed, Publication, Wire};
use crate::shard::state::State;
use crate::time::Time;

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Somebody here or on another shard gets it.
    Matched,
    /// Nobody wants it.
    NoMatch,
    /// It was to be retained and there is no room; it was not delivered either.
    Refused,
}

/// What to do with a retained publication for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NoRoom {
    /// The publisher can be told: do nothing else.
    Refuse,
    /// It cannot: deliver it at least.
    DeliverOnly,
}

/// Who has sent a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) id: ConnectionId,
    pub(crate) session: SessionKey,
    pub(crate) version: ProtocolVersion,
}

/// A client's PUBLISH. `packet` is all of it, `known` the topic the client has published to before.
///
/// # Errors
/// The packet is malformed, the client broke the protocol, or a bound it cannot be told of otherwise.
#[inline]
pub(crate) fn on_publish(
    state: &mut State,
    now: Time,
    sender: Sender,
    frame: &Frame,
    packet: &[u8],
    known: &mut Known,
) -> Result<(), Fault> {
    on_packet(state, now, sender, frame, packet, known, None)
}

/// The same for a large one, which is in its message already.
///
/// # Errors
/// The same.
#[inline(never)]
pub(crate) fn on_landed_publish(
    state: &mut State,
    now: Time,
    sender: Sender,
    landed: &Landed,
    known: &mut Known,
) -> Result<(), Fault> {
    let Landed { frame, message } = landed;
    on_packet(state, now, sender, frame, message.packet(), known, Some(message))
}

/// Inlined into both, so that small packets do not pay for what large ones need.
#[inline(always)]
fn on_packet(
    state: &mut State,
    now: Time,
    sender: Sender,
    frame: &Frame,
    packet: &[u8],
    known: &mut Known,
    message: Option<&Message>,
) -> Result<(), Fault> {
    let body = packet.get(frame.header_bytes..).unwrap_or_default();
    if !known.topic.is_empty() && publish_names(body, &known.topic) {
        let Known { topic, memory } = known;
        let publish = decode_publish_naming(sender.version, frame.first_byte, body, topic)?;
        let form = Form { wire: Wire::of(sender.version, frame, packet, &publish), message };
        return on_decoded(state, now, sender, &publish, form, Some(memory)).map(drop);
    }
    let publish = decode_publish(sender.version, frame.first_byte, body)?;
    let form = Form { wire: Wire::of(sender.version, frame, packet, &publish), message };
    // What is known need not be asked for again: it fits, and the client may publish to it. While publications are refused each
    // is asked for.
    let is_allowed = on_decoded(state, now, sender, &publish, form, None)?;
    if is_allowed && topic_fits(state, publish.topic) && !state.is_refusing() {
        known.learn(publish.topic);
    }
    Ok(())
}

/// What a publication came in.
#[derive(Clone, Copy)]
struct Form<'a> {
    /// The packet, if it may be passed on as it is.
    wire: Option<Wire<'a>>,
    /// The message, if the packet has landed in it.
    message: Option<&'a Message>,
}

/// `memory`: the client has published to this topic before, it fits and is allowed. Answers whether it is.
fn on_decoded(
    state: &mut State,
    now: Time,
    sender: Sender,
    packet: &Publish<'_>,
    form: Form<'_>,
    memory: Option<&mut RouteMemory>,
) -> Result<bool, Fault> {
    state.metrics.publish_received_total += 1;
    state.metrics.publish_received_payload_bytes_total += packet.payload.len() as u64;
    if packet.has_subscription_identifier {
        // [MQTT5-3.3.4-6]
        return Err(Fault::protocol("subscription identifier in a PUBLISH of a client"));
    }
    let topic = resolve_alias(state, sender.id, packet)?;
    if let (QoS::ExactlyOnce, Some(packet_id)) = (packet.qos, packet.packet_id) {
        if !receive(state, sender, packet_id)? {
            return Ok(false);
        }
    }
    if memory.is_none() {
        if let Some(answer) = refusal(state, now, sender, packet, &topic) {
            return acknowledge(state, sender, packet, answer).map(|()| false);
        }
    }
    let outcome = if memory.is_some() || topic_fits(state, &topic) {
        let mut publication = publication(state, now, &topic, packet, form);
        let can_be_told = sender.version == ProtocolVersion::V5 && packet.qos != QoS::AtMostOnce;
        let no_room = if can_be_told { NoRoom::Refuse } else { NoRoom::DeliverOnly };
        match publish(state, now, &mut publication, Publisher { session: sender.session, memory }, no_room) {
            Outcome::Matched => ReasonCode::Success,
            Outcome::NoMatch => ReasonCode::NoMatchingSubscribers,
            Outcome::Refused => ReasonCode::QuotaExceeded,
        }
    } else {
        state.metrics.topics_refused_total += 1;
        ReasonCode::TopicNameInvalid
    };
    acknowledge(state, sender, packet, outcome).map(|()| true)
}

/// Publishes a will whose time has come [MQTT5-3.1.2-8] [MQTT311-3.1.2-8].
pub(crate) fn publish_will(state: &mut State, now: Time, session: SessionKey, will: &Will) {
    if !may_write(state, now, session, &will.topic) {
        return;
    }
    state.metrics.wills_published_total += 1;
    let mut publication = Publication {
        topic: &will.topic,
        payload: &will.payload,
        forwarded: Forwarded::from_encoded(&will.forwarded),
        qos: will.qos,
        retain: will.retain,
        expires_at: expires_at(now, will.message_expiry_interval_s),
        stamp: state.next_stamp(now),
        message: None,
        wire: None,
    };
    publish(state, now, &mut publication, Publisher { session, memory: None }, NoRoom::DeliverOnly);
}

/// A publication that entered at another shard: for this shard's own subscribers, and its retained set.
pub(crate) fn publish_mailed(state: &mut State, now: Time, peer: u8, message: &Message) {
    state.metrics.mail_publish_received_total += 1;
    state.last_stamp = state.last_stamp.max(message.stamp().time);
    if message.retain() {
        retain(state, now, message);
    }
    let publication = &mut Publication::of(message);
    let Ok(topic) = TopicName::parse(publication.topic) else { return };
    let mut route = mem::take(&mut state.route);
    state.router.route_local(topic, &mut route);
    deliver_local(state, now, publication, &route, Source::Peer(peer));
    state.route = route;
}

/// A publication for one member of a shared subscription, chosen by another shard to be here. If the members have gone
/// meanwhile, it goes on to a shard that still has some.
pub(crate) fn publish_shared(state: &mut State, now: Time, share: ShareKey, message: &Message, hops: u8) {
    state.last_stamp = state.last_stamp.max(message.stamp().time);
    // Whatever was encoded last was another publication.
    state.encoder.begin();
    match state.router.pick_local(share) {
        Some(receiver) => {
            state.metrics.mail_publish_received_total += 1;
            deliver_to_member(state, now, &mut Publication::of(message), &receiver, share);
        }
        None => redirect(state, now, share, message, hops + 1),
    }
}

/// Gives a message of a shared subscription to another member, here or elsewhere, because its member is no more.
pub(crate) fn redirect(state: &mut State, now: Time, share: ShareKey, message: &Message, hops: u8) {
    // While weights are on their way a message may meet several shards whose members have just left.
    let hops_max = state.options.shards.saturating_add(1);
    match state.router.pick(share, None) {
        // One that has ended hands it on.
        Some(ShareTarget::Local(receiver)) => {
            deliver_to_member(state, now, &mut Publication::of(message), &receiver, share);
        }
        Some(ShareTarget::Peer(peer)) if hops < hops_max => {
            state.post(peer, Mail::Shared { share, message: message.clone(), hops });
        }
        Some(ShareTarget::Peer(_)) | None => state.metrics.dropped_no_member_total += 1,
    }
}

/// Gives what was for a member whose session has ended to another. It may be chosen as long as its memberships have not
/// all been ended: this one is now.
pub(crate) fn pass_on(
    state: &mut State,
    now: Time,
    publication: &mut Publication<'_>,
    session: SessionKey,
    share: ShareKey,
) {
    drop_member(state, now, session, share);
    let message = publication.message().clone();
    redirect(state, now, share, &message, 0);
}

/// Whose publication it is, and who got the last one to its topic.
struct Publisher<'a> {
    session: SessionKey,
    memory: Option<&'a mut RouteMemory>,
}

/// Routes a publication that entered here, and hands it out.
fn publish(
    state: &mut State,
    now: Time,
    publication: &mut Publication<'_>,
    publisher: Publisher<'_>,
    no_room: NoRoom,
) -> Outcome {
    if publication.retain && !has_room(state, publication) {
        state.metrics.retained_refused_total += 1;
        if no_room == NoRoom::Refuse {
            return Outcome::Refused;
        }
        publication.retain = false;
        // A message that is there already says that it is retained.
        publication.message = None;
    }
    let changes = state.router.changes();
    if let Some(route) = publisher.memory.as_ref().and_then(|memory| memory.recall(changes)) {
        return hand_out(state, now, publication, publisher.session, route);
    }
    let Ok(topic) = TopicName::parse(publication.topic) else { return Outcome::NoMatch };
    let mut route = mem::take(&mut state.route);
    state.router.route(topic, Some(publisher.session), &mut route);
    if let Some(memory) = publisher.memory {
        memory.keep(&route, changes);
    }
    let outcome = hand_out(state, now, publication, publisher.session, &route);
    state.route = route;
    outcome
}

/// Gives a publication to all it is for: retained set, local receivers, one member of each shared subscription, one mail
/// to each interested peer.
fn hand_out(
    state: &mut State,
    now: Time,
    publication: &mut Publication<'_>,
    session: SessionKey,
    route: &Route,
) -> Outcome {
    let mut peers = route.peers();
    if publication.retain {
        // Every shard keeps all retained messages, so that a new subscription finds them where it is.
        let message = publication.message().clone();
        retain(state, now, &message);
        peers = all_peers(state);
    }
    deliver_local(state, now, publication, route, Source::Session(session));
    for pick in route.shared() {
        deliver_shared(state, now, publication, pick);
    }
    for peer in peers.iter() {
        state.metrics.mail_publish_sent_total += 1;
        let message = publication.message().clone();
        state.post(peer, Mail::Publish { message });
    }
    state.recent.remember(now, publication, peers, state.options.shards);
    if route.is_empty() {
        Outcome::NoMatch
    } else {
        Outcome::Matched
    }
}

fn deliver_shared(state: &mut State, now: Time, publication: &mut Publication<'_>, pick: &SharedPick) {
    match &pick.target {
        ShareTarget::Local(receiver) => {
            deliver_to_member(state, now, publication, receiver, pick.share);
        }
        ShareTarget::Peer(peer) => {
            state.metrics.mail_publish_sent_total += 1;
            let message = publication.message().clone();
            state.post(*peer, Mail::Shared { share: pick.share, message, hops: 0 });
        }
    }
}

fn deliver_to_member(
    state: &mut State,
    now: Time,
    publication: &mut Publication<'_>,
    receiver: &Receiver,
    share: ShareKey,
) {
    let target = Target {
        session: receiver.session,
        qos: receiver.options.qos,
        retain: publication.retain && receiver.options.retain_as_published,
        share: Some(share),
        identifiers: receiver.share_identifiers(),
    };
    deliver(state, now, publication, &target);
}

/// Stores or deletes a retained message; newest stamp wins, so all shards end with the same.
fn retain(state: &mut State, now: Time, message: &Message) {
    if message.payload().is_empty() {
        // [MQTT5-3.3.1-6] [MQTT311-3.3.1-10]
        state.router.retained_mut().remove(message.topic(), message.stamp(), now);
    } else {
        state.router.retained_mut().set(message.clone());
    }
    state.metrics.retained_now = state.router.retained().len() as u64;
    state.set_retained_timer();
}

fn all_peers(state: &State) -> PeerSet {
    let mut peers = PeerSet::EMPTY;
    state.peers().for_each(|peer| peers.insert(peer));
    peers
}

fn has_room(state: &State, publication: &Publication<'_>) -> bool {
    let size = publication.topic.len() + publication.forwarded.len() + publication.payload.len();
    if publication.payload.is_empty() {
        return true;
    }
    !state.is_refusing() && state.router.retained().has_room(publication.topic, size, &state.options.limits)
}

/// The topic a PUBLISH means. Defining or using an alias shares the name instead of copying it.
fn resolve_alias<'a>(state: &mut State, id: ConnectionId, packet: &Publish<'a>) -> Result<Topic<'a>, Fault> {
    let Some(alias) = packet.topic_alias else { return Ok(Topic::Named(packet.topic)) };
    let maximum = state.options.limits.topic_alias_maximum;
    match state.slot_mut(id) {
        Some(slot) => Ok(Topic::Aliased(slot.connection.inbound_aliases.resolve(packet.topic, alias, maximum)?)),
        None => Ok(Topic::Named(packet.topic)),
    }
}

/// A topic as it came, or as an alias gave it.
enum Topic<'a> {
    Named(&'a str),
    Aliased(Arc<str>),
}

impl Deref for Topic<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Topic::Named(name) => name,
            Topic::Aliased(name) => name,
        }
    }
}

/// Notes a QoS 2 publication. `false`: it came before and is only acknowledged again.
fn receive(state: &mut State, sender: Sender, packet_id: PacketId) -> Result<bool, Fault> {
    let receive_maximum = usize::from(state.options.limits.receive_maximum);
    let Some(client) = state.client_mut(sender.session) else { return Ok(false) };
    if client.session.has_received(packet_id) {
        state.write(sender.id, |version, out| {
            encode_acknowledgement(version, PacketType::Pubrec, packet_id, ReasonCode::Success, out);
        });
        return Ok(false);
    }
    let is_full = client.session.received_count() >= receive_maximum;
    if is_full && sender.version == ProtocolVersion::V5 {
        // [MQTT5-3.3.4-7]
        return Err(Fault::new(ReasonCode::ReceiveMaximumExceeded, "more QoS 2 messages in flight than announced"));
    }
    Ok(true)
}

fn publication<'a>(
    state: &mut State,
    now: Time,
    topic: &'a str,
    packet: &Publish<'a>,
    form: Form<'a>,
) -> Publication<'a> {
    Publication {
        topic,
        payload: packet.payload,
        forwarded: packet.forwarded,
        qos: packet.qos,
        retain: packet.retain,
        expires_at: expires_at(now, packet.message_expiry_interval_s),
        stamp: form.message.map_or_else(|| state.next_stamp(now), Message::stamp),
        message: form.message.cloned(),
        wire: form.wire,
    }
}

fn expires_at(now: Time, interval_s: Option<u32>) -> Time {
    interval_s.map_or(Time::NEVER, |seconds| now + Duration::from_secs(u64::from(seconds)))
}

/// PUBACK or PUBREC [MQTT5-4.3.2-4] [MQTT5-4.3.3-8]. What cannot be refused by an acknowledgement ends the connection:
/// nothing that was acknowledged may be lost.
fn acknowledge(state: &mut State, sender: Sender, packet: &Publish<'_>, outcome: ReasonCode) -> Result<(), Fault> {
    let can_be_told = sender.version == ProtocolVersion::V5 && packet.packet_id.is_some();
    if outcome.is_error() && !can_be_told {
        return Err(Fault::new(outcome, "topic has too many levels or bytes"));
    }
    let Some(packet_id) = packet.packet_id else { return Ok(()) };
    let answer = match packet.qos {
        QoS::AtMostOnce => return Ok(()),
        QoS::AtLeastOnce => PacketType::Puback,
        QoS::ExactlyOnce => {
            // A refusing PUBREC ends the exchange: the identifier is free again.
            if !outcome.is_error() {
                if let Some(client) = state.client_mut(sender.session) {
                    client.session.receive(packet_id);
                }
            }
            PacketType::Pubrec
        }
    };
    state.write(sender.id, |version, out| encode_acknowledgement(version, answer, packet_id, outcome, out));
    Ok(())
}
