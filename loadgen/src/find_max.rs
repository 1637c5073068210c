//! The highest rate that holds: doubled until it breaks, then narrowed down.

use anyhow::Result;

use crate::report::CurvePoint;
use crate::run::Run;

/// Steps of doubling, and of halving the interval.
const DOUBLINGS_MAX: u32 = 24;
const BISECTIONS: u32 = 5;
/// A rate holds if this much of it is sent and delivered.
const REACHED: f64 = 0.97;

impl Run {
    /// Tries rates on the same connections.
    pub(crate) fn find_max(&mut self) -> Result<()> {
        if !self.connect_all()? {
            return self.collect(&Default::default());
        }
        let mut rate = self.options.start_rate.unwrap_or(self.load.rate_total()).max(1.0);
        let (mut held, mut broken) = (None, None);
        let mut bisections = 0;
        for _ in 0..DOUBLINGS_MAX + BISECTIONS {
            let point = self.try_rate(rate)?;
            if self.report.interrupted {
                break;
            }
            let holds = point.held;
            self.report.curve.push(point);
            if holds {
                held = Some(rate);
            } else {
                broken = Some(rate);
            }
            rate = match (held, broken) {
                (Some(held), None) => 2.0 * held,
                (None, Some(broken)) if broken <= 1.0 => break,
                (None, Some(broken)) => broken / 4.0,
                (Some(held), Some(broken)) => {
                    bisections += 1;
                    (held + broken) / 2.0
                }
                (None, None) => break,
            };
            if bisections > BISECTIONS || self.has_lost_connections() {
                break;
            }
        }
        self.report.curve.sort_by(|one, other| one.offered_per_s.total_cmp(&other.offered_per_s));
        self.report.max_rate_per_s = held;
        if held.is_none() && !self.report.interrupted {
            self.problem("no rate held".to_owned());
        }
        // What broke a rate is in the curve; it is not held against the run.
        self.report.truth = Default::default();
        Ok(())
    }

    fn try_rate(&mut self, rate: f64) -> Result<CurvePoint> {
        let lost_before = self.report.truth.lost;
        let faults_before = self.faults();
        let measured = self.measure(Some(rate), self.options.warmup.as_secs_f64(), self.load.duration_s)?;
        self.collect(&measured)?;
        let (traffic, own) = (&self.report.traffic, &self.report.loadgen);
        let latency = traffic.latency;
        let p99_us = latency.map_or(0.0, |latency| latency.p99_us);
        let lost = self.report.truth.lost.saturating_sub(lost_before);
        let receivers = f64::from(self.load.receivers());
        let why = if lost > 0 {
            format!("{lost} lost")
        } else if self.faults() > faults_before {
            "duplicated, out of order or foreign".to_owned()
        } else if latency.is_none() {
            "nothing arrived".to_owned()
        } else if p99_us > self.options.p99_limit.as_secs_f64() * 1e6 {
            "p99 above its limit".to_owned()
        } else if traffic.sent_per_s < REACHED * rate {
            "not all of it could be sent".to_owned()
        } else if traffic.delivered_per_s < REACHED * rate * receivers {
            "deliveries fell behind".to_owned()
        } else {
            String::new()
        };
        Ok(CurvePoint {
            offered_per_s: rate,
            sent_per_s: traffic.sent_per_s,
            delivered_per_s: traffic.delivered_per_s,
            p50_us: latency.map_or(0.0, |latency| latency.p50_us),
            p99_us,
            lost,
            broker_cores: self.report.broker.as_ref().map(|broker| broker.cores_used),
            busiest_thread: own.busiest_thread,
            held: why.is_empty(),
            why,
        })
    }

    fn faults(&self) -> u64 {
        let truth = &self.report.truth;
        truth.duplicated + truth.out_of_order + truth.foreign
    }

    fn has_lost_connections(&self) -> bool {
        self.fleet.totals().ready < u64::from(self.load.connections())
    }
}
