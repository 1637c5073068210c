//! A broker in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use corecast::config::{Listener, QueueFull};
use corecast::limits::{Limits, TURN_UNITS_MAX};
use corecast::runtime::{start, ExitReason, Report, Running, Settings};
use corecast::shard::{Seeds, Shard, ShardId, ShardOptions};

/// How long anything may take that should happen at once; long, because the machine may be busy with something else.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A broker in this process. It ends with the value.
pub(super) struct Broker {
    running: Option<Running>,
    address: SocketAddr,
}

impl Broker {
    /// Starts one with the default limits.
    pub(super) fn start(shards: usize) -> Broker {
        Broker::limited(shards, Limits::default())
    }

    /// Starts one with other limits.
    pub(super) fn limited(shards: usize, limits: Limits) -> Broker {
        Broker::listening(shards, limits, Vec::new())
    }

    /// Starts one that has other listeners, too.
    pub(super) fn listening(shards: usize, limits: Limits, listeners: Vec<Listener>) -> Broker {
        let listener_limits: Vec<Limits> = listeners.iter().map(|one| one.limits(&limits)).collect();
        let settings = Settings {
            binds: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            listeners,
            shards,
            limits: limits.clone(),
            drain_timeout: PATIENCE,
            ..Settings::default()
        };
        let make_shard = move |id: ShardId, shards: u8| {
            Shard::new(ShardOptions {
                id,
                shards,
                limits: limits.clone(),
                listener_limits: listener_limits.clone(),
                queue_full: QueueFull::DropNewest,
                server_reference: None,
                response_information: None,
                assigned_client_id_prefix: "auto-".into(),
                turn_units_max: TURN_UNITS_MAX,
                seeds: Seeds { home: (1, 2), topics: 3, own: (4, u64::from(id.0)) },
            })
        };
        let running = start(settings, make_shard).expect("the broker starts");
        let address = running.addresses()[0];
        Broker { running: Some(running), address }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a listener listens: 0 is the plain one.
    pub(super) fn address_of(&self, listener: usize) -> SocketAddr {
        self.running.as_ref().expect("it runs until it is dropped").addresses()[listener]
    }

    /// Has it read its certificates again.
    pub(super) fn reload(&mut self) {
        self.running.as_mut().expect("it runs until it is dropped").reload();
    }

    /// What it has counted so far.
    pub(super) fn report(&self) -> Report {
        self.running.as_ref().expect("it runs until it is dropped").report()
    }

    /// Waits until its counters are as wanted.
    #[track_caller]
    pub(super) fn counts(&self, what: &str, wanted: impl Fn(&Report) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.report();
            if wanted(&report) {
                return;
            }
            assert!(Instant::now() < deadline, "never: {what}; {report:#?}");
            thread::yield_now();
        }
    }

    /// Waits until no client is connected any more and asks it to end; no shard may have failed.
    #[track_caller]
    pub(super) fn ends_empty(self) {
        self.counts("no connection is left", |report| report.shard.connections_now == 0);
        self.drains();
    }

    /// Asks it to end while clients may be connected; they have to take what is theirs.
    #[track_caller]
    pub(super) fn drains(mut self) {
        let running = self.running.take().expect("it runs until it is dropped");
        assert_eq!(running.drain().expect("no shard has failed"), ExitReason::Drained);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let stopped = running.stop();
            if !thread::panicking() {
                stopped.expect("no shard has failed");
            }
        }
    }
}
