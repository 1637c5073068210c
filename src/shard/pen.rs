//! PUBLISH packets into outboxes: as they came, encoded once for many, or with what belongs to one receiver.

use std::num::NonZeroU16;

use crate::connection::{ChunkPool, Connection, Naming, SHARED_PAYLOAD_BYTES_MIN};
use crate::metrics::Metrics;
use crate::mqtt::{PacketId, PublishHead, QoS};
use crate::router::{SessionKey, ShareKey};
use crate::shard::encoder::Encoder;
use crate::shard::event::ConnectionId;
use crate::shard::publication::Publication;
use crate::time::Time;

/// One receiver of a publication, as its subscription wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) session: SessionKey,
    /// Highest QoS its subscriptions grant.
    pub(crate) qos: QoS,
    /// RETAIN flag it is to see.
    pub(crate) retain: bool,
    pub(crate) share: Option<ShareKey>,
    pub(crate) identifiers: &'a [u32],
}

/// What it takes to write to a connection: of a shard's tables those that are not the connection itself.
pub(crate) struct Pen<'a> {
    pub(crate) encoder: &'a mut Encoder,
    pub(crate) pool: &'a mut ChunkPool,
    pub(crate) dirty: &'a mut Vec<ConnectionId>,
    pub(crate) metrics: &'a mut Metrics,
}

impl Pen<'_> {
    /// Writes a publication of this turn. Its bytes are those it came in, or an encoding shared by all receivers that have
    /// nothing of their own in it. Cost: one copy.
    #[inline]
    pub(crate) fn write_live(
        &mut self,
        connection: &mut Connection,
        id: ConnectionId,
        now: Time,
        publication: &mut Publication<'_>,
        target: &Target<'_>,
        packet_id: Option<PacketId>,
    ) {
        let qos = if packet_id.is_some() { target.qos.min(publication.qos) } else { QoS::AtMostOnce };
        if !target.identifiers.is_empty() || connection.outbound_aliases.is_some() {
            let head = publication.head(now, qos, target.retain);
            let head = PublishHead { packet_id, subscription_identifiers: target.identifiers, ..head };
            return self.write_own(connection, id, publication, head);
        }
        let shares_payload = publication.payload.len() >= SHARED_PAYLOAD_BYTES_MIN;
        let wire =
            publication.wire.and_then(|wire| wire.encoded(connection.version, qos, target.retain, shares_payload));
        let encoded = match wire {
            Some(encoded) => encoded,
            None => {
                let payload = if shares_payload { &[] } else { publication.payload };
                self.encoder.encode(connection.version, &publication.head(now, qos, target.retain), payload)
            }
        };
        let packet_bytes = encoded.bytes.len() + if shares_payload { publication.payload.len() } else { 0 };
        if connection.is_too_large(packet_bytes) {
            self.metrics.dropped_too_large_total += 1;
            return;
        }
        let (out, first) = connection.outbox.writer(self.pool);
        encoded.copy_to(packet_id, out);
        if shares_payload {
            connection.outbox.push_payload(publication.message());
        }
        if first {
            self.dirty.push(id);
        }
        self.metrics.publish_sent_total += 1;
    }

    /// Writes a PUBLISH that has something of the receiver's own: identifiers, an alias, DUP. The caller has made sure that
    /// a QoS 1 or 2 packet fits the client's Maximum Packet Size; QoS 0 that does not is dropped here.
    pub(crate) fn write_own(
        &mut self,
        connection: &mut Connection,
        id: ConnectionId,
        publication: &mut Publication<'_>,
        head: PublishHead<'_>,
    ) {
        if is_too_large(connection, &head, head.subscription_identifiers) {
            self.metrics.dropped_too_large_total += 1;
            return;
        }
        let with_alias = PublishHead { topic_alias: Some(NonZeroU16::MAX), ..head };
        let fits_with_alias = !is_too_large(connection, &with_alias, head.subscription_identifiers);
        let naming = match &mut connection.outbound_aliases {
            Some(aliases) if fits_with_alias => aliases.name(head.topic),
            Some(_) | None => Naming::Name,
        };
        let head = match naming {
            Naming::Name => head,
            Naming::Define(alias) => PublishHead { topic_alias: Some(alias), ..head },
            Naming::Alias(alias) => PublishHead { topic_alias: Some(alias), topic: "", ..head },
        };
        let version = connection.version;
        let (out, first) = connection.outbox.writer(self.pool);
        head.encode(version, out);
        if publication.payload.len() < SHARED_PAYLOAD_BYTES_MIN {
            out.extend_from_slice(publication.payload);
        } else {
            connection.outbox.push_payload(publication.message());
        }
        if first {
            self.dirty.push(id);
        }
        self.metrics.publish_sent_total += 1;
    }
}

/// Whether a client would not take this PUBLISH [MQTT5-3.1.2-24]. Inlined, so that nothing is made of `head` where the
/// client named no Maximum Packet Size.
#[inline]
pub(crate) fn is_too_large(connection: &Connection, head: &PublishHead<'_>, identifiers: &[u32]) -> bool {
    if connection.maximum_packet_size == u32::MAX {
        return false;
    }
    let head = PublishHead { subscription_identifiers: identifiers, ..*head };
    connection.is_too_large(head.encoded_bytes(connection.version))
}
