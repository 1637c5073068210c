use std::iter;

use super::*;
use crate::message::{Message, Parts, Stamp};
use crate::session::delivery::Identifiers;
use crate::time::Time;

fn delivery(qos: QoS) -> Delivery {
    let message = Message::new(Parts {
        topic: "t",
        properties: &[],
        payload: b"p",
        qos: qos as u8,
        retain: false,
        expires_at: Time::NEVER,
        stamp: Stamp::default(),
    });
    Delivery { message, qos, retain: false, share: None, identifiers: Identifiers::None }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not zero")
}

fn filled(count: u16, qos: QoS) -> Inflight {
    let mut inflight = Inflight::default();
    for expected in 1..=count {
        assert_eq!(inflight.push(delivery(qos)), Some(id(expected)));
    }
    inflight
}

#[test]
fn the_memory_of_a_burst_is_given_back_when_it_is_over_and_asked_for() {
    let mut inflight = filled(1000, QoS::AtLeastOnce);
    inflight.give_back();
    assert_eq!(inflight.len(), 1000, "nothing is lost");
    for value in 1..=1000 {
        inflight.on_puback(id(value));
    }
    assert!(inflight.is_empty() && inflight.entries.capacity() >= 1000);
    inflight.give_back();
    assert_eq!(inflight.entries.capacity(), 0);
}

#[test]
fn mqtt5_2_2_1_3_identifiers_start_at_one_and_skip_those_in_use_after_the_wrap() {
    let mut inflight = filled(3, QoS::AtLeastOnce);
    assert!(matches!(inflight.on_puback(id(2)), Acknowledged::Done));
    for expected in 4..=u16::MAX {
        assert_eq!(inflight.push(delivery(QoS::AtLeastOnce)), Some(id(expected)));
        assert!(matches!(inflight.on_puback(id(expected)), Acknowledged::Done));
    }
    assert_eq!(inflight.push(delivery(QoS::AtLeastOnce)), Some(id(2)));
    assert_eq!(inflight.push(delivery(QoS::AtLeastOnce)), Some(id(4)));
}

#[test]
fn an_identifier_from_before_the_wrap_is_never_given_twice() {
    let mut inflight = filled(60_000, QoS::AtLeastOnce);
    for old in (1..60_000).filter(|old| *old != 5) {
        assert!(matches!(inflight.on_puback(id(old)), Acknowledged::Done));
    }
    for _ in 0..200_000u32 {
        let new = inflight.push(delivery(QoS::AtLeastOnce)).expect("there are free ones");
        assert!(new != id(5) && new != id(60_000));
        assert!(matches!(inflight.on_puback(new), Acknowledged::Done));
    }
}

#[test]
fn all_identifiers_in_use_refuse_one_more() {
    let mut inflight = filled(u16::MAX, QoS::AtLeastOnce);
    assert_eq!(inflight.push(delivery(QoS::AtLeastOnce)), None);
    assert!(matches!(inflight.on_puback(id(777)), Acknowledged::Done));
    assert_eq!(inflight.push(delivery(QoS::AtLeastOnce)), Some(id(777)));
}

#[test]
fn mqtt5_4_3_3_qos_2_goes_through_publish_release_and_completion() {
    let mut inflight = filled(1, QoS::ExactlyOnce);
    assert!(matches!(inflight.on_pubcomp(id(1)), Acknowledged::WrongPacket));
    assert!(matches!(inflight.on_puback(id(1)), Acknowledged::WrongPacket));
    assert!(matches!(inflight.on_pubrec(id(1), false), Acknowledged::Release));
    assert!(matches!(inflight.on_pubrec(id(1), false), Acknowledged::Release), "a repeated PUBREC");
    assert!(matches!(inflight.on_pubcomp(id(1)), Acknowledged::Done));
    assert!(matches!(inflight.on_pubcomp(id(1)), Acknowledged::Unknown));
    assert!(inflight.is_empty());
}

#[test]
fn a_refusing_pubrec_frees_the_identifier() {
    let mut inflight = filled(1, QoS::ExactlyOnce);
    assert!(matches!(inflight.on_pubrec(id(1), true), Acknowledged::Done));
    assert!(inflight.is_empty());
}

#[test]
fn mqtt5_4_4_0_1_a_new_connection_sends_again_in_order_with_dup() {
    let mut inflight = filled(3, QoS::ExactlyOnce);
    assert!(matches!(inflight.on_pubrec(id(2), false), Acknowledged::Release));
    inflight.restart();
    assert_eq!(inflight.sent(), 0);
    let mut seen = Vec::new();
    while let Some(next) = inflight.resend_next() {
        seen.push(match next {
            Next::Publish { packet_id, dup, .. } => (packet_id.get(), dup),
            Next::Release(packet_id) => (packet_id.get() + 1000, false),
        });
    }
    assert_eq!(seen, [(1002, false), (1, true), (3, true)]);
    assert_eq!(inflight.sent(), 3);
}

#[test]
fn an_acknowledgement_before_redelivery_counts_and_keeps_the_count_of_sent_ones() {
    let mut inflight = filled(4, QoS::ExactlyOnce);
    inflight.restart();
    assert!(matches!(inflight.on_pubrec(id(3), false), Acknowledged::Release));
    assert_eq!(inflight.sent(), 1);
    assert!(matches!(inflight.resend_next(), Some(Next::Publish { packet_id, .. }) if packet_id == id(1)));
    assert!(matches!(inflight.on_pubcomp(id(3)), Acknowledged::Done));
    assert_eq!((inflight.sent(), inflight.len()), (1, 3));
}

#[test]
fn acknowledgements_in_any_order_are_found() {
    let mut inflight = filled(500, QoS::AtLeastOnce);
    for old in (1..=500).rev() {
        assert!(matches!(inflight.on_puback(id(old)), Acknowledged::Done));
    }
    assert!(inflight.is_empty());
}

#[test]
fn what_was_published_and_not_acknowledged_is_given_back_in_order() {
    let mut inflight = filled(3, QoS::ExactlyOnce);
    assert!(matches!(inflight.on_pubrec(id(1), false), Acknowledged::Release));
    let abandoned: Vec<Option<Delivery>> = iter::from_fn(|| inflight.abandon()).collect();
    assert_eq!(abandoned.iter().flatten().count(), 2);
    assert!(inflight.is_empty());
}
