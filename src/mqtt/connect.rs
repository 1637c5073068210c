//! CONNECT, whose first bytes say which of the three protocols a connection speaks.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use super::error::DecodeError;
use super::forwarded::{Forwarded, ForwardedSpan};
use super::properties::Properties;
use super::property::{Place, Property};
use super::topic::TopicName;
use super::types::{PacketType, ProtocolVersion, QoS};
use super::wire::{put_binary, put_block, put_packet, put_u16, Reader};

const RESERVED: u8 = 1;
const CLEAN_START: u8 = 1 << 1;
const WILL: u8 = 1 << 2;
const WILL_RETAIN: u8 = 1 << 5;
const PASSWORD: u8 = 1 << 6;
const USERNAME: u8 = 1 << 7;

/// The highest bit of the level, by which some bridges say that they are one.
const BRIDGE: u8 = 1 << 7;

/// A client asks for a session. Where a field has a property of the same name, the field is what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// What protocol name and level say.
    pub version: ProtocolVersion,
    /// Clean Session in 3.x.
    pub clean_start: bool,
    /// Seconds; 0: none.
    pub keep_alive_s: u16,
    /// May be empty: whether that is allowed depends on more than this packet.
    pub client_id: &'a str,
    /// What is published if the connection ends without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// User name.
    pub username: Option<&'a str>,
    /// Password. 3.x has none without a user name.
    pub password: Option<&'a [u8]>,
    /// 5.0: seconds the session outlives the connection; 0 if absent.
    pub session_expiry_interval_s: u32,
    /// 5.0: QoS 1 and 2 publications the client takes at once; 65,535 if absent.
    pub receive_maximum: NonZeroU16,
    /// 5.0: bytes of the largest packet the client takes.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// 5.0: the largest topic alias the client takes; 0 if absent.
    pub topic_alias_maximum: u16,
    /// 5.0: the client asks for response information.
    pub request_response_information: bool,
    /// 5.0: reason strings and user properties may be sent with any packet; `true` if absent.
    pub request_problem_information: bool,
    /// 5.0: the method of extended authentication.
    pub authentication_method: Option<&'a str>,
    /// 5.0: only with a method.
    pub authentication_data: Option<&'a [u8]>,
    /// 5.0: all properties, those of the will not included.
    pub properties: Properties<'a>,
}

/// A Will Message and its properties.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it is published.
    pub topic: TopicName<'a>,
    /// Its payload.
    pub payload: &'a [u8],
    /// Its QoS.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// 5.0: seconds it is withheld; 0 if absent.
    pub delay_interval_s: u32,
    /// 5.0: seconds it may live once published.
    pub message_expiry_interval_s: Option<u32>,
    /// 5.0: what is passed on to subscribers.
    pub forwarded: Forwarded<'a>,
}

/// Reads a CONNECT whose fixed header has been taken off.
///
/// # Errors
/// What makes it invalid. [`connect_version`] tells in which version to say so.
pub fn decode_connect(body: &[u8]) -> Result<Connect<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    let version = read_version(&mut reader)?;
    let flags = reader.u8()?;
    check_flags(version, flags)?;
    let mut connect = Connect::new(version, "");
    connect.clean_start = flags & CLEAN_START != 0;
    connect.keep_alive_s = reader.u16()?;
    if version.has_properties() {
        connect.read_properties(reader.block()?)?;
    }
    connect.client_id = reader.string()?;
    if flags & WILL != 0 {
        connect.will = Some(read_will(version, flags, &mut reader)?);
    }
    if flags & USERNAME != 0 && !is_left_out(version, &reader) {
        connect.username = Some(reader.string()?);
    }
    if flags & PASSWORD != 0 && !is_left_out(version, &reader) {
        connect.password = Some(reader.binary()?);
    }
    reader.finish()?;
    Ok(connect)
}

/// The version a CONNECT seems to be of, even if it is malformed or of an unknown level: in this one a refusal is most
/// likely understood. `None` if it is not MQTT.
pub fn connect_version(body: &[u8]) -> Option<ProtocolVersion> {
    let mut reader = Reader::new(body);
    let name = reader.binary().ok()?;
    let level = reader.u8().ok()? & !BRIDGE;
    match name {
        b"MQIsdp" => Some(ProtocolVersion::V3_1),
        b"MQTT" if level >= ProtocolVersion::V5.level() => Some(ProtocolVersion::V5),
        b"MQTT" => Some(ProtocolVersion::V3_1_1),
        _ => None,
    }
}

