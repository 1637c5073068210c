//! A stretch of publishing that is measured.

use anyhow::Result;

use crate::fleet::Waited;
use crate::load::Shape;
use crate::orders::{Order, Pacing};
use crate::run::{cpu_now, Run};
use crate::usage::{usage, Cpu};

/// What was seen from outside between two points in time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
    pub(crate) sent: u64,
    pub(crate) sent_of_flows: Vec<u32>,
    pub(crate) broker_cpu: Option<Cpu>,
    pub(crate) own_cpu: Cpu,
    /// With all connections there and nothing published yet.
    pub(crate) broker_connected_bytes: u64,
}

impl Measured {
    pub(crate) fn seconds(&self) -> f64 {
        (self.until_ns - self.from_ns) as f64 / 1e9
    }
}

/// A little while for all threads to hear of it before the first message is due.
const LEAD_NS: u64 = 50_000_000;

impl Run {
    /// Publishes for `seconds` behind a warm-up and waits until it has arrived. `rate` is that of all publishers; without
    /// one the window decides.
    pub(crate) fn measure(&mut self, rate: Option<f64>, warmup_s: f64, seconds: f64) -> Result<Measured> {
        let connected_bytes = usage(&self.options.broker_pids).map_or(0, |usage| usage.resident_bytes);
        let start_ns = self.fleet.clock.now_ns() + LEAD_NS;
        let from_ns = start_ns + (warmup_s * 1e9) as u64;
        let until_ns = from_ns + (seconds * 1e9) as u64;
        self.publish(rate, start_ns, from_ns, until_ns);
        let mut measured =
            Measured { from_ns, until_ns, broker_connected_bytes: connected_bytes, ..Measured::default() };
        self.wait_until("warming up", from_ns)?;
        let (sent_before, cpu_before) = (self.fleet.totals().sent, cpu_now(&self.options));
        if self.load.shape == Shape::SlowConsumer {
            let third_ns = (until_ns - from_ns) / 3;
            self.wait_until("measuring", from_ns + third_ns)?;
            self.fleet.order(|_| Order::Read { is_on: false });
            self.wait_until("measuring", from_ns + 2 * third_ns)?;
            self.fleet.order(|_| Order::Read { is_on: true });
        }
        self.wait_until("measuring", until_ns)?;
        let cpu_after = cpu_now(&self.options);
        // Ctrl-C: the figures are those of the time it ran.
        measured.until_ns = until_ns.min(self.fleet.clock.now_ns()).max(from_ns + 1);
        measured.sent = self.fleet.totals().sent - sent_before;
        measured.own_cpu = cpu_after.1 - cpu_before.1;
        measured.broker_cpu = cpu_after.0.zip(cpu_before.0).map(|(after, before)| after - before);
        if self.report.interrupted {
            self.fleet.order(|_| Order::Halt);
            self.fleet.ignore_interruption();
        }
        let receivers = u64::from(self.load.receivers());
        self.drain(|totals| totals.sent * receivers)?;
        measured.sent_of_flows = self.fleet.sent_of_flows()?;
        Ok(measured)
    }

    fn publish(&self, rate: Option<f64>, start_ns: u64, from_ns: u64, until_ns: u64) {
        let threads = self.fleet.threads() as f64;
        let publishers: u32 = self.fleet.publishers.iter().sum();
        self.fleet.order(|thread| {
            let own = self.fleet.publishers[thread];
            let pacing = match (rate, self.options.window) {
                (Some(rate), _) => {
                    let own_rate = rate * f64::from(own) / f64::from(publishers.max(1));
                    let step_ns = 1e9 / own_rate.max(1e-9);
                    // Threads take turns too.
                    let start_ns = start_ns + (step_ns * thread as f64 / threads).min(1e12) as u64;
                    Pacing::Fixed { start_ns, step_ns, until_ns }
                }
                (None, window) => Pacing::Window { window: window.unwrap_or(1), burst: self.options.burst, until_ns },
            };
            Order::Publish { pacing, measured: from_ns..until_ns }
        });
    }

    pub(crate) fn wait_until(&mut self, phase: &str, time_ns: u64) -> Result<()> {
        if !self.report.interrupted && self.fleet.wait(phase, time_ns, |_| false)? == Waited::Interrupted {
            self.report.interrupted = true;
        }
        Ok(())
    }
}
