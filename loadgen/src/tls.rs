//! TLS of one client without its socket: bytes in, bytes out, by rustls.
//!
//! A large reading is decrypted where it lies, and what is sent is encrypted to where it waits for its socket: the copies of
//! a stream that rustls would buffer itself are not made.

mod reasons;
mod terms;
#[cfg(test)]
mod tests;
mod tickets;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, WriteTraffic};
use rustls::{Error, HandshakeKind};

use self::reasons::reason_of;

pub(crate) use self::reasons::CLOSED_EARLY;
pub(crate) use self::terms::Terms;

/// Bytes read at once.
const RECORDS_BYTES: usize = 256 * 1024;
/// What a record may hold, and what it adds to that at most: header, explicit nonce, tag, type.
const RECORD_BYTES_MAX: usize = 16 * 1024;
const RECORD_OVERHEAD_MAX: usize = 32;
/// A record that ends the stream.
const GOODBYE_BYTES: usize = 64;
/// Why nothing can be sent: the broker has ended TLS, or has never got so far.
const NOTHING_MORE: &str = "TLS: nothing more can be encrypted for this connection";

pub(crate) struct Tls {
    connection: UnbufferedClientConnection,
    /// The beginning of a record, or of a message of the handshake.
    waiting: Vec<u8>,
    /// What is sent as soon as the handshake is over.
    early: Vec<u8>,
    /// Where sessions that are taken up again are counted, of all connections.
    resumed: Arc<AtomicU64>,
    is_open: bool,
    has_ended: bool,
}

impl Tls {
    /// Begins a handshake: what opens it goes to `out`.
    pub(crate) fn new(terms: &Terms, out: &mut Vec<u8>) -> Result<Tls, &'static str> {
        let connection = UnbufferedClientConnection::new(terms.config(), terms.server_name());
        let connection = connection.map_err(|error| reason_of(&error))?;
        let (waiting, early, resumed) = (Vec::new(), Vec::new(), terms.counter());
        let mut tls = Tls { connection, waiting, early, resumed, is_open: false, has_ended: false };
        tls.receive(&mut [], &mut [], out)?;
        Ok(tls)
    }

    /// Whether the handshake is over.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the broker has said that nothing more comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Puts the beginning of a record that is here already in front, and makes room for more behind it; answers where that
    /// begins. There is room for `wanted` bytes at least.
    pub(crate) fn make_room(&self, records: &mut Vec<u8>, wanted: usize) -> usize {
        let start = self.waiting.len();
        let bytes = start + wanted.max(RECORDS_BYTES);
        if records.len() < bytes {
            records.resize(bytes, 0);
        }
        records[..start].copy_from_slice(&self.waiting);
        start
    }

    /// Reads records, those that waited for their rest in front. Bytes of MQTT go to the front of `opened`, which has to be
    /// as large; answers how many they are. What is to be sent in return goes to `out`, also if it fails.
    pub(crate) fn receive(
        &mut self,
        records: &mut [u8],
        opened: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, &'static str> {
        let (mut used, mut end) = (0, 0);
        loop {
            let status = self.connection.process_tls_records(&mut records[used..]);
            let mut discard = status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| reason_of(&error))?;
                        discard += record.discard;
                        opened[end..][..record.payload.len()].copy_from_slice(record.payload);
                        end += record.payload.len();
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.has_ended = true,
                // The rest of the states wait for more bytes from one side or the other.
                Ok(_) => {
                    used += discard;
                    break;
                }
                Err(error) => return Err(self.fail(&error, &mut records[used + discard..], out)),
            }
            used += discard;
        }
        self.waiting.clear();
        self.waiting.extend_from_slice(&records[used..]);
        if !self.is_open && !self.connection.is_handshaking() {
            self.is_open = true;
            let is_resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
            self.resumed.fetch_add(u64::from(is_resumed), Ordering::Relaxed);
            let early = std::mem::take(&mut self.early);
            self.send(&early, out)?;
        }
        Ok(end)
    }

    /// Takes out what tells the broker what was wrong. rustls wants to see the bytes it has not used up once more.
    fn fail(&mut self, error: &Error, rest: &mut [u8], out: &mut Vec<u8>) -> &'static str {
        if let Ok(ConnectionState::EncodeTlsData(data)) = self.connection.process_tls_records(rest).state {
            encode(data, out);
        }
        reason_of(error)
    }

    /// Encrypts to the front of `room`, which grows if it must, or keeps it until the handshake is over; answers how many
    /// bytes that are. What TLS itself has to say before goes to `out`.
    pub(crate) fn seal(&mut self, bytes: &[u8], room: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<usize, &'static str> {
        if !self.is_open {
            self.early.extend_from_slice(bytes);
            return Ok(0);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let wanted = bytes.len() + bytes.len().div_ceil(RECORD_BYTES_MAX) * RECORD_OVERHEAD_MAX;
        if room.len() < wanted {
            room.resize(wanted, 0);
        }
        self.write(out, |traffic| traffic.encrypt(bytes, room).ok())
    }

    /// Encrypts to `out`, or keeps it until the handshake is over.
    pub(crate) fn send(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        let mut room = Vec::new();
        let count = self.seal(bytes, &mut room, out)?;
        out.extend_from_slice(&room[..count]);
        Ok(())
    }

    /// Says that nothing more comes, unless there was no handshake to begin with.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        if !self.is_open {
            return Ok(());
        }
        let mut room = [0; GOODBYE_BYTES];
        let count = self.write(out, |traffic| traffic.queue_close_notify(&mut room).ok())?;
        out.extend_from_slice(&room[..count]);
        Ok(())
    }

    /// Has something written once rustls itself has nothing to say any more; answers how many bytes that are.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut WriteTraffic<'_, ClientConnectionData>) -> Option<usize>,
    ) -> Result<usize, &'static str> {
        loop {
            // All that is whole has been read, so this is about what is to be written.
            let status = self.connection.process_tls_records(&mut self.waiting);
            let discard = status.discard;
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => return write(&mut traffic).ok_or(NOTHING_MORE),
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.has_ended = true,
                Ok(_) | Err(_) => return Err(NOTHING_MORE),
            }
            self.waiting.drain(..discard);
        }
    }
}

fn encode(mut data: EncodeTlsData<'_, ClientConnectionData>, out: &mut Vec<u8>) {
    let start = out.len();
    // It says how much it needs and keeps what did not fit.
    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
        out.resize(start + needed.required_size, 0);
        let written = data.encode(&mut out[start..]).unwrap_or(0);
        out.truncate(start + written);
    }
}
