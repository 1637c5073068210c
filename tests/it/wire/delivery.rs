//! Publications and goodbyes over real sockets.

use corecast::limits::Limits;
use corecast::mqtt::{Packet, PacketId, PropertyBuffer, ProtocolVersion, Publish, QoS, ReasonCode};

use crate::script::packet;
use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// Enough clients for every pair of shards to be among them.
const CLIENTS: usize = 12;

#[test]
fn every_subscriber_gets_every_publication_in_order_whatever_their_shards() {
    for shards in [1, 4] {
        let broker = Broker::start(shards);
        let mut subscribers: Vec<Caller> = (0..CLIENTS)
            .map(|n| {
                let mut caller = Caller::connected(broker.address(), [5, 4][n % 2], &format!("id=s{n} clean"));
                caller.subscribed("from/+", (n % 3) as u8);
                caller
            })
            .collect();
        let mut publishers: Vec<Caller> = (0..CLIENTS)
            .map(|n| Caller::connected(broker.address(), [4, 5][n % 2], &format!("id=p{n} clean")))
            .collect();
        for round in 0..5_usize {
            for (publisher, n) in publishers.iter_mut().zip(0..) {
                publisher.published(&format!("from/{n} \"{round}\""), ((n + round) % 3) as u8, round as u16 + 1);
            }
        }
        for subscriber in &mut subscribers {
            let mut next = [0; CLIENTS];
            for _ in 0..CLIENTS * 5 {
                let heard = subscriber.delivered();
                let from: usize = heard.topic["from/".len()..].parse().expect("a number");
                assert_eq!(heard.payload, next[from].to_string().as_bytes(), "from {from}");
                next[from] += 1;
            }
        }
        let report = broker.report();
        assert_eq!(report.shard.publish_received_total, CLIENTS as u64 * 5);
        assert_eq!(report.shard.publish_sent_total, (CLIENTS * CLIENTS * 5) as u64);
        assert_eq!(report.shard.mail_publish_sent_total > 0, shards > 1, "{report:#?}");
        drop((subscribers, publishers));
        broker.ends_empty();
    }
}

#[test]
fn large_payloads_arrive_whole_up_to_the_limit_and_not_beyond() {
    for shards in [1, 4] {
        let broker = Broker::start(shards);
        let limit = Limits::default().packet_bytes_max as usize;
        let mut subscriber = Caller::connected(broker.address(), 5, "id=s clean");
        subscriber.subscribed("large", 2);
        let mut publisher = Caller::connected(broker.address(), 5, "id=p clean");
        // One byte and three of length, topic with its length, packet identifier, no properties.
        let most = limit - (1 + 3 + 2 + 5 + 2 + 1);
        for (size, qos) in [
            (1024 * 1024, QoS::AtMostOnce),
            (1024 * 1024, QoS::AtLeastOnce),
            (most, QoS::ExactlyOnce),
            (most, QoS::AtLeastOnce),
        ] {
            let payload = payload(size);
            publisher.send(&publish(&payload, qos));
            publisher.taken(qos as u8, 1);
            let heard = subscriber.delivered();
            assert!(heard.payload == payload, "{} of {size} bytes, or others", heard.payload.len());
            assert_eq!(heard.qos, qos);
        }
        let too_large = publish(&payload(most + 1), QoS::AtLeastOnce);
        assert_eq!(too_large.len(), limit + 1);
        // It goes on writing whatever it is told.
        publisher.try_send(&too_large);
        assert_eq!(publisher.disconnected(), ReasonCode::PacketTooLarge);
        publisher.ends();
        subscriber.pings();
        drop((publisher, subscriber));
        broker.ends_empty();
    }
}

fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * 31) >> 7) as u8).collect()
}

fn publish(payload: &[u8], qos: QoS) -> Vec<u8> {
    let properties = PropertyBuffer::default();
    let mut bytes = Vec::new();
    let packet = Publish {
        dup: false,
        qos,
        retain: false,
        topic: "large",
        packet_id: PacketId::new(1).filter(|_| qos != QoS::AtMostOnce),
        topic_alias: None,
        message_expiry_interval_s: None,
        has_subscription_identifier: false,
        forwarded: Default::default(),
        properties: properties.as_properties(),
        payload,
    };
    Packet::Publish(packet).encode(ProtocolVersion::V5, &mut bytes);
    bytes
}

