//! The conductor: phases of a run, one after the other, each with a deadline.

use std::collections::BTreeMap;
use std::process;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{bail, Result};

use crate::fleet::{Conditions, Fleet, Totals, Waited};
use crate::ledger::{SharedLedger, Truth};
use crate::load::{Load, Shape};
use crate::measure::Measured;
use crate::options::Options;
use crate::orders::{Collected, Group, Order};
use crate::plan::{plan, Choices};
use crate::report::{
    BrokerReport, ConnectReport, Latency, LoadReport, OwnReport, Report, TrafficReport, TruthReport, WorstReport,
    SCHEMA,
};
use crate::system::{interruption, raise_open_files, settle_thread};
use crate::tally::histogram;
use crate::tls::Terms;
use crate::usage::{own_cpu, usage, Cpu, Usage};

/// A thread busier than this had no time left to be on time.
const BUSY_LIMIT: f64 = 0.9;

/// What happens until all clients have left again.
pub(crate) struct Run {
    pub(crate) load: Load,
    pub(crate) options: Options,
    pub(crate) fleet: Fleet,
    pub(crate) report: Report,
    memory_before: Usage,
    /// Connections by name of their group.
    counts: [(Group, u32); 3],
    /// What the run has made is taken away already.
    pub(crate) is_undone: bool,
}

impl Run {
    pub(crate) fn start(load: Load, options: Options) -> Result<Run> {
        raise_open_files(u64::from(load.connections()))?;
        // This thread looks at the broker now and then; the broker's CPU must not pay for it.
        settle_thread(&options.cores)?;
        let interrupted = interruption()?;
        let sources = options.sources_for(&load, process::id());
        let choices = Choices {
            threads: options.threads,
            prefix: &options.prefix,
            sources: &sources,
            window: options.window,
            in_flight_max: options.in_flight_max,
            is_live: options.is_live,
        };
        let plan = plan(&load, &choices);
        let conditions = Conditions {
            broker: options.broker,
            tls: options.tls.clone(),
            manners: options.manners(&load),
            cores: options.cores.clone(),
            spins: options.spins,
            connect_timeout: options.connect_timeout,
            interrupted: Arc::clone(&interrupted),
            is_live: options.is_live,
            broker_pids: options.broker_pids.clone(),
        };
        let memory_before = usage(&options.broker_pids);
        if memory_before.is_none() && !options.broker_pids.is_empty() {
            bail!("--broker-pid: there is no process {:?}", options.broker_pids);
        }
        let mut report = empty_report(&load, &options);
        report.load.topic_bytes = plan.topic_bytes;
        let fleet = Fleet::start(plan, conditions)?;
        let doubles = if load.shape == Shape::TakeoverStorm { load.subscribers } else { 0 };
        let counts = [
            (Group::Subscribers, load.subscribers + load.bulks()),
            (Group::Publishers, load.publishers + load.bulks()),
            (Group::Doubles, doubles),
        ];
        let memory_before = memory_before.unwrap_or_default();
        Ok(Run { load, options, fleet, report, memory_before, counts, is_undone: false })
    }

    /// Connections of a group.
    pub(crate) fn count(&self, group: Group) -> u32 {
        self.counts.iter().find(|(other, _)| *other == group).map_or(0, |(_, count)| *count)
    }

    /// Connects all of a group. Answers how many seconds it took, or nothing if it did not come off.
    pub(crate) fn connect(&mut self, group: Group, per_second: f64) -> Result<Option<f64>> {
        let count = u64::from(self.count(group));
        if count == 0 {
            return Ok(Some(0.0));
        }
        let (before, began_ns) = (self.fleet.totals(), self.fleet.clock.now_ns());
        let threads = self.fleet.threads() as f64;
        self.fleet.order(|_| Order::Open { group, per_second: per_second / threads });
        let paced_s = if per_second > 0.0 { count as f64 / per_second } else { count as f64 / 500.0 };
        let limit = Duration::from_secs_f64(1.2 * paced_s) + self.options.connect_timeout + Duration::from_secs(5);
        let deadline_ns = began_ns + limit.as_nanos() as u64;
        let waited = self.fleet.wait("connecting", deadline_ns, |totals| {
            totals.connected - before.connected + totals.connect_failed - before.connect_failed >= count
        })?;
        let elapsed_s = (self.fleet.clock.now_ns() - began_ns) as f64 / 1e9;
        let after = self.fleet.totals();
        let connected = after.connected - before.connected;
        self.report.connect.elapsed_s += elapsed_s;
        self.report.connect.ready = after.ready;
        match waited {
            Waited::Interrupted => self.report.interrupted = true,
            Waited::TimedOut => self.problem(format!("connecting took longer than {limit:?}: {connected} of {count}")),
            Waited::Done if connected < count => {
                self.problem(format!("{} of {count} connections failed", count - connected))
            }
            Waited::Done => return Ok(Some(elapsed_s)),
        }
        Ok(None)
    }

