//! What one address, or the clients of one listener, may take from all.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process;
use std::time::Instant;

use corecast::config::{Config, Listener};
use corecast::limits::Limits;
use corecast::mqtt::{Packet, ReasonCode};

use crate::wire::broker::{Broker, PATIENCE};
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
fn who_comes_when_no_open_file_is_left_is_closed_and_nothing_spins() {
    // Files it has been given leave it fewer than it thinks: those it keeps for refusals are not all there.
    let before = "ulimit -n 300 && for file in {20..219}; do eval \"exec $file</dev/null\"; done && exec";
    let mut program = Program::run_below(before, &["--bind", "127.0.0.1:0", "--shards", "1"]);
    let address = program.listens();
    let mut inside = Caller::connected(address, 5, "id=inside clean");
    // They say nothing, so they stay as long as they can.
    let strangers: Vec<Caller> = (0..120).map(|_| Caller::open(address, 5)).collect();
    let mut one_more = Caller::open(address, 5);
    one_more.ends_somehow();
    inside.pings();
    program.signal("USR1");
    let report = program.says("report");
    let count = |name: &str| -> u64 {
        let value = report.split([' ', '"']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {report}"))
    };
    let (closed, errors) = (count("over_files_total"), count("accept_errors_total"));
    assert!(closed > 0 && errors >= closed && errors <= 2 * closed + 1, "{report}");
    drop(strangers);
    // Until the last of them is seen to have gone, there may be no file (closed) or no place (refused) for one more.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Caller::open(address, 5).asks_to_be_let_in("id=late clean") {
            Some(ReasonCode::Success) => break,
            None | Some(ReasonCode::QuotaExceeded) => assert!(Instant::now() < deadline, "there is never room again"),
            Some(other) => panic!("{other:?}"),
        }
    }
    inside.pings();
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

#[test]
fn a_listener_has_connections_of_its_own_and_one_more_is_told_and_finds_room_later() {
    let only = listener("bind = ['127.0.0.1:0']\nconnections_max = 2\n");
    let broker = Broker::listening(2, Limits::default(), vec![only]);
    let mut inside: Vec<Caller> =
        (0..2).map(|n| Caller::connected(broker.address_of(1), 5, &format!("id=in{n} clean"))).collect();
    let mut third = Caller::open(broker.address_of(1), 5);
    third.say("connect id=out clean");
    assert_eq!(third.connack(), (false, ReasonCode::QuotaExceeded));
    third.ends();
    let mut plain: Vec<Caller> =
        (0..5).map(|n| Caller::connected(broker.address(), 5, &format!("id=plain{n} clean"))).collect();
    for caller in inside.iter_mut().chain(&mut plain) {
        caller.pings();
    }
    let report = broker.report();
    assert_eq!((report.runtime.over_listener_limit_total, report.runtime.over_limit_total), (1, 0));
    inside.pop();
    broker.counts("one has gone", |report| report.shard.connections_now == 6);
    inside.push(Caller::connected(broker.address_of(1), 5, "id=out clean"));
    drop((inside, plain));
    broker.ends_empty();
}

#[test]
fn a_listener_has_its_own_rate_for_each_address() {
    let strict = listener("bind = ['127.0.0.1:0']\nconnections_per_address_per_s = 1\n");
    let limits = Limits { connections_per_address_burst: 5, ..Limits::default() };
    let broker = Broker::listening(2, limits, vec![strict]);
    let inside = let_in_until_refused(|_| Caller::open(broker.address_of(1), 5));
    for number in 0..20 {
        assert!(Caller::open(broker.address(), 5).is_let_in(&format!("id=plain{number} clean")));
    }
    drop(inside);
    broker.ends_empty();
}

#[test]
fn the_bounds_of_a_listener_hold_on_the_wire_also_at_the_home_of_the_client() {
    let small = listener("bind = ['127.0.0.1:0']\npacket_bytes_max = 1000\nsubscriptions_max = 1\n");
    let broker = Broker::listening(3, Limits::default(), vec![small]);
    for number in 0..9 {
        let mut caller = Caller::connected(broker.address_of(1), 5, &format!("id=c{number} clean"));
        caller.say("subscribe id=1 a b");
        let codes = caller.hear(|packet| match packet {
            Packet::Suback(suback) => suback.codes.to_vec(),
            other => panic!("{other:?}"),
        });
        assert_eq!(codes, [0, 0x97]);
    }
    broker.counts("each is refused one", |report| report.shard.subscriptions_refused_total == 9);
    broker.ends_empty();
}
