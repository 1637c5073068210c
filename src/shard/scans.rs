//! Searches of retained messages that one session is owed, in the order of its subscriptions.
//!
//! A search is there from SUBSCRIBE on and may begin once its SUBACK has been sent. A SUBSCRIBE takes the place of what is
//! left of an earlier one to the same filter, as it finds everything that would; only what it names twice it gets twice.
//! Any of them is found by its filter, so that a packet that ends a hundred thousand subscriptions does not look through
//! them all for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::mqtt::SubscriptionOptions;
use crate::router::{FilterKey, RetainedScan};

/// Retained messages owed to a new subscription.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) filter: FilterKey,
    pub(crate) retained: RetainedScan,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<u32>,
}

/// Names a scan of this shard; later ones have larger numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScanNumber(pub(crate) u64);

/// The searches of one session; one word while there is none.
#[derive(Debug, Default)]
pub(crate) struct Scans(Option<Box<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    scans: BTreeMap<ScanNumber, Scan>,
    by_filter: BTreeSet<(FilterKey, ScanNumber)>,
    /// Those up to this one may begin.
    allowed: ScanNumber,
}

impl Scans {
    /// Whether none may go on now.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| !waiting.has_allowed())
    }

    /// Adds the search for a filter, in place of those it has up to `before`. It has to be allowed.
    pub(crate) fn add(&mut self, number: ScanNumber, scan: Scan, before: ScanNumber) {
        let waiting = self.0.get_or_insert_default();
        waiting.forget(scan.filter, before);
        waiting.by_filter.insert((scan.filter, number));
        waiting.scans.insert(number, scan);
    }

    /// Lets all searches up to this one begin.
    pub(crate) fn allow(&mut self, number: ScanNumber) {
        if let Some(waiting) = &mut self.0 {
            waiting.allowed = waiting.allowed.max(number);
        }
    }

    /// What is retained for a filter is not wanted any more.
    pub(crate) fn forget(&mut self, filter: FilterKey) {
        if let Some(waiting) = &mut self.0 {
            waiting.forget(filter, ScanNumber(u64::MAX));
        }
        self.give_back();
    }

    /// The first search that may go on, to be put back or finished.
    pub(crate) fn take_first(&mut self) -> Option<(ScanNumber, Scan)> {
        let waiting = self.0.as_mut().filter(|waiting| waiting.has_allowed())?;
        waiting.scans.pop_first()
    }

    /// The search taken goes on later, before all others.
    pub(crate) fn put_back(&mut self, number: ScanNumber, scan: Scan) {
        if let Some(waiting) = &mut self.0 {
            waiting.scans.insert(number, scan);
        }
    }

    /// The search taken has found everything.
    pub(crate) fn finish(&mut self, number: ScanNumber, filter: FilterKey) {
        if let Some(waiting) = &mut self.0 {
            waiting.by_filter.remove(&(filter, number));
        }
        self.give_back();
    }

    /// Drops one search, allowed or not; answers whether there was one.
    pub(crate) fn drop_one(&mut self) -> bool {
        let dropped = self.0.as_mut().and_then(|waiting| waiting.scans.pop_first());
        if let Some((number, scan)) = &dropped {
            self.finish(*number, scan.filter);
        }
        dropped.is_some()
    }

    fn give_back(&mut self) {
        if self.0.as_ref().is_some_and(|waiting| waiting.by_filter.is_empty()) {
            self.0 = None;
        }
    }
}

impl Waiting {
    fn forget(&mut self, filter: FilterKey, up_to: ScanNumber) {
        while let Some(&(_, number)) = self.by_filter.range((filter, ScanNumber(0))..=(filter, up_to)).next() {
            self.by_filter.remove(&(filter, number));
            self.scans.remove(&number);
        }
    }

    fn has_allowed(&self) -> bool {
        self.scans.first_key_value().is_some_and(|(number, _)| *number <= self.allowed)
    }
}
