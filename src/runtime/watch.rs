//! Tells the operator what was refused or dropped: one line per shard, at most every ten seconds.

use std::time::Duration;

use tracing::warn;

use super::control::{Report, RuntimeCounters};
use crate::metrics::Metrics;
use crate::shard::ShardId;
use crate::time::Time;

/// The least time between two lines of one shard.
const SILENCE: Duration = Duration::from_secs(10);

/// What one shard has reported so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    reported: Report,
    losses: u64,
    quiet_until: Time,
}

impl Watch {
    /// Looks at a shard's counters once a turn; costs a few additions unless something was lost.
    pub(super) fn look(&mut self, shard: ShardId, now: Time, metrics: &Metrics, counters: &RuntimeCounters) {
        let losses = metrics.losses() + counters.losses();
        if losses != self.losses && now >= self.quiet_until {
            let report = Report { shard: metrics.clone(), runtime: counters.clone() };
            let grown = grown(&self.reported, &report);
            warn!(shard = shard.0, counters = grown.join(" "), "refused or dropped since the last such line");
            self.reported = report;
            self.losses = losses;
            self.quiet_until = now + SILENCE;
        }
    }
}

/// The losses that have grown, each by how much.
fn grown(before: &Report, now: &Report) -> Vec<String> {
    let of_shard = before.shard.loss_rows().zip(now.shard.loss_rows());
    let rows = of_shard.chain(before.runtime.loss_rows().zip(now.runtime.loss_rows()));
    rows.filter(|(before, now)| before.1 != now.1)
        .map(|(before, now)| format!("{}={}", now.0, now.1.wrapping_sub(before.1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_grown_is_named_and_by_how_much() {
        let report = |expired, takeovers, too_often| Report {
            shard: Metrics { dropped_expired_total: expired, takeovers_total: takeovers, ..Metrics::default() },
            runtime: RuntimeCounters { over_address_rate_total: too_often, ..RuntimeCounters::default() },
        };
        assert_eq!(grown(&report(5, 1, 0), &report(8, 9, 0)), ["dropped_expired_total=3"]);
        assert_eq!(grown(&report(5, 1, 1), &report(5, 1, 3)), ["over_address_rate_total=2"]);
    }

    #[test]
    fn a_flood_of_losses_is_one_line_in_ten_seconds() {
        let mut watch = Watch::default();
        let counters = RuntimeCounters::default();
        let mut metrics = Metrics { dropped_expired_total: 1, ..Metrics::default() };
        watch.look(ShardId(0), Time::START, &metrics, &counters);
        assert_eq!(watch.losses, 1);
        metrics.dropped_expired_total = 100;
        watch.look(ShardId(0), Time::START + Duration::from_secs(9), &metrics, &counters);
        assert_eq!(watch.losses, 1, "it is too early");
        watch.look(ShardId(0), Time::START + Duration::from_secs(10), &metrics, &counters);
        assert_eq!(watch.losses, 100);
    }
}
