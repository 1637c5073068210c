//! The codec against bytes nobody wrote on purpose: cut, mutated, random, and read by another implementation.

mod made;
mod oracle;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};
use proptest::{prop_assert, prop_assert_eq, proptest};

use corecast::mqtt::{connect_version, decode, next_frame, DecodeError, Packet, PacketType, ProtocolVersion};

use self::made::{body_of, packet, Tape, VERSIONS};
use self::oracle::{is_known_to_be_laxer, is_known_to_be_stricter, read_by_oracle};

/// Enough to find the usual, few enough for every run; a failing tape is printed.
fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: Some(Box::new(FileFailurePersistence::Off)), ..Config::default() }
}

/// A packet of each version and type from this tape.
fn packets(tape: &[u8]) -> Vec<(ProtocolVersion, Vec<u8>)> {
    let mut all = Vec::new();
    for version in VERSIONS {
        for number in 1..=15 {
            let packet_type = PacketType::from_first_byte(number << 4).expect("1 to 15 are types");
            all.extend(packet(version, packet_type, &mut Tape::new(tape)).map(|packet| (version, packet)));
        }
    }
    all
}

/// Reads `body`; what is accepted must be written again as something that is read and written the same.
fn read(version: ProtocolVersion, first_byte: u8, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let packet = decode(version, first_byte, body)?;
    let mut once = Vec::new();
    packet.encode(version, &mut once);
    let again = decode(version, once[0], body_of(&once)).expect("what is written is valid");
    assert_eq!(again.packet_type(), packet.packet_type());
    if let (Packet::Publish(first), Packet::Publish(second)) = (&packet, &again) {
        assert_eq!((first.topic, first.payload, first.forwarded), (second.topic, second.payload, second.forwarded));
    }
    let mut twice = Vec::new();
    again.encode(version, &mut twice);
    assert_eq!(once, twice);
    Ok(once)
}

/// Asks both implementations; an unknown difference is an error.
fn compare(version: ProtocolVersion, first_byte: u8, body: &[u8]) -> Result<(), String> {
    match (read(version, first_byte, body), read_by_oracle(version, first_byte, body)) {
        // Theirs need not be the shortest form, nor in our order.
        (Ok(ours), Some(theirs)) if read(version, theirs[0], body_of(&theirs)).as_ref() == Ok(&ours) => Ok(()),
        (Ok(ours), Some(theirs)) => Err(format!("{ours:02x?} is not {theirs:02x?}")),
        (Err(_), None) => Ok(()),
        (Err(error), Some(_)) if is_known_to_be_laxer(version, first_byte, error) => Ok(()),
        (Err(error), Some(_)) => Err(format!("only we refuse, for {error:?}")),
        (Ok(_), None) if is_known_to_be_stricter(version, first_byte, body) => Ok(()),
        (Ok(_), None) => Err("only we accept".to_owned()),
    }
}

