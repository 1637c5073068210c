//! The properties a server passes on with a message: unaltered and in their order.

use std::fmt;
use std::ops::Range;

use super::properties::PropertyIter;
use super::property::Property;

/// Payload format, content type, response topic, correlation data and user properties of a PUBLISH or a will, still in
/// the block they came in.
#[derive(Clone, Copy, Default)]
pub struct Forwarded<'a> {
    /// From the first to the last of them. Holds others too if its length is not `bytes`.
    block: &'a [u8],
    bytes: usize,
}

impl<'a> Forwarded<'a> {
    /// None.
    pub const EMPTY: Forwarded<'static> = Forwarded { block: &[], bytes: 0 };

    /// Trusts `encoded` to hold nothing else: what [`Forwarded::copy_to`] wrote.
    #[inline]
    pub fn from_encoded(encoded: &'a [u8]) -> Forwarded<'a> {
        Forwarded { block: encoded, bytes: encoded.len() }
    }

    /// Bytes of their encoding.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Their encoding, if nothing in between must be skipped.
    #[inline]
    pub fn as_contiguous(&self) -> Option<&'a [u8]> {
        (self.block.len() == self.bytes).then_some(self.block)
    }

    /// Appends their encoding.
    #[inline]
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        match self.as_contiguous() {
            Some(encoded) => out.extend_from_slice(encoded),
            None => self.encoded().for_each(|(_, encoded)| out.extend_from_slice(encoded)),
        }
    }

    /// The properties, in order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> {
        self.encoded().map(|(property, _)| property)
    }

    fn encoded(&self) -> impl Iterator<Item = (Property<'a>, &'a [u8])> {
        let mut all = PropertyIter::new(self.block);
        std::iter::from_fn(move || all.next_encoded()).filter(|(property, _)| property.is_forwarded())
    }
}

impl PartialEq for Forwarded<'_> {
    fn eq(&self, other: &Forwarded<'_>) -> bool {
        self.bytes == other.bytes && self.encoded().map(|(_, bytes)| bytes).eq(other.encoded().map(|(_, bytes)| bytes))
    }
}

impl Eq for Forwarded<'_> {}

impl fmt::Debug for Forwarded<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Forwarded({} bytes)", self.bytes)
    }
}

/// Collects, while a block is read, where the forwarded properties lie.
#[derive(Debug, Default)]
pub(super) struct ForwardedSpan {
    start: usize,
    end: usize,
    bytes: usize,
}

impl ForwardedSpan {
    /// Takes the next property of the block, which lies in `range`.
    pub(super) fn add(&mut self, property: &Property<'_>, range: Range<usize>) {
        if !property.is_forwarded() {
            return;
        }
        if self.bytes == 0 {
            self.start = range.start;
        }
        self.bytes += range.len();
        self.end = range.end;
    }

    /// What was found in `block`.
    pub(super) fn in_block<'a>(&self, block: &'a [u8]) -> Forwarded<'a> {
        match block.get(self.start..self.end) {
            Some(block) => Forwarded { block, bytes: self.bytes },
            None => Forwarded::EMPTY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::{Properties, PropertyBuffer};
    use super::super::property::Place;
    use super::*;

    /// What is forwarded of `properties`, and whether that is one piece.
    fn check(properties: &[Property<'_>], expected: &[Property<'_>], is_contiguous: bool) {
        let (mut all, mut wanted) = (PropertyBuffer::default(), PropertyBuffer::default());
        properties.iter().for_each(|property| all.push(*property));
        expected.iter().for_each(|property| wanted.push(*property));
        let block = all.as_properties().as_bytes();
        let mut span = ForwardedSpan::default();
        Properties::read(block, Place::PUBLISH, |property, range| span.add(&property, range)).unwrap();
        let forwarded = span.in_block(block);
        let mut copied = Vec::new();
        forwarded.copy_to(&mut copied);
        assert_eq!(copied, wanted.as_properties().as_bytes());
        assert_eq!((forwarded.len(), forwarded.is_empty()), (copied.len(), copied.is_empty()));
        assert_eq!(forwarded.as_contiguous().is_some(), is_contiguous, "{properties:?}");
        assert_eq!(forwarded.iter().collect::<Vec<_>>(), expected);
        assert_eq!(forwarded, Forwarded::from_encoded(&copied), "equal by content");
    }

    #[test]
    fn what_is_not_forwarded_is_skipped_and_the_order_kept() {
        let (user, text) = (Property::UserProperty("k", "v"), Property::ContentType("text"));
        let (alias, expiry) = (Property::TopicAlias(1), Property::MessageExpiryInterval(9));
        check(&[], &[], true);
        check(&[alias, expiry], &[], true);
        check(&[user], &[user], true);
        check(&[user, text, user], &[user, text, user], true);
        check(&[alias, text, user, expiry], &[text, user], true);
        check(&[user, alias, text, expiry, user], &[user, text, user], false);
        check(&[user, Property::SubscriptionIdentifier(3), user], &[user, user], false);
    }

    #[test]
    fn different_properties_are_not_equal() {
        assert_ne!(Forwarded::from_encoded(&[0x01, 0]), Forwarded::from_encoded(&[0x01, 1]));
        assert_ne!(Forwarded::from_encoded(&[0x01, 0]), Forwarded::EMPTY);
    }
}
