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
    /// Those of them that are shared.
    pub(crate) shared: BTreeSet<FilterKey>,
    /// The first of them that has not been told whether the client is connected.
    pub(crate) untold: Option<FilterKey>,
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

impl Client {
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