impl<'a> Connect<'a> {
    /// A CONNECT with a clean start and nothing else.
    pub fn new(version: ProtocolVersion, client_id: &'a str) -> Connect<'a> {
        Connect {
            version,
            clean_start: true,
            keep_alive_s: 0,
            client_id,
            will: None,
            username: None,
            password: None,
            session_expiry_interval_s: 0,
            receive_maximum: NonZeroU16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication_method: None,
            authentication_data: None,
            properties: Properties::EMPTY,
        }
    }

    fn read_properties(&mut self, block: &'a [u8]) -> Result<(), DecodeError> {
        self.properties = Properties::read(block, Place::CONNECT, |property, _| match property {
            Property::SessionExpiryInterval(seconds) => self.session_expiry_interval_s = seconds,
            Property::ReceiveMaximum(count) => self.receive_maximum = NonZeroU16::new(count).unwrap_or(NonZeroU16::MAX),
            Property::MaximumPacketSize(bytes) => self.maximum_packet_size = NonZeroU32::new(bytes),
            Property::TopicAliasMaximum(maximum) => self.topic_alias_maximum = maximum,
            Property::RequestResponseInformation(flag) => self.request_response_information = flag != 0,
            Property::RequestProblemInformation(flag) => self.request_problem_information = flag != 0,
            Property::AuthenticationMethod(method) => self.authentication_method = Some(method),
            Property::AuthenticationData(data) => self.authentication_data = Some(data),
            _ => {}
        })?;
        if self.authentication_data.is_some() && self.authentication_method.is_none() {
            return Err(DecodeError::AuthenticationMethodMissing); // [MQTT5-3.1.2.11.10]
        }
        Ok(())
    }

    /// Appends the packet in its own version.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_packet(out, PacketType::Connect.first_byte(), |out| {
            put_binary(out, protocol_name(self.version));
            out.push(self.version.level());
            out.push(self.flags());
            put_u16(out, self.keep_alive_s);
            if self.version.has_properties() {
                put_block(out, |out| self.put_properties(out));
            }
            put_binary(out, self.client_id.as_bytes());
            if let Some(will) = &self.will {
                if self.version.has_properties() {
                    put_block(out, |out| will.put_properties(out));
                }
                put_binary(out, will.topic.as_str().as_bytes());
                put_binary(out, will.payload);
            }
            if let Some(username) = self.username {
                put_binary(out, username.as_bytes());
            }
            if let Some(password) = self.password {
                put_binary(out, password);
            }
        });
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= WILL | (will.qos as u8) << 3;
            if will.retain {
                flags |= WILL_RETAIN;
            }
        }
        if self.username.is_some() {
            flags |= USERNAME;
        }
        if self.password.is_some() {
            flags |= PASSWORD;
        }
        flags
    }

    /// The fields that differ from what their absence means, then the user properties.
    fn put_properties(&self, out: &mut Vec<u8>) {
        if self.session_expiry_interval_s != 0 {
            Property::SessionExpiryInterval(self.session_expiry_interval_s).put(out);
        }
        if self.receive_maximum != NonZeroU16::MAX {
            Property::ReceiveMaximum(self.receive_maximum.get()).put(out);
        }
        if let Some(bytes) = self.maximum_packet_size {
            Property::MaximumPacketSize(bytes.get()).put(out);
        }
        if self.topic_alias_maximum != 0 {
            Property::TopicAliasMaximum(self.topic_alias_maximum).put(out);
        }
        if self.request_response_information {
            Property::RequestResponseInformation(1).put(out);
        }
        if !self.request_problem_information {
            Property::RequestProblemInformation(0).put(out);
        }
        if let Some(method) = self.authentication_method {
            Property::AuthenticationMethod(method).put(out);
        }
        if let Some(data) = self.authentication_data {
            Property::AuthenticationData(data).put(out);
        }
        self.properties.put_some(out, |property| matches!(property, Property::UserProperty(..)));
    }
}

impl Will<'_> {
    fn put_properties(&self, out: &mut Vec<u8>) {
        if self.delay_interval_s != 0 {
            Property::WillDelayInterval(self.delay_interval_s).put(out);
        }
        if let Some(seconds) = self.message_expiry_interval_s {
            Property::MessageExpiryInterval(seconds).put(out);
        }
        self.forwarded.copy_to(out);
    }
}

