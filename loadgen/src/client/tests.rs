use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::credit::{Credits, Home};
use crate::ledger::{Ledger, Truth};
use crate::wire::Template;

fn manners(version: ProtocolVersion) -> Manners {
    Manners {
        version,
        keep_alive_s: 300,
        username: Some("u".to_owned()),
        password: Some("p".to_owned()),
        subscribe_qos: QoS::AtLeastOnce,
        session_expiry_interval_s: 60,
    }
}

fn tally() -> Tally {
    let mut tally = Tally::new(Arc::new(Credits::new(&[Home { thread: 0, client: 0 }], 1, 8)), 1, false, false);
    tally.ledgers.push(Ledger::new(0, 1));
    tally
}

fn subscriber(filters: usize) -> Client {
    let filters = (0..filters).map(|index| format!("f/{index}").into_boxed_str()).collect();
    Client::new("c", filters, Account::Own(0), true)
}

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

fn publish(sequence: u32, packet_id: u16, qos: QoS) -> Vec<u8> {
    let mut out = Vec::new();
    let template = Template::new(ProtocolVersion::V3_1_1, "f/0", qos, false, 20);
    let packet_id = if qos == QoS::AtMostOnce { None } else { NonZeroU32::new(u32::from(packet_id)) };
    template.append(Stamp { flow: 0, sequence, intended_ns: 1 }, packet_id, &mut out);
    out
}

/// A client past CONNACK and SUBACK.
fn ready(manners: &Manners, tally: &mut Tally) -> Client {
    let mut client = subscriber(1);
    let mut out = Vec::new();
    client.open(manners, &mut out);
    let qos = manners.subscribe_qos as u8;
    let bytes = [&CONNACK[..], &[0x90, 3, 0, 1, qos]].concat();
    let received = client.receive(manners, &bytes, 0, tally, &mut out).unwrap();
    assert!(received.became_ready);
    client
}

#[test]
fn it_connects_then_subscribes_then_is_ready_with_packets_cut_anywhere() {
    for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let manners = manners(version);
        let connack: &[u8] = if version == ProtocolVersion::V5 { &[0x20, 3, 0, 0, 0] } else { &CONNACK };
        let suback: &[u8] = if version == ProtocolVersion::V5 { &[0x90, 4, 0, 1, 0, 1] } else { &[0x90, 3, 0, 1, 1] };
        let bytes = [connack, suback].concat();
        for cut in 0..bytes.len() {
            let (mut client, mut tally, mut out) = (subscriber(1), tally(), Vec::new());
            client.open(&manners, &mut out);
            let frame = next_frame(&out, u32::MAX).unwrap().unwrap();
            assert!(matches!(
                decode(version, frame.first_byte, &out[frame.header_bytes..]),
                Ok(Packet::Connect(connect)) if connect.client_id == "c" && connect.username == Some("u")
            ));
            let first = client.receive(&manners, &bytes[..cut], 0, &mut tally, &mut out).unwrap();
            assert!(!first.became_ready);
            let second = client.receive(&manners, &bytes[first.consumed..], 0, &mut tally, &mut out).unwrap();
            assert!(second.became_ready);
            assert_eq!((client.stage(), first.consumed + second.consumed), (Stage::Ready, bytes.len()));
        }
    }
}

#[test]
fn many_filters_go_out_in_several_packets() {
    let (manners, mut client, mut tally) = (manners(ProtocolVersion::V3_1_1), subscriber(80), tally());
    client.open(&manners, &mut Vec::new());
    let mut out = Vec::new();
    client.receive(&manners, &CONNACK, 0, &mut tally, &mut out).unwrap();
    let count = |out: &[u8]| {
        let frame = next_frame(out, u32::MAX).unwrap().unwrap();
        match decode(ProtocolVersion::V3_1_1, frame.first_byte, &out[frame.header_bytes..]).unwrap() {
            Packet::Subscribe(subscribe) => subscribe.filters().count(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count(&out), 50);
    let mut suback = vec![0x90, 52, 0, 1];
    suback.extend([1; 50]);
    out.clear();
    assert!(!client.receive(&manners, &suback, 0, &mut tally, &mut out).unwrap().became_ready);
    assert_eq!(count(&out), 30);
    let mut suback = vec![0x90, 32, 0, 1];
    suback.extend([1; 30]);
    assert!(client.receive(&manners, &suback, 0, &mut tally, &mut out).unwrap().became_ready);
}

#[test]
fn one_that_subscribes_later_is_ready_at_once_and_only_once() {
    let (manners, mut client, mut tally) = (manners(ProtocolVersion::V3_1_1), subscriber(3), tally());
    client.subscribes_later = true;
    let mut out = Vec::new();
    client.open(&manners, &mut out);
    out.clear();
    assert!(client.receive(&manners, &CONNACK, 0, &mut tally, &mut out).unwrap().became_ready);
    assert!(out.is_empty());
    client.subscribe(&manners, &mut out);
    assert_eq!(client.stage(), Stage::Subscribing(0));
    let received = client.receive(&manners, &[0x90, 5, 0, 1, 1, 1, 1], 0, &mut tally, &mut out).unwrap();
    assert_eq!((received.became_ready, received.granted, client.stage()), (false, 3, Stage::Ready));
}

#[test]
fn a_question_is_answered_by_the_last_pong_only() {
    let (manners, mut client, mut tally) = (manners(ProtocolVersion::V3_1_1), subscriber(0), tally());
    let mut out = Vec::new();
    client.open(&manners, &mut out);
    client.receive(&manners, &CONNACK, 0, &mut tally, &mut out).unwrap();
    client.ping(&mut out);
    client.ask(&mut out);
    let mut pong = || client.receive(&manners, &[0xd0, 0], 0, &mut tally, &mut out).unwrap().answered;
    assert_eq!((pong(), pong(), pong()), (false, true, false));
}

#[test]
fn refusals_are_told_apart() {
    let manners = manners(ProtocolVersion::V3_1_1);
    for (bytes, fault) in [
        (&[0x20, 2, 0, 5][..], Fault::ConnectRefused(ReasonCode::NotAuthorized)),
        (&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0x80], Fault::SubscribeRefused(0x80)),
        (&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0], Fault::SubscribeRefused(0)),
        (&[0x90, 3, 0, 1, 1], Fault::Unexpected),
        (&[0x20, 2, 0, 0, 0x20, 2, 0, 0], Fault::Unexpected),
        (&[0x30, 3, 0, 1, b'a'], Fault::Unexpected),
        (&[0x20, 2, 0, 0, 0x30, 3, 0, 9, b'a'], Fault::Malformed),
        (&[0x00, 0], Fault::Malformed),
        (&[0x20, 2, 0, 0, 0xC0, 0], Fault::Unexpected),
    ] {
        let (mut client, mut out) = (subscriber(1), Vec::new());
        client.open(&manners, &mut out);
        assert_eq!(client.receive(&manners, bytes, 0, &mut tally(), &mut out), Err(fault), "{bytes:?}");
    }
}

