//! Listeners behind a proxy and at unix sockets.

use std::fs::metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use corecast::config::{Config, Listener};
use corecast::limits::Limits;

use crate::wire::broker::Broker;
use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};
use crate::wire::secrets::Secrets;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 1883\r\n";

fn proxied(more: &str) -> Listener {
    let text = format!("[[listener]]\nbind = ['127.0.0.1:0']\nproxy_protocol = 'any'\n{more}");
    Config::parse(&text).expect("valid").listeners.remove(0)
}

#[test]
fn clients_behind_a_proxy_are_let_in_with_and_without_tls() {
    let secrets = Secrets::new();
    let behind = proxied("");
    let over_tls = Listener { proxy_protocol: behind.proxy_protocol, ..secrets.listener() };
    let broker = Broker::listening(2, Limits::default(), vec![behind, over_tls]);
    let binary = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[192, 0, 2, 7, 192, 0, 2, 1, 1, 2, 3, 4]].concat();
    for (number, header) in [LINE, &binary].into_iter().enumerate() {
        for id in 0..4 {
            let mut caller = Caller::open(broker.address_of(1), 5);
            caller.send(header);
            caller.connects(&format!("id=c{number}-{id} clean"));
            caller.subscribed("t", 1);
            let payload = "x".repeat(100_000);
            caller.say(&format!("publish t q0 \"{payload}\""));
            assert!(
                caller.delivered().payload == payload.as_bytes(),
                "also a large packet, which is received otherwise"
            );
        }
    }
    let mut caller = Caller::open_tls_behind(broker.address_of(2), 5, &secrets.client(), LINE);
    caller.connects("id=t clean");
    caller.pings();
    drop(caller);
    let mut direct = Caller::open(broker.address_of(1), 5);
    direct.say("connect id=d clean");
    direct.ends_somehow();
    broker.counts("it is refused", |report| report.runtime.proxies_refused_total == 1);
    broker.ends_empty();
}

#[test]
fn a_source_that_is_not_trusted_is_refused() {
    let broker = Broker::listening(1, Limits::default(), vec![proxied("proxy_trusted = ['10.0.0.0/8']\n")]);
    Caller::open(broker.address_of(1), 5).ends_somehow();
    broker.counts("it is refused", |report| report.runtime.proxies_refused_total == 1);
    broker.ends_empty();
}

#[test]
fn the_address_the_proxy_names_is_the_clients() {
    let path = file("proxy.toml", "listen.bind = []\n[[listener]]\nbind = ['127.0.0.1:0']\nproxy_protocol = 'v1'\n");
    let mut program = Program::run(&["-c", path.to_str().expect("it is text"), "--shards", "2", "-v"]);
    let address = program.listens();
    for id in 0..8 {
        let mut caller = Caller::open(address, 5);
        caller.send(LINE);
        caller.connects(&format!("id={id} clean"));
        program.says("address=192.0.2.7:4711");
    }
    // Those that have moved are announced at home, too.
    program.says("address=192.0.2.7:4711");
}

#[test]
fn a_unix_socket_is_a_listener_like_others_and_is_gone_in_the_end() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("corecast-{}.sock", std::process::id()));
    let text = format!("[[listener]]\nunix = '{}'\nunix_mode = '0600'\n", path.display());
    let listeners = Config::parse(&text).expect("valid").listeners;
    let broker = Broker::listening(2, Limits::default(), listeners);
    assert_eq!(metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let mut plain = Caller::connected(broker.address(), 5, "id=plain clean");
    plain.subscribed("t", 1);
    for id in 0..8 {
        let mut caller = Caller::open_unix(&path, 5);
        caller.connects(&format!("id=u{id} clean"));
        caller.published(&format!("t \"{id}\""), 1, 1);
        assert_eq!(plain.delivered().payload, id.to_string().as_bytes());
    }
    drop(plain);
    broker.ends_empty();
    assert!(!path.exists());
}
