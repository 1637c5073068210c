//! Starting: what keeps the program from it, said in one line with an exit code.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use corecast::mqtt::ReasonCode;
use socket2::{Domain, Socket, Type};

use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

const ANYWHERE: &[&str] = &["--bind", "127.0.0.1:0", "--shards", "1"];

#[test]
fn a_port_somebody_listens_on_is_named() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
    port_is_taken(other.local_addr().expect("it is bound"));
}

#[test]
fn a_port_somebody_would_share_is_not_shared() {
    let other = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    other.set_reuse_port(true).expect("not bound yet");
    other.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("some port is free");
    other.listen(16).expect("it is bound");
    port_is_taken(TcpListener::from(other).local_addr().expect("it is bound"));
}

#[track_caller]
fn port_is_taken(address: SocketAddr) {
    // Bound to all addresses it is in the way of that one too.
    for asked in [address, SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))] {
        let outcome = Program::run(&["--bind", &asked.to_string(), "--shards", "1"]).ends();
        outcome.is_refusal(1, &[&asked.to_string(), "is taken", "bind to another port"]);
    }
}

#[test]
fn an_address_of_another_host_is_named() {
    // Kept for documentation: no host has it.
    let outcome = Program::run(&["--bind", "192.0.2.1:1883", "--shards", "1"]).ends();
    outcome.is_refusal(1, &["192.0.2.1:1883", "does not have that address"]);
}

#[test]
fn a_cpu_that_is_not_there_is_named_with_those_that_are() {
    let outcome = Program::run(&["--bind", "127.0.0.1:0", "--cores", "1021"]).ends();
    outcome.is_refusal(1, &["CPU 1021", "allowed are 0"]);
}

#[test]
fn a_cpu_this_process_may_not_use_is_refused() {
    let outcome = Program::run_below("exec taskset -c 0", &["--bind", "127.0.0.1:0", "--cores", "0-1"]).ends();
    outcome.is_refusal(1, &["CPU 1", "allowed are 0"]);
}

#[test]
fn a_wrong_file_is_refused_with_its_place_and_never_served() {
    for (name, text, place, reason) in [
        ("syntax.toml", "[listen]\nbind = [", ":2:9: ", "unclosed"),
        ("section.toml", "\n[lisen]\n", ":2:2: ", "lisen"),
        ("key.toml", "[limits]\nconnections_mux = 3\n", ":2:1: ", "connections_max"),
        ("value.toml", "[limits]\npacket_bytes_max = 1\n", ":2:20: ", "128"),
        ("kind.toml", "[log]\nlevel = 3\n", ":2:9: ", "level"),
    ] {
        let path = file(name, text);
        let path = path.to_str().expect("it is text");
        for words in [&["-c", path][..], &["serve", "-c", path], &["check", "-c", path]] {
            Program::run(words).ends().is_refusal(2, &[&format!("corecast: {path}{place}"), reason]);
        }
    }
    Program::run(&["-c", "/no/such/file.toml"]).ends().is_refusal(2, &["/no/such/file.toml", "cannot be read"]);
}

#[test]
fn too_little_locked_memory_is_refused_with_the_mend() {
    let outcome = Program::run_below("ulimit -l 64 && exec", ANYWHERE).ends();
    outcome.is_refusal(1, &["locked memory is 64 KiB", "512 KiB", "ulimit -l"]);
}

#[test]
fn too_few_files_to_start_with_are_a_line_not_a_panic() {
    let outcome = Program::run_below("ulimit -n 10 && exec", ANYWHERE).ends();
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    let last = outcome.errors.last().expect("it says why");
    assert!(last.starts_with("corecast: ") && last.contains("open files"), "{outcome:#?}");
    assert!(!outcome.errors.iter().any(|line| line.contains("panicked")), "{outcome:#?}");
}

#[test]
fn few_open_files_bound_the_connections_and_those_beyond_are_told() {
    let mut program = Program::run_below("ulimit -n 260 && exec", ANYWHERE);
    let address = program.listens();
    assert!(program.said().contains("connections_max=4"), "{}", program.said());
    let mut inside = Vec::new();
    let refused = loop {
        let mut caller = Caller::open(address, 5);
        caller.say(&format!("connect id=c{} clean", inside.len()));
        match caller.connack().1 {
            ReasonCode::Success => inside.push(caller),
            reason => break reason,
        }
        assert!(inside.len() < 260, "more connections than open files");
    };
    assert_eq!(refused, ReasonCode::QuotaExceeded);
    for caller in &mut inside {
        caller.pings();
    }
    program.signal("TERM");
    for caller in &mut inside {
        assert_eq!(caller.disconnected(), ReasonCode::ServerShuttingDown);
    }
    drop(inside);
    assert_eq!(program.ends().code, Some(0));
}
