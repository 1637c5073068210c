//! What a run found out; as JSON one object, described in `docs/loadgen.md`.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::ledger::Truth;
use crate::usage::Cpu;

/// Raised when a field changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) loadgen_version: &'static str,
    pub(crate) scenario: String,
    /// `fixed-rate`, `closed-loop`, `find-max` or `script`.
    pub(crate) mode: &'static str,
    pub(crate) broker_name: Option<String>,
    pub(crate) broker_address: String,
    pub(crate) started_unix_s: u64,
    /// No problems.
    pub(crate) ok: bool,
    /// Why the run does not count.
    pub(crate) problems: Vec<String>,
    /// Why its figures may mislead.
    pub(crate) warnings: Vec<String>,
    pub(crate) interrupted: bool,
    pub(crate) load: LoadReport,
    pub(crate) connect: ConnectReport,
    pub(crate) traffic: TrafficReport,
    pub(crate) truth: TruthReport,
    pub(crate) broker: Option<BrokerReport>,
    pub(crate) loadgen: OwnReport,
    /// Of a script: its steps.
    pub(crate) steps: Vec<Step>,
    /// Of `--find-max`: each rate that was tried.
    pub(crate) curve: Vec<CurvePoint>,
    /// Of `--find-max`: the highest total rate of publishing that held.
    pub(crate) max_rate_per_s: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LoadReport {
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    pub(crate) connections: u32,
    pub(crate) flows: u32,
    pub(crate) receivers_per_message: u32,
    pub(crate) rate_per_publisher_s: f64,
    pub(crate) rate_total_s: f64,
    pub(crate) publish_qos: u8,
    pub(crate) subscribe_qos: u8,
    pub(crate) payload_bytes: usize,
    /// Of a topic, or of a filter where nothing is published; the mean of all.
    pub(crate) topic_bytes: Option<f64>,
    /// Payload of the publisher beside the others; 0: there is none.
    pub(crate) bulk_bytes: usize,
    pub(crate) settle_s: f64,
    pub(crate) tls: bool,
    pub(crate) keep_alive_s: u16,
    pub(crate) protocol_level: u8,
    pub(crate) is_clean: bool,
    pub(crate) window: Option<u32>,
    pub(crate) burst: Option<u32>,
    pub(crate) scale: f64,
    pub(crate) duration_s: f64,
    pub(crate) warmup_s: f64,
    pub(crate) threads: usize,
    pub(crate) cores: Vec<usize>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ConnectReport {
    pub(crate) ready: u64,
    pub(crate) failed: u64,
    pub(crate) closed_by_broker: u64,
    /// Handshakes that took a session up again.
    pub(crate) resumed: u64,
    pub(crate) elapsed_s: f64,
    pub(crate) per_s: f64,
    pub(crate) latency: Option<Latency>,
    pub(crate) faults: std::collections::BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TrafficReport {
    pub(crate) measured_s: f64,
    /// Of the whole run, warm-up included, as `delivered` and `expected`.
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    /// While it was measured, as `delivered_per_s`.
    pub(crate) sent_per_s: f64,
    pub(crate) delivered_per_s: f64,
    pub(crate) latency: Option<Latency>,
    /// What the bulk publisher delivered besides, while it was measured; in none of the figures above.
    pub(crate) bulk_delivered_per_s: f64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TruthReport {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    pub(crate) foreign: u64,
    pub(crate) unreadable: u64,
    /// Times a closed loop went on without messages it had waited for in vain.
    pub(crate) stalls: u64,
    /// `slow-consumer`: lost by those that did not read, which is not held against the broker.
    pub(crate) lost_by_slow: u64,
    pub(crate) worst: Vec<WorstReport>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorstReport {
    pub(crate) client_id: String,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    pub(crate) foreign: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct BrokerReport {
    pub(crate) cpu: Cpu,
    pub(crate) cores_used: f64,
    pub(crate) user_s_per_million: Option<f64>,
    pub(crate) system_s_per_million: Option<f64>,
    pub(crate) cpu_s_per_million: Option<f64>,
    pub(crate) memory_before_bytes: u64,
    pub(crate) memory_connected_bytes: u64,
    pub(crate) memory_peak_bytes: u64,
    pub(crate) memory_after_bytes: u64,
    pub(crate) memory_per_connection_bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OwnReport {
    pub(crate) cpu: Cpu,
    pub(crate) cpu_s_per_million: Option<f64>,
    /// Share of the measured time the busiest thread was running.
    pub(crate) busiest_thread: f64,
    /// How late a message was looked at, at worst.
    pub(crate) lag_ms_max: f64,
    pub(crate) was_limit: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) elapsed_s: f64,
    pub(crate) per_s: f64,
    /// What the broker used meanwhile, as the scheduler counts; where that is not known, in ticks of 10 ms.
    pub(crate) broker_cpu_s: Option<f64>,
    /// The broker's proportional set size, settled, before it and after.
    pub(crate) broker_pss_before_bytes: Option<u64>,
    pub(crate) broker_pss_after_bytes: Option<u64>,
    /// Share of the time that our threads were busy, all together.
    pub(crate) loadgen_busy: Option<f64>,
    pub(crate) latency: Option<Latency>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) offered_per_s: f64,
    pub(crate) sent_per_s: f64,
    pub(crate) delivered_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) lost: u64,
    pub(crate) broker_cores: Option<f64>,
    pub(crate) busiest_thread: f64,
    pub(crate) held: bool,
    pub(crate) why: String,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) min_us: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_9_us: f64,
    pub(crate) max_us: f64,
}

impl Latency {
    /// `None` if nothing has been entered.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Latency> {
        let us = |ns: u64| ns as f64 / 1e3;
        let at = |quantile| us(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Latency {
            count: histogram.len(),
            min_us: us(histogram.min()),
            mean_us: histogram.mean() / 1e3,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            max_us: us(histogram.max()),
        })
    }
}

impl TruthReport {
    pub(crate) fn set(&mut self, truth: Truth) {
        self.lost = truth.lost;
        self.duplicated = truth.duplicated;
        self.out_of_order = truth.out_of_order;
        self.foreign = truth.foreign;
    }

    /// The delivery was not as it has to be.
    pub(crate) fn is_violated(&self) -> bool {
        self.lost + self.duplicated + self.out_of_order + self.foreign > 0
    }
}

/// What the process says with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    /// It could not be carried out.
    Failed,
    /// Messages were lost, duplicated, out of order or misdirected.
    Untrue,
    Interrupted,
}

