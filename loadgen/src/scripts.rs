//! What the scenarios do in turn.

use anyhow::Result;
use corecast::mqtt::QoS;

use crate::fleet::Waited;
use crate::load::{Load, Shape};
use crate::measure::Measured;
use crate::options::Options;
use crate::orders::{Group, Order, Pacing};
use crate::report::{Latency, Report, Step};
use crate::run::{cpu_now, per_second, Run};
use crate::tally::histogram;
use crate::usage::{usage, Cpu};

/// Carries out a load from the first connection to the last.
pub(crate) fn carry_out(load: Load, options: Options) -> Result<Report> {
    let mut run = Run::start(load, options)?;
    let carried_out = match run.load.shape {
        _ if run.options.find_max => run.find_max(),
        Shape::PointToPoint
        | Shape::Broadcast
        | Shape::BroadcastByWildcard
        | Shape::SharedSub
        | Shape::Ring
        | Shape::Wildcard
        | Shape::SlowConsumer => run.traffic(),
        Shape::Connections => run.connections(),
        Shape::Retained => run.retained(),
        Shape::ReconnectStorm => run.reconnect_storm(),
        Shape::TakeoverStorm => run.takeover_storm(),
        Shape::OfflineSessions => run.offline_sessions(),
    };
    if let Err(error) = carried_out {
        // The threads have to end whatever has happened.
        run.fleet.stop()?;
        return Err(error);
    }
    run.finish()
}

/// What of the machine was used since.
struct Watch {
    from_ns: u64,
    broker: Option<Cpu>,
    own: Cpu,
}

/// How long a broker may take to notice that a connection is gone, or to serve what it has kept.
const SCRIPT_NS_MAX: u64 = 120_000_000_000;

impl Run {
    /// Subscribers, then publishers. Answers whether all are there.
    pub(crate) fn connect_all(&mut self) -> Result<bool> {
        let per_second = self.load.connects_per_s;
        let is_there = self.connect(Group::Subscribers, per_second)?.is_some();
        Ok(is_there && self.connect(Group::Publishers, per_second)?.is_some())
    }

    fn traffic(&mut self) -> Result<()> {
        if !self.connect_all()? {
            return self.collect(&Measured::default());
        }
        let rate = self.options.window.is_none().then(|| self.load.rate_total());
        let measured = self.measure(rate, self.options.warmup.as_secs_f64(), self.load.duration_s)?;
        self.collect(&measured)
    }

    fn connections(&mut self) -> Result<()> {
        let watch = self.watch();
        let is_there = self.connect(Group::Subscribers, self.load.connects_per_s)?.is_some();
        let connected_bytes = usage(&self.options.broker_pids).map_or(0, |usage| usage.resident_bytes);
        if is_there {
            let until_ns = self.fleet.clock.now_ns() + (self.load.duration_s * 1e9) as u64;
            let closed_before = self.fleet.totals().closed;
            if self.fleet.wait("holding", until_ns, |totals| totals.closed > closed_before)? == Waited::Interrupted {
                self.report.interrupted = true;
            }
        }
        let mut measured = self.watched(&watch)?;
        measured.broker_connected_bytes = connected_bytes;
        self.collect(&measured)
    }

    fn retained(&mut self) -> Result<()> {
        let watch = self.watch();
        if self.connect(Group::Publishers, 0.0)?.is_some() {
            let messages = u64::from(self.load.items);
            let each = messages / u64::from(self.load.publishers);
            if self.burst("storing", each, messages)? {
                let expected = messages * u64::from(self.load.subscribers);
                self.fetch("retained messages", expected)?;
            }
        }
        let measured = self.watched(&watch)?;
        self.collect(&measured)
    }

    fn offline_sessions(&mut self) -> Result<()> {
        let watch = self.watch();
        if self.connect_all()? {
            self.fleet.order(|_| Order::Leave { group: Group::Subscribers, is_polite: true });
            let messages = u64::from(self.load.items) * u64::from(self.load.subscribers);
            let each = messages / u64::from(self.load.publishers);
            // A broker that is still busy with the leaving would deliver instead of keep.
            let settled_ns = self.fleet.clock.now_ns() + 500_000_000;
            self.wait_until("leaving", settled_ns)?;
            if self.burst("queueing", each, messages)? {
                self.fetch("kept messages", messages)?;
            }
        }
        let measured = self.watched(&watch)?;
        self.collect(&measured)
    }

