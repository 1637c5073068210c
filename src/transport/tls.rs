//! TLS 1.2 and 1.3 as a byte filter: rustls without sockets, one connection at a time.
//!
//! What has come is decrypted where it lies and only the beginning of a record is kept, so that an idle connection owns its
//! keys and little else.

mod certificate;
mod material;
mod reasons;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, WriteTraffic};

use self::reasons::reason_of;
use super::refusal::Refusal;

pub use self::material::{CertificateFacts, KeyPair, Material, TlsFault, TlsPart};
pub use self::server::{ClientCertificates, Identity, MinimumVersion, Tickets, TlsPolicy, TlsServer};

/// Bytes copied at once. Larger copies glibc leaves to `rep movsb`, from 4 or 8 KiB on. Where that was measured (AMD EPYC) it was
/// so much slower than a loop that a third of the time TLS took went there.
const COPY_BYTES: usize = 4000;
/// What a record of ours holds at most: rustls copies it twice. Those of handshakes are as large as they may be, since not every
/// client can put a message of those together again.
const RECORD_BYTES_MAX: usize = COPY_BYTES;
/// What a record adds at most: header, explicit nonce, tag, type.
const RECORD_OVERHEAD_MAX: usize = 32;
/// Records that rustls may put in front by itself, once so many have been sent that new keys are due.
const RECORDS_IN_FRONT_MAX: usize = 2;
/// Bytes that may wait for their rest: the longest message of a handshake, in records.
const WAITING_BYTES_MAX: usize = 80 * 1024;
/// A record that ends the stream.
const GOODBYE_BYTES: usize = 64;
/// The first byte of every TLS connection, and of every MQTT one.
const HANDSHAKE_RECORD: u8 = 0x16;
const CONNECT_PACKET: u8 = 0x10;
const CLIENT_HELLO: u8 = 1;
const TLS12: (u8, u8) = (3, 3);
/// The answer to a version that is too old.
const ALERT_RECORD: u8 = 0x15;
const FATAL: u8 = 2;
const PROTOCOL_VERSION: u8 = 70;

/// One connection's TLS.
pub(crate) struct Tls {
    /// Nothing once it has failed.
    connection: Option<Box<UnbufferedServerConnection>>,
    /// The beginning of a record, or of a message of the handshake.
    waiting: Vec<u8>,
    wanted: Option<Identity>,
    identity: Option<Box<str>>,
    has_begun: bool,
    is_open: bool,
    has_ended: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(server: &TlsServer) -> Tls {
        Tls {
            // rustls refuses a configuration, if at all, for what `TlsServer` does not set.
            connection: UnbufferedServerConnection::new(server.config()).ok().map(Box::new),
            waiting: Vec::new(),
            wanted: server.identity(),
            identity: None,
            has_begun: false,
            is_open: false,
            has_ended: false,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Takes records, whole or in part, and decrypts them in `records`, whatever that held. Bytes of the broker's go to
    /// `opened`, those of TLS itself to `replies`.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        records: &mut Vec<u8>,
        opened: &mut Vec<u8>,
        replies: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(connection) = &mut self.connection else { return Err(Refusal::of_tls("TLS has failed")) };
        let mut waiting = mem::take(&mut self.waiting);
        records.clear();
        append(records, &waiting);
        append(records, bytes);
        if !self.has_begun {
            self.has_begun = begins_as_tls(records, replies)?;
        }
        let mut used = 0;
        loop {
            let status = connection.process_tls_records(&mut records[used..]);
            let mut discard = status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| Refusal::of_tls(reason_of(&error)))?;
                        discard += record.discard;
                        append(opened, record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, replies),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.has_ended = true,
                // The rest of the states wait for more bytes from one side or the other.
                Ok(_) => {
                    used += discard;
                    break;
                }
                Err(error) => {
                    say_why(connection, &mut records[used + discard..], replies);
                    self.connection = None;
                    return Err(Refusal::of_tls(reason_of(&error)));
                }
            }
            used += discard;
        }
        if used < records.len() && !self.has_ended {
            // Less than a record, most of the time. Where a record ends with what has come, nothing is kept.
            waiting.clear();
            append(&mut waiting, &records[used..]);
            self.waiting = waiting;
        }
        if self.waiting.len() > WAITING_BYTES_MAX {
            return Err(Refusal::of_tls("a message of the handshake is larger than any should be"));
        }
        if !self.is_open && !connection.is_handshaking() {
            self.is_open = true;
            let certificate = connection.peer_certificates().and_then(<[_]>::first);
            self.identity = self.wanted.zip(certificate).and_then(|(wanted, der)| wanted.of(der)).map(String::into);
        }
        Ok(())
    }

    /// Encrypts.
    pub(crate) fn send(&mut self, bytes: &[u8], into: &mut Vec<u8>) -> Result<(), Refusal> {
        if bytes.is_empty() {
            return Ok(());
        }
        let start = self.write(into, |traffic, into| {
            let start = into.len();
            let records = bytes.len().div_ceil(RECORD_BYTES_MAX) + RECORDS_IN_FRONT_MAX;
            into.resize(start + bytes.len() + records * RECORD_OVERHEAD_MAX, 0);
            let mut end = start;
            let written = bytes.chunks(RECORD_BYTES_MAX).try_for_each(|piece| {
                end += traffic.encrypt(piece, &mut into[end..]).ok()?;
                Some(())
            });
            into.truncate(end);
            written
        });
        start.map(drop).ok_or_else(|| Refusal::of_tls("nothing more can be encrypted for this connection"))
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) {
        // A peer that has not shown its side of the handshake needs no goodbye.
        let _ = self.write(into, |traffic, into| {
            let start = into.len();
            into.resize(start + GOODBYE_BYTES, 0);
            let written = traffic.queue_close_notify(&mut into[start..]).ok();
            into.truncate(start + written.unwrap_or(0));
            written
        });
    }

    /// Lets `write` write once TLS itself has nothing to say any more; nothing if it may not.
    fn write<R>(
        &mut self,
        into: &mut Vec<u8>,
        write: impl FnOnce(&mut WriteTraffic<'_, ServerConnectionData>, &mut Vec<u8>) -> Option<R>,
    ) -> Option<R> {
        let connection = self.connection.as_mut().filter(|_| self.is_open)?;
        loop {
            // All that is whole has been read, so this is about what is to be written.
            let status = connection.process_tls_records(&mut self.waiting);
            let discard = status.discard;
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => return write(&mut traffic, into),
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, into),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.has_ended = true,
                Ok(_) | Err(_) => return None,
            }
            self.waiting.drain(..discard);
        }
    }
}

/// Appends in pieces that are copied fast (see [`COPY_BYTES`]).
fn append(into: &mut Vec<u8>, bytes: &[u8]) {
    into.reserve(bytes.len());
    for piece in bytes.chunks(COPY_BYTES) {
        into.extend_from_slice(piece);
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