    /// Waits until nothing more is under way: all is there, or nothing has come for a while.
    pub(crate) fn drain(&mut self, expected: impl Fn(&Totals) -> u64) -> Result<()> {
        let quiet_ns = self.options.drain.as_nanos() as u64;
        let clock = self.fleet.clock;
        let mut last = (0, clock.now_ns());
        // However long a broker may go on: thirty times what counts as quiet.
        let deadline_ns = last.1 + 30 * quiet_ns;
        let waited = self.fleet.wait("draining", deadline_ns, |totals| {
            let now_ns = clock.now_ns();
            let moved = totals.delivered + totals.acknowledged + totals.sent + totals.bulk_delivered;
            if moved != last.0 {
                last = (moved, now_ns);
            }
            let is_all = totals.delivered >= expected(totals) && totals.unsent == 0;
            let is_all = is_all && totals.bulk_delivered >= totals.bulk_sent;
            is_all && now_ns > last.1 + 30_000_000 || now_ns > last.1 + quiet_ns
        })?;
        self.report.interrupted |= waited == Waited::Interrupted;
        Ok(())
    }

    /// Enters what the threads know. `measured` is what was measured since the last time.
    pub(crate) fn collect(&mut self, measured: &Measured) -> Result<()> {
        let parts = self.fleet.collect()?;
        let totals = self.fleet.totals();
        let sum = sum_up(&parts, measured);
        let report = &mut self.report;
        let connect = &mut report.connect;
        connect.failed = totals.connect_failed;
        connect.closed_by_broker = totals.closed;
        connect.resumed = self.options.tls.as_ref().map_or(0, Terms::resumed);
        connect.latency = sum.connect.or(connect.latency);
        connect.per_s = per_second(totals.connected as f64, connect.elapsed_s);
        connect.faults = sum.faults;
        report.truth.set(sum.truth);
        report.truth.lost_by_slow = sum.truth_slow.lost;
        report.truth.unreadable = sum.unreadable;
        report.truth.stalls = totals.stalls;
        report.truth.worst = sum.worst;
        report.traffic = TrafficReport {
            measured_s: measured.seconds(),
            sent: totals.sent,
            acknowledged: totals.acknowledged,
            refused: totals.refused,
            expected: totals.sent * u64::from(self.load.receivers()),
            delivered: totals.delivered,
            sent_per_s: per_second(measured.sent as f64, measured.seconds()),
            delivered_per_s: per_second(sum.delivered_measured as f64, measured.seconds()),
            latency: sum.latency,
            bulk_delivered_per_s: per_second(sum.bulk_delivered_measured as f64, measured.seconds()),
        };
        // What a thread was busy with is known of the time that it was told to measure, which a script's parts are not.
        let is_script = report.mode == "script";
        let worked_s = if is_script { measured.own_cpu.total_s() } else { sum.busy * measured.seconds() };
        report.loadgen = OwnReport {
            cpu: measured.own_cpu,
            cpu_s_per_million: per_million(worked_s, sum.delivered_measured),
            busiest_thread: sum.busiest,
            lag_ms_max: sum.lag_ns_max as f64 / 1e6,
            was_limit: sum.busiest > BUSY_LIMIT,
        };
        self.report.broker = measured.broker_cpu.map(|cpu| self.broker_report(cpu, measured, sum.delivered_measured));
        Ok(())
    }