#[test]
fn what_comes_with_connect_moves_along_with_the_socket() {
    let broker = Broker::start(4);
    let large = "x".repeat(100_000);
    for n in 0..32 {
        let mut caller = Caller::open(broker.address(), 5);
        let words = [
            format!("connect id=mover{n} clean"),
            format!("subscribe id=1 to/{n} q1"),
            format!("publish to/{n} q1 id=9 \"{large}\""),
            "pingreq".to_owned(),
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|words| packet(5, words)).collect();
        caller.send(&bytes);
        assert_eq!(caller.connack(), (false, ReasonCode::Success));
        let mut heard = [0; 4];
        for _ in 0..4 {
            caller.hear(|packet| match packet {
                Packet::Suback(_) => heard[0] += 1,
                Packet::Publish(publish) => heard[1] += usize::from(publish.payload == large.as_bytes()),
                Packet::Puback(puback) => heard[2] += usize::from(puback.packet_id.get() == 9),
                Packet::Pingresp => heard[3] += 1,
                other => panic!("{other:?} was not asked for"),
            });
        }
        assert_eq!(heard, [1; 4]);
    }
    assert!(broker.report().shard.connections_moved_total > 0);
    broker.ends_empty();
}

#[test]
fn connect_may_come_in_single_bytes() {
    let broker = Broker::start(4);
    for n in 0..8 {
        let mut caller = Caller::open(broker.address(), 4);
        for byte in packet(4, &format!("connect id=slow{n} clean keep_alive=60")) {
            caller.send(&[byte]);
        }
        assert_eq!(caller.connack(), (false, ReasonCode::Success));
        caller.pings();
    }
    broker.ends_empty();
}

#[test]
fn a_refused_client_that_goes_on_writing_still_reads_why() {
    let broker = Broker::start(4);
    let more = vec![0x30; 1024 * 1024];
    for (level, refused) in [(5, "connect id=x clean level=9"), (4, "connect id=\"\""), (5, "connect id=x flags=0x03")]
    {
        let mut caller = Caller::open(broker.address(), level);
        caller.say(refused);
        assert!(caller.try_send(&more), "the broker has to take what comes for a while");
        assert!(caller.connack().1.is_error());
        caller.ends();
    }
    for n in 0..8 {
        let mut caller = Caller::connected(broker.address(), 5, &format!("id=x{n} clean"));
        caller.say("raw 82 02 00 00");
        assert!(caller.try_send(&more), "the broker has to take what comes for a while");
        assert!(caller.disconnected().is_error());
        caller.ends();
    }
    broker.ends_empty();
}

#[test]
fn a_client_that_only_stops_writing_gets_all_its_answers() {
    for shards in [1, 4] {
        let broker = Broker::start(shards);
        for n in 0..16 {
            let mut caller = Caller::open(broker.address(), 5);
            let mut bytes = packet(5, &format!("connect id=brief{n} clean"));
            bytes.extend(packet(5, "subscribe id=1 none q1"));
            for id in 1..=500 {
                bytes.extend(packet(5, &format!("publish nobody/listens q1 id={id} \"x\"")));
            }
            caller.send(&bytes);
            caller.half_close();
            assert_eq!(caller.connack(), (false, ReasonCode::Success));
            let (mut answers, mut subacks) = (0, 0);
            while let Some(is_suback) = caller.try_hear(|packet| matches!(packet, Packet::Suback(_))) {
                subacks += usize::from(is_suback);
                answers += 1;
            }
            assert_eq!((answers, subacks), (501, 1));
        }
        broker.ends_empty();
    }
}

#[test]
fn a_client_that_only_stops_writing_still_reads_why_it_is_refused() {
    let broker = Broker::start(2);
    let mut caller = Caller::open(broker.address(), 5);
    caller.say("connect id=x clean level=9");
    caller.half_close();
    assert_eq!(caller.connack().1, ReasonCode::UnsupportedProtocolVersion);
    caller.ends();
    broker.ends_empty();
}

#[test]
fn a_client_that_stops_writing_and_reading_is_let_go_in_time() {
    let broker = Broker::start(1);
    let mut caller = Caller::open_narrow(broker.address(), 5);
    caller.connects("id=stuck clean");
    caller.subscribed("own", 0);
    let payload = "x".repeat(64 * 1024);
    for _ in 0..100 {
        caller.say(&format!("publish own \"{payload}\""));
    }
    caller.half_close();
    broker.counts("the connection is gone", |report| report.shard.connections_now == 0);
    drop(caller);
    broker.ends_empty();
}

#[test]
fn one_more_connection_than_allowed_is_told_and_finds_room_later() {
    let broker = Broker::limited(4, Limits { connections_max: 3, ..Limits::default() });
    let mut inside: Vec<Caller> =
        (0..3).map(|n| Caller::connected(broker.address(), 5, &format!("id=in{n} clean"))).collect();
    for (level, reason) in [(5, ReasonCode::QuotaExceeded), (4, ReasonCode::ServerUnavailable)] {
        let mut fourth = Caller::open(broker.address(), level);
        fourth.say("connect id=out clean");
        assert_eq!(fourth.connack(), (false, reason));
        fourth.ends();
    }
    for caller in &mut inside {
        caller.pings();
    }
    assert_eq!(broker.report().runtime.over_limit_total, 2);
    inside.pop();
    broker.counts("one has gone", |report| report.shard.connections_now == 2);
    inside.push(Caller::connected(broker.address(), 5, "id=out clean"));
    drop(inside);
    broker.ends_empty();
}
