//! A toy broker of one thread that does as little as can be done. It shows how much loadgen can do, and by losing,
//! doubling or swapping deliveries on purpose it shows that loadgen notices.

use std::collections::HashMap;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use corecast::mqtt::{
    decode, decode_connect, encode_acknowledgement, next_frame, Acknowledgement, Connack, Packet, PacketId, PacketType,
    Properties, ProtocolVersion, Publish, PublishHead, QoS, ReasonCode, Suback,
};
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::arguments::SinkArguments;
use crate::link::{Link, Reading};
use crate::system::{raise_open_files, settle_thread};

const LISTENER: u64 = u64::MAX;
const BUFFER_BYTES: usize = 1024 * 1024;
/// A peer that leaves more than this unread is let go.
const OUTBOX_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Serves until the process is ended.
pub(crate) fn serve(arguments: &SinkArguments) -> Result<()> {
    settle_thread(arguments.core.as_slice())?;
    raise_open_files(100_000).ok();
    let listener = TcpListener::bind(arguments.bind).with_context(|| format!("--bind {}", arguments.bind))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let faults = Faults { drop: arguments.drop, duplicate: arguments.duplicate, swap: arguments.swap, deliveries: 0 };
    let mut sink = Sink { epoll, listener, peers: Vec::new(), router: Router::default(), faults, dirty: Vec::new() };
    let (mut buffer, mut events) = (vec![0; BUFFER_BYTES], Vec::with_capacity(1024));
    loop {
        events.clear();
        match epoll::wait(&sink.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll_wait"),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => sink.accept()?,
                index => sink.on_event(index as usize, event.flags, &mut buffer),
            }
        }
        sink.flush();
    }
}

struct Sink {
    epoll: OwnedFd,
    listener: TcpListener,
    /// Never used again: a toy does not run long.
    peers: Vec<Peer>,
    router: Router,
    faults: Faults,
    dirty: Vec<usize>,
}

struct Peer {
    link: Link,
    id: String,
    version: ProtocolVersion,
    out: Vec<u8>,
    is_dirty: bool,
    next_packet_id: u16,
    /// Held back to be out of order.
    held: Vec<u8>,
}

/// What goes wrong on purpose: every so manieth delivery.
struct Faults {
    drop: u64,
    duplicate: u64,
    swap: u64,
    deliveries: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Dropped,
    Duplicated,
    Held,
}

impl Faults {
    fn next(&mut self) -> Fate {
        self.deliveries += 1;
        let is_due = |every: u64| every > 0 && self.deliveries.is_multiple_of(every);
        match () {
            () if is_due(self.drop) => Fate::Dropped,
            () if is_due(self.duplicate) => Fate::Duplicated,
            () if is_due(self.swap) => Fate::Held,
            () => Fate::Delivered,
        }
    }
}

/// Exact filters, and those that end in `#`.
#[derive(Default)]
struct Router {
    exact: HashMap<String, Vec<(usize, QoS)>>,
    prefixes: Vec<(String, usize, QoS)>,
    shares: HashMap<String, Share>,
    known: HashMap<String, Vec<(usize, QoS)>>,
}

#[derive(Default)]
struct Share {
    members: Vec<(usize, QoS)>,
    turn: usize,
}

