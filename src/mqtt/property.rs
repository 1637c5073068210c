//! The properties of 5.0, one row each: type, number, how it is read and written, valid values, where it may be.

use super::error::DecodeError;
use super::topic::TopicName;
use super::wire::{put_binary, put_u16, put_u32, put_variable, Reader};

/// A set of places a property may be in: packets and the will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    pub(super) const CONNECT: Place = Place(1);
    pub(super) const WILL: Place = Place(1 << 1);
    pub(super) const CONNACK: Place = Place(1 << 2);
    pub(super) const PUBLISH: Place = Place(1 << 3);
    /// PUBACK, PUBREC, PUBREL and PUBCOMP.
    pub(super) const ACKNOWLEDGEMENT: Place = Place(1 << 4);
    pub(super) const SUBSCRIBE: Place = Place(1 << 5);
    pub(super) const SUBACK: Place = Place(1 << 6);
    pub(super) const UNSUBSCRIBE: Place = Place(1 << 7);
    pub(super) const UNSUBACK: Place = Place(1 << 8);
    pub(super) const DISCONNECT: Place = Place(1 << 9);
    pub(super) const AUTH: Place = Place(1 << 10);

    const CONNECT_CONNACK: Place = Place::CONNECT.or(Place::CONNACK);
    const MESSAGE: Place = Place::PUBLISH.or(Place::WILL);
    const AUTHENTICATION: Place = Place::CONNECT_CONNACK.or(Place::AUTH);
    const ANSWER: Place = Place::CONNACK
        .or(Place::ACKNOWLEDGEMENT)
        .or(Place::SUBACK)
        .or(Place::UNSUBACK)
        .or(Place::DISCONNECT)
        .or(Place::AUTH);

    const fn or(self, other: Place) -> Place {
        Place(self.0 | other.0)
    }

    const fn contains(self, place: Place) -> bool {
        self.0 & place.0 == place.0
    }
}

