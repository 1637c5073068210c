//! Ending: the program drains on a signal, and what a killed one leaves behind is in nobody's way.

use std::thread;

use corecast::mqtt::ReasonCode;

use crate::wire::broker::Broker;
use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

#[test]
fn sigterm_tells_every_client_and_ends_well() {
    for (signal, shards) in [("TERM", "1"), ("INT", "4")] {
        let mut program = Program::run(&["--bind", "127.0.0.1:0", "--shards", shards]);
        let address = program.listens();
        let mut modern: Vec<Caller> =
            (0..8).map(|n| Caller::connected(address, 5, &format!("id=m{n} clean"))).collect();
        let mut older: Vec<Caller> = (0..8).map(|n| Caller::connected(address, 4, &format!("id=o{n} clean"))).collect();
        let mut silent = Caller::open(address, 5);
        program.signal(signal);
        for caller in &mut modern {
            assert_eq!(caller.disconnected(), ReasonCode::ServerShuttingDown);
            caller.ends();
        }
        for caller in older.iter_mut().chain([&mut silent]) {
            caller.ends();
        }
        drop((modern, older, silent));
        let outcome = program.ends();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        assert!(!outcome.errors.iter().any(|line| line.contains("ERROR") || line.contains("WARN")), "{outcome:#?}");
    }
}

#[test]
fn a_drain_delivers_what_was_taken_before() {
    let broker = Broker::start(4);
    let mut subscriber = Caller::connected(broker.address(), 5, "id=s clean");
    subscriber.subscribed("t", 1);
    let mut publisher = Caller::connected(broker.address(), 5, "id=p clean");
    for n in 1..=100 {
        publisher.published(&format!("t \"{n}\""), 1, n);
    }
    let ending = thread::spawn(move || {
        drop(publisher);
        for n in 1..=100_u16 {
            assert_eq!(subscriber.publication().payload, n.to_string().as_bytes());
        }
        assert_eq!(subscriber.disconnected(), ReasonCode::ServerShuttingDown);
        subscriber.ends();
    });
    broker.drains();
    ending.join().expect("the subscriber gets all");
}

#[test]
fn a_second_signal_ends_at_once() {
    let path = file("patient.toml", "[shutdown]\ndrain_timeout = 3600\n[limits]\nlinger_timeout = 3600\n");
    let mut program =
        Program::run(&["-c", path.to_str().expect("it is text"), "--bind", "127.0.0.1:0", "--shards", "2"]);
    let address = program.listens();
    let mut caller = Caller::connected(address, 5, "id=a clean");
    program.signal("TERM");
    assert_eq!(caller.disconnected(), ReasonCode::ServerShuttingDown);
    caller.ends();
    // It does not close its side, so the broker lingers.
    program.signal("TERM");
    assert_eq!(program.ends().code, Some(0));
}

#[test]
fn the_port_of_a_killed_broker_is_free_again_though_its_clients_are_still_there() {
    let mut first = Program::run(&["--bind", "127.0.0.1:0", "--shards", "2"]);
    let address = first.listens();
    let bind = address.to_string();
    let mut callers: Vec<Caller> =
        (0..10).map(|n| Caller::connected(address, 4, &format!("id=c{n} keep_alive=60"))).collect();
    first.signal("KILL");
    assert_eq!(first.ends().code, None);
    let mut second = Program::run(&["--bind", &bind, "--shards", "2"]);
    assert_eq!(second.listens(), address);
    for (caller, n) in callers.iter_mut().zip(0..) {
        let mut again = Caller::open(address, 4);
        assert!(!again.connects(&format!("id=c{n} keep_alive=60")), "sessions end with the process");
        *caller = again;
    }
    second.signal("TERM");
    for caller in &mut callers {
        caller.ends();
    }
    drop(callers);
    assert_eq!(second.ends().code, Some(0));
}