/// Changes a few bytes, or inserts or takes some away.
fn mutate(body: &mut Vec<u8>, tape: &mut Tape<'_>) {
    for _ in 0..=tape.byte() % 3 {
        let at = usize::from(tape.number()) % (body.len() + 1);
        match (tape.byte() % 4, body.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << (tape.byte() % 8),
            (1, Some(byte)) => *byte = tape.byte(),
            (2, Some(_)) => {
                body.remove(at);
            }
            _ => body.insert(at, tape.of(&[0, 1, 2, b'#', b'+', b'/', 0x26, 0x80, 0xFF])),
        }
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn every_packet_is_read_as_it_was_written(tape in vec(any::<u8>(), 0..64)) {
        for (version, packet) in packets(&tape) {
            let frame = next_frame(&packet, u32::MAX).unwrap().unwrap();
            prop_assert_eq!(frame.total_bytes, packet.len());
            prop_assert_eq!(&packet[frame.header_bytes..], body_of(&packet));
            prop_assert!(!frame.is_overlong());
            prop_assert_eq!(read(version, packet[0], body_of(&packet)), Ok(packet), "the shortest form");
        }
    }

    #[test]
    fn mutated_packets_are_refused_or_make_sense(tape in vec(any::<u8>(), 0..64), how in vec(any::<u8>(), 12)) {
        for (version, packet) in packets(&tape) {
            let mut how = Tape::new(&how);
            let mut body = body_of(&packet).to_vec();
            mutate(&mut body, &mut how);
            let _ = read(version, packet[0], &body);
            let first_byte = packet[0] ^ (how.byte() & 0x0F);
            if next_frame(&[first_byte], u32::MAX).is_ok() {
                let _ = read(version, first_byte, &body);
            } else {
                prop_assert!(decode(version, first_byte, &body).is_err());
            }
            let _ = connect_version(&body);
        }
    }
}

proptest! {
    // A fixed seed: what another version of the other implementation or a rarer packet shows is no fault of ours.
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(5), ..config(2000) })]

    #[test]
    fn another_implementation_agrees(tape in vec(any::<u8>(), 0..64), how in vec(any::<u8>(), 12)) {
        for (version, packet) in packets(&tape) {
            if version == ProtocolVersion::V3_1 {
                continue; // It does not speak it.
            }
            let body = body_of(&packet);
            if !is_known_to_be_stricter(version, packet[0], body) {
                prop_assert_eq!(read_by_oracle(version, packet[0], body), Some(packet.clone()));
            }
            let mut body = body.to_vec();
            mutate(&mut body, &mut Tape::new(&how));
            if packet[0] == 0x10 && connect_version(&body) != Some(version) {
                continue; // It must be told the version.
            }
            if let Err(difference) = compare(version, packet[0], &body) {
                prop_assert!(false, "{difference}: {version:?} {:02x} {body:02x?}", packet[0]);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn random_bytes_never_panic(first_byte in any::<u8>(), bytes in vec(any::<u8>(), 0..80), limit in any::<u32>()) {
        for version in VERSIONS {
            let _ = decode(version, first_byte, &bytes).map(|packet| packet.packet_type());
        }
        let _ = connect_version(&bytes);
        if let Ok(Some(frame)) = next_frame(&bytes, limit) {
            prop_assert!(frame.header_bytes <= frame.total_bytes && frame.total_bytes <= bytes.len());
            prop_assert!(frame.total_bytes <= limit as usize);
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn a_packet_cut_at_any_byte_waits_for_more_or_is_refused(tape in vec(any::<u8>(), 0..64)) {
        for (version, packet) in packets(&tape) {
            for cut in 0..packet.len() {
                prop_assert_eq!(next_frame(&packet[..cut], u32::MAX), Ok(None));
            }
            let body = body_of(&packet);
            for cut in 0..body.len() {
                let Ok(shorter) = decode(version, packet[0], &body[..cut]) else { continue };
                // Only where the end is the end of the packet's list, or reason and properties may be left out.
                let may_end = match shorter {
                    Packet::Publish(publish) => publish.payload.len() + body.len() - cut <= 300,
                    Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::Suback(_) => true,
                    Packet::Unsuback(_) | Packet::Disconnect(_) | Packet::Auth(_) => version == ProtocolVersion::V5,
                    Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubrel(_) | Packet::Pubcomp(_) => {
                        version == ProtocolVersion::V5 && (cut == 2 || cut == 3)
                    }
                    Packet::Connect(connect) => {
                        version == ProtocolVersion::V3_1 && (connect.username.is_none() || connect.password.is_none())
                    }
                    Packet::Connack(_) | Packet::Pingreq | Packet::Pingresp => false,
                };
                prop_assert!(may_end, "{shorter:?} of {packet:02x?}");
            }
        }
    }
}

#[test]
fn all_short_bodies_are_read_without_a_panic() {
    for version in VERSIONS {
        for first_byte in 0..=255 {
            let _ = decode(version, first_byte, &[]);
            for byte in 0..=255 {
                let _ = decode(version, first_byte, &[byte]);
                let _ = decode(version, first_byte, &[0, byte]);
                let _ = decode(version, first_byte, &[0, 1, byte]);
                let _ = decode(version, first_byte, &[0, 1, 0, byte]);
            }
        }
    }
}
