//! What one address may take from all.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process;

use corecast::config::{Config, Listener};
use corecast::limits::Limits;

use crate::wire::broker::Broker;
use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

/// More than are let in within any time a test may take.
const MANY: usize = 1000;

fn seldom() -> Limits {
    Limits { connections_per_address_per_s: 1, connections_per_address_burst: 5, ..Limits::default() }
}

fn listener(text: &str) -> Listener {
    Config::parse(&format!("[[listener]]\n{text}")).expect("valid").listeners.remove(0)
}

/// Those that are let in until one is not: at least the burst, and more only if the machine takes seconds for it.
#[track_caller]
fn let_in_until_refused(open: impl Fn(usize) -> Caller) -> Vec<Caller> {
    let mut inside = Vec::new();
    for number in 0..MANY {
        let mut caller = open(number);
        if !caller.is_let_in(&format!("id=c{number} clean")) {
            assert!(inside.len() >= 5, "only {} are let in", inside.len());
            return inside;
        }
        inside.push(caller);
    }
    panic!("all are let in");
}

#[test]
fn an_address_that_connects_too_often_is_closed_and_nobody_else() {
    let broker = Broker::limited(2, seldom());
    let mut inside = let_in_until_refused(|_| Caller::open(broker.address(), 5));
    broker.counts("it is counted", |report| report.runtime.over_address_rate_total == 1);
    for caller in &mut inside {
        caller.pings();
    }
    let neighbour = IpAddr::from(Ipv4Addr::new(127, 0, 0, 2));
    assert!(Caller::open_from(neighbour, broker.address(), 5).is_let_in("id=neighbour clean"));
    drop(inside);
    broker.ends_empty();
}

#[test]
fn behind_a_proxy_the_address_is_the_clients() {
    let broker = Broker::listening(2, seldom(), vec![listener("bind = ['127.0.0.1:0']\nproxy_protocol = 'v1'\n")]);
    let open = |line: &str| {
        let mut caller = Caller::open(broker.address_of(1), 5);
        caller.send(line.as_bytes());
        caller
    };
    let mut inside =
        let_in_until_refused(|port| open(&format!("PROXY TCP4 192.0.2.7 192.0.2.1 {} 1883\r\n", port + 1)));
    broker.counts("it is counted", |report| report.runtime.over_address_rate_total == 1);
    for caller in &mut inside {
        caller.pings();
    }
    assert!(open("PROXY TCP4 192.0.2.8 192.0.2.1 1 1883\r\n").is_let_in("id=other clean"));
    // What looks whether we are well is nobody's client.
    for number in 0..20 {
        assert!(open("PROXY UNKNOWN\r\n").is_let_in(&format!("id=proxy{number} clean")));
    }
    drop(inside);
    broker.ends_empty();
}

#[test]
fn a_unix_socket_has_no_address_to_count() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("quotas-{}.sock", process::id()));
    let broker = Broker::listening(1, seldom(), vec![listener(&format!("unix = '{}'\n", path.display()))]);
    for number in 0..20 {
        assert!(Caller::open_unix(&path, 5).is_let_in(&format!("id=u{number} clean")));
    }
    broker.ends_empty();
}

#[test]
fn strangers_beyond_the_open_files_are_refused_and_nobody_is_in_want_of_one() {
    let words = ["--bind", "127.0.0.1:0", "--shards", "4"];
    let mut program = Program::run_below("ulimit -n 600 && exec", &words);
    let address = program.listens();
    let mut inside: Vec<Caller> = (0..56).map(|id| Caller::connected(address, 5, &format!("id=c{id} clean"))).collect();
    // As many as may wait for a refusal at all shards, and again as many: they say nothing, so they stay as long as they can.
    let strangers: Vec<Caller> = (0..512).map(|_| Caller::open(address, 5)).collect();
    for caller in &mut inside {
        caller.pings();
    }
    let mut one_more = Caller::open(address, 5);
    one_more.ends_somehow();
    program.signal("USR1");
    let report = program.says("report");
    assert!(report.contains(" accept_errors_total=0 "), "{report}");
    drop(strangers);
    for caller in &mut inside {
        caller.pings();
    }
}

#[test]
fn the_operator_hears_of_addresses_that_connect_too_often() {
    let text = "[limits]\nconnections_per_address_per_s = 1\nconnections_per_address_burst = 5\n";
    let path = file("quotas.toml", text);
    let words = ["-c", path.to_str().expect("it is text"), "--bind", "127.0.0.1:0", "--shards", "1"];
    let mut program = Program::run(&words);
    let address = program.listens();
    drop(let_in_until_refused(|_| Caller::open(address, 5)));
    program.says("over_address_rate_total=1");
}
