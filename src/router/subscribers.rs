//! Who is subscribed to one filter.
//!
//! Most filters have one subscriber, few have some, and one or two have everybody. One lies in the entry itself, some in a
//! sorted list, a crowd in a tree: in a list a hundred thousand sessions leaving would move gigabytes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::words::{Options, Receiver, SessionKey};
use crate::mqtt::QoS;

/// Above this a list becomes a tree. Half as many make it a list again, so that the border is not crossed to and fro.
const LIST_MAX: usize = 512;

/// At least one subscriber, each session once, in order of their keys.
// A box around a list is a second step to reach it, and halves the size of every entry that has one subscriber.
#[allow(clippy::box_collection)]
pub(super) enum Subscribers {
    One(Subscriber),
    Some(Box<Vec<Subscriber>>),
    Crowd(Box<BTreeMap<SessionKey, Wishes>>),
}

/// A session and how it subscribed.
#[derive(Clone, Copy)]
pub(super) struct Subscriber {
    pub(super) session: SessionKey,
    pub(super) wishes: Wishes,
}

/// Options and subscription identifier in four bytes: an identifier has 28 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wishes(u32);

/// What a removal left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The session was not subscribed.
    Absent,
    /// Others are.
    Some,
    /// It was the only one, and is still stored: the whole entry goes now.
    None,
}

impl Subscribers {
    /// Adds a session or changes its wishes. Returns whether it is new.
    pub(super) fn insert(&mut self, subscriber: Subscriber) -> bool {
        match self {
            Subscribers::One(one) if one.session == subscriber.session => {
                *one = subscriber;
                false
            }
            Subscribers::One(one) => {
                let mut list = vec![*one, subscriber];
                list.sort_unstable_by_key(|subscriber| subscriber.session);
                *self = Subscribers::Some(Box::new(list));
                true
            }
            Subscribers::Some(list) => match position(list, subscriber.session) {
                Ok(at) => {
                    list[at] = subscriber;
                    false
                }
                Err(at) => {
                    list.insert(at, subscriber);
                    if list.len() > LIST_MAX {
                        let crowd = list.iter().map(|subscriber| (subscriber.session, subscriber.wishes)).collect();
                        *self = Subscribers::Crowd(Box::new(crowd));
                    }
                    true
                }
            },
            Subscribers::Crowd(crowd) => crowd.insert(subscriber.session, subscriber.wishes).is_none(),
        }
    }

    /// Removes a session.
    pub(super) fn remove(&mut self, session: SessionKey) -> Left {
        match self {
            Subscribers::One(one) if one.session == session => return Left::None,
            Subscribers::One(_) => return Left::Absent,
            Subscribers::Some(list) => {
                let Ok(at) = position(list, session) else { return Left::Absent };
                list.remove(at);
                if let [one] = list[..] {
                    *self = Subscribers::One(one);
                }
            }
            Subscribers::Crowd(crowd) => {
                if crowd.remove(&session).is_none() {
                    return Left::Absent;
                }
                if crowd.len() <= LIST_MAX / 2 {
                    let list = crowd.iter().map(|(&session, &wishes)| Subscriber { session, wishes }).collect();
                    *self = Subscribers::Some(Box::new(list));
                }
            }
        }
        Left::Some
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Subscribers::One(_) => 1,
            Subscribers::Some(list) => list.len(),
            Subscribers::Crowd(crowd) => crowd.len(),
        }
    }

    /// Calls `each` for every subscriber, in order of their keys.
    #[inline]
    pub(super) fn for_each(&self, mut each: impl FnMut(Subscriber)) {
        match self {
            Subscribers::One(one) => each(*one),
            Subscribers::Some(list) => list.iter().copied().for_each(each),
            Subscribers::Crowd(crowd) => {
                for (&session, &wishes) in crowd.iter() {
                    each(Subscriber { session, wishes });
                }
            }
        }
    }
}

