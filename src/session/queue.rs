//! Messages that wait for one session: bounded in number and bytes.

use std::collections::VecDeque;

use crate::config::QueueFull;
use crate::session::delivery::Delivery;
use crate::table::Seldom;
use crate::time::Time;

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The queue had its number of messages.
    Messages,
    /// The queue had its bytes.
    Bytes,
}

/// The bounds of one queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueBounds {
    /// Most messages.
    pub messages_max: usize,
    /// Most bytes of topic, properties and payload.
    pub bytes_max: usize,
    /// Who gives way.
    pub full: QueueFull,
}

/// First in, first out. An empty queue owns no memory.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Seldom<Delivery, 0>,
    bytes: usize,
}

impl Queue {
    /// Messages waiting.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes waiting.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message of `size` bytes can be put at the end without another giving way.
    pub fn has_room(&self, size: usize, bounds: &QueueBounds) -> bool {
        self.overflow(size, bounds).is_none()
    }

    /// Puts a message at the end. Those that had to give way are counted by calling `dropped` for each.
    pub fn push(&mut self, delivery: Delivery, bounds: &QueueBounds, mut dropped: impl FnMut(Overflow, Delivery)) {
        let size = delivery.message.size();
        while let Some(overflow) = self.overflow(size, bounds) {
            // A message larger than the whole queue cannot be helped by dropping others.
            if bounds.full == QueueFull::DropNewest || size > bounds.bytes_max {
                return dropped(overflow, delivery);
            }
            match self.pop() {
                Some(oldest) => dropped(overflow, oldest),
                None => return dropped(overflow, delivery),
            }
        }
        self.bytes += delivery.message.size();
        self.waiting.filling().push_back(delivery);
    }

    /// Takes the message that has waited longest.
    pub fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.waiting.emptying(VecDeque::pop_front)?;
        self.bytes -= delivery.message.size();
        Some(delivery)
    }

    /// Removes what expired at the front, at most `most` of it; answers how many. Those further back are found when their
    /// turn comes.
    pub fn drop_expired(&mut self, now: Time, most: usize) -> usize {
        let mut count = 0;
        while count < most && self.front().is_some_and(|delivery| delivery.message.expires_at() <= now) {
            self.pop();
            count += 1;
        }
        count
    }

    fn front(&self) -> Option<&Delivery> {
        self.waiting.entries()?.front()
    }

    fn overflow(&self, size: usize, bounds: &QueueBounds) -> Option<Overflow> {
        if self.waiting.len() >= bounds.messages_max {
            Some(Overflow::Messages)
        } else if self.bytes + size > bounds.bytes_max {
            Some(Overflow::Bytes)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Parts, Stamp};
    use crate::mqtt::QoS;
    use crate::session::delivery::Identifiers;

    fn delivery(number: u8, bytes: usize) -> Delivery {
        let mut payload = vec![0; bytes - 1];
        payload[0] = number;
        Delivery {
            message: Message::new(Parts {
                topic: "t",
                properties: &[],
                payload: &payload,
                qos: 1,
                retain: false,
                expires_at: Time::from_nanos(u64::from(number)),
                stamp: Stamp::default(),
            }),
            qos: QoS::AtLeastOnce,
            retain: false,
            share: None,
            identifiers: Identifiers::None,
        }
    }

    /// Pushes messages 1, 2, 3 ... of the given sizes; answers what is left and what was dropped.
    fn check(full: QueueFull, sizes: &[usize], left: &[u8], dropped: &[(Overflow, u8)]) {
        let bounds = QueueBounds { messages_max: 3, bytes_max: 100, full };
        let mut queue = Queue::default();
        let mut seen = Vec::new();
        for (number, size) in (1..).zip(sizes) {
            queue.push(delivery(number, *size), &bounds, |why, gone| seen.push((why, gone.message.payload()[0])));
        }
        let mut rest = Vec::new();
        while let Some(delivery) = queue.pop() {
            rest.push(delivery.message.payload()[0]);
        }
        assert_eq!((rest.as_slice(), seen.as_slice()), (left, dropped));
        assert_eq!((queue.bytes(), queue.waiting.entries().is_none()), (0, true));
    }

    #[test]
    fn the_newest_gives_way_at_either_bound() {
        check(QueueFull::DropNewest, &[10, 10, 10, 10], &[1, 2, 3], &[(Overflow::Messages, 4)]);
        check(QueueFull::DropNewest, &[60, 50, 40], &[1, 3], &[(Overflow::Bytes, 2)]);
    }

    #[test]
    fn the_oldest_gives_way_if_told_so() {
        check(QueueFull::DropOldest, &[10, 10, 10, 10], &[2, 3, 4], &[(Overflow::Messages, 1)]);
        check(QueueFull::DropOldest, &[60, 30, 90], &[3], &[(Overflow::Bytes, 1), (Overflow::Bytes, 2)]);
    }

    #[test]
    fn a_message_larger_than_the_queue_does_not_empty_it() {
        check(QueueFull::DropOldest, &[10, 101], &[1], &[(Overflow::Bytes, 2)]);
    }

    #[test]
    fn expired_messages_leave_from_the_front() {
        let bounds = QueueBounds { messages_max: 9, bytes_max: 999, full: QueueFull::DropNewest };
        let mut queue = Queue::default();
        for number in [1, 2, 9] {
            queue.push(delivery(number, 10), &bounds, |_, _| unreachable!("there is room"));
        }
        assert_eq!(queue.drop_expired(Time::from_nanos(5), 1), 1);
        assert_eq!(queue.drop_expired(Time::from_nanos(5), 9), 1);
        assert_eq!(queue.len(), 1);
    }
}
