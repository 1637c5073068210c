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
use crate::usage::{proportional_bytes, ran_s, usage, Cpu};

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
        Shape::Filters => run.filters(),
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

/// The same of a step, to finer measure.
struct Begun {
    from_ns: u64,
    broker_ran_s: Option<f64>,
    broker_pss_bytes: Option<u64>,
    own_ran_s: Option<f64>,
    idle_ns: u64,
}

/// Of a shorter step it says nothing how busy we were.
const BUSY_S_MIN: f64 = 0.01;
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
        let begun = self.begin()?;
        let is_there = self.connect(Group::Subscribers, self.load.connects_per_s)?.is_some();
        self.step("connecting", self.fleet.totals().ready, &begun, None)?;
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
        self.collect(&measured)?;
        self.undo()
    }

    fn filters(&mut self) -> Result<()> {
        let watch = self.watch();
        if self.connect(Group::Subscribers, 0.0)?.is_some() {
            let begun = self.begin()?;
            let filters = u64::from(self.load.items);
            self.fleet.order(|_| Order::Subscribe { group: Group::Subscribers });
            let deadline_ns = begun.from_ns + SCRIPT_NS_MAX;
            let waited =
                self.fleet.wait("subscribing", deadline_ns, |totals| totals.granted >= filters || totals.closed > 0)?;
            let granted = self.fleet.totals().granted;
            self.step("subscribing", granted, &begun, None)?;
            self.report.interrupted |= waited == Waited::Interrupted;
            if granted < filters && !self.report.interrupted {
                self.problem(format!("subscribing: of {filters} filters {granted} were granted"));
            }
        }
        let measured = self.watched(&watch)?;
        self.collect(&measured)?;
        self.undo()
    }

    /// Takes away what the run has made, as a step: what a broker still holds then it has not given back.
    fn undo(&mut self) -> Result<()> {
        if self.report.interrupted {
            return Ok(());
        }
        let begun = self.begin()?;
        // Connections that end are not waited for, so there is nothing to count.
        let count = match self.load.shape {
            Shape::Retained => self.load.items,
            Shape::OfflineSessions => self.load.subscribers,
            _ => 0,
        };
        if self.load.shape == Shape::Retained {
            self.fleet.order(|_| Order::Leave { group: Group::Subscribers, is_polite: true });
            let answers = self.fleet.totals().answered + u64::from(self.load.publishers);
            self.fleet.order(|_| Order::ClearRetained);
            let deadline_ns = begun.from_ns + SCRIPT_NS_MAX;
            let waited = self.fleet.wait("deleting", deadline_ns, |totals| totals.answered >= answers)?;
            if waited == Waited::TimedOut {
                self.problem("undoing: the broker did not take all that deletes".to_owned());
            }
        }
        self.all_leave();
        if self.has_sessions() {
            self.forget_sessions()?;
        }
        self.is_undone = true;
        self.step("undoing", u64::from(count), &begun, None)
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
        self.collect(&measured)?;
        self.undo()
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
        self.collect(&measured)?;
        self.undo()
    }

    /// Each publisher sends `each` as fast as it can; `messages` in all. Answers whether all were taken.
    fn burst(&mut self, name: &str, each: u64, messages: u64) -> Result<bool> {
        let begun = self.begin()?;
        let began_ns = begun.from_ns;
        let answers = self.fleet.totals().answered + u64::from(self.load.publishers);
        let pacing = Pacing::Burst { messages: each };
        self.fleet.order(|_| Order::Publish { pacing, measured: began_ns..began_ns + SCRIPT_NS_MAX });
        let needs_answers = self.load.publish_qos != QoS::AtMostOnce;
        let waited = self.fleet.wait(name, began_ns + SCRIPT_NS_MAX, |totals| {
            totals.answered >= answers && (totals.acknowledged >= messages || !needs_answers)
        })?;
        let totals = self.fleet.totals();
        self.step(name, totals.sent, &begun, None)?;
        match waited {
            Waited::Done => return Ok(true),
            Waited::Interrupted => self.report.interrupted = true,
            Waited::TimedOut => {
                let taken = if needs_answers { totals.acknowledged } else { totals.sent };
                self.problem(format!("{name}: of {messages} messages {taken} were taken in time"));
            }
        }
        Ok(false)
    }

    /// Subscribers come for what waits for them.
    fn fetch(&mut self, what: &str, expected: u64) -> Result<()> {
        let begun = self.begin()?;
        let before = self.fleet.totals().delivered;
        if self.connect(Group::Subscribers, 0.0)?.is_some() {
            self.drain(|_| before + expected)?;
        }
        let delivered = self.fleet.totals().delivered - before;
        self.step(what, delivered, &begun, None)
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
            let begun = self.begin()?;
            is_there = self.connect(Group::Subscribers, 0.0)?.is_some();
            let latency = self.connect_latency()?;
            self.step(&format!("reconnect {round}"), count, &begun, latency)?;
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
            let (begun, before) = (self.begin()?, self.fleet.totals().closed);
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
            self.step(&format!("takeover {round}"), closed, &begun, latency)?;
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

    /// Lets the broker come to rest; a step begins.
    fn begin(&mut self) -> Result<Begun> {
        self.settle()?;
        let broker_pss_bytes = proportional_bytes(&self.options.broker_pids);
        let (broker_ran_s, own_ran_s) = self.ran();
        let (from_ns, idle_ns) = (self.fleet.clock.now_ns(), self.fleet.idle_ns());
        Ok(Begun { from_ns, broker_ran_s, broker_pss_bytes, own_ran_s, idle_ns })
    }

    /// A step ends: it lasted until something last happened.
    fn step(&mut self, name: &str, count: u64, begun: &Begun, latency: Option<Latency>) -> Result<()> {
        let looked_s = (self.fleet.clock.now_ns() - begun.from_ns) as f64 / 1e9;
        let (broker_ran_s, own_ran_s) = self.ran();
        let idle_s = (self.fleet.idle_ns() - begun.idle_ns) as f64 / 1e9;
        let elapsed_s = self.fleet.moved_ns().saturating_sub(begun.from_ns) as f64 / 1e9;
        let since = |after: Option<f64>, before: Option<f64>| Some((after? - before?).max(0.0));
        let threads = self.fleet.threads() as f64;
        // A spinning thread that has lost its CPU was not free to work: only what it idled is taken off.
        let worked_s =
            if self.options.spins { Some(threads * looked_s - idle_s) } else { since(own_ran_s, begun.own_ran_s) };
        self.settle()?;
        self.report.steps.push(Step {
            name: name.to_owned(),
            count,
            elapsed_s,
            per_s: per_second(count as f64, elapsed_s),
            broker_cpu_s: since(broker_ran_s, begun.broker_ran_s),
            broker_pss_before_bytes: begun.broker_pss_bytes,
            broker_pss_after_bytes: proportional_bytes(&self.options.broker_pids),
            loadgen_busy: worked_s.filter(|_| elapsed_s >= BUSY_S_MIN).map(|worked_s| {
                // It was looked at until a little later, when there was nothing to do any more.
                (worked_s / elapsed_s / threads).clamp(0.0, 1.0)
            }),
            latency,
        });
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        if self.options.settle.is_zero() {
            return Ok(());
        }
        let until_ns = self.fleet.clock.now_ns() + self.options.settle.as_nanos() as u64;
        self.wait_until("settling", until_ns)
    }

    /// Seconds that the broker and we have run, to less than a tick of 10 ms where the kernel says so.
    fn ran(&self) -> (Option<f64>, Option<f64>) {
        let in_ticks = cpu_now(&self.options);
        let broker = ran_s(&self.options.broker_pids).or(in_ticks.0.map(Cpu::total_s));
        (broker, ran_s(&[std::process::id()]).or(Some(in_ticks.1.total_s())))
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
