//! TLS on real sockets: let in, refused, moved, reloaded, stormed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use corecast::config::Listener;
use corecast::limits::Limits;
use corecast::mqtt::ReasonCode;
use rustls::version::{TLS12, TLS13};
use rustls::ClientConfig;

use crate::script::packet;
use crate::wire::broker::{Broker, PATIENCE};
use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};
use crate::wire::secrets::Secrets;

fn broker(shards: usize, listeners: Vec<Listener>) -> Broker {
    Broker::listening(shards, Limits::default(), listeners)
}

fn connected(address: SocketAddr, config: &Arc<ClientConfig>, words: &str) -> Caller {
    let mut caller = Caller::open_tls(address, 5, config);
    caller.connects(words);
    caller
}

/// With two shards half of the clients move, in the middle of their stream of records.
#[test]
fn clients_over_tls_and_without_reach_each_other_wherever_they_are_at_home() {
    let secrets = Secrets::new();
    for (shards, version) in [(1, &TLS12), (2, &TLS13), (2, &TLS12)] {
        let broker = broker(shards, vec![secrets.listener()]);
        let config = secrets.client_of(&[version], None);
        let address = broker.address_of(1);
        let mut plain = Caller::connected(broker.address(), 5, "id=plain clean");
        plain.subscribed("t/#", 1);
        let mut callers: Vec<Caller> = Vec::new();
        // Where a client is at home is by chance: one more until one has moved.
        while callers.len() < 8 || (shards > 1 && broker.report().runtime.adopted_total == 0) {
            assert!(callers.len() < 64, "none has moved");
            callers.push(connected(address, &config, &format!("id=caller{} clean", callers.len())));
        }
        for caller in &mut callers {
            caller.subscribed("all", 1);
        }
        for (number, caller) in callers.iter_mut().enumerate() {
            caller.published(&format!("t/{number} \"{number}\""), 2, 7);
            assert_eq!(plain.delivered().payload, number.to_string().as_bytes());
        }
        plain.published("all \"hello\"", 1, 9);
        for caller in &mut callers {
            assert_eq!(caller.delivered().payload, b"hello");
            assert_eq!(caller.tls().protocol_version(), Some(version.version));
        }
        let report = broker.report();
        assert_eq!(report.runtime.handshakes_total, callers.len() as u64);
        drop((plain, callers));
        broker.ends_empty();
    }
}

#[test]
fn large_messages_cross_in_many_records() {
    let secrets = Secrets::new();
    let broker = broker(2, vec![secrets.listener()]);
    let config = secrets.client();
    let mut subscriber = connected(broker.address_of(1), &config, "id=s clean");
    subscriber.subscribed("t", 1);
    let mut publisher = connected(broker.address_of(1), &config, "id=p clean");
    for (id, bytes) in [(1, 10_000usize), (2, 100_000), (3, 1_500_000)] {
        let payload = "x".repeat(bytes);
        publisher.published(&format!("t \"{payload}\""), 1, id);
        assert!(subscriber.delivered().payload == payload.as_bytes());
    }
    drop((subscriber, publisher));
    broker.ends_empty();
}

/// More than a core encrypts in one turn: those that are put off come to theirs, and in order.
#[test]
fn much_for_many_at_once_reaches_all_of_them() {
    let secrets = Secrets::new();
    let broker = broker(1, vec![secrets.listener()]);
    let config = secrets.client();
    let mut subscribers: Vec<Caller> =
        (0..16).map(|number| connected(broker.address_of(1), &config, &format!("id=s{number} clean"))).collect();
    for subscriber in &mut subscribers {
        subscriber.subscribed("t", 0);
    }
    let mut publisher = Caller::connected(broker.address(), 5, "id=p clean");
    let (count, payload) = (128, "x".repeat(7_000));
    let burst: Vec<u8> =
        (0..count).flat_map(|number| packet(5, &format!("publish t \"{number} {payload}\""))).collect();
    publisher.send(&burst);
    for subscriber in &mut subscribers {
        for number in 0..count {
            let delivered = subscriber.delivered().payload;
            assert!(delivered == format!("{number} {payload}").as_bytes(), "{number}");
        }
    }
    drop((subscribers, publisher));
    broker.ends_empty();
}

