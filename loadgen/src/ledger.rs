//! The truth about one subscriber: what of each flow has arrived, what is missing, what came twice or too late.

use std::collections::BTreeMap;

/// Gaps of one flow that are kept open; the oldest beyond them are given up as lost.
const GAPS_MAX: usize = 1024;

/// What one delivery was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one, or a later one: what lies between is missing now.
    InOrder,
    /// One that had been missing.
    OutOfOrder,
    /// One that had been there.
    Duplicate,
    /// Of a flow that is not for this subscriber.
    Foreign,
}

/// Messages that never came, came twice, came after a later one, or were for somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    pub(crate) foreign: u64,
}

impl Truth {
    pub(crate) fn add(&mut self, other: Truth) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
    }

    pub(crate) fn is_clean(&self) -> bool {
        *self == Truth::default()
    }
}

/// One subscriber's account of the flows `first..first + count`.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    first: u32,
    /// One above the highest sequence seen, per flow.
    next: Box<[u32]>,
    /// Missing ranges below that, oldest first; only of flows that miss something.
    gaps: BTreeMap<u32, Vec<(u32, u32)>>,
    truth: Truth,
}

impl Ledger {
    pub(crate) fn new(first: u32, count: u32) -> Ledger {
        Ledger { first, next: vec![0; count as usize].into_boxed_slice(), ..Ledger::default() }
    }

    /// The flows it expects.
    pub(crate) fn flows(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.next.len() as u32
    }

    /// Enters a delivery; with it, one above the highest sequence of the flow before.
    #[inline]
    pub(crate) fn enter(&mut self, flow: u32, sequence: u32) -> (Arrival, u32) {
        let Some(next) = self.next.get_mut(flow.wrapping_sub(self.first) as usize) else {
            self.truth.foreign += 1;
            return (Arrival::Foreign, 0);
        };
        let before = *next;
        if sequence == before {
            *next = before.wrapping_add(1);
            return (Arrival::InOrder, before);
        }
        (self.enter_unusual(flow, sequence, before), before)
    }

    #[cold]
    fn enter_unusual(&mut self, flow: u32, sequence: u32, next: u32) -> Arrival {
        if sequence > next {
            self.next[(flow - self.first) as usize] = sequence.wrapping_add(1);
            let gaps = self.gaps.entry(flow).or_default();
            gaps.push((next, sequence));
            if gaps.len() > GAPS_MAX {
                let (start, end) = gaps.remove(0);
                self.truth.lost += u64::from(end - start);
            }
            return Arrival::InOrder;
        }
        let Some(gaps) = self.gaps.get_mut(&flow) else {
            self.truth.duplicated += 1;
            return Arrival::Duplicate;
        };
        let Some(at) = gaps.iter().position(|&(start, end)| (start..end).contains(&sequence)) else {
            self.truth.duplicated += 1;
            return Arrival::Duplicate;
        };
        let (start, end) = gaps.remove(at);
        if sequence + 1 < end {
            gaps.insert(at, (sequence + 1, end));
        }
        if start < sequence {
            gaps.insert(at, (start, sequence));
        }
        self.truth.out_of_order += 1;
        Arrival::OutOfOrder
    }

    /// The account, when `sent` messages of each flow have been sent.
    pub(crate) fn close(&self, sent: impl Fn(u32) -> u32) -> Truth {
        let mut truth = self.truth;
        for (flow, &next) in self.flows().zip(&self.next) {
            truth.lost += u64::from(sent(flow).saturating_sub(next));
        }
        for (start, end) in self.gaps.values().flatten() {
            truth.lost += u64::from(end - start);
        }
        truth
    }
}

/// The account of messages that any one of many may receive (`$share`): of one thread, to be put together at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedLedger {
    /// Per flow, a bit for each message seen.
    seen: Vec<Vec<u64>>,
    /// Per member and flow, one above the last sequence; empty where there would be too many.
    next: Vec<u32>,
    flows: usize,
    truth: Truth,
}

/// Members times flows up to which the order is watched for each member: 16 MiB.
const ORDER_CELLS_MAX: usize = 4 << 20;

impl SharedLedger {
    pub(crate) fn new(flows: u32, members: usize) -> SharedLedger {
        let flows = flows as usize;
        let cells = flows.saturating_mul(members);
        let next = if cells <= ORDER_CELLS_MAX { vec![0; cells] } else { Vec::new() };
        SharedLedger { seen: vec![Vec::new(); flows], next, flows, truth: Truth::default() }
    }

    /// Whether the order of so many can be watched.
    pub(crate) fn watches_order(flows: u32, members: u32) -> bool {
        (flows as usize).saturating_mul(members as usize) <= ORDER_CELLS_MAX
    }