macro_rules! properties {
    ($($name:ident($type:ty) = $id:literal, $read:ident $put:ident, $check:ident, $places:expr, $doc:literal;)*) => {
        /// One property of 5.0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Property<'a> {
            $(#[doc = $doc] $name($type),)*
            /// Anything the two ends have agreed upon: name and value. May be there any number of times.
            UserProperty(&'a str, &'a str),
        }

        impl<'a> Property<'a> {
            /// Reads one property and checks its value. An identifier is a Variable Byte Integer, but all of them are
            /// below 128, so a longer one is unknown too.
            pub(super) fn read(reader: &mut Reader<'a>) -> Result<Property<'a>, DecodeError> {
                match reader.u8()? {
                    $($id => {
                        let value = reader.$read()?;
                        $check(value)?;
                        Ok(Property::$name(value))
                    })*
                    USER_PROPERTY => Ok(Property::UserProperty(reader.string()?, reader.string()?)),
                    _ => Err(DecodeError::PropertyUnknown), // [MQTT5-2.2.2.2]
                }
            }

            /// Appends its identifier and value.
            pub(super) fn put(&self, out: &mut Vec<u8>) {
                out.push(self.identifier());
                match *self {
                    $(Property::$name(value) => $put(out, value),)*
                    Property::UserProperty(name, value) => {
                        put_string(out, name);
                        put_string(out, value);
                    }
                }
            }

            /// Its number, below 64.
            pub(super) const fn identifier(&self) -> u8 {
                match self {
                    $(Property::$name(_) => $id,)*
                    Property::UserProperty(..) => USER_PROPERTY,
                }
            }

            /// Whether it may be there.
            pub(super) fn is_allowed_in(&self, place: Place) -> bool {
                match self {
                    $(Property::$name(_) => $places.contains(place),)*
                    Property::UserProperty(..) => true,
                }
            }
        }
    };
}

const USER_PROPERTY: u8 = 0x26;

properties! {
    PayloadFormatIndicator(u8) = 0x01, u8 put_u8, flag, Place::MESSAGE, "1 if the payload is UTF-8 text, else 0.";
    MessageExpiryInterval(u32) = 0x02, u32 put_u32, any, Place::MESSAGE, "Seconds the message may live.";
    ContentType(&'a str) = 0x03, string put_string, any, Place::MESSAGE, "What the payload is.";
    ResponseTopic(&'a str) = 0x08, string put_string, topic_name, Place::MESSAGE, "Where an answer is to be published.";
    CorrelationData(&'a [u8]) = 0x09, binary put_binary, any, Place::MESSAGE, "Tells whose request an answer is for.";
    SubscriptionIdentifier(u32) = 0x0B, variable put_identifier, not_zero, Place::PUBLISH.or(Place::SUBSCRIBE),
        "The number a subscription was given by its client, 1 to 268,435,455.";
    SessionExpiryInterval(u32) = 0x11, u32 put_u32, any, Place::CONNECT_CONNACK.or(Place::DISCONNECT),
        "Seconds the session outlives its connection; `u32::MAX`: for ever.";
    AssignedClientIdentifier(&'a str) = 0x12, string put_string, any, Place::CONNACK, "The client identifier the server made.";
    ServerKeepAlive(u16) = 0x13, u16 put_u16, any, Place::CONNACK, "Seconds of keep alive, instead of the client's.";
    AuthenticationMethod(&'a str) = 0x15, string put_string, any, Place::AUTHENTICATION, "The method of extended authentication.";
    AuthenticationData(&'a [u8]) = 0x16, binary put_binary, any, Place::AUTHENTICATION, "What the method says.";
    RequestProblemInformation(u8) = 0x17, u8 put_u8, flag, Place::CONNECT,
        "0 if the client wants no reason strings and user properties but where they are unavoidable.";
    WillDelayInterval(u32) = 0x18, u32 put_u32, any, Place::WILL, "Seconds the will is withheld.";
    RequestResponseInformation(u8) = 0x19, u8 put_u8, flag, Place::CONNECT, "1 if the client asks for response information.";
    ResponseInformation(&'a str) = 0x1A, string put_string, any, Place::CONNACK, "What to make response topics from.";
    ServerReference(&'a str) = 0x1C, string put_string, any, Place::CONNACK.or(Place::DISCONNECT), "Another server to use.";
    ReasonString(&'a str) = 0x1F, string put_string, any, Place::ANSWER, "Why, for people.";
    ReceiveMaximum(u16) = 0x21, u16 put_u16, not_zero, Place::CONNECT_CONNACK,
        "QoS 1 and 2 publications the sender takes at once, at least 1.";
    TopicAliasMaximum(u16) = 0x22, u16 put_u16, any, Place::CONNECT_CONNACK, "The largest topic alias the sender takes.";
    TopicAlias(u16) = 0x23, u16 put_u16, topic_alias, Place::PUBLISH, "The number that stands for the topic, at least 1.";
    MaximumQoS(u8) = 0x24, u8 put_u8, flag, Place::CONNACK, "The highest QoS of the server: 0 or 1.";
    RetainAvailable(u8) = 0x25, u8 put_u8, flag, Place::CONNACK, "0 if the server has no retained messages.";
    MaximumPacketSize(u32) = 0x27, u32 put_u32, not_zero, Place::CONNECT_CONNACK,
        "Bytes of the largest packet the sender takes, at least 1.";
    WildcardSubscriptionAvailable(u8) = 0x28, u8 put_u8, flag, Place::CONNACK, "0 if the server has no wildcards.";
    SubscriptionIdentifierAvailable(u8) = 0x29, u8 put_u8, flag, Place::CONNACK, "0 if the server has no subscription identifiers.";
    SharedSubscriptionAvailable(u8) = 0x2A, u8 put_u8, flag, Place::CONNACK, "0 if the server has no shared subscriptions.";
}

impl Property<'_> {
    /// Whether a server passes it on with the message, unaltered.
    /// [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-20]
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(
            self,
            Property::PayloadFormatIndicator(_)
                | Property::ContentType(_)
                | Property::ResponseTopic(_)
                | Property::CorrelationData(_)
                | Property::UserProperty(..)
        )
    }

    /// Whether it may be in `place` more than once. [MQTT5-3.3.2-18], [MQTT5-3.3.4-3]: a publication that matched several
    /// subscriptions carries all of their identifiers.
    pub(super) fn may_repeat_in(&self, place: Place) -> bool {
        match self {
            Property::UserProperty(..) => true,
            Property::SubscriptionIdentifier(_) => place == Place::PUBLISH,
            _ => false,
        }
    }
}

fn put_u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_binary(out, text.as_bytes());
}

fn put_identifier(out: &mut Vec<u8>, value: u32) {
    put_variable(out, value as usize);
}

fn any<T>(_: T) -> Result<(), DecodeError> {
    Ok(())
}

fn flag(value: u8) -> Result<(), DecodeError> {
    if value <= 1 {
        Ok(())
    } else {
        Err(DecodeError::PropertyValue)
    }
}

fn not_zero(value: impl Into<u32>) -> Result<(), DecodeError> {
    if value.into() != 0 {
        Ok(())
    } else {
        Err(DecodeError::PropertyValue)
    }
}

fn topic_alias(value: u16) -> Result<(), DecodeError> {
    not_zero(value).map_err(|_| DecodeError::TopicAliasInvalid) // [MQTT5-3.3.2-8]
}

fn topic_name(text: &str) -> Result<(), DecodeError> {
    TopicName::parse(text).map(|_| ()).map_err(|_| DecodeError::ResponseTopicInvalid)
    // [MQTT5-3.3.2-14]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Property<'_>, DecodeError> {
        let mut reader = Reader::new(bytes);
        let property = Property::read(&mut reader)?;
        reader.finish().map(|()| property)
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for id in [0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A] {
            assert!(read(&[id, 0]).is_ok() && read(&[id, 1]).is_ok());
            assert_eq!(read(&[id, 2]), Err(DecodeError::PropertyValue), "{id:#x}");
        }
        assert_eq!(read(&[0x21, 0, 0]), Err(DecodeError::PropertyValue));
        assert_eq!(read(&[0x27, 0, 0, 0, 0]), Err(DecodeError::PropertyValue));
        assert_eq!(read(&[0x0B, 0]), Err(DecodeError::PropertyValue));
        assert_eq!(read(&[0x0B, 0x81, 0x00]), Err(DecodeError::VariableByteInteger));
        assert_eq!(read(&[0x23, 0, 0]), Err(DecodeError::TopicAliasInvalid));
        assert_eq!(read(&[0x08, 0, 1, b'#']), Err(DecodeError::ResponseTopicInvalid));
        assert_eq!(read(&[0x08, 0, 0]), Err(DecodeError::ResponseTopicInvalid));
    }

    #[test]
    fn mqtt5_2_2_2_2_identifiers_the_standard_does_not_have_are_refused() {
        let mut known = 0;
        for id in 0..=255 {
            // Long enough for any of them, and valid for most.
            match read(&[id, 0, 1, b'a', 0, 1, b'b']) {
                Err(DecodeError::PropertyUnknown) => {}
                _ => known += 1,
            }
        }
        assert_eq!(known, 27);
    }

    #[test]
    fn each_is_written_as_it_is_read() {
        let all: [&[u8]; 12] = [
            &[0x01, 1],
            &[0x02, 0, 0, 1, 0],
            &[0x03, 0, 1, b't'],
            &[0x09, 0, 2, 0, 255],
            &[0x0B, 0xFF, 0xFF, 0xFF, 0x7F],
            &[0x11, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x13, 0, 60],
            &[0x1F, 0, 0],
            &[0x23, 0xFF, 0xFF],
            &[0x26, 0, 1, b'k', 0, 0],
            &[0x27, 0, 0, 0, 1],
            &[0x2A, 0],
        ];
        for bytes in all {
            let mut out = Vec::new();
            read(bytes).unwrap().put(&mut out);
            assert_eq!(out, bytes);
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Err(DecodeError::Truncated), "{bytes:?} cut at {cut}");
            }
        }
    }
}