impl Router {
    fn subscribe(&mut self, filter: &str, peer: usize, qos: QoS) {
        self.known.clear();
        if let Some(prefix) = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
            self.shares.entry(prefix.1.trim_end_matches('#').to_owned()).or_default().members.push((peer, qos));
        } else if let Some(prefix) = filter.strip_suffix('#') {
            self.prefixes.push((prefix.to_owned(), peer, qos));
        } else {
            self.exact.entry(filter.to_owned()).or_default().push((peer, qos));
        }
    }

    fn forget(&mut self, peer: usize) {
        self.known.clear();
        self.exact.values_mut().for_each(|receivers| receivers.retain(|(other, _)| *other != peer));
        self.prefixes.retain(|(_, other, _)| *other != peer);
        self.shares.values_mut().for_each(|share| share.members.retain(|(other, _)| *other != peer));
    }

    fn route(&mut self, topic: &str, into: &mut Vec<(usize, QoS)>) {
        into.clear();
        if !self.known.contains_key(topic) {
            let mut found = self.exact.get(topic).cloned().unwrap_or_default();
            let matching = self.prefixes.iter().filter(|(prefix, ..)| topic.starts_with(prefix.as_str()));
            found.extend(matching.map(|(_, peer, qos)| (*peer, *qos)));
            self.known.insert(topic.to_owned(), found);
        }
        if let Some(known) = self.known.get(topic) {
            into.extend_from_slice(known);
        }
        for (prefix, share) in &mut self.shares {
            if topic.starts_with(prefix.as_str()) && !share.members.is_empty() {
                share.turn = (share.turn + 1) % share.members.len();
                into.push(share.members[share.turn]);
            }
        }
    }
}

