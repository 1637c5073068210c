//! Many publishers to many subscribers across shards while both keep losing their connections, in every way a connection
//! can be lost: nothing that was acknowledged is lost, nothing sent with QoS 2 comes twice, and what one publisher sends
//! comes in order.
//!
//! `CORECAST_CHURN=1000` makes it a thousand publishers and a thousand subscribers, with more to say.

mod arena;
mod client;
mod link;
mod publisher;
mod subscriber;

use std::env;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use corecast::limits::Limits;

use self::arena::{Arena, Phase, Plan};
use self::client::Client;
use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// Threads the clients are spread over.
const THREADS: usize = 4;
/// How long a thread waits for its clients to have something to do.
const PAUSE: Duration = Duration::from_millis(1);
/// Bytes a client reads in one turn: so few that it can break off anywhere within what is on its way.
const TURN_BYTES: usize = 256;
/// How long there may be no progress at all.
const STANDSTILL: Duration = Duration::from_secs(30);

#[test]
fn clients_that_keep_losing_their_connections_lose_nothing_and_get_nothing_twice_or_out_of_order() {
    let plan = match env::var("CORECAST_CHURN") {
        Ok(clients) => {
            let clients = clients.parse().expect("CORECAST_CHURN is a number of publishers and of subscribers");
            Plan { clients, messages: 500, restlessness: 8, shards: 4, seed: 1 }
        }
        Err(_) => Plan { clients: 100, messages: 400, restlessness: 8, shards: 4, seed: 1 },
    };
    churn(plan);
}

fn churn(plan: Plan) {
    // Nothing that is promised may be given up because of a bound.
    let limits = Limits { queue_messages_max: 10_000_000, queue_bytes_max: 1 << 30, ..Limits::default() };
    let broker = Broker::limited(usize::from(plan.shards), limits);
    let arena = Arena::new(broker.address(), plan.clone());
    let started = Instant::now();
    thread::scope(|scope| {
        let (failures, failed) = channel();
        // A thread ends when the end it holds has lost its other one.
        let mut leashes = Vec::new();
        for clients in crowds(&arena) {
            let (leash, held) = channel();
            leashes.push(leash);
            let (arena, failures) = (&arena, failures.clone());
            scope.spawn(move || {
                if let Err(failure) = accompany(clients, arena, &held) {
                    // Only the first counts.
                    let _ = failures.send(failure);
                }
            });
        }
        direct(&arena, &failed, failures, &leashes);
    });
    eprintln!("churn: {}, none repeated at QoS 2, in {:.1} s", arena.summary(), started.elapsed().as_secs_f64());
    let report = broker.report();
    for (name, value, _) in report.rows().filter(|(name, ..)| name.starts_with("dropped_")) {
        assert_eq!(value, 0, "{name}: the bounds were to be out of reach");
    }
    assert_eq!(report.shard.protocol_errors_total, 0);
    assert!(arena.disconnects() > 0 && report.shard.takeovers_total > 0, "{report:#?}");
    forget_sessions(&arena);
    broker.counts("no session is left", |report| report.shard.sessions_now == 0);
    broker.ends_empty();
}

/// All clients, spread evenly.
fn crowds(arena: &Arena) -> Vec<Vec<Client>> {
    let mut crowds: Vec<Vec<Client>> = (0..THREADS).map(|_| Vec::new()).collect();
    for number in 0..arena.plan.clients {
        crowds[number % THREADS].push(Client::subscriber(arena, number));
        crowds[(number / 2) % THREADS].push(Client::publisher(arena, number));
    }
    crowds
}

/// Gives clients their turns until all have finished.
fn accompany(mut clients: Vec<Client>, arena: &Arena, leash: &Receiver<()>) -> Result<(), String> {
    let mut buffer = vec![0; TURN_BYTES];
    loop {
        let now = Instant::now();
        let mut has_moved = false;
        let mut has_finished = true;
        for client in &mut clients {
            has_moved |= client.turn(arena, now, &mut buffer).map_err(|reason| format!("{client}: {reason}"))?;
            has_finished &= client.has_finished();
        }
        if has_finished {
            return Ok(());
        }
        if !has_moved && leash.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
    }
}

/// Leads all clients through the phases; panics where one has failed, or nothing moves any more.
fn direct(arena: &Arena, failed: &Receiver<String>, failures: Sender<String>, leashes: &[Sender<()>]) {
    // From here on, the threads alone hold senders: when all have ended, nothing can come any more.
    drop(failures);
    let mut last = (arena.progress(), Instant::now());
    loop {
        match failed.recv_timeout(PAUSE * 10) {
            Ok(failure) => panic!("{failure}; {}; seed {}", arena.summary(), arena.plan.seed),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        arena.advance();
        let progress = arena.progress();
        if progress != last.0 {
            last = (progress, Instant::now());
        }
        assert!(last.1.elapsed() < STANDSTILL, "nothing moves; {}; {:?}", arena.summary(), arena.phase());
    }
    assert!(!leashes.is_empty() && arena.phase() == Phase::Settling, "{}", arena.summary());
}

fn forget_sessions(arena: &Arena) {
    for number in 0..arena.plan.clients {
        for role in ["publisher", "subscriber"] {
            let mut caller = Caller::connected(arena.address, 5, &format!("id={role}{number} clean"));
            caller.say("disconnect");
            caller.ends();
        }
    }
}
