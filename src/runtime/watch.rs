//! Tells the operator what was refused or dropped: one line per shard, at most every ten seconds.

use std::time::Duration;

use tracing::warn;

use crate::metrics::Metrics;
use crate::shard::ShardId;
use crate::time::Time;

/// The least time between two lines of one shard.
const SILENCE: Duration = Duration::from_secs(10);

/// What one shard has reported so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    reported: Metrics,
    losses: u64,
    quiet_until: Time,
}

impl Watch {
    /// Looks at a shard's counters once a turn; costs a few additions unless something was lost.
    pub(super) fn look(&mut self, shard: ShardId, now: Time, metrics: &Metrics) {
        let losses = metrics.losses();
        if losses != self.losses && now >= self.quiet_until {
            let grown = grown(&self.reported, metrics);
            warn!(shard = shard.0, counters = grown.join(" "), "refused or dropped since the last such line");
            self.reported = metrics.clone();
            self.losses = losses;
            self.quiet_until = now + SILENCE;
        }
    }
}

/// The losses that have grown, each by how much.
fn grown(before: &Metrics, now: &Metrics) -> Vec<String> {
    let rows = before.loss_rows().zip(now.loss_rows());
    rows.filter(|(before, now)| before.1 != now.1)
        .map(|(before, now)| format!("{}={}", now.0, now.1.wrapping_sub(before.1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_grown_is_named_and_by_how_much() {
        let before = Metrics { dropped_expired_total: 5, takeovers_total: 1, ..Metrics::default() };
        let now = Metrics { dropped_expired_total: 8, takeovers_total: 9, ..Metrics::default() };
        assert_eq!(grown(&before, &now), ["dropped_expired_total=3"]);
    }

    #[test]
    fn a_flood_of_losses_is_one_line_in_ten_seconds() {
        let mut watch = Watch::default();
        let mut metrics = Metrics { dropped_expired_total: 1, ..Metrics::default() };
        watch.look(ShardId(0), Time::START, &metrics);
        assert_eq!(watch.losses, 1);
        metrics.dropped_expired_total = 100;
        watch.look(ShardId(0), Time::START + Duration::from_secs(9), &metrics);
        assert_eq!(watch.losses, 1, "it is too early");
        watch.look(ShardId(0), Time::START + Duration::from_secs(10), &metrics);
        assert_eq!(watch.losses, 100);
    }
}
