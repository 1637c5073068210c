//! The line that moves while a run goes on.

use std::io::{stderr, Write};
use std::sync::PoisonError;

use crate::fleet::Totals;
use crate::orders::Mailbox;
use crate::tally::histogram;
use crate::words::{count, duration_ns};

/// How often it is drawn.
const PERIOD_NS: u64 = 500_000_000;

pub(crate) struct Live {
    is_on: bool,
    is_drawn: bool,
    last: (u64, Totals),
}

impl Live {
    pub(crate) fn new(is_on: bool) -> Live {
        Live { is_on, is_drawn: false, last: (0, Totals::default()) }
    }

    pub(crate) fn show(
        &mut self,
        phase: &str,
        now_ns: u64,
        began_ns: u64,
        end_ns: u64,
        totals: &Totals,
        mailboxes: &[Mailbox],
    ) {
        let (last_ns, last) = self.last;
        if !self.is_on || now_ns < last_ns + PERIOD_NS {
            return;
        }
        let elapsed_s = (now_ns - last_ns) as f64 / 1e9;
        let rate = |now: u64, before: u64| count(((now - before) as f64 / elapsed_s) as u64);
        let mut recent = histogram();
        for mailbox in mailboxes {
            let mut slot = mailbox.recent.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(part) = &mut *slot {
                // All have the same bounds.
                let _ = recent.add(&*part);
                part.clear();
            }
        }
        let mut line = format!(
            "{phase} {:.0}/{:.0} s  {} ready  sent {}/s  delivered {}/s",
            (now_ns - began_ns) as f64 / 1e9,
            (end_ns.saturating_sub(began_ns)) as f64 / 1e9,
            count(totals.ready),
            rate(totals.sent, last.sent),
            rate(totals.delivered, last.delivered),
        );
        if !recent.is_empty() {
            let (half, most) = (recent.value_at_quantile(0.5), recent.value_at_quantile(0.99));
            line += &format!("  p50 {}  p99 {}", duration_ns(half), duration_ns(most));
        }
        // A terminal that is gone is no reason to end the run.
        let _ = write!(stderr(), "\r\x1b[2K{line}");
        let _ = stderr().flush();
        self.is_drawn = true;
        self.last = (now_ns, *totals);
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}