    fn broker_report(&self, cpu: Cpu, measured: &Measured, delivered: u64) -> BrokerReport {
        let after = usage(&self.options.broker_pids).unwrap_or_default();
        let connected_bytes = measured.broker_connected_bytes;
        let connections = u64::from(self.load.connections()).max(1);
        let scale = |part_s: f64| (delivered > 0).then(|| part_s / (delivered as f64 / 1e6));
        BrokerReport {
            cpu,
            cores_used: per_second(cpu.total_s(), measured.seconds()),
            user_s_per_million: scale(cpu.user_s),
            system_s_per_million: scale(cpu.system_s),
            cpu_s_per_million: scale(cpu.total_s()),
            memory_before_bytes: self.memory_before.resident_bytes,
            memory_connected_bytes: connected_bytes,
            memory_peak_bytes: self.fleet.resident_bytes_max.max(after.resident_bytes),
            memory_after_bytes: after.resident_bytes,
            memory_per_connection_bytes: connected_bytes.saturating_sub(self.memory_before.resident_bytes)
                / connections,
        }
    }

    pub(crate) fn problem(&mut self, text: String) {
        self.report.problems.push(text);
    }

    /// All leave; sessions and retained messages the run has made are taken away.
    pub(crate) fn finish(mut self) -> Result<Report> {
        self.fleet.order(|_| Order::Halt);
        if self.load.shape == Shape::Retained && !self.is_undone {
            self.fleet.order(|_| Order::ClearRetained);
        }
        self.all_leave();
        if self.has_sessions() && !self.is_undone && !self.fleet.is_interrupted() {
            self.forget_sessions()?;
        }
        self.fleet.stop()?;
        self.judge();
        Ok(self.report)
    }

    pub(crate) fn all_leave(&self) {
        for group in [Group::Publishers, Group::Subscribers, Group::Doubles] {
            self.fleet.order(|_| Order::Leave { group, is_polite: true });
        }
    }

    /// Whether sessions stay behind when their clients leave.
    pub(crate) fn has_sessions(&self) -> bool {
        !self.load.is_clean || self.load.shape == Shape::OfflineSessions
    }

    /// Subscribers come with clean sessions and leave again. What goes wrong with that is not held against the run.
    pub(crate) fn forget_sessions(&mut self) -> Result<()> {
        self.fleet.order(|_| Order::ForgetSessions);
        let problems = self.report.problems.len();
        let elapsed_s = self.report.connect.elapsed_s;
        self.connect(Group::Subscribers, 0.0)?;
        self.report.connect.elapsed_s = elapsed_s;
        self.report.problems.truncate(problems);
        self.fleet.order(|_| Order::Leave { group: Group::Subscribers, is_polite: true });
        Ok(())
    }

    fn judge(&mut self) {
        let (report, load) = (&mut self.report, &self.load);
        if report.truth.unreadable > 0 {
            report.warnings.push(format!("{} messages were not from this run", report.truth.unreadable));
        }
        if report.traffic.refused > 0 {
            report.problems.push(format!("the broker refused {} publications", report.traffic.refused));
        }
        if report.connect.closed_by_broker > 0 && load.shape != Shape::TakeoverStorm {
            report.problems.push(format!("the broker closed {} connections", report.connect.closed_by_broker));
        }
        if report.loadgen.was_limit {
            let busy = 100.0 * report.loadgen.busiest_thread;
            let text =
                format!("a thread of loadgen was busy {busy:.0} % of the time: it, not the broker, may be the limit");
            report.warnings.push(text);
        }
        if report.mode == "fixed-rate" && report.traffic.measured_s > 0.0 && !report.interrupted {
            let offered = load.rate_total();
            if report.traffic.sent_per_s < 0.98 * offered {
                let sent = report.traffic.sent_per_s;
                report.warnings.push(format!("offered {offered:.0}/s, sent only {sent:.0}/s"));
            }
        }
        if report.truth.stalls > 0 {
            report.warnings.push(format!("{} times a publisher waited in vain for its window", report.truth.stalls));
        }
        if load.shape == Shape::SharedSub && !SharedLedger::watches_order(load.publishers, load.subscribers) {
            report.warnings.push("too many publishers times sharers to watch the order".to_owned());
        }
        report.ok = report.problems.is_empty() && !report.truth.is_violated() && !report.interrupted;
    }
}

/// What all threads say together.
struct Sum {
    latency: Option<Latency>,
    connect: Option<Latency>,
    delivered_measured: u64,
    bulk_delivered_measured: u64,
    unreadable: u64,
    truth: Truth,
    truth_slow: Truth,
    worst: Vec<WorstReport>,
    faults: BTreeMap<String, u64>,
    busiest: f64,
    /// Threads' worth of work, all of them together.
    busy: f64,
    lag_ns_max: u64,
}

