//! From packets of the server to words.

use corecast::mqtt::{Acknowledgement, Packet, Properties, ReasonCode};

use super::properties::property_word;
use super::words::{Word, Words};

/// A packet of the server as words.
pub(crate) fn hear(packet: &Packet<'_>) -> Words {
    match packet {
        Packet::Connack(connack) => {
            let mut words = Words::new("connack");
            words.push(Word::pair("sp", if connack.session_present { "1" } else { "0" }));
            words.push(code(connack.reason));
            with_properties(words, connack.properties)
        }
        Packet::Publish(publish) => {
            let mut words = Words::new("publish");
            words.push(Word::pair("topic", publish.topic));
            words.push(Word::bare(["q0", "q1", "q2"][publish.qos as usize]));
            if let Some(id) = publish.packet_id {
                words.push(Word::pair("id", id.get().to_string()));
            }
            if !publish.payload.is_empty() {
                words.push(Word::text(publish.payload));
            }
            words.words.extend(publish.retain.then(|| Word::bare("retain")));
            words.words.extend(publish.dup.then(|| Word::bare("dup")));
            with_properties(words, publish.properties)
        }
        Packet::Puback(packet) => acknowledgement("puback", packet),
        Packet::Pubrec(packet) => acknowledgement("pubrec", packet),
        Packet::Pubrel(packet) => acknowledgement("pubrel", packet),
        Packet::Pubcomp(packet) => acknowledgement("pubcomp", packet),
        Packet::Suback(suback) => {
            let mut words = Words::new("suback");
            words.push(Word::pair("id", suback.packet_id.get().to_string()));
            words.push(codes(suback.codes));
            with_properties(words, suback.properties)
        }
        Packet::Unsuback(unsuback) => {
            let mut words = Words::new("unsuback");
            words.push(Word::pair("id", unsuback.packet_id.get().to_string()));
            if !unsuback.codes.is_empty() {
                words.push(codes(unsuback.codes));
            }
            with_properties(words, unsuback.properties)
        }
        Packet::Pingresp => Words::new("pingresp"),
        Packet::Disconnect(disconnect) => {
            let mut words = Words::new("disconnect");
            words.push(code(disconnect.reason));
            with_properties(words, disconnect.properties)
        }
        Packet::Auth(auth) => {
            let mut words = Words::new("auth");
            words.push(code(auth.reason));
            with_properties(words, auth.properties)
        }
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::Pingreq => {
            panic!("a packet only clients send: {packet:?}")
        }
    }
}

fn acknowledgement(verb: &str, packet: &Acknowledgement<'_>) -> Words {
    let mut words = Words::new(verb);
    words.push(Word::pair("id", packet.packet_id.get().to_string()));
    if packet.reason != ReasonCode::Success {
        words.push(code(packet.reason));
    }
    with_properties(words, packet.properties)
}

fn code(reason: ReasonCode) -> Word {
    Word::pair("code", number(reason.value()))
}

fn codes(codes: &[u8]) -> Word {
    let codes: Vec<String> = codes.iter().map(|code| number(*code)).collect();
    Word::pair("codes", codes.join(","))
}

fn number(code: u8) -> String {
    if code < 3 {
        code.to_string()
    } else {
        format!("{code:#04x}")
    }
}

fn with_properties(mut words: Words, properties: Properties<'_>) -> Words {
    words.words.extend(properties.iter().map(property_word));
    words
}
