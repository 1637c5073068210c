//! How often one address may connect: a bucket of tokens for each, in a table that does not grow.
//!
//! The kernel spreads the connections of one address over all shards, so they share the table. It is asked once per
//! connection, and by nobody while the limit is off.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::limits::{holder_of, Limits};
use crate::time::Time;

/// Addresses that are known at a time: 16,384 sets of 4, a MiB in all. More addresses than these connecting at once push
/// each other out, those first that are nearest to their whole burst, and then have it: the table errs on the side of those
/// who connect, and whoever has so many addresses is not held back by a limit for each of them.
const SETS: usize = 16 * 1024;
const WAYS: usize = 4;

/// Stands before an IPv4 address where a network of IPv6 would be: within 0000::/8, which is no network's.
const IPV4: u64 = 1 << 32;

/// How often one address may connect to any shard.
#[derive(Clone, Debug)]
pub(super) struct Newcomers {
    /// Nothing while there is no limit.
    table: Option<Arc<Mutex<Addresses>>>,
}

impl Newcomers {
    pub(super) fn new(limits: &Limits) -> Newcomers {
        let per_s = limits.connections_per_address_per_s;
        let table = (per_s > 0).then(|| Addresses::new(per_s, limits.connections_per_address_burst));
        Newcomers { table: table.map(|table| Arc::new(Mutex::new(table))) }
    }

    /// Whether there is a limit at all.
    pub(super) fn are_limited(&self) -> bool {
        self.table.is_some()
    }

    /// Counts a connection; answers whether it is one too many for its address. One without an address never is.
    pub(super) fn are_too_many(&self, now: Time, address: Option<SocketAddr>) -> bool {
        let (Some(table), Some(address)) = (&self.table, address) else { return false };
        !table.lock().unwrap_or_else(PoisonError::into_inner).try_enter(now, key(address.ip()))
    }
}

/// Who has an address, in one word.
fn key(address: IpAddr) -> u64 {
    match holder_of(address) {
        IpAddr::V4(address) => IPV4 | u64::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
    }
}

/// One address: the bucket is written as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: u64,
    full_at: Time,
}

#[derive(Debug)]
struct Addresses {
    sets: Vec<[Entry; WAYS]>,
    /// Keyed by chance: nobody can crowd one set.
    hasher: RandomState,
    /// What one connection takes out of a bucket, as the time in which it comes back.
    step: Duration,
    /// What a bucket holds beside the connection that is asked for.
    slack: Duration,
}

impl Addresses {
    fn new(per_s: u32, burst: u32) -> Addresses {
        let step = Duration::from_secs(1) / per_s.max(1);
        let slack = step * burst.saturating_sub(1);
        Addresses { sets: vec![[Entry::default(); WAYS]; SETS], hasher: RandomState::new(), step, slack }
    }

    fn try_enter(&mut self, now: Time, key: u64) -> bool {
        let set = &mut self.sets[self.hasher.hash_one(key) as usize % SETS];
        let known = set.iter().position(|entry| entry.key == key && entry.full_at > now);
        let fullest = || set.iter().zip(0..).min_by_key(|(entry, _)| entry.full_at).map_or(0, |(_, way)| way);
        let (way, full_at) = match known {
            Some(way) => (way, set[way].full_at),
            None => (fullest(), now),
        };
        if full_at - now > self.slack {
            return false;
        }
        set[way] = Entry { key, full_at: full_at + self.step };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newcomers(per_s: u32, burst: u32) -> Newcomers {
        let limits =
            Limits { connections_per_address_per_s: per_s, connections_per_address_burst: burst, ..Limits::default() };
        Newcomers::new(&limits)
    }

    fn at(text: &str) -> Option<SocketAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn an_address_has_its_burst_and_then_its_rate() {
        let newcomers = newcomers(10, 3);
        let come = |milliseconds| {
            let now = Time::START + Duration::from_millis(milliseconds);
            !newcomers.are_too_many(now, at("192.0.2.1:1"))
        };
        assert_eq!([come(0), come(0), come(0), come(0)], [true, true, true, false]);
        assert_eq!([come(99), come(100), come(101)], [false, true, false], "one in 100 ms; refusals take nothing");
        assert_eq!([come(900), come(900), come(900), come(900)], [true, true, true, false]);
        assert!(!newcomers.are_too_many(Time::START, at("192.0.2.2:1")), "each has its own");
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_ipv4_address_is_itself() {
        let newcomers = newcomers(1, 1);
        let too_many = |text| newcomers.are_too_many(Time::START, at(text));
        assert!(!too_many("[2001:db8:0:1::1]:1") && too_many("[2001:db8:0:1:ffff::2]:9"));
        assert!(!too_many("[2001:db8:0:2::1]:1"));
        assert!(!too_many("[::ffff:192.0.2.1]:1") && too_many("192.0.2.1:9"));
        assert!(!too_many("192.0.2.2:1") && !too_many("[::1]:1"));
    }

    #[test]
    fn whoever_has_no_address_and_whoever_is_not_limited_comes_as_often_as_they_like() {
        let limited = newcomers(1, 1);
        assert!((0..9).all(|_| !limited.are_too_many(Time::START, None)));
        let free = newcomers(0, 1);
        assert!(!free.are_limited() && (0..9).all(|_| !free.are_too_many(Time::START, at("192.0.2.1:1"))));
    }

    #[test]
    fn a_table_that_is_full_forgets_those_that_are_nearest_to_their_burst() {
        let mut table = Addresses::new(1, 100);
        for _ in 0..100 {
            assert!(table.try_enter(Time::START, 7));
        }
        // Many times more than there is room for, each of which has come once.
        for key in 0..(8 * SETS * WAYS) as u64 {
            table.try_enter(Time::START, 1_000 + key);
        }
        assert!(!table.try_enter(Time::START, 7), "the flood has not washed away who has come too often");
        assert_eq!(table.sets.len(), SETS);
    }
}
