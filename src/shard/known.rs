//! The topic a client has published to last, and who got it. Most clients publish to one topic again and again: then it
//! need not be checked, hashed and looked up again.

use crate::router::Route;

/// Receivers remembered at most; with more of them, looking them up is a small part of the work.
const RECEIVERS_MAX: usize = 64;

/// A client's last topic.
#[derive(Default)]
pub(crate) struct Known {
    /// A valid Topic Name within all bounds; empty before the first.
    pub(crate) topic: String,
    pub(crate) memory: RouteMemory,
}

/// Who got the last publication to that topic.
#[derive(Default)]
pub(crate) struct RouteMemory {
    route: Route,
    /// Receivers of it on this shard.
    receivers: usize,
    /// Whether peers get it, too.
    has_peers: bool,
    /// The router's count of changes then; zero: nobody is remembered.
    changes: u64,
}

impl Known {
    /// The client has named another topic.
    pub(crate) fn learn(&mut self, topic: &str) {
        self.topic.clear();
        self.topic.push_str(topic);
        self.memory.changes = 0;
    }
}

impl RouteMemory {
    /// Who gets a publication, if nothing has changed since it was remembered.
    #[inline]
    pub(crate) fn recall(&self, changes: u64) -> Option<&Route> {
        (self.changes == changes && self.receivers <= RECEIVERS_MAX).then_some(&self.route)
    }

    /// How many receivers the next publications have, if they are those of the last one: nothing has changed, and no members
    /// of shared subscriptions take turns.
    #[inline]
    pub(crate) fn receivers(&self, changes: u64) -> Option<usize> {
        (self.changes == changes).then_some(self.receivers)
    }

    /// Whether peers got the last one.
    #[inline]
    pub(crate) fn has_peers(&self) -> bool {
        self.has_peers
    }

    /// Remembers a route, if it is short and will be the same the next time. Cost: a copy; no allocation but the first.
    pub(crate) fn keep(&mut self, route: &Route, changes: u64) {
        self.changes = 0;
        if route.shared().is_empty() {
            self.changes = changes;
            self.receivers = route.receivers().len();
            self.has_peers = !route.peers().is_empty();
            if self.receivers <= RECEIVERS_MAX {
                self.route.clone_from(route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_recalled_until_something_changes_or_another_topic_comes() {
        let mut known = Known::default();
        known.learn("a");
        assert!(known.memory.recall(1).is_none(), "nothing is remembered yet");
        known.memory.keep(&Route::default(), 1);
        assert!(known.memory.recall(1).is_some() && known.memory.receivers(1) == Some(0));
        assert!(known.memory.recall(2).is_none());
        known.learn("b");
        assert_eq!((known.topic.as_str(), known.memory.recall(1).is_none()), ("b", true));
    }
}