impl fmt::Debug for Connect<'_> {
    /// Never prints password and authentication data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("has_password", &self.password.is_some())
            .field("session_expiry_interval_s", &self.session_expiry_interval_s)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("request_response_information", &self.request_response_information)
            .field("request_problem_information", &self.request_problem_information)
            .field("authentication_method", &self.authentication_method)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Will<'_> {
    /// Never prints the payload.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Will")
            .field("topic", &self.topic)
            .field("payload_bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("delay_interval_s", &self.delay_interval_s)
            .field("message_expiry_interval_s", &self.message_expiry_interval_s)
            .field("forwarded", &self.forwarded)
            .finish()
    }
}

const fn protocol_name(version: ProtocolVersion) -> &'static [u8] {
    match version {
        ProtocolVersion::V3_1 => b"MQIsdp",
        ProtocolVersion::V3_1_1 | ProtocolVersion::V5 => b"MQTT",
    }
}

fn read_version(reader: &mut Reader<'_>) -> Result<ProtocolVersion, DecodeError> {
    let name = reader.binary()?;
    if !matches!(name, b"MQIsdp" | b"MQTT") {
        return Err(DecodeError::ProtocolName); // [MQTT5-3.1.2-1] [MQTT311-3.1.2-1]
    }
    match (name, reader.u8()?) {
        (b"MQIsdp", 3) => Ok(ProtocolVersion::V3_1),
        (b"MQTT", 4) => Ok(ProtocolVersion::V3_1_1),
        (b"MQTT", 5) => Ok(ProtocolVersion::V5),
        _ => Err(DecodeError::UnsupportedProtocolVersion), // [MQTT5-3.1.2-2] [MQTT311-3.1.2-2]
    }
}

fn check_flags(version: ProtocolVersion, flags: u8) -> Result<(), DecodeError> {
    let is_reserved_set = match version {
        ProtocolVersion::V3_1 => false, // 3.1 does not say what the bit must be.
        ProtocolVersion::V3_1_1 | ProtocolVersion::V5 => flags & RESERVED != 0, // [MQTT5-3.1.2-3] [MQTT311-3.1.2-3]
    };
    // [MQTT5-3.1.2-11] [MQTT5-3.1.2-13] [MQTT311-3.1.2-13] [MQTT311-3.1.2-15]
    let is_will_set_without_will = flags & WILL == 0 && (will_qos(flags) != 0 || flags & WILL_RETAIN != 0);
    let is_password_alone = match version {
        ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => flags & (USERNAME | PASSWORD) == PASSWORD, // [MQTT311-3.1.2-22]
        ProtocolVersion::V5 => false,
    };
    // [MQTT5-3.1.2-12] [MQTT311-3.1.2-14]
    if is_reserved_set || is_will_set_without_will || will_qos(flags) == 3 || is_password_alone {
        return Err(DecodeError::ConnectFlags);
    }
    Ok(())
}

const fn will_qos(flags: u8) -> u8 {
    flags >> 3 & 3
}

fn read_will<'a>(version: ProtocolVersion, flags: u8, reader: &mut Reader<'a>) -> Result<Will<'a>, DecodeError> {
    let mut delay_interval_s = 0;
    let mut message_expiry_interval_s = None;
    let mut forwarded = Forwarded::EMPTY;
    if version.has_properties() {
        let block = reader.block()?;
        let mut span = ForwardedSpan::default();
        Properties::read(block, Place::WILL, |property, range| {
            span.add(&property, range);
            match property {
                Property::WillDelayInterval(seconds) => delay_interval_s = seconds,
                Property::MessageExpiryInterval(seconds) => message_expiry_interval_s = Some(seconds),
                _ => {}
            }
        })?;
        forwarded = span.in_block(block);
    }
    Ok(Will {
        topic: TopicName::parse(reader.string()?).map_err(|_| DecodeError::TopicNameInvalid)?,
        payload: reader.binary()?,
        qos: QoS::from_u8(will_qos(flags)).ok_or(DecodeError::ConnectFlags)?,
        retain: flags & WILL_RETAIN != 0,
        delay_interval_s,
        message_expiry_interval_s,
        forwarded,
    })
}

/// In 3.1 user name and password may be missing in spite of their flags: for the sake of clients of a still older
/// version the Remaining Length counts more.
fn is_left_out(version: ProtocolVersion, reader: &Reader<'_>) -> bool {
    match version {
        ProtocolVersion::V3_1 => reader.is_empty(),
        ProtocolVersion::V3_1_1 | ProtocolVersion::V5 => false,
    }
}

#[cfg(test)]
mod tests;
