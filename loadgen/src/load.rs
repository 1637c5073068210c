//! A load as numbers: who publishes what how often, and who subscribes to it.

use corecast::mqtt::{ProtocolVersion, QoS};

/// Who talks to whom, and what happens besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each publisher has a topic and a subscriber of its own.
    PointToPoint,
    /// Every subscriber receives what every publisher sends, by one filter a topic.
    Broadcast,
    /// The same by one filter for all topics.
    BroadcastByWildcard,
    /// All subscribers share one subscription to all topics.
    SharedSub,
    /// Each client publishes to its own topic and subscribes to that of the next.
    Ring,
    /// Connections only.
    Connections,
    /// Filters with `+` and `#` over a large tree; each message matches one.
    Wildcard,
    /// Retained messages are stored, then wildcard subscribers come.
    Retained,
    /// All connections are cut at once and come back as fast as they can, several times.
    ReconnectStorm,
    /// Every client is connected a second time with the same identifier, several times.
    TakeoverStorm,
    /// Messages for sessions that are away, which then come back for them.
    OfflineSessions,
    /// Clients that only subscribe, to many filters each.
    Filters,
    /// As broadcast, but one subscriber in ten stops reading for a while.
    SlowConsumer,
}

#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    /// Filters, retained topics, messages a session or rounds, as the shape has it; of broadcasts and shared subscriptions
    /// the topics, 0: one a publisher.
    pub(crate) items: u32,
    /// Messages a second of each publisher.
    pub(crate) rate: f64,
    pub(crate) publish_qos: QoS,
    pub(crate) subscribe_qos: QoS,
    pub(crate) payload_bytes: usize,
    /// Of one publisher beside the pairs, to a subscriber of its own; 0: there is none.
    pub(crate) bulk_bytes: usize,
    /// Of filters: how many in a hundred have no wildcard.
    pub(crate) exact_percent: u8,
    pub(crate) keep_alive_s: u16,
    pub(crate) version: ProtocolVersion,
    pub(crate) is_clean: bool,
    /// Connections a second; 0: as fast as they are accepted.
    pub(crate) connects_per_s: f64,
    pub(crate) duration_s: f64,
}

impl Load {
    /// A plain one to change.
    pub(crate) const PLAIN: Load = Load {
        shape: Shape::PointToPoint,
        publishers: 1,
        subscribers: 1,
        items: 0,
        rate: 1.0,
        publish_qos: QoS::AtMostOnce,
        subscribe_qos: QoS::AtMostOnce,
        payload_bytes: 16,
        bulk_bytes: 0,
        exact_percent: 70,
        keep_alive_s: 300,
        version: ProtocolVersion::V3_1_1,
        is_clean: true,
        connects_per_s: 0.0,
        duration_s: 1800.0,
    };

    /// Subscribers each message reaches.
    pub(crate) fn receivers(&self) -> u32 {
        match self.shape {
            Shape::Broadcast | Shape::BroadcastByWildcard | Shape::SlowConsumer | Shape::Retained => self.subscribers,
            Shape::PointToPoint | Shape::SharedSub | Shape::Ring | Shape::Wildcard | Shape::OfflineSessions => 1,
            Shape::Connections | Shape::ReconnectStorm | Shape::TakeoverStorm | Shape::Filters => 0,
        }
    }

    /// Whether there is a publisher beside the pairs, and how many clients of each kind that makes.
    pub(crate) fn bulks(&self) -> u32 {
        u32::from(self.bulk_bytes > 0)
    }

    /// Flows: publishers times the topics each has. The bulk publisher's is the last.
    pub(crate) fn flows(&self) -> u32 {
        self.bulks()
            + match self.shape {
                Shape::Wildcard | Shape::Retained => self.items,
                Shape::OfflineSessions => self.subscribers,
                Shape::PointToPoint
                | Shape::Broadcast
                | Shape::BroadcastByWildcard
                | Shape::SharedSub
                | Shape::Ring
                | Shape::Connections
                | Shape::ReconnectStorm
                | Shape::TakeoverStorm
                | Shape::Filters
                | Shape::SlowConsumer => self.publishers,
            }
    }

