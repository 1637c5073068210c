//! What all clients of a churn share: the plan, the phase, the sums.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicU8, Ordering};

use corecast::mqtt::{ProtocolVersion, QoS};

/// Publishers that share a topic, and subscribers to it.
const GROUP: usize = 4;

/// How large a churn is.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Publishers, and as many subscribers; a multiple of four.
    pub(super) clients: usize,
    /// Messages of one publisher.
    pub(super) messages: u32,
    /// A client breaks off once in so many turns in which something came.
    pub(super) restlessness: usize,
    pub(super) shards: u8,
    pub(super) seed: u64,
}

/// Where a churn stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// All connect, subscribers subscribe.
    Gathering,
    /// All publish, receive and break off.
    Churning,
    /// All has come; what comes now must be a repetition.
    Settling,
}

/// What all clients share.
pub(super) struct Arena {
    pub(super) address: SocketAddr,
    pub(super) plan: Plan,
    phase: AtomicU8,
    /// Clients that are ready for the messages.
    pub(super) ready: AtomicU64,
    /// Messages acknowledged to their publishers for good.
    pub(super) acknowledged: AtomicU64,
    /// First occurrences at subscribers.
    pub(super) delivered: AtomicU64,
    /// Repetitions, which QoS 1 allows.
    pub(super) repeated: AtomicU64,
    pub(super) disconnects: AtomicU64,
    pub(super) finished: AtomicU64,
}

impl Arena {
    pub(super) fn new(address: SocketAddr, plan: Plan) -> Arena {
        assert_eq!(plan.clients % GROUP, 0, "as many clients as make whole groups");
        let sum = AtomicU64::default;
        Arena {
            address,
            plan,
            phase: AtomicU8::new(Phase::Gathering as u8),
            ready: sum(),
            acknowledged: sum(),
            delivered: sum(),
            repeated: sum(),
            disconnects: sum(),
            finished: sum(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Gathering,
            1 => Phase::Churning,
            _ => Phase::Settling,
        }
    }

    /// Goes on to the next phase if it is time.
    pub(super) fn advance(&self) {
        let clients = self.plan.clients as u64;
        let (sent, wanted) = (self.sent(), self.sent() * GROUP as u64);
        let next = match self.phase() {
            Phase::Gathering if read(&self.ready) == 2 * clients => Phase::Churning,
            Phase::Churning if read(&self.acknowledged) == sent && read(&self.delivered) == wanted => Phase::Settling,
            phase => phase,
        };
        self.phase.store(next as u8, Ordering::SeqCst);
    }

    /// Messages all publishers send in the end.
    fn sent(&self) -> u64 {
        self.plan.clients as u64 * u64::from(self.plan.messages)
    }

    /// Changes whenever anything has been achieved.
    pub(super) fn progress(&self) -> [u64; 4] {
        [read(&self.ready), read(&self.acknowledged), read(&self.delivered), read(&self.finished)]
    }

    pub(super) fn disconnects(&self) -> u64 {
        read(&self.disconnects)
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        format!(
            "{clients} publishers x {clients} subscribers on {shards} shards, seed {seed}: {acknowledged} of {sent} \
             messages acknowledged, {delivered} of {wanted} delivered, {repeated} repeated at QoS 1, \
             {disconnects} disconnects",
            clients = self.plan.clients,
            shards = self.plan.shards,
            seed = self.plan.seed,
            acknowledged = read(&self.acknowledged),
            sent = self.sent(),
            delivered = read(&self.delivered),
            wanted = self.sent() * GROUP as u64,
            repeated = read(&self.repeated),
            disconnects = read(&self.disconnects),
        )
    }

    /// The topic of a client: each has four publishers and four subscribers.
    pub(super) fn topic(&self, number: usize) -> String {
        format!("churn/{}", number % (self.plan.clients / GROUP))
    }

    /// The publishers a subscriber hears.
    pub(super) fn publishers_of(&self, number: usize) -> Vec<usize> {
        let groups = self.plan.clients / GROUP;
        (0..GROUP).map(|member| number % groups + member * groups).collect()
    }

    /// Of each role, every group has two clients with QoS 1 and two with QoS 2, and of these one with either version.
    pub(super) fn qos(&self, number: usize) -> QoS {
        let member = number / (self.plan.clients / GROUP);
        [QoS::AtLeastOnce, QoS::ExactlyOnce][member % 2]
    }

    pub(super) fn version(&self, number: usize) -> ProtocolVersion {
        let member = number / (self.plan.clients / GROUP);
        [ProtocolVersion::V3_1_1, ProtocolVersion::V5][member / 2 % 2]
    }
}

/// Adds one.
pub(super) fn count(sum: &AtomicU64) {
    sum.fetch_add(1, Ordering::SeqCst);
}

fn read(sum: &AtomicU64) -> u64 {
    sum.load(Ordering::SeqCst)
}