impl Sink {
    fn accept(&mut self) -> Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &stream, EventData::new_u64(self.peers.len() as u64), flags)?;
            self.peers.push(Peer {
                link: Link::adopt(stream),
                id: String::new(),
                version: ProtocolVersion::V3_1_1,
                out: Vec::new(),
                is_dirty: false,
                next_packet_id: 0,
                held: Vec::new(),
            });
        }
        Ok(())
    }

    fn on_event(&mut self, index: usize, flags: EventFlags, buffer: &mut Vec<u8>) {
        if flags.contains(EventFlags::OUT) && self.peers[index].link.flush().is_err() {
            return self.close(index);
        }
        while self.peers[index].link.is_open() {
            match self.peers[index].link.read(buffer, &mut Vec::new()) {
                Ok(Reading::Bytes { end, may_have_more }) => {
                    let bytes = buffer.get(..end).unwrap_or(&[]);
                    match self.take_in(index, bytes) {
                        Some(consumed) => self.peers[index].link.keep(&bytes[consumed..]),
                        None => return self.close(index),
                    }
                    if !may_have_more {
                        return;
                    }
                }
                Ok(Reading::Nothing) => return,
                Ok(Reading::Closed | Reading::Refused(_)) | Err(_) => return self.close(index),
            }
        }
    }

    /// Bytes consumed; `None` ends the connection.
    fn take_in(&mut self, index: usize, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        let mut receivers = Vec::new();
        while let Some(frame) = next_frame(rest, u32::MAX).ok()? {
            let (packet, behind) = rest.split_at_checked(frame.total_bytes)?;
            let body = packet.get(frame.header_bytes..)?;
            if frame.first_byte >> 4 == PacketType::Connect as u8 {
                self.on_connect(index, body)?;
            } else {
                match decode(self.peers[index].version, frame.first_byte, body).ok()? {
                    Packet::Publish(publish) => self.on_publish(index, &publish, packet, &mut receivers),
                    other => self.on_packet(index, &other)?,
                }
            }
            rest = behind;
        }
        Some(bytes.len() - rest.len())
    }

    fn on_connect(&mut self, index: usize, body: &[u8]) -> Option<()> {
        let connect = decode_connect(body).ok()?;
        let old = self.peers.iter().position(|peer| peer.link.is_open() && peer.id == connect.client_id);
        if let Some(old) = old {
            self.close(old);
        }
        self.peers[index].version = connect.version;
        self.peers[index].id = connect.client_id.to_owned();
        let connack = Connack { session_present: false, reason: ReasonCode::Success, properties: Properties::EMPTY };
        self.answer(index, &Packet::Connack(connack));
        Some(())
    }

    fn on_packet(&mut self, index: usize, packet: &Packet<'_>) -> Option<()> {
        let acknowledge =
            |packet_id| Acknowledgement { packet_id, reason: ReasonCode::Success, properties: Properties::EMPTY };
        match packet {
            Packet::Subscribe(subscribe) => {
                let mut codes = Vec::new();
                for (filter, options) in subscribe.filters() {
                    self.router.subscribe(filter.as_str(), index, options.qos);
                    codes.push(options.qos as u8);
                }
                let suback = Suback { packet_id: subscribe.packet_id, codes: &codes, properties: Properties::EMPTY };
                self.answer(index, &Packet::Suback(suback));
            }
            Packet::Pubrec(received) => self.answer(index, &Packet::Pubrel(acknowledge(received.packet_id))),
            Packet::Pubrel(release) => self.answer(index, &Packet::Pubcomp(acknowledge(release.packet_id))),
            Packet::Puback(_) | Packet::Pubcomp(_) => {}
            Packet::Pingreq => self.answer(index, &Packet::Pingresp),
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Publish(_)
            | Packet::Suback(_)
            | Packet::Unsubscribe(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp
            | Packet::Disconnect(_)
            | Packet::Auth(_) => return None,
        }
        Some(())
    }

    fn on_publish(&mut self, index: usize, publish: &Publish<'_>, packet: &[u8], receivers: &mut Vec<(usize, QoS)>) {
        let version = self.peers[index].version;
        if let Some(packet_id) = publish.packet_id {
            let answer = if publish.qos == QoS::ExactlyOnce { PacketType::Pubrec } else { PacketType::Puback };
            encode_acknowledgement(version, answer, packet_id, ReasonCode::Success, &mut self.peers[index].out);
            self.mark(index);
        }
        self.router.route(publish.topic, receivers);
        for &(receiver, qos) in &*receivers {
            let fate = self.faults.next();
            if fate == Fate::Dropped {
                continue;
            }
            let peer = &mut self.peers[receiver];
            let start = peer.out.len();
            if publish.qos == QoS::AtMostOnce && peer.version == version {
                peer.out.extend_from_slice(packet);
            } else {
                peer.append(publish, publish.qos.min(qos));
            }
            if fate == Fate::Duplicated {
                peer.out.extend_from_within(start..);
            }
            let late = std::mem::take(&mut peer.held);
            if fate == Fate::Held {
                peer.held = peer.out.split_off(start);
            }
            peer.out.extend_from_slice(&late);
            self.mark(receiver);
        }
    }

    fn answer(&mut self, index: usize, packet: &Packet<'_>) {
        let peer = &mut self.peers[index];
        packet.encode(peer.version, &mut peer.out);
        self.mark(index);
    }

    fn mark(&mut self, index: usize) {
        if !std::mem::replace(&mut self.peers[index].is_dirty, true) {
            self.dirty.push(index);
        }
    }

    fn flush(&mut self) {
        for index in std::mem::take(&mut self.dirty) {
            let peer = &mut self.peers[index];
            peer.is_dirty = false;
            let is_written = peer.link.is_open() && peer.link.write(&mut peer.out, &mut Vec::new()).is_ok();
            if !is_written || peer.link.waiting_bytes() > OUTBOX_BYTES_MAX {
                self.close(index);
            }
        }
    }

    fn close(&mut self, index: usize) {
        self.peers[index].link.close(false);
        self.peers[index].out = Vec::new();
        self.router.forget(index);
    }
}

impl Peer {
    fn append(&mut self, publish: &Publish<'_>, qos: QoS) {
        self.next_packet_id = self.next_packet_id % u16::MAX + 1;
        let head = PublishHead {
            dup: false,
            qos,
            retain: false,
            topic: publish.topic,
            packet_id: PacketId::new(self.next_packet_id).filter(|_| qos != QoS::AtMostOnce),
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: publish.forwarded,
            payload_bytes: publish.payload.len(),
        };
        head.encode(self.version, &mut self.out);
        self.out.extend_from_slice(publish.payload);
    }
}
