//! From a packet to the flow of its family.

use crate::mqtt::{decode_acknowledgement, decode_head, Acknowledgement, Frame, Packet, PacketType};
use crate::shard::acknowledge::{on_puback, on_pubcomp, on_pubrec, on_pubrel};
use crate::shard::begun::Progress;
use crate::shard::disconnect::on_disconnect;
use crate::shard::exchange::on_auth;
use crate::shard::fault::Fault;
use crate::shard::known::Known;
use crate::shard::publish::{on_publish, Sender};
use crate::shard::state::State;
use crate::shard::subscribe::{on_subscribe, on_unsubscribe};
use crate::time::Time;

/// Whether the packets behind this one are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    /// The connection has moved, ended, or is saying its last words.
    Stop,
    /// Nothing behind it is to be read before it is whole: the turn was spent before.
    Cut,
}

impl From<Progress> for Next {
    fn from(progress: Progress) -> Next {
        match progress {
            Progress::Whole => Next::GoOn,
            Progress::Cut => Next::Cut,
        }
    }
}

/// Handles a packet of a client. PUBLISH and its acknowledgements, of which there are millions, come first.
///
/// # Errors
/// The packet is malformed, or the client broke the protocol.
// Not left to the compiler: a call for each packet costs QoS 2 an eighth.
#[inline(always)]
pub(crate) fn on_packet(
    state: &mut State,
    now: Time,
    sender: Sender,
    frame: &Frame,
    packet: &[u8],
    known: &mut Option<Box<Known>>,
) -> Result<Next, Fault> {
    if frame.first_byte >> 4 == PacketType::Publish as u8 {
        on_publish(state, now, sender, frame, packet, known.get_or_insert_default())?;
        return Ok(Next::GoOn);
    }
    let body = packet.get(frame.header_bytes..).unwrap_or_default();
    if let Some((packet_type, packet)) = decode_acknowledgement(sender.version, frame.first_byte, body)? {
        on_acknowledgement(state, now, sender, packet_type, &packet)?;
        return Ok(Next::GoOn);
    }
    on_seldom(state, now, sender, frame.first_byte, body)
}

fn on_acknowledgement(
    state: &mut State,
    now: Time,
    sender: Sender,
    packet_type: PacketType,
    packet: &Acknowledgement<'_>,
) -> Result<(), Fault> {
    let Sender { id, session, .. } = sender;
    match packet_type {
        PacketType::Puback => on_puback(state, now, session, packet),
        PacketType::Pubrec => on_pubrec(state, now, id, session, packet),
        PacketType::Pubcomp => on_pubcomp(state, now, session, packet),
        _ => {
            on_pubrel(state, id, session, packet);
            Ok(())
        }
    }
}

fn on_seldom(state: &mut State, now: Time, sender: Sender, first_byte: u8, body: &[u8]) -> Result<Next, Fault> {
    let Sender { id, session, version } = sender;
    if PacketType::from_first_byte(first_byte) == Some(PacketType::Connect) {
        // [MQTT5-3.1.0-2] [MQTT311-3.1.0-2], whatever it says: what is wrong inside a CONNECT has no words here.
        return Err(Fault::protocol("a second CONNECT"));
    }
    match decode_head(version, first_byte, body)? {
        Packet::Subscribe(packet) => return on_subscribe(state, now, id, session, &packet).map(Next::from),
        Packet::Unsubscribe(packet) => return on_unsubscribe(state, now, id, session, &packet).map(Next::from),
        Packet::Pingreq => {
            // [MQTT5-3.12.4-1] [MQTT311-3.12.4-1]
            state.write(id, |version, out| Packet::Pingresp.encode(version, out));
            if let Some(client) = state.client_mut(session) {
                client.session.give_back();
            }
        }
        Packet::Disconnect(packet) => {
            on_disconnect(state, now, id, session, &packet)?;
            return Ok(Next::Stop);
        }
        Packet::Auth(packet) => on_auth(state, id, session, &packet)?,
        Packet::Connect(_) | Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
            return Err(Fault::protocol("a packet that may not come now"));
        }
        Packet::Publish(_) | Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubrel(_) | Packet::Pubcomp(_) => {
            debug_assert!(false, "these have been seen to before");
        }
    }
    Ok(Next::GoOn)
}