#[test]
fn a_client_certificate_is_asked_for_where_it_is_required() {
    let secrets = Secrets::new();
    let broker = broker(2, vec![secrets.listener(), secrets.strict_listener()]);
    let (named, unnamed, foreign) = (secrets.named_client("pump"), secrets.client(), Secrets::new());
    connected(broker.address_of(1), &named, "id=a clean").pings();
    connected(broker.address_of(2), &named, "id=b clean").pings();
    connected(broker.address_of(1), &unnamed, "id=c clean").pings();
    let failed = Caller::open_tls(broker.address_of(2), 5, &unnamed).fails();
    assert!(failed.contains("CertificateRequired"), "{failed}");
    let failed = Caller::open_tls(broker.address_of(2), 5, &foreign.client()).fails();
    assert!(failed.contains("invalid peer certificate"), "{failed}");
    broker.counts("two are refused", |report| report.runtime.handshakes_refused_total == 2);
    broker.ends_empty();
}

#[test]
fn whoever_speaks_no_tls_is_refused_and_counted() {
    let secrets = Secrets::new();
    let patience = Duration::from_millis(300);
    let impatient = Listener { handshake_timeout: patience, ..secrets.listener() };
    let broker = broker(1, vec![secrets.listener(), impatient]);
    let mut plain = Caller::open(broker.address_of(1), 5);
    plain.say("connect id=a clean");
    plain.ends();
    broker.counts("it is refused", |report| report.runtime.handshakes_refused_total == 1);
    let mut silent = Caller::open(broker.address_of(2), 5);
    silent.ends();
    let mut slow = Caller::open(broker.address_of(2), 5);
    slow.send(&[0x16, 3, 1, 1]);
    slow.ends();
    broker.counts("two were too slow", |report| report.runtime.handshake_timeouts_total == 2);
    broker.ends_empty();
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    let secrets = Secrets::new();
    let broker = broker(2, vec![secrets.listener()]);
    let mut caller = connected(broker.address_of(1), &secrets.client(), "id=a clean");
    caller.say("subscribe id=1 t q1");
    caller.say("publish t q1 id=2 \"hello\"");
    caller.closes_tls();
    let mut heard = Vec::new();
    while let Some(packet) = caller.try_hear(|packet| format!("{packet:?}")) {
        heard.push(packet);
    }
    for answer in ["Suback", "Puback"] {
        assert!(heard.iter().any(|packet| packet.starts_with(answer)), "{heard:?}");
    }
    broker.ends_empty();
}

/// More want in than may shake hands at a time; some never go on. Who is in already notices little, and all others get in.
#[test]
fn a_storm_of_handshakes_leaves_others_alone() {
    let secrets = Secrets::new();
    let broker = broker(2, vec![Listener { handshakes_max: 4, ..secrets.listener() }]);
    let (config, address) = (secrets.client(), broker.address_of(1));
    let mut inside = connected(address, &config, "id=inside clean");
    let silent: Vec<Caller> = (0..50).map(|_| Caller::open(address, 5)).collect();
    let storm: Vec<_> = (0..4)
        .map(|thread| {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                for number in 0..25 {
                    connected(address, &config, &format!("id=c{thread}-{number} clean")).pings();
                }
            })
        })
        .collect();
    while storm.iter().any(|thread| !thread.is_finished()) {
        inside.pings();
    }
    storm.into_iter().for_each(|thread| thread.join().expect("all get in"));
    assert_eq!(broker.report().runtime.handshakes_total, 101);
    drop((inside, silent));
    broker.ends_empty();
}

