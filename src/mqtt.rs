//! The codec: MQTT 3.1, 3.1.1 and 5.0 as bytes, both directions.
//!
//! Decoding borrows from the receive buffer and allocates nothing; whatever it accepts is valid by the standard, so that
//! no room above has to check it again. Encoding appends to a buffer of the caller. Must not know sessions, sockets,
//! time or configuration: what depends on them (is this topic alias within the maximum, is this packet in order) is
//! for `connection` to judge.
//!
//! [`next_frame`] cuts a stream into packets; [`decode`], [`decode_publish`] and [`decode_connect`] read one.

mod acknowledgement;
mod connack;
mod connect;
mod disconnect;
mod error;
mod forwarded;
mod frame;
mod packet;
mod properties;
mod property;
mod publish;
mod reason;
mod series;
mod suback;
mod subscribe;
mod topic;
mod types;
mod unsubscribe;
mod wire;

pub use self::acknowledgement::{decode_acknowledgement, encode_acknowledgement, Acknowledgement};
pub use self::connack::Connack;
pub use self::connect::{connect_version, decode_connect, Connect, Will};
pub use self::disconnect::{Auth, Disconnect};
pub use self::error::DecodeError;
pub use self::forwarded::Forwarded;
pub use self::frame::{next_frame, next_header, next_header_across, Frame};
pub use self::packet::{decode, decode_head, Packet};
pub use self::properties::{Properties, PropertyBuffer, PropertyIter};
pub use self::property::Property;
pub use self::publish::{decode_publish, decode_publish_naming, publish_names, Publish, PublishHead};
pub use self::reason::{ConnectReturnCode, ReasonCode};
pub use self::series::{Series, SeriesPacket};
pub use self::suback::{Suback, Unsuback};
pub use self::subscribe::{encode_subscribe, RetainHandling, Subscribe, SubscriptionOptions};
pub use self::topic::{matches, Share, TopicError, TopicFilter, TopicName};
pub use self::types::{PacketId, PacketType, ProtocolVersion, QoS};
pub use self::unsubscribe::{encode_unsubscribe, Unsubscribe};
