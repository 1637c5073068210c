//! SCRAM-SHA-256 at the built program, with users as `corecast passwd` writes them.

use std::fs::{read_to_string, remove_file, write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use corecast::mqtt::{Packet, Property, ReasonCode};

use crate::scram::answer;
use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

const FIRST: &str = "n,,n=alice,r=abcdefgh";

/// A file with these users, each with a password of the same letters.
fn users(name: &str, users: &[&str]) -> PathBuf {
    let path = file(name, "");
    remove_file(&path).expect("it has just been written");
    let here = path.to_str().expect("it is text");
    assert_eq!(Program::run(&["passwd", "create", here]).ends().code, Some(0));
    for user in users {
        let words = ["passwd", "add", here, user, "--kind", "scram"];
        let outcome = Program::run_with_input(&words, &format!("{user}\n")).ends();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
    path
}

fn serve(name: &str, users: &Path, rest: &str) -> (Program, SocketAddr) {
    let config = file(&format!("{name}.toml"), &format!("[auth]\nscram_file = {users:?}\n{rest}"));
    let mut program =
        Program::run(&["-c", config.to_str().expect("it is text"), "--bind", "127.0.0.1:0", "--shards", "2"]);
    let address = program.listens();
    (program, address)
}

/// Reason and authentication data of the next packet, which is AUTH or CONNACK and names the method if it is no refusal.
fn heard(caller: &mut Caller) -> (ReasonCode, String) {
    caller.hear(|packet| {
        let (reason, properties, method) = match packet {
            Packet::Auth(auth) => (auth.reason, auth.properties, auth.authentication_method),
            Packet::Connack(connack) => {
                let method = connack.properties.iter().find_map(|property| match property {
                    Property::AuthenticationMethod(method) => Some(method),
                    _ => None,
                });
                (connack.reason, connack.properties, method)
            }
            other => panic!("AUTH or CONNACK is wanted, not {other:?}"),
        };
        assert!(reason.is_error() || method == Some("SCRAM-SHA-256"), "{packet:?}");
        let data = properties.iter().find_map(|property| match property {
            Property::AuthenticationData(data) => Some(String::from_utf8_lossy(data).into_owned()),
            _ => None,
        });
        (reason, data.unwrap_or_default())
    })
}

/// Sends a last message; answers what is heard then, and whether the server has shown that it knows the user.
fn prove(caller: &mut Caller, first: &str, challenge: &str, password: &str) -> (ReasonCode, bool) {
    let answer = answer(first, challenge, password);
    let data = &answer.message;
    caller.say(&format!("auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=\"{data}\""));
    let (reason, signature) = heard(caller);
    (reason, signature == answer.signature)
}

fn begun(address: SocketAddr, id: &str, first: &str) -> (Caller, String) {
    let mut caller = Caller::open(address, 5);
    let method = "authentication_method=SCRAM-SHA-256";
    caller.say(&format!("connect id={id} clean {method} authentication_data=\"{first}\""));
    let (reason, challenge) = heard(&mut caller);
    assert_eq!(reason, ReasonCode::ContinueAuthentication);
    (caller, challenge)
}

fn connect(address: SocketAddr, name: &str, password: &str) -> (Caller, (ReasonCode, bool)) {
    let first = FIRST.replace("alice", name);
    let (mut caller, challenge) = begun(address, &format!("client-of-{name}"), &first);
    let proven = prove(&mut caller, &first, &challenge, password);
    (caller, proven)
}

#[test]
fn users_of_the_file_are_let_in_and_show_it_again() {
    let path = users("scram-users", &["alice", "bob"]);
    let acl = file("scram-acl", "pattern readwrite of/%u\n");
    let (program, address) = serve("scram-users", &path, &format!("acl_file = {acl:?}\n"));
    let (mut alice, proven) = connect(address, "alice", "alice");
    assert_eq!(proven, (ReasonCode::Success, true));
    alice.subscribed("of/alice", 1);
    alice.say("publish of/alice \"hello\"");
    assert_eq!(alice.delivered().payload, b"hello");
    alice.say(&format!("auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data=\"{FIRST}\""));
    let (reason, challenge) = heard(&mut alice);
    assert_eq!(reason, ReasonCode::ContinueAuthentication);
    alice.pings();
    assert_eq!(prove(&mut alice, FIRST, &challenge, "alice"), (ReasonCode::Success, true));
    alice.pings();
    // Neither a name alone nor none at all is enough.
    for words in ["connect id=x clean", "connect id=x clean username=alice"] {
        let mut anonymous = Caller::open(address, 5);
        anonymous.say(words);
        assert!(anonymous.connack().1.is_error(), "{words}");
    }
    program.signal("TERM");
    assert_eq!(program.ends().code, Some(0));
}

#[test]
fn failures_are_said_without_a_secret_and_counted_for_the_address() {
    let path = users("scram-failures", &["alice"]);
    let (mut program, address) = serve("scram-failures", &path, "failures_max = 3\n");
    assert_eq!(connect(address, "alice", "wrong").1, (ReasonCode::BadUserNameOrPassword, false));
    let line = program.says("a client is not let in");
    for text in ["127.0.0.1", "alice", "client-of-alice", "the user is unknown or the proof is wrong"] {
        assert!(line.contains(text), "{line}");
    }
    assert!(!line.contains("SCRAM-SHA-256$") && !line.contains("p="), "{line}");
    assert_eq!(connect(address, "mallory", "x").1 .0, ReasonCode::BadUserNameOrPassword);
    assert!(program.says("a client is not let in").contains("mallory"));
    let mut binding = Caller::open(address, 5);
    binding.say(
        "connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data=\"p=tls-unique,,n=alice,r=x\"",
    );
    assert_eq!(heard(&mut binding).0, ReasonCode::BadUserNameOrPassword);
    assert!(program.says("a client is not let in").contains("channel binding"));
    // By now even the right proof is refused.
    assert_eq!(connect(address, "alice", "alice").1, (ReasonCode::ConnectionRateExceeded, false));
}

#[test]
fn one_exchange_too_many_is_refused_in_one_line() {
    let path = users("scram-many", &["alice"]);
    let (mut program, address) = serve("scram-many", &path, "[limits]\nexchanges_max = 1\n");
    let (_first, _) = begun(address, "alice", FIRST);
    let mut second = Caller::open(address, 5);
    let method = "authentication_method=SCRAM-SHA-256";
    second.say(&format!("connect id=alice clean {method} authentication_data=\"{FIRST}\""));
    assert_eq!(heard(&mut second).0, ReasonCode::ServerBusy);
    let line = program.says("a client is not let in");
    assert!(line.contains("alice") && line.contains("too many clients wait"), "{line}");
}

#[test]
fn the_salt_of_an_unknown_user_stays_and_no_nonce_comes_twice() {
    let path = users("scram-salts", &["alice"]);
    let said = |address| {
        let (_caller, challenge) = begun(address, "x", "n,,n=nobody,r=abc");
        let (nonce, cost) = challenge.split_once(',').expect("nonce, salt and rounds");
        (nonce.to_owned(), cost.to_owned())
    };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (program, address) = serve("scram-salts", &path, "");
        seen.extend([said(address), said(address)]);
        drop(program);
    }
    let known = read_to_string(&path).unwrap();
    for (index, (nonce, cost)) in seen.iter().enumerate() {
        assert_eq!(*cost, seen[0].1, "also when the broker has been started again");
        assert!(cost.ends_with(",i=4096") && !known.contains(&cost[2..20]), "{cost}");
        assert!(nonce.starts_with("r=abc") && nonce.len() >= 5 + 24, "{nonce}");
        assert!(seen[..index].iter().all(|(earlier, _)| earlier != nonce), "{nonce} comes twice");
    }
}

#[test]
fn sighup_reads_the_users_again_and_a_broken_file_changes_nothing() {
    let path = users("scram-reload", &["alice", "bob"]);
    let (mut program, address) = serve("scram-reload", &path, "");
    let (mut alice, proven) = connect(address, "alice", "alice");
    assert_eq!(proven.0, ReasonCode::Success);
    let text = read_to_string(&path).unwrap();
    write(&path, "alice:SCRAM-SHA-256$broken\n").unwrap();
    program.signal("HUP");
    assert!(program.says("a file is broken").contains("scram-reload:1: user \"alice\""));
    alice.pings();
    let bob = text.lines().find(|line| line.starts_with("bob:")).unwrap();
    write(&path, format!("{bob}\n")).unwrap();
    program.signal("HUP");
    program.says("users with SCRAM (1)");
    assert_eq!(alice.disconnected(), ReasonCode::NotAuthorized);
    assert_eq!(connect(address, "alice", "alice").1 .0, ReasonCode::BadUserNameOrPassword);
    assert_eq!(connect(address, "bob", "bob").1, (ReasonCode::Success, true));
}

#[test]
fn a_method_that_is_not_offered_is_refused_in_one_line() {
    let path = users("scram-other", &["alice"]);
    let (mut program, address) = serve("scram-other", &path, "");
    let mut other = Caller::open(address, 5);
    other.say("connect id=gauge clean authentication_method=SCRAM-SHA-1 authentication_data=x");
    assert_eq!(heard(&mut other).0, ReasonCode::BadAuthenticationMethod);
    let line = program.says("a client is not let in");
    assert!(line.contains("gauge") && line.contains("method is not offered"), "{line}");
}