/// Certificates change under load: nothing is lost, new connections see the new one, and a broken file changes nothing.
#[test]
fn certificates_are_read_again_without_a_dropped_message() {
    let secrets = Secrets::new();
    let mut broker = broker(2, vec![secrets.listener()]);
    let (config, address) = (secrets.client(), broker.address_of(1));
    let shown = || {
        let mut caller = connected(address, &config, "clean");
        caller.pings();
        caller.tls().peer_certificates().expect("shown")[0].to_vec()
    };
    let mut subscriber = connected(address, &config, "id=s clean");
    subscriber.subscribed("t", 1);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut publisher = connected(address, &config, "id=p clean");
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                publisher.published(&format!("t \"{sent}\""), 1, 1);
                sent += 1;
            }
            sent
        });
        let before = shown();
        secrets.put("server.key", "broken");
        broker.reload();
        secrets.put("server.pem", "broken");
        broker.reload();
        assert_eq!(shown(), before);
        secrets.renew();
        broker.reload();
        let deadline = Instant::now() + PATIENCE;
        while shown() == before {
            assert!(Instant::now() < deadline, "the new certificate is never shown");
        }
        is_over.store(true, Ordering::Relaxed);
        let sent = publisher.join().expect("no failure");
        assert!(sent > 0);
        for number in 0..sent {
            assert_eq!(subscriber.delivered().payload, number.to_string().as_bytes());
        }
    });
    drop(subscriber);
    broker.ends_empty();
}

#[test]
fn files_that_cannot_be_used_are_named_by_check_and_serve() {
    let (secrets, others) = (Secrets::new(), Secrets::new());
    let refused = |certificate: &str, key: &str, texts: &[&str]| {
        let text = format!("[[listener]]\nbind = ['127.0.0.1:0']\ncertificate = '{certificate}'\nkey = '{key}'\n");
        let path = file(&format!("tls-{}.toml", texts.len()), &text);
        let path = path.to_str().expect("it is text");
        Program::run(&["check", "-c", path]).ends().is_refusal(2, texts);
        Program::run(&["-c", path, "--bind", "127.0.0.1:0"]).ends().is_refusal(2, texts);
    };
    let (certificate, key) = (secrets.path("server.pem"), secrets.path("server.key"));
    refused(
        &certificate,
        &others.path("server.key"),
        &["listener 1", "key 'key'", "is not the key of its certificate"],
    );
    refused("/no/such/file", &key, &["key 'certificate': /no/such/file does not exist"]);
    refused(&key, &key, &["key 'certificate'", "holds no certificate"]);
}

/// The line an operator reads, and that OpenSSL can be talked to.
#[test]
fn refusals_are_logged_with_their_reason_and_the_client_with_its_name() {
    let secrets = Secrets::new();
    let text = format!(
        "listen.bind = []\n[[listener]]\nbind = ['127.0.0.1:0']\ncertificate = '{}'\nkey = '{}'\nclient_ca = '{}'\n\
         client_certificate = 'optional'\nidentity = 'cn'\n",
        secrets.path("server.pem"),
        secrets.path("server.key"),
        secrets.path("ca.pem")
    );
    let path = file("tls-log.toml", &text);
    let mut program = Program::run(&["-c", path.to_str().expect("it is text"), "--shards", "1", "-v"]);
    let address = program.listens();
    let mut named = connected(address, &secrets.named_client("pump 7"), "id=a clean");
    program.says("identity=\"pump 7\"");
    let mut plain = Caller::open(address, 4);
    plain.say("connect id=b clean");
    plain.ends();
    program.says("speaks MQTT without TLS");
    program.signal("HUP");
    program.says("certificates have been read again");
    program.signal("USR1");
    program.says("certificate_expiry_days=");
    program.signal("TERM");
    assert_eq!(named.disconnected(), ReasonCode::ServerShuttingDown);
    drop(named);
    assert_eq!(program.ends().code, Some(0));
}
