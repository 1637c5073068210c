//! Blocks of properties: checked as a whole where they come in, built where they go out.

use std::fmt;
use std::ops::Range;

use super::error::DecodeError;
use super::property::{Place, Property};
use super::wire::Reader;

/// A valid encoded block of properties, without the length in front of it. Copying it copies the reference.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties { bytes: &[] };

    /// The encoded block.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The properties in the order of the wire. Each step decodes one.
    pub fn iter(&self) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(self.bytes) }
    }

    /// Checks `block` and shows each property with where it lies in the block.
    ///
    /// # Errors
    /// A property that is malformed, unknown, out of range, not allowed in `place`, or there twice.
    pub(super) fn read(
        block: &'a [u8],
        place: Place,
        mut show: impl FnMut(Property<'a>, Range<usize>),
    ) -> Result<Properties<'a>, DecodeError> {
        let mut reader = Reader::new(block);
        let mut seen = 0_u64;
        while !reader.is_empty() {
            let start = block.len() - reader.len();
            let property = Property::read(&mut reader).map_err(|error| match error {
                // What is wrong with an alias has a reason code of its own, which only answers to a PUBLISH may have.
                DecodeError::TopicAliasInvalid if place != Place::PUBLISH => DecodeError::PropertyNotAllowed,
                error => error,
            })?;
            if !property.is_allowed_in(place) {
                return Err(DecodeError::PropertyNotAllowed); // [MQTT5-2.2.2.2]
            }
            let bit = 1 << property.identifier();
            if seen & bit != 0 && !property.may_repeat_in(place) {
                return Err(DecodeError::DuplicateProperty);
            }
            seen |= bit;
            show(property, start..block.len() - reader.len());
        }
        Ok(Properties { bytes: block })
    }

    /// The same for places where no property means anything to the codec.
    pub(super) fn check(block: &'a [u8], place: Place) -> Result<Properties<'a>, DecodeError> {
        Properties::read(block, place, |_, _| {})
    }

    /// Appends those that `is_wanted`.
    pub(super) fn put_some(&self, out: &mut Vec<u8>, is_wanted: impl Fn(&Property<'_>) -> bool) {
        for property in self.iter().filter(is_wanted) {
            property.put(out);
        }
    }
}

impl fmt::Debug for Properties<'_> {
    /// Says how many bytes only: one of them may be Authentication Data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Properties({} bytes)", self.bytes.len())
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// The properties of a block, in order.
#[derive(Clone, Debug)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> PropertyIter<'a> {
    /// Over a block that has been checked.
    pub(super) fn new(block: &'a [u8]) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(block) }
    }

    /// The next property and its encoding.
    pub(super) fn next_encoded(&mut self) -> Option<(Property<'a>, &'a [u8])> {
        let mut before = self.reader;
        let property = self.next()?;
        let encoded = before.take(before.len() - self.reader.len()).ok()?;
        Some((property, encoded))
    }
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        // At the end there is no identifier to read; an error before it cannot be, since the block has been checked.
        Property::read(&mut self.reader).ok()
    }
}

/// Properties of a packet to be built. May be cleared and used again without a new allocation.
#[derive(Clone, Debug, Default)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
}

impl PropertyBuffer {
    /// Appends one. Whether it is allowed in the packet is for the caller to know.
    ///
    /// # Panics
    /// If a string or binary data has more than 65,535 bytes, or a Subscription Identifier is above 268,435,455.
    pub fn push(&mut self, property: Property<'_>) {
        property.put(&mut self.bytes);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What has been pushed.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { bytes: &self.bytes }
    }