    #[inline]
    pub(crate) fn enter(&mut self, member: usize, flow: u32, sequence: u32) -> Arrival {
        let Some(seen) = self.seen.get_mut(flow as usize) else {
            self.truth.foreign += 1;
            return Arrival::Foreign;
        };
        let word = sequence as usize / 64;
        if word >= seen.len() {
            seen.resize((word + 1).next_power_of_two(), 0);
        }
        let bit = 1 << (sequence % 64);
        if seen[word] & bit != 0 {
            self.truth.duplicated += 1;
            return Arrival::Duplicate;
        }
        seen[word] |= bit;
        if let Some(next) = self.next.get_mut(member * self.flows + flow as usize) {
            if sequence < *next {
                self.truth.out_of_order += 1;
                return Arrival::OutOfOrder;
            }
            *next = sequence + 1;
        }
        Arrival::InOrder
    }

    /// Takes in what another thread has seen.
    pub(crate) fn merge(&mut self, other: &SharedLedger) {
        self.truth.add(other.truth);
        self.seen.resize(self.seen.len().max(other.seen.len()), Vec::new());
        for (mine, theirs) in self.seen.iter_mut().zip(&other.seen) {
            mine.resize(mine.len().max(theirs.len()), 0);
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                self.truth.duplicated += u64::from((*mine & theirs).count_ones());
                *mine |= theirs;
            }
        }
    }

    /// The account, when `sent` messages of each flow have been sent.
    pub(crate) fn close(&self, sent: impl Fn(u32) -> u32) -> Truth {
        let mut truth = self.truth;
        for (flow, seen) in self.seen.iter().enumerate() {
            let arrived: u64 = seen.iter().map(|word| u64::from(word.count_ones())).sum();
            truth.lost += u64::from(sent(flow as u32)).saturating_sub(arrived);
        }
        truth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sequences: &[u32], sent: u32, expected: (u64, u64, u64)) {
        let mut ledger = Ledger::new(4, 1);
        for &sequence in sequences {
            ledger.enter(4, sequence);
        }
        let truth = ledger.close(|_| sent);
        assert_eq!((truth.lost, truth.duplicated, truth.out_of_order), expected, "{sequences:?} of {sent}");
    }

    #[test]
    fn each_kind_of_wrong_is_told_from_the_others() {
        check(&[0, 1, 2], 3, (0, 0, 0));
        check(&[], 3, (3, 0, 0));
        check(&[0, 1], 3, (1, 0, 0));
        check(&[1, 2], 3, (1, 0, 0));
        check(&[0, 2], 3, (1, 0, 0));
        check(&[0, 2, 1], 3, (0, 0, 1));
        check(&[0, 1, 1, 2], 3, (0, 1, 0));
        check(&[0, 0, 1, 2], 3, (0, 1, 0));
        check(&[5, 3, 3, 0], 6, (3, 1, 2));
        check(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 0], 10, (0, 0, 9));
        check(&[9, 4, 9, 4], 10, (8, 2, 1));
    }

    #[test]
    fn gaps_are_bounded_and_what_is_given_up_stays_lost() {
        let mut ledger = Ledger::new(0, 1);
        let count = 3 * GAPS_MAX as u32;
        for sequence in 0..count {
            ledger.enter(0, 2 * sequence + 1);
        }
        assert!(ledger.gaps[&0].len() <= GAPS_MAX);
        assert_eq!(ledger.close(|_| 2 * count).lost, u64::from(count));
    }

    #[test]
    fn what_is_for_others_is_foreign() {
        let mut ledger = Ledger::new(4, 2);
        assert_eq!(ledger.enter(3, 0), (Arrival::Foreign, 0));
        assert_eq!(ledger.enter(6, 0), (Arrival::Foreign, 0));
        assert_eq!(ledger.enter(5, 0), (Arrival::InOrder, 0));
        assert_eq!(ledger.close(|_| 0).foreign, 2);
    }

    #[test]
    fn a_shared_message_counts_once_wherever_it_arrives() {
        let (mut one, mut two) = (SharedLedger::new(2, 2), SharedLedger::new(2, 1));
        assert_eq!(one.enter(0, 0, 0), Arrival::InOrder);
        assert_eq!(one.enter(1, 0, 2), Arrival::InOrder);
        assert_eq!(one.enter(1, 0, 1), Arrival::OutOfOrder);
        assert_eq!(one.enter(0, 0, 100), Arrival::InOrder);
        assert_eq!(one.enter(1, 0, 100), Arrival::Duplicate);
        assert_eq!(two.enter(0, 0, 3), Arrival::InOrder);
        assert_eq!(two.enter(0, 0, 2), Arrival::OutOfOrder);
        assert_eq!(two.enter(0, 9, 2), Arrival::Foreign);
        one.merge(&two);
        let truth = one.close(|flow| if flow == 0 { 101 } else { 7 });
        assert_eq!(truth, Truth { lost: 96 + 7, duplicated: 2, out_of_order: 2, foreign: 1 });
    }
}
