//! A session among the tables of its core.

use std::collections::BTreeSet;

use crate::auth::{Grant, Rules};
use crate::router::FilterKey;
use crate::session::Session;
use crate::shard::event::ConnectionId;
use crate::shard::filters::FilterSums;
use crate::shard::scans::Scans;
use crate::time::Time;

/// A session and what ties it to the other rooms.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) connection: Option<ConnectionId>,
    /// All its filters, shared ones included.
    pub(crate) subscriptions: BTreeSet<FilterKey>,
    /// What they come to.
    pub(crate) filter_sums: FilterSums,
    /// Those of them that are shared, if any are.
    pub(crate) shares: Option<Box<Shares>>,
    /// Retained messages still to be looked up for it.
    pub(crate) scans: Scans,
    /// The listener its client has come to the last time: its rules and some of its bounds depend on that.
    pub(crate) listener: u16,
    /// The timer that is set for it.
    pub(crate) timer: Option<Time>,
    /// Whether it stands in `State::work`.
    pub(crate) has_work: bool,
    /// Nobody's any more: it is only being taken apart.
    pub(crate) has_ended: bool,
    /// Whose it is and what that one may; none of an anonymous client that may everything.
    pub(crate) grant: Option<Box<Grant>>,
}

/// Shared subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub(crate) filters: BTreeSet<FilterKey>,
    /// The first that has not been told whether the client is connected.
    pub(crate) untold: Option<FilterKey>,
}

impl Client {
    /// Adds a shared subscription.
    pub(crate) fn add_share(&mut self, filter: FilterKey) {
        self.shares.get_or_insert_default().filters.insert(filter);
    }

    /// Takes a shared subscription out, if it is one.
    pub(crate) fn remove_share(&mut self, filter: FilterKey) {
        let Some(shares) = &mut self.shares else { return };
        shares.filters.remove(&filter);
        if shares.filters.is_empty() {
            self.shares = None;
        }
    }

    /// What it may; `None`: everything.
    #[inline]
    pub(crate) fn rules(&self) -> Option<&Rules> {
        self.grant.as_ref()?.rules.as_ref()
    }

    /// Whose session it is; nobody's if its client is anonymous.
    pub(crate) fn owner(&self) -> Option<(&str, u16)> {
        self.grant.as_ref()?.owner()
    }

    /// Whether anything waits to be sent to it.
    #[inline]
    pub(crate) fn is_owed(&self) -> bool {
        self.session.inflight.has_unsent() || !self.session.queue.is_empty() || !self.scans.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be a million, each on a page of 128: seven of the system's.
    #[test]
    fn a_client_is_small() {
        assert!(size_of::<Option<Client>>() <= 224, "{} bytes", size_of::<Option<Client>>());
    }
}