    /// The topic of a flow where topics are numbered: publishers share them if there are fewer.
    pub(crate) fn topic_number(&self, flow: u32) -> u32 {
        1 + match self.shape {
            Shape::Broadcast | Shape::BroadcastByWildcard | Shape::SharedSub | Shape::SlowConsumer
                if self.items > 0 =>
            {
                flow % self.items
            }
            Shape::PointToPoint
            | Shape::Broadcast
            | Shape::BroadcastByWildcard
            | Shape::SharedSub
            | Shape::Ring
            | Shape::Connections
            | Shape::Wildcard
            | Shape::Retained
            | Shape::ReconnectStorm
            | Shape::TakeoverStorm
            | Shape::OfflineSessions
            | Shape::Filters
            | Shape::SlowConsumer => flow,
        }
    }

    /// Messages a second of all publishers.
    pub(crate) fn rate_total(&self) -> f64 {
        self.rate * f64::from(self.publishers)
    }

    /// Connections of a run.
    pub(crate) fn connections(&self) -> u32 {
        2 * self.bulks()
            + match self.shape {
                Shape::Ring => self.publishers,
                Shape::TakeoverStorm => 2 * self.subscribers,
                Shape::PointToPoint
                | Shape::Broadcast
                | Shape::BroadcastByWildcard
                | Shape::SharedSub
                | Shape::Connections
                | Shape::Wildcard
                | Shape::Retained
                | Shape::ReconnectStorm
                | Shape::OfflineSessions
                | Shape::Filters
                | Shape::SlowConsumer => self.publishers + self.subscribers,
            }
    }

    /// The same with fewer clients, or more. Rates a client stay, and so do the few clients that make a shape what it is:
    /// the publishers of a broadcast.
    pub(crate) fn scaled(mut self, factor: f64) -> Load {
        let scale = |count: u32| ((f64::from(count) * factor).round() as u32).max(u32::from(count > 0));
        self.subscribers = scale(self.subscribers);
        match self.shape {
            Shape::Broadcast | Shape::BroadcastByWildcard | Shape::SlowConsumer => {}
            Shape::PointToPoint
            | Shape::SharedSub
            | Shape::Ring
            | Shape::Connections
            | Shape::ReconnectStorm
            | Shape::TakeoverStorm => self.publishers = scale(self.publishers),
            Shape::Wildcard | Shape::Retained | Shape::Filters => self.items = scale(self.items),
            Shape::OfflineSessions => {}
        }
        self.normalised()
    }

    /// Numbers that fit each other: every publisher has as many topics as the next, pairs are pairs.
    pub(crate) fn normalised(mut self) -> Load {
        match self.shape {
            Shape::PointToPoint => self.subscribers = self.publishers,
            Shape::Ring => self.subscribers = 0,
            Shape::Filters => {
                self.publishers = 0;
                self.subscribers = self.subscribers.min(self.items).max(1);
            }
            Shape::Wildcard | Shape::Retained => {
                self.publishers = self.publishers.min(self.items).max(1);
                self.items -= self.items % self.publishers;
                if self.shape == Shape::Wildcard {
                    self.subscribers = self.subscribers.min(self.items).max(1);
                }
            }
            Shape::OfflineSessions => {
                self.publishers = self.publishers.min(self.subscribers).max(1);
                self.subscribers -= self.subscribers % self.publishers;
            }
            Shape::Broadcast | Shape::BroadcastByWildcard | Shape::SharedSub | Shape::SlowConsumer => {
                self.items = self.items.min(self.publishers);
            }
            Shape::Connections | Shape::ReconnectStorm | Shape::TakeoverStorm => {}
        }
        self
    }
}