#[test]
fn deliveries_are_acknowledged_and_entered() {
    let (manners, mut tally) = (manners(ProtocolVersion::V3_1_1), tally());
    let mut client = ready(&manners, &mut tally);
    let mut out = Vec::new();
    let bytes = [publish(0, 7, QoS::AtLeastOnce), publish(1, 0, QoS::AtMostOnce), publish(2, 8, QoS::ExactlyOnce)];
    client.receive(&manners, &bytes.concat(), 5, &mut tally, &mut out).unwrap();
    assert_eq!(out, [0x40, 2, 0, 7, 0x50, 2, 0, 8]);
    // Once more before it is released: the same one. After that: a duplicate.
    client.receive(&manners, &publish(2, 8, QoS::ExactlyOnce), 6, &mut tally, &mut out).unwrap();
    assert!(tally.ledgers[0].close(|_| 3).is_clean());
    out.clear();
    client.receive(&manners, &[0x62, 2, 0, 8], 6, &mut tally, &mut out).unwrap();
    assert_eq!(out, [0x70, 2, 0, 8]);
    client.receive(&manners, &publish(2, 8, QoS::ExactlyOnce), 6, &mut tally, &mut out).unwrap();
    assert_eq!(tally.ledgers[0].close(|_| 3), Truth { duplicated: 1, ..Truth::default() });
    assert_eq!(tally.delivered, 3);
}

#[test]
fn what_it_publishes_is_done_when_the_last_acknowledgement_is_there() {
    let (manners, mut tally) = (manners(ProtocolVersion::V3_1_1), tally());
    for (qos, steps) in [(QoS::AtLeastOnce, &[0x40_u8][..]), (QoS::ExactlyOnce, &[0x50, 0x70])] {
        let mut client = ready(&manners, &mut tally);
        let topics = [(0, Template::new(ProtocolVersion::V3_1_1, "t", qos, false, 16))].into();
        client.publisher = Some(Publisher::new(0, topics, qos, 1));
        let mut out = Vec::new();
        client.publisher.as_mut().unwrap().send(0, &mut out);
        assert!(!client.publisher.as_ref().unwrap().may_send());
        for (index, &step) in steps.iter().enumerate() {
            out.clear();
            let received = client.receive(&manners, &[step, 2, 0, 1], 0, &mut tally, &mut out).unwrap();
            assert_eq!(received.acknowledged, u32::from(index + 1 == steps.len()));
            assert_eq!(out.is_empty(), index + 1 == steps.len());
        }
        assert!(client.publisher.as_ref().unwrap().may_send());
    }
}

#[test]
fn payloads_of_others_are_counted_apart() {
    let (manners, mut tally) = (manners(ProtocolVersion::V3_1_1), tally());
    let mut client = ready(&manners, &mut tally);
    client.receive(&manners, &[0x30, 5, 0, 1, b'a', b'h', b'i'], 0, &mut tally, &mut Vec::new()).unwrap();
    assert_eq!((tally.unreadable, tally.delivered), (1, 0));
}

#[test]
fn a_kept_session_is_not_subscribed_again() {
    let (manners, mut tally) = (manners(ProtocolVersion::V3_1_1), tally());
    let mut client = subscriber(3);
    client.is_clean = false;
    let mut out = Vec::new();
    client.open(&manners, &mut out);
    out.clear();
    assert!(client.receive(&manners, &[0x20, 2, 1, 0], 0, &mut tally, &mut out).unwrap().became_ready);
    assert!(out.is_empty());
    client.close();
    assert_eq!(client.stage(), Stage::Offline);
}