impl Subscriber {
    pub(super) fn new(session: SessionKey, options: Options, identifier: Option<NonZeroU32>) -> Subscriber {
        Subscriber { session, wishes: Wishes::new(options, identifier) }
    }

    #[inline]
    pub(super) fn receiver(self) -> Receiver {
        Receiver::new(self.session, self.wishes.options(), self.wishes.identifier())
    }
}

impl Wishes {
    pub(super) fn new(options: Options, identifier: Option<NonZeroU32>) -> Wishes {
        let identifier = identifier.map_or(0, NonZeroU32::get);
        debug_assert!(identifier < 1 << 28, "a subscription identifier is at most 268,435,455");
        let no_local = u32::from(options.no_local) << 2;
        let retain_as_published = u32::from(options.retain_as_published) << 3;
        Wishes((identifier << 4) | retain_as_published | no_local | options.qos as u32)
    }

    #[inline]
    pub(super) fn options(self) -> Options {
        let qos = match self.0 & 3 {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        Options { qos, no_local: self.no_local(), retain_as_published: self.0 & 8 != 0 }
    }

    #[inline]
    pub(super) fn no_local(self) -> bool {
        self.0 & 4 != 0
    }

    #[inline]
    pub(super) fn identifier(self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0 >> 4)
    }
}

fn position(list: &[Subscriber], session: SessionKey) -> Result<usize, usize> {
    list.binary_search_by_key(&session, |subscriber| subscriber.session)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn subscriber(session: u32, identifier: u32) -> Subscriber {
        let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false };
        Subscriber::new(SessionKey(session), options, NonZeroU32::new(identifier))
    }

    fn contents(subscribers: &Subscribers) -> Vec<(u32, u32)> {
        let mut all = Vec::new();
        subscribers.for_each(|one| all.push((one.session.0, one.wishes.identifier().map_or(0, NonZeroU32::get))));
        all
    }

    #[test]
    fn wishes_come_back_as_they_went_in() {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for (no_local, retain_as_published) in [(false, false), (false, true), (true, false), (true, true)] {
                for identifier in [0, 1, 268_435_455] {
                    let options = Options { qos, no_local, retain_as_published };
                    let wishes = Wishes::new(options, NonZeroU32::new(identifier));
                    assert_eq!((wishes.options(), wishes.no_local()), (options, no_local));
                    assert_eq!(wishes.identifier(), NonZeroU32::new(identifier));
                }
            }
        }
    }

    #[test]
    fn one_some_and_a_crowd_are_the_same_ordered_set() {
        let mut subscribers = Subscribers::One(subscriber(0, 0));
        let mut model = BTreeMap::from([(0, 0)]);
        // Up through both borders in a scrambled order, and down again in another; 0 stays to the end.
        for step in 0..1_500_u32 {
            let session = step * 7919 % 1_499;
            assert_eq!(subscribers.insert(subscriber(session, step)), model.insert(session, step).is_none());
        }
        assert!(matches!(subscribers, Subscribers::Crowd(_)));
        assert_eq!(contents(&subscribers), model.clone().into_iter().collect::<Vec<_>>());
        for step in 0..3_000_u32 {
            let session = 1 + step * 104_729 % 1_498;
            let expected = if model.remove(&session).is_some() { Left::Some } else { Left::Absent };
            assert_eq!(subscribers.remove(SessionKey(session)), expected);
            assert_eq!(subscribers.len(), model.len());
        }
        assert_eq!(contents(&subscribers), model.into_iter().collect::<Vec<_>>());
        assert_eq!(subscribers.remove(SessionKey(1)), Left::Absent);
        assert_eq!(subscribers.remove(SessionKey(0)), Left::None);
    }

    #[test]
    fn the_single_subscriber_needs_sixteen_bytes() {
        assert_eq!(std::mem::size_of::<Subscribers>(), 16);
    }
}