    /// Each publisher sends `each` as fast as it can; `messages` in all. Answers whether all were taken.
    fn burst(&mut self, name: &str, each: u64, messages: u64) -> Result<bool> {
        let watch = self.watch();
        let began_ns = watch.from_ns;
        let pacing = Pacing::Burst { messages: each };
        self.fleet.order(|_| Order::Publish { pacing, measured: began_ns..began_ns + SCRIPT_NS_MAX });
        let needs_answers = self.load.publish_qos != QoS::AtMostOnce;
        let waited = self.fleet.wait(name, began_ns + SCRIPT_NS_MAX, |totals| {
            totals.sent >= messages && (totals.acknowledged >= messages || !needs_answers)
        })?;
        let totals = self.fleet.totals();
        self.step(name, totals.sent, &watch, None);
        match waited {
            Waited::Done => return Ok(true),
            Waited::Interrupted => self.report.interrupted = true,
            Waited::TimedOut => {
                let acknowledged = totals.acknowledged;
                self.problem(format!("{name}: of {messages} messages {acknowledged} were acknowledged in time"));
            }
        }
        Ok(false)
    }

    /// Subscribers come for what waits for them.
    fn fetch(&mut self, what: &str, expected: u64) -> Result<()> {
        let watch = self.watch();
        let before = self.fleet.totals().delivered;
        if self.connect(Group::Subscribers, 0.0)?.is_some() {
            self.drain(|_| before + expected)?;
        }
        let delivered = self.fleet.totals().delivered - before;
        self.step(what, delivered, &watch, None);
        Ok(())
    }

    fn reconnect_storm(&mut self) -> Result<()> {
        let watch = self.watch();
        let count = u64::from(self.load.subscribers);
        let mut is_there = self.connect(Group::Subscribers, self.load.connects_per_s)?.is_some();
        for round in 1..=self.load.items {
            if !is_there {
                break;
            }
            self.fleet.collect()?;
            self.fleet.order(|_| Order::Leave { group: Group::Subscribers, is_polite: false });
            let watch = self.watch();
            is_there = self.connect(Group::Subscribers, 0.0)?.is_some();
            let latency = self.connect_latency()?;
            self.step(&format!("reconnect {round}"), count, &watch, latency);
        }
        let measured = self.watched(&watch)?;
        self.collect(&measured)
    }

    fn takeover_storm(&mut self) -> Result<()> {
        let watch = self.watch();
        let count = u64::from(self.load.subscribers);
        let mut is_there = self.connect(Group::Subscribers, self.load.connects_per_s)?.is_some();
        for round in 1..=self.load.items {
            if !is_there {
                break;
            }
            self.fleet.collect()?;
            let group = if round % 2 == 1 { Group::Doubles } else { Group::Subscribers };
            let (watch, before) = (self.watch(), self.fleet.totals().closed);
            is_there = self.connect(group, 0.0)?.is_some();
            let deadline_ns = self.fleet.clock.now_ns() + 10_000_000_000;
            let waited = self.fleet.wait("taking over", deadline_ns, |totals| totals.closed - before >= count)?;
            let closed = self.fleet.totals().closed - before;
            self.report.interrupted |= waited == Waited::Interrupted;
            if waited == Waited::TimedOut {
                self.problem(format!("takeover {round}: of {count} old connections only {closed} were closed"));
                is_there = false;
            }
            let latency = self.connect_latency()?;
            self.step(&format!("takeover {round}"), closed, &watch, latency);
        }
        let measured = self.watched(&watch)?;
        self.collect(&measured)
    }

    fn connect_latency(&self) -> Result<Option<Latency>> {
        let mut all = histogram();
        for part in self.fleet.collect()? {
            // All have the same bounds.
            let _ = all.add(&part.connect);
        }
        Ok(Latency::of(&all))
    }

    fn step(&mut self, name: &str, count: u64, since: &Watch, latency: Option<Latency>) {
        let elapsed_s = (self.fleet.clock.now_ns() - since.from_ns) as f64 / 1e9;
        let per_s = per_second(count as f64, elapsed_s);
        let (broker, _) = cpu_now(&self.options);
        let broker_cpu_s = broker.zip(since.broker).map(|(after, before)| (after - before).total_s());
        self.report.steps.push(Step { name: name.to_owned(), count, elapsed_s, per_s, broker_cpu_s, latency });
    }

    fn watch(&self) -> Watch {
        let (broker, own) = cpu_now(&self.options);
        Watch { from_ns: self.fleet.clock.now_ns(), broker, own }
    }

    fn watched(&self, watch: &Watch) -> Result<Measured> {
        let (broker, own) = cpu_now(&self.options);
        Ok(Measured {
            from_ns: watch.from_ns,
            until_ns: self.fleet.clock.now_ns(),
            sent: self.fleet.totals().sent,
            sent_of_flows: self.fleet.sent_of_flows()?,
            broker_cpu: broker.zip(watch.broker).map(|(after, before)| after - before),
            own_cpu: own - watch.own,
            broker_connected_bytes: usage(&self.options.broker_pids).map_or(0, |usage| usage.resident_bytes),
        })
    }
}
