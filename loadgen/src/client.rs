//! One MQTT client without its socket: bytes in, bytes out.

use corecast::mqtt::{
    decode, encode_acknowledgement, encode_subscribe, next_frame, Acknowledgement, Connack, Connect, Disconnect,
    Packet, PacketId, PacketType, Properties, Property, ProtocolVersion, QoS, ReasonCode, RetainHandling,
    SubscriptionOptions,
};

use crate::publisher::Publisher;
use crate::stamp::Stamp;
use crate::tally::{Account, Tally};
use crate::wire::read_delivery;

/// Filters in one SUBSCRIBE.
const SUBSCRIBE_FILTERS_MAX: usize = 50;

/// What all clients of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) version: ProtocolVersion,
    pub(crate) keep_alive_s: u16,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) subscribe_qos: QoS,
    /// 5.0: how long a session that is not clean outlives its connection.
    pub(crate) session_expiry_interval_s: u32,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No connection.
    Offline,
    /// CONNECT is out.
    Connecting,
    /// The first so many filters are acknowledged.
    Subscribing(usize),
    /// All that was asked for is granted.
    Ready,
}

/// Why a connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Malformed,
    Unexpected,
    ConnectRefused(ReasonCode),
    SubscribeRefused(u8),
    Disconnected(ReasonCode),
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes of whole packets; the rest is to be shown again with what follows.
    pub(crate) consumed: usize,
    /// It is ready now and was not before.
    pub(crate) became_ready: bool,
    /// Publications acknowledged.
    pub(crate) acknowledged: u32,
    /// 5.0: publications acknowledged with an error.
    pub(crate) refused: u32,
    /// Filters granted.
    pub(crate) granted: u32,
    /// The question whether all has been taken that was sent is answered.
    pub(crate) answered: bool,
}

pub(crate) struct Client {
    pub(crate) id: Box<str>,
    pub(crate) filters: Box<[Box<str>]>,
    pub(crate) account: Account,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) is_clean: bool,
    /// It subscribes when it is told to, not when it connects.
    pub(crate) subscribes_later: bool,
    stage: Stage,
    /// PINGREQ packets without an answer, and whether somebody waits for the last of these.
    pings: u32,
    is_asking: bool,
    /// QoS 2 received and not released, a bit each; made with the first.
    unreleased: Vec<u64>,
}

