//! TLS 1.2 and 1.3 as a byte filter: rustls shakes hands, without sockets, one connection at a time.
//!
//! Once that is through, `records` opens what comes where it lies and seals what leaves where it is sent from; only the
//! beginning of a record is kept, so that an idle connection owns its keys and little else.

mod certificate;
mod keys;
mod material;
mod opener;
mod reasons;
mod records;
mod sealer;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData};

use self::keys::HEADER_BYTES;
use self::reasons::reason_of;
use self::records::Records;
use super::refusal::Refusal;

pub use self::material::{CertificateFacts, KeyPair, Material, TlsFault, TlsPart};
pub use self::server::{ClientCertificates, Identity, MinimumVersion, Tickets, TlsPolicy, TlsServer};

/// Bytes that may wait for their rest: the longest message of a handshake, in records.
const WAITING_BYTES_MAX: usize = 80 * 1024;
/// The first byte of every TLS connection, and of every MQTT one.
const HANDSHAKE_RECORD: u8 = 0x16;
const CONNECT_PACKET: u8 = 0x10;
const CLIENT_HELLO: u8 = 1;
const TLS12: (u8, u8) = (3, 3);
/// The answer to a version that is too old.
const ALERT_RECORD: u8 = 0x15;
const FATAL: u8 = 2;
const PROTOCOL_VERSION: u8 = 70;

const FAILED: Refusal = Refusal::of_tls("TLS has failed");

/// One connection's TLS.
pub(crate) struct Tls {
    stage: Stage,
    wanted: Option<Identity>,
    identity: Option<Box<str>>,
    has_ended: bool,
}

enum Stage {
    Shaking(Box<Handshake>),
    Open(Box<Records>),
    Failed,
}

/// A handshake.
struct Handshake {
    connection: UnbufferedServerConnection,
    /// The beginning of a record, or of a message.
    waiting: Vec<u8>,
    /// Where in it the first record begins that rustls has not seen whole.
    seen: usize,
    has_begun: bool,
}

/// How far bytes have brought a handshake; to its end also if the client does not want it any more.
#[derive(PartialEq, Eq)]
enum Progress {
    NeedsMore,
    HasEnded,
    IsThrough,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(server: &TlsServer) -> Tls {
        // rustls refuses a configuration, if at all, for what `TlsServer` does not set.
        let stage = match UnbufferedServerConnection::new(server.config()) {
            Ok(connection) => {
                Stage::Shaking(Box::new(Handshake { connection, waiting: Vec::new(), seen: 0, has_begun: false }))
            }
            Err(_) => Stage::Failed,
        };
        Tls { stage, wanted: server.identity(), identity: None, has_ended: false }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Bytes of memory for the beginning of a record.
    #[cfg(test)]
    fn waiting_capacity(&self) -> usize {
        match &self.stage {
            Stage::Shaking(handshake) => handshake.waiting.capacity(),
            Stage::Open(records) => records.waiting_capacity(),
            Stage::Failed => 0,
        }
    }

    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Takes records, whole or in part, and decrypts them where they are. Of the broker's bytes the first go to `opened`; so many
    /// as it answers are at the front of `bytes` and follow those. What TLS itself has to say goes to `replies`.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        opened: &mut Vec<u8>,
        replies: &mut Vec<u8>,
    ) -> Result<usize, Refusal> {
        let received = match &mut self.stage {
            Stage::Shaking(handshake) => match handshake.receive(bytes, replies) {
                Ok(Progress::NeedsMore) => Ok(0),
                Ok(Progress::HasEnded) => {
                    self.has_ended = true;
                    self.stage = Stage::Failed;
                    Ok(0)
                }
                Ok(Progress::IsThrough) => self.begin(opened, replies).map(|()| 0),
                Err(refusal) => Err(refusal),
            },
            Stage::Open(records) => receive_records(records, bytes, opened, replies, &mut self.has_ended),
            Stage::Failed => Err(FAILED),
        };
        if received.is_err() {
            self.stage = Stage::Failed;
        }
        received
    }

    /// Goes on from a handshake that is through.
    fn begin(&mut self, opened: &mut Vec<u8>, replies: &mut Vec<u8>) -> Result<(), Refusal> {
        let Stage::Shaking(handshake) = mem::replace(&mut self.stage, Stage::Failed) else { return Err(FAILED) };
        let Handshake { connection, mut waiting, .. } = *handshake;
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        self.identity = self.wanted.zip(certificate).and_then(|(wanted, der)| wanted.of(der)).map(String::into);
        let (secrets, keys) = connection.dangerous_into_kernel_connection().map_err(|_| FAILED)?;
        let mut records = Records::new(keys, secrets.rx, secrets.tx).ok_or(FAILED)?;
        let count = receive_records(&mut records, &mut waiting, opened, replies, &mut self.has_ended)?;
        opened.extend_from_slice(&waiting[..count]);
        self.stage = Stage::Open(Box::new(records));
        Ok(())
    }