fn sum_up(parts: &[Collected], measured: &Measured) -> Sum {
    let (mut latency, mut connect) = (histogram(), histogram());
    let (mut truth, mut truth_slow, mut faults) = (Truth::default(), Truth::default(), BTreeMap::new());
    let mut shared: Option<SharedLedger> = None;
    let mut worst = Vec::new();
    for part in parts {
        // All have the same bounds.
        let _ = latency.add(&part.latency);
        let _ = connect.add(&part.connect);
        truth.add(part.truth);
        truth_slow.add(part.truth_slow);
        worst.extend(part.worst.iter().cloned());
        for (reason, count) in &part.faults {
            *faults.entry(reason.clone()).or_default() += count;
        }
        match (&mut shared, &part.shared) {
            (Some(all), Some(one)) => all.merge(one),
            (None, Some(one)) => shared = Some(one.clone()),
            (_, None) => {}
        }
    }
    if let Some(shared) = shared {
        truth.add(shared.close(|flow| measured.sent_of_flows.get(flow as usize).copied().unwrap_or(0)));
    }
    worst.sort_by_key(|(_, truth): &(String, Truth)| {
        std::cmp::Reverse(truth.lost + truth.duplicated + truth.out_of_order)
    });
    let named = |(client_id, truth): (String, Truth)| WorstReport {
        client_id,
        lost: truth.lost,
        duplicated: truth.duplicated,
        out_of_order: truth.out_of_order,
        foreign: truth.foreign,
    };
    Sum {
        latency: Latency::of(&latency),
        connect: Latency::of(&connect),
        delivered_measured: parts.iter().map(|part| part.delivered_measured).sum(),
        bulk_delivered_measured: parts.iter().map(|part| part.bulk_delivered_measured).sum(),
        unreadable: parts.iter().map(|part| part.unreadable).sum(),
        truth,
        truth_slow,
        worst: worst.into_iter().take(5).map(named).collect(),
        faults,
        busiest: parts.iter().map(|part| part.busy).fold(0.0, f64::max),
        busy: parts.iter().map(|part| part.busy).sum(),
        lag_ns_max: parts.iter().map(|part| part.lag_ns_max).max().unwrap_or(0),
    }
}

pub(crate) fn per_second(count: f64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count / seconds
    } else {
        0.0
    }
}

fn per_million(cpu_s: f64, delivered: u64) -> Option<f64> {
    (delivered > 0).then(|| cpu_s / (delivered as f64 / 1e6))
}

fn empty_report(load: &Load, options: &Options) -> Report {
    let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Report {
        schema: SCHEMA,
        loadgen_version: env!("CARGO_PKG_VERSION"),
        scenario: options.scenario.clone(),
        mode: options.mode(load),
        broker_name: options.broker_name.clone(),
        broker_address: options.broker.to_string(),
        started_unix_s,
        load: LoadReport {
            publishers: load.publishers,
            subscribers: load.subscribers,
            connections: load.connections(),
            flows: load.flows(),
            receivers_per_message: load.receivers(),
            rate_per_publisher_s: load.rate,
            rate_total_s: load.rate_total(),
            publish_qos: load.publish_qos as u8,
            subscribe_qos: load.subscribe_qos as u8,
            payload_bytes: load.payload_bytes,
            topic_bytes: None,
            bulk_bytes: load.bulk_bytes,
            settle_s: options.settle.as_secs_f64(),
            tls: options.tls.is_some(),
            keep_alive_s: load.keep_alive_s,
            protocol_level: load.version.level(),
            is_clean: load.is_clean,
            window: options.window,
            burst: options.window.map(|_| options.burst),
            scale: options.scale,
            duration_s: load.duration_s,
            warmup_s: options.warmup.as_secs_f64(),
            threads: options.threads,
            cores: options.cores.clone(),
        },
        connect: ConnectReport::default(),
        truth: TruthReport::default(),
        ..Report::default()
    }
}

/// CPU times now: the broker's if it is known, and our own.
pub(crate) fn cpu_now(options: &Options) -> (Option<Cpu>, Cpu) {
    (usage(&options.broker_pids).map(|usage| usage.cpu), own_cpu())
}