    /// Bytes of the encoded block.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been pushed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(properties: &[Property<'_>]) -> Vec<u8> {
        let mut buffer = PropertyBuffer::default();
        for property in properties {
            buffer.push(*property);
        }
        buffer.as_properties().as_bytes().to_vec()
    }

    #[test]
    fn a_block_gives_its_properties_in_order() {
        let properties = [
            Property::UserProperty("a", "1"),
            Property::ContentType("text"),
            Property::UserProperty("a", "1"),
            Property::MessageExpiryInterval(7),
        ];
        let bytes = block(&properties);
        let checked = Properties::check(&bytes, Place::PUBLISH).unwrap();
        assert_eq!(checked.iter().collect::<Vec<_>>(), properties);
        let mut encoded = Vec::new();
        let mut iterator = checked.into_iter();
        while let Some((property, bytes)) = iterator.next_encoded() {
            assert_eq!(block(&[property]), bytes);
            encoded.extend_from_slice(bytes);
        }
        assert_eq!(encoded, bytes);
    }

    #[test]
    fn an_alias_of_zero_is_out_of_place_before_it_is_wrong() {
        let zero = [0x23, 0, 0];
        let read = |place| Properties::check(&zero, place).map(|_| ());
        assert_eq!(read(Place::PUBLISH), Err(DecodeError::TopicAliasInvalid));
        for place in [Place::CONNECT, Place::WILL, Place::SUBSCRIBE, Place::DISCONNECT, Place::AUTH] {
            assert_eq!(read(place), Err(DecodeError::PropertyNotAllowed), "{place:?}");
        }
    }

    #[test]
    fn a_property_is_refused_twice_but_where_it_may_repeat() {
        let check = |property: Property<'_>, place| Properties::check(&block(&[property, property]), place).map(|_| ());
        assert_eq!(check(Property::UserProperty("", ""), Place::PUBLISH), Ok(()));
        assert_eq!(check(Property::SubscriptionIdentifier(1), Place::PUBLISH), Ok(()));
        assert_eq!(check(Property::SubscriptionIdentifier(1), Place::SUBSCRIBE), Err(DecodeError::DuplicateProperty));
        assert_eq!(check(Property::TopicAlias(1), Place::PUBLISH), Err(DecodeError::DuplicateProperty));
        assert_eq!(
            check(Property::SharedSubscriptionAvailable(1), Place::CONNACK),
            Err(DecodeError::DuplicateProperty)
        );
    }

    /// The table of [MQTT5-2.2.2.2], from the properties' side.
    #[test]
    fn mqtt5_2_2_2_2_a_property_is_allowed_where_the_standard_lists_it() {
        let places = [
            (Place::CONNECT, "connect"),
            (Place::WILL, "will"),
            (Place::CONNACK, "connack"),
            (Place::PUBLISH, "publish"),
            (Place::ACKNOWLEDGEMENT, "acknowledgement"),
            (Place::SUBSCRIBE, "subscribe"),
            (Place::SUBACK, "suback"),
            (Place::UNSUBSCRIBE, "unsubscribe"),
            (Place::UNSUBACK, "unsuback"),
            (Place::DISCONNECT, "disconnect"),
            (Place::AUTH, "auth"),
        ];
        let answers = "connack acknowledgement suback unsuback disconnect auth";
        let everywhere =
            "connect will connack publish acknowledgement subscribe suback unsubscribe unsuback disconnect auth";
        let rows = [
            (Property::PayloadFormatIndicator(0), "publish will"),
            (Property::MessageExpiryInterval(0), "publish will"),
            (Property::ContentType(""), "publish will"),
            (Property::ResponseTopic("a"), "publish will"),
            (Property::CorrelationData(&[]), "publish will"),
            (Property::SubscriptionIdentifier(1), "publish subscribe"),
            (Property::SessionExpiryInterval(0), "connect connack disconnect"),
            (Property::AssignedClientIdentifier(""), "connack"),
            (Property::ServerKeepAlive(0), "connack"),
            (Property::AuthenticationMethod(""), "connect connack auth"),
            (Property::AuthenticationData(&[]), "connect connack auth"),
            (Property::RequestProblemInformation(0), "connect"),
            (Property::WillDelayInterval(0), "will"),
            (Property::RequestResponseInformation(0), "connect"),
            (Property::ResponseInformation(""), "connack"),
            (Property::ServerReference(""), "connack disconnect"),
            (Property::ReasonString(""), answers),
            (Property::ReceiveMaximum(1), "connect connack"),
            (Property::TopicAliasMaximum(0), "connect connack"),
            (Property::TopicAlias(1), "publish"),
            (Property::MaximumQoS(0), "connack"),
            (Property::RetainAvailable(0), "connack"),
            (Property::UserProperty("", ""), everywhere),
            (Property::MaximumPacketSize(1), "connect connack"),
            (Property::WildcardSubscriptionAvailable(0), "connack"),
            (Property::SubscriptionIdentifierAvailable(0), "connack"),
            (Property::SharedSubscriptionAvailable(0), "connack"),
        ];
        for (property, allowed) in rows {
            for (place, name) in places {
                let expected = if allowed.split(' ').any(|place| place == name) {
                    Ok(())
                } else {
                    Err(DecodeError::PropertyNotAllowed)
                };
                assert_eq!(Properties::check(&block(&[property]), place).map(|_| ()), expected, "{property:?} {name}");
            }
        }
    }

    #[test]
    fn a_buffer_is_used_again_and_secrets_are_not_printed() {
        let mut buffer = PropertyBuffer::default();
        assert!(buffer.is_empty());
        buffer.push(Property::AuthenticationData(b"secret"));
        assert_eq!(buffer.len(), 9);
        assert_eq!(format!("{:?}", buffer.as_properties()), "Properties(9 bytes)");
        buffer.clear();
        assert_eq!(buffer.as_properties(), Properties::EMPTY);
    }
}