    /// Encrypts `bytes` where they are, and puts `replies` in front of them.
    pub(crate) fn send(&mut self, replies: &mut Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.stage {
            Stage::Open(records) => records.send(replies, bytes),
            Stage::Shaking(_) | Stage::Failed => None,
        }
        .ok_or(Refusal::of_tls("nothing more can be encrypted for this connection"))
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) {
        // A peer that has not shown its side of the handshake needs no goodbye.
        if let Stage::Open(records) = &mut self.stage {
            records.finish(into);
        }
    }
}

fn receive_records(
    records: &mut Records,
    bytes: &mut [u8],
    opened: &mut Vec<u8>,
    replies: &mut Vec<u8>,
    has_ended: &mut bool,
) -> Result<usize, Refusal> {
    let count = records.receive(bytes, opened, replies).map_err(|error| Refusal::of_tls(reason_of(&error)))?;
    *has_ended = records.has_ended();
    Ok(count)
}

impl Handshake {
    /// Takes bytes. Once it is through, `waiting` holds those behind it.
    fn receive(&mut self, bytes: &[u8], replies: &mut Vec<u8>) -> Result<Progress, Refusal> {
        self.waiting.extend_from_slice(bytes);
        if !self.has_begun {
            self.has_begun = begins_as_tls(&self.waiting, replies)?;
        }
        let mut used = 0;
        let mut end = self.show_next();
        let progress = loop {
            let status = self.connection.process_tls_records(&mut self.waiting[used..end]);
            let discard = status.discard;
            let mut is_waiting = false;
            match status.state {
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, replies),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => break Progress::HasEnded,
                Ok(ConnectionState::ReadTraffic(_)) => return Err(FAILED),
                // The rest of the states wait for more bytes from one side or the other.
                Ok(_) => is_waiting = true,
                Err(error) => {
                    say_why(&mut self.connection, &mut self.waiting[used + discard..end], replies);
                    return Err(Refusal::of_tls(reason_of(&error)));
                }
            }
            used += discard;
            if !is_waiting {
                continue;
            }
            if !self.connection.is_handshaking() {
                break Progress::IsThrough;
            }
            if end == self.waiting.len() {
                break Progress::NeedsMore;
            }
            end = self.show_next();
        };
        self.waiting.drain(..used);
        self.seen = self.seen.saturating_sub(used);
        if self.waiting.len() > WAITING_BYTES_MAX && progress == Progress::NeedsMore {
            return Err(Refusal::of_tls("a message of the handshake is larger than any should be"));
        }
        Ok(progress)
    }

    /// Where what rustls may see next ends: behind one record more, since those behind the handshake are not for it, or
    /// behind the beginning of one. What it has seen whole is not looked at again: it puts messages together there.
    fn show_next(&mut self) -> usize {
        let [_, _, _, high, low, ..] = &self.waiting[self.seen..] else { return self.waiting.len() };
        let end = self.seen + HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
        if end <= self.waiting.len() {
            self.seen = end;
        }
        end.min(self.waiting.len())
    }
}

/// Takes the alert out that tells the peer what was wrong. rustls wants to see the bytes it has not used up again, because
/// it may have noted where in them its messages are; a second look would be one error too many for it.
fn say_why(connection: &mut UnbufferedServerConnection, rest: &mut [u8], replies: &mut Vec<u8>) {
    if let Ok(ConnectionState::EncodeTlsData(data)) = connection.process_tls_records(rest).state {
        encode(data, replies);
    }
}

fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, into: &mut Vec<u8>) {
    let start = into.len();
    // It says how much it needs and keeps what did not fit.
    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
        into.resize(start + needed.required_size, 0);
        let written = data.encode(&mut into[start..]).unwrap_or(0);
        into.truncate(start + written);
    }
}

/// Whether enough has come to say that these bytes begin a version of TLS that is spoken here.
fn begins_as_tls(bytes: &[u8], replies: &mut Vec<u8>) -> Result<bool, Refusal> {
    let reason = match bytes {
        // A record of the handshake, a message of it, and in that the version; rustls looks at other things first and
        // would name those.
        [HANDSHAKE_RECORD, _, minor, _, _, CLIENT_HELLO, _, _, _, hello_major, hello_minor, ..]
            if (*hello_major, *hello_minor) < TLS12 =>
        {
            replies.extend_from_slice(&[ALERT_RECORD, 3, *minor, 0, 2, FATAL, PROTOCOL_VERSION]);
            "the client speaks TLS 1.1 or older; it must be told to use TLS 1.2 or newer"
        }
        [] | [HANDSHAKE_RECORD] => return Ok(false),
        [HANDSHAKE_RECORD, rest @ ..] => return Ok(rest.len() >= 10),
        [CONNECT_PACKET, ..] => {
            "the client speaks MQTT without TLS; it must be told to use TLS, or to use a port without"
        }
        [b'A'..=b'Z', ..] => "the client speaks HTTP, or another protocol of text, not TLS",
        [0x80..=0xff, ..] => "the client speaks SSL 2, or no TLS at all; TLS 1.2 or newer is needed",
        [..] => "the client does not speak TLS",
    };
    Err(Refusal::of_tls(reason))
}