impl Verdict {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Verdict::Clean => 0,
            Verdict::Failed => 1,
            Verdict::Untrue => 3,
            Verdict::Interrupted => 130,
        }
    }
}

impl Report {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Report { truth, .. } if truth.is_violated() => Verdict::Untrue,
            Report { interrupted: true, .. } => Verdict::Interrupted,
            Report { problems, .. } if !problems.is_empty() => Verdict::Failed,
            Report { .. } => Verdict::Clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::histogram;

    #[test]
    fn what_was_lost_weighs_more_than_how_the_run_ended() {
        let mut report = Report::default();
        assert_eq!(report.verdict().exit_code(), 0);
        report.problems.push("x".to_owned());
        assert_eq!(report.verdict().exit_code(), 1);
        report.interrupted = true;
        assert_eq!(report.verdict().exit_code(), 130);
        report.truth.out_of_order = 1;
        assert_eq!(report.verdict().exit_code(), 3);
    }

    #[test]
    fn what_a_slow_consumer_loses_is_its_own_fault() {
        let mut report = Report::default();
        report.truth.lost_by_slow = 5;
        assert_eq!(report.verdict(), Verdict::Clean);
    }

    #[test]
    fn an_empty_histogram_has_no_latency() {
        let mut entries = histogram();
        assert_eq!(Latency::of(&entries), None);
        entries.record(2000).expect("within bounds");
        assert_eq!(Latency::of(&entries).map(|latency| (latency.count, latency.p50_us.round())), Some((1, 2.0)));
    }
}