impl Client {
    pub(crate) fn new(id: &str, filters: Box<[Box<str>]>, account: Account, is_clean: bool) -> Client {
        let unreleased = Vec::new();
        Client {
            id: id.into(),
            filters,
            account,
            publisher: None,
            is_clean,
            subscribes_later: false,
            stage: Stage::Offline,
            pings: 0,
            is_asking: false,
            unreleased,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// The connection is there: appends CONNECT.
    pub(crate) fn open(&mut self, manners: &Manners, out: &mut Vec<u8>) {
        self.stage = Stage::Connecting;
        (self.pings, self.is_asking) = (0, false);
        let connect = Connect {
            clean_start: self.is_clean,
            keep_alive_s: manners.keep_alive_s,
            username: manners.username.as_deref(),
            password: manners.password.as_deref().map(str::as_bytes),
            session_expiry_interval_s: if self.is_clean { 0 } else { manners.session_expiry_interval_s },
            ..Connect::new(manners.version, &self.id)
        };
        Packet::Connect(connect).encode(manners.version, out);
    }

    /// Appends PINGREQ.
    pub(crate) fn ping(&mut self, out: &mut Vec<u8>) {
        self.pings += 1;
        Packet::Pingreq.encode(ProtocolVersion::V3_1_1, out);
    }

    /// The same as a question: when it is answered the broker has taken all that was sent before.
    pub(crate) fn ask(&mut self, out: &mut Vec<u8>) {
        self.is_asking = true;
        self.ping(out);
    }

    /// Appends the first SUBSCRIBE of a client that has come without.
    pub(crate) fn subscribe(&mut self, manners: &Manners, out: &mut Vec<u8>) {
        self.subscribe_from(manners, 0, &mut Received::default(), out);
    }

    /// The connection is gone.
    pub(crate) fn close(&mut self) {
        self.stage = Stage::Offline;
    }

    /// Appends DISCONNECT.
    pub(crate) fn take_leave(&mut self, manners: &Manners, out: &mut Vec<u8>) {
        let reason = ReasonCode::NORMAL_DISCONNECTION;
        let leave = Disconnect { reason, session_expiry_interval_s: None, properties: Properties::EMPTY };
        Packet::Disconnect(leave).encode(manners.version, out);
        self.stage = Stage::Offline;
    }

    /// Reads what is there, enters deliveries, appends the answers.
    pub(crate) fn receive(
        &mut self,
        manners: &Manners,
        bytes: &[u8],
        now_ns: u64,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<Received, Fault> {
        let mut received = Received::default();
        let mut rest = bytes;
        while let Some(frame) = next_frame(rest, u32::MAX).map_err(|_| Fault::Malformed)? {
            let body = rest.get(frame.header_bytes..frame.total_bytes).ok_or(Fault::Malformed)?;
            if frame.first_byte >> 4 == PacketType::Publish as u8 {
                self.on_publish(manners.version, frame.first_byte, body, now_ns, tally, out)?;
            } else {
                self.on_packet(manners, frame.first_byte, body, &mut received, out)?;
            }
            received.consumed += frame.total_bytes;
            rest = &rest[frame.total_bytes..];
        }
        tally.settle();
        Ok(received)
    }

    #[inline]
    fn on_publish(
        &mut self,
        version: ProtocolVersion,
        first_byte: u8,
        body: &[u8],
        now_ns: u64,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.stage == Stage::Connecting || self.stage == Stage::Offline {
            // A persistent session may be served before SUBACK, never before CONNACK.
            return Err(Fault::Unexpected);
        }
        let delivery = read_delivery(version, first_byte, body).ok_or(Fault::Malformed)?;
        let mut is_new = true;
        if let Some(packet_id) = delivery.packet_id {
            let answer = if delivery.qos == QoS::ExactlyOnce { PacketType::Pubrec } else { PacketType::Puback };
            encode_acknowledgement(version, answer, packet_id, ReasonCode::Success, out);
            // Sent again before it was released it is the same message, not a duplicate.
            is_new = delivery.qos != QoS::ExactlyOnce || self.hold(packet_id);
        }
        match Stamp::read(delivery.payload) {
            Some(stamp) if is_new => tally.enter(self.account, stamp, now_ns),
            Some(_) => {}
            None => tally.unreadable += 1,
        }
        Ok(())
    }

    fn on_packet(
        &mut self,
        manners: &Manners,
        first_byte: u8,
        body: &[u8],
        received: &mut Received,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        match decode(manners.version, first_byte, body).map_err(|_| Fault::Malformed)? {
            Packet::Puback(acknowledgement) | Packet::Pubcomp(acknowledgement) => {
                self.on_done(&acknowledgement, received);
            }
            Packet::Pubrec(acknowledgement) if acknowledgement.reason.is_error() => {
                self.on_done(&acknowledgement, received);
            }
            Packet::Pubrec(acknowledgement) => {
                let packet_id = acknowledgement.packet_id;
                encode_acknowledgement(manners.version, PacketType::Pubrel, packet_id, ReasonCode::Success, out);
            }
            Packet::Pubrel(acknowledgement) => {
                let packet_id = acknowledgement.packet_id;
                self.release(packet_id);
                encode_acknowledgement(manners.version, PacketType::Pubcomp, packet_id, ReasonCode::Success, out);
            }
            Packet::Connack(connack) => self.on_connack(manners, &connack, received, out)?,
            Packet::Suback(suback) => self.on_suback(manners, suback.codes, received, out)?,
            Packet::Pingresp => received.answered |= self.on_pong(),
            Packet::Disconnect(disconnect) => return Err(Fault::Disconnected(disconnect.reason)),
            Packet::Publish(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Unsuback(_)
            | Packet::Pingreq
            | Packet::Auth(_) => return Err(Fault::Unexpected),
        }
        Ok(())
    }

    fn on_done(&mut self, acknowledgement: &Acknowledgement<'_>, received: &mut Received) {
        let Some(publisher) = &mut self.publisher else { return };
        if publisher.acknowledge(acknowledgement.packet_id) {
            received.acknowledged += 1;
            received.refused += u32::from(acknowledgement.reason.is_error());
        }
    }

    fn on_pong(&mut self) -> bool {
        self.pings = self.pings.saturating_sub(1);
        self.pings == 0 && std::mem::take(&mut self.is_asking)
    }

    fn on_connack(
        &mut self,
        manners: &Manners,
        connack: &Connack<'_>,
        received: &mut Received,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.stage != Stage::Connecting {
            return Err(Fault::Unexpected);
        }
        if connack.reason != ReasonCode::Success {
            return Err(Fault::ConnectRefused(connack.reason));
        }
        if !connack.session_present {
            self.unreleased.clear();
        }
        if let Some(publisher) = &mut self.publisher {
            publisher.forget_in_flight();
            for property in connack.properties.iter() {
                if let Property::ReceiveMaximum(count) = property {
                    publisher.lower_in_flight_max(count);
                }
            }
        }
        // With its session the subscriptions are there as well.
        let is_done = connack.session_present || self.subscribes_later;
        let acknowledged = if is_done { self.filters.len() } else { 0 };
        self.subscribe_from(manners, acknowledged, received, out);
        Ok(())
    }

    fn on_suback(
        &mut self,
        manners: &Manners,
        codes: &[u8],
        received: &mut Received,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let Stage::Subscribing(acknowledged) = self.stage else { return Err(Fault::Unexpected) };
        // A lower QoS than asked for would make the figures those of another load.
        if let Some(&code) = codes.iter().find(|&&code| code != manners.subscribe_qos as u8) {
            return Err(Fault::SubscribeRefused(code));
        }
        received.granted += codes.len() as u32;
        self.subscribe_from(manners, acknowledged + codes.len(), received, out);
        // One that subscribes later has been ready all the time.
        received.became_ready &= !self.subscribes_later;
        Ok(())
    }

    fn subscribe_from(&mut self, manners: &Manners, at: usize, received: &mut Received, out: &mut Vec<u8>) {
        let left = self.filters.get(at..).unwrap_or(&[]);
        if left.is_empty() {
            self.stage = Stage::Ready;
            received.became_ready = true;
            return;
        }
        self.stage = Stage::Subscribing(at);
        let options = SubscriptionOptions {
            qos: manners.subscribe_qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        };
        let filters: Vec<(&str, SubscriptionOptions)> =
            left.iter().take(SUBSCRIBE_FILTERS_MAX).map(|filter| (&**filter, options)).collect();
        encode_subscribe(manners.version, PacketId::MIN, None, Properties::EMPTY, &filters, out);
    }

    /// Whether this QoS 2 identifier is new.
    fn hold(&mut self, packet_id: PacketId) -> bool {
        let (word, bit) = place(packet_id);
        if self.unreleased.is_empty() {
            self.unreleased.resize(1024, 0);
        }
        let is_new = self.unreleased[word] & bit == 0;
        self.unreleased[word] |= bit;
        is_new
    }

    fn release(&mut self, packet_id: PacketId) {
        let (word, bit) = place(packet_id);
        if let Some(word) = self.unreleased.get_mut(word) {
            *word &= !bit;
        }
    }
}

fn place(packet_id: PacketId) -> (usize, u64) {
    (usize::from(packet_id.get() / 64), 1 << (packet_id.get() % 64))
}

#[cfg(test)]
mod tests;
