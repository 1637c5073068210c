//! Users, rules and their files at the built program.

use std::fs::write;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use corecast::auth::{HashKind, PasswordHash};
use corecast::mqtt::{Packet, ReasonCode};

use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

fn users(names: &[&str]) -> String {
    let line = |name: &&str| {
        let hash = PasswordHash::make(HashKind::Sha512, name.as_bytes(), b"salt").text();
        format!("{name}:{hash}\n")
    };
    names.iter().map(line).collect()
}

fn serve(name: &str, auth: &str) -> (Program, SocketAddr) {
    let config = file(&format!("{name}.toml"), &format!("[auth]\n{auth}"));
    let path = config.to_str().expect("it is text");
    let mut program = Program::run(&["-c", path, "--bind", "127.0.0.1:0", "--shards", "2"]);
    let address = program.listens();
    (program, address)
}

fn answer(address: SocketAddr, words: &str) -> ReasonCode {
    let mut caller = Caller::open(address, 5);
    caller.say(&format!("connect clean {words}"));
    caller.connack().1
}

#[test]
fn users_of_a_file_are_let_in_and_each_refusal_is_one_line() {
    let path = file("auth-users", &users(&["alice", "bob"]));
    let (mut program, address) = serve("auth-users", &format!("password_file = {path:?}\n"));
    for name in ["alice", "bob"] {
        assert_eq!(answer(address, &format!("id={name} username={name} password={name}")), ReasonCode::Success);
    }
    assert_eq!(answer(address, "id=x"), ReasonCode::NotAuthorized);
    let line = program.says("a client is not let in");
    assert!(line.contains("anonymous clients are not allowed"), "{line}");
    assert_eq!(answer(address, "id=x username=alice password=bob"), ReasonCode::BadUserNameOrPassword);
    let line = program.says("a client is not let in");
    for text in ["127.0.0.1", "alice", "bad user name or password"] {
        assert!(line.contains(text), "{line}");
    }
    for _ in 0..9 {
        assert_eq!(answer(address, "id=x username=mallory password=x"), ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(answer(address, "id=x username=alice password=alice"), ReasonCode::ConnectionRateExceeded);
}

#[test]
fn sighup_reads_the_files_again_and_a_broken_one_changes_nothing() {
    let path = file("auth-reload", &users(&["alice"]));
    let acl = file("auth-reload-acl", "user alice\ntopic readwrite #\n");
    let (mut program, address) =
        serve("auth-reload", &format!("password_file = {path:?}\nacl_file = {acl:?}\nsuccess_cache = 3600\n"));
    let mut alice = Caller::connected(address, 5, "id=alice clean username=alice password=alice");
    write(&path, "alice:topsecret\n").unwrap();
    program.signal("HUP");
    let line = program.says("a file is broken: what was read before stays");
    assert!(line.contains("auth-reload:1: user") && !line.contains("topsecret"), "{line}");
    assert_eq!(answer(address, "id=b username=alice password=alice"), ReasonCode::Success);
    write(&path, users(&["bob"])).unwrap();
    program.signal("HUP");
    program.says("users with passwords (1)");
    assert_eq!(alice.disconnected(), ReasonCode::NotAuthorized);
    assert_eq!(answer(address, "id=b username=alice password=alice"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(answer(address, "id=b username=bob password=bob"), ReasonCode::Success);
    write(&acl, "topic raed #\n").unwrap();
    program.signal("HUP");
    program.says("auth-reload-acl:1");
    program.signal("TERM");
    assert_eq!(program.ends().code, Some(0));
}

#[test]
fn a_broken_file_keeps_the_broker_from_starting() {
    let path = file("auth-broken", "alice:plain\n");
    let config = file("auth-broken.toml", &format!("[auth]\npassword_file = {path:?}\n"));
    let words = ["-c", config.to_str().unwrap(), "--bind", "127.0.0.1:0"];
    Program::run(&words)
        .ends()
        .is_refusal(2, &["'auth.password_file'", "auth-broken:1", "alice", "corecast passwd upgrade"]);
    let config = file("auth-none.toml", "[auth]\nacl_file = \"/no/such/file\"\n");
    let words = ["-c", config.to_str().unwrap(), "--bind", "127.0.0.1:0"];
    Program::run(&words).ends().is_refusal(2, &["'auth.acl_file'", "/no/such/file does not exist"]);
}

#[test]
fn who_can_be_reached_from_outside_lets_nobody_in_unless_told() {
    let mut program = Program::run(&["--bind", "0.0.0.0:0", "--shards", "1"]);
    let line = program.says("nobody is let in");
    assert!(line.contains("auth.allow_anonymous = true") && line.contains("auth.password_file"), "{line}");
    let line = program.says("listening");
    let port: u16 = line.split("0.0.0.0:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(answer(SocketAddr::from(([127, 0, 0, 1], port)), "id=a"), ReasonCode::NotAuthorized);
    let config = file("auth-open.toml", "[auth]\nallow_anonymous = true\n");
    let mut program = Program::run(&["-c", config.to_str().unwrap(), "--bind", "0.0.0.0:0", "--shards", "1"]);
    program.says("let in are anonymous clients");
}

/// Answers HTTP requests with what `respond` makes of their bodies; one request a connection.
fn service(respond: impl Fn(&str) -> (u16, &'static str) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let mut length = 0;
            for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the whole body comes");
            let (status, text) = respond(&String::from_utf8(body).expect("JSON is text"));
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            (&stream).write_all(format!("{head}{text}").as_bytes()).expect("the broker reads");
        }
    });
    address
}

#[test]
fn a_service_is_asked_and_only_its_clear_yes_lets_in() {
    let service = service(|body| match body {
        _ if body.contains("\"password\":\"yes\"") => (200, r#"{"allow":true,"acl":{"sub":["mine"]}}"#),
        _ if body.contains("\"password\":\"no\"") => (200, r#"{"allow":false}"#),
        _ if body.contains("\"password\":\"forbidden\"") => (403, ""),
        _ if body.contains("\"password\":\"moved\"") => (302, ""),
        _ if body.contains("\"password\":\"odd\"") => (200, "allow"),
        _ => (500, "{\"allow\":true}"),
    });
    let (mut program, address) = serve("auth-http", &format!("http_url = \"http://{service}/auth\"\n"));
    let asked = |password: &str| answer(address, &format!("id=a username=alice password={password}"));
    assert_eq!(asked("no"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(asked("forbidden"), ReasonCode::BadUserNameOrPassword);
    for unclear in ["moved", "odd", "broken"] {
        assert_eq!(asked(unclear), ReasonCode::ServerUnavailable, "{unclear}");
        program.says("the authentication service gives no answer");
    }
    let mut alice = Caller::connected(address, 5, "id=a clean username=alice password=yes");
    alice.say("publish other q1 id=1 x");
    let reason = alice.hear(|packet| match packet {
        Packet::Puback(packet) => packet.reason,
        other => panic!("{other:?} is no PUBACK"),
    });
    assert_eq!(reason, ReasonCode::NotAuthorized);
}

#[test]
fn a_service_that_is_not_there_lets_nobody_in() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut program, broker) = serve("auth-http-gone", &format!("http_url = \"http://{address}/\"\n"));
    assert_eq!(answer(broker, "id=a username=alice password=x"), ReasonCode::ServerUnavailable);
    program.says("the authentication service gives no answer");
}

#[test]
fn a_token_is_a_password() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth/jwt");
    let (mut program, address) = serve("auth-jwt", &format!("jwt_key_file = {:?}\n", folder.join("jwks.json")));
    let tokens = std::fs::read_to_string(folder.join("tokens.txt")).unwrap();
    let (_, token) = tokens.lines().next().unwrap().split_once(' ').unwrap();
    // It was valid half an hour after 1970 began.
    let words = format!("id=a username=x password=\"{token}\"");
    assert_eq!(answer(address, &words), ReasonCode::BadUserNameOrPassword);
    assert!(program.says("not let in").contains("it has expired (exp)"));
}
