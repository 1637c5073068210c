//! How many connections one listener may have, and how often one address may connect to it.

use super::control::Gate;
use super::newcomers::Newcomers;
use crate::config::Listener;
use crate::limits::Limits;

/// What one listener allows beside what all together may; shared by all shards. By default as much as there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Quota {
    gate: Gate,
    connections_max: Option<usize>,
    /// Nothing: as for all.
    newcomers: Option<Newcomers>,
}

impl Quota {
    pub(super) fn new(listener: &Listener, all: &Limits) -> Quota {
        let newcomers = listener.connections_per_address_per_s.map(|connections_per_address_per_s| {
            Newcomers::new(&Limits { connections_per_address_per_s, ..all.clone() })
        });
        Quota { gate: Gate::default(), connections_max: listener.connections_max, newcomers }
    }

    /// Lets one in unless there are as many as may be.
    pub(super) fn try_enter(&self) -> bool {
        self.connections_max.is_none_or(|most| self.gate.try_enter(most))
    }

    pub(super) fn leave(&self) {
        if self.connections_max.is_some() {
            self.gate.leave();
        }
    }

    /// How often one address may connect here, if that is not what holds for `all`.
    pub(super) fn newcomers<'a>(&'a self, all: &'a Newcomers) -> &'a Newcomers {
        self.newcomers.as_ref().unwrap_or(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn a_listener_without_bounds_of_its_own_has_those_of_all() {
        let quota = Quota::new(&Listener::default(), &Limits::default());
        assert!((0..100).all(|_| quota.try_enter()));
        (0..100).for_each(|_| quota.leave());
        let all = Newcomers::new(&Limits { connections_per_address_per_s: 1, ..Limits::default() });
        assert!(quota.newcomers(&all).are_limited());
    }

    #[test]
    fn a_listener_has_as_many_connections_as_it_says() {
        let listener = Listener { connections_max: Some(2), ..Listener::default() };
        let quota = Quota::new(&listener, &Limits::default());
        let of_another_shard = quota.clone();
        assert!(quota.try_enter() && of_another_shard.try_enter() && !quota.try_enter());
        of_another_shard.leave();
        assert!(quota.try_enter());
    }

    #[test]
    fn a_listener_may_be_stricter_or_milder_about_addresses() {
        let address = Some(([192, 0, 2, 1], 1).into());
        let all = Newcomers::new(&Limits { connections_per_address_per_s: 1, ..Limits::default() });
        let free = Listener { connections_per_address_per_s: Some(0), ..Listener::default() };
        assert!(!Quota::new(&free, &Limits::default()).newcomers(&all).are_limited());
        let limits = Limits { connections_per_address_burst: 2, ..Limits::default() };
        let strict = Listener { connections_per_address_per_s: Some(1), ..Listener::default() };
        let quota = Quota::new(&strict, &limits);
        let too_many = || quota.newcomers(&all).are_too_many(Time::START, address);
        assert_eq!([too_many(), too_many(), too_many()], [false, false, true]);
    }
}
