//! A connection whose handshake is through. rustls has agreed on the keys and keeps the secrets the next ones come from; here
//! records are cut out of the stream and opened where they lie, and what leaves is sealed where it is sent from.
//!
//! Must not know handshakes: that a client may ask for new keys is all that is left of them.

use std::mem;

use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{AlertDescription, ConnectionTrafficSecrets, ContentType, Error, PeerMisbehaved, ProtocolVersion};

use super::keys::HEADER_BYTES;
use super::opener::Opener;
use super::sealer::Sealer;
use crate::transport::copy::append;

/// What a record of the client's holds at most, with what its cipher adds. [RFC8446-5.2], [RFC5246-6.2.3].
const SEALED_BYTES_MAX_TLS13: usize = (16 << 10) + 256;
const SEALED_BYTES_MAX_TLS12: usize = (16 << 10) + 2048;
/// How many times larger memory that was used before may be than the beginning of a record that is kept in it.
const SPARE_FACTOR_MAX: usize = 4;
/// Records without content that may come in succession: each makes work and costs the client nearly nothing.
const EMPTY_MAX: u8 = 32;
/// KeyUpdate is one byte long: whether the other side shall do the same. [RFC8446-4.6.3].
const KEY_UPDATE: u8 = 24;
const UPDATE_NOT_REQUESTED: u8 = 0;
const UPDATE_REQUESTED: u8 = 1;
const CLIENT_HELLO: u8 = 1;
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// Opens and seals the records of one connection.
pub(super) struct Records {
    keys: KernelConnection<ServerConnectionData>,
    opener: Opener,
    sealer: Sealer,
    /// The beginning of a record.
    waiting: Vec<u8>,
    /// Records without content since the last with some.
    empty: u8,
    /// The client wants new keys to be used for what comes next.
    must_update: bool,
    has_ended: bool,
}

/// What a record was about.
enum Content {
    /// So many bytes at the front are the broker's.
    Data(usize),
    /// It was for TLS.
    Other,
}

impl Records {
    /// Goes on from a handshake, with how many records have been opened and sealed by these secrets. Nothing if the library
    /// cannot do so.
    pub(super) fn new(
        keys: KernelConnection<ServerConnectionData>,
        (opened, of_client): (u64, ConnectionTrafficSecrets),
        (sealed, of_server): (u64, ConnectionTrafficSecrets),
    ) -> Option<Records> {
        let suite = keys.negotiated_cipher_suite();
        let sealer = Sealer::new(suite, sealed, of_server)?;
        let opener = Opener::new(suite, opened, of_client)?;
        Some(Records { keys, opener, sealer, waiting: Vec::new(), empty: 0, must_update: false, has_ended: false })
    }

    /// Whether the client has said that nothing more comes.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    #[cfg(test)]
    pub(super) fn sealer(&mut self) -> &mut Sealer {
        &mut self.sealer
    }

    #[cfg(test)]
    pub(super) fn waiting_capacity(&self) -> usize {
        self.waiting.capacity()
    }

    /// Takes bytes of the stream. What was in a record that had begun before goes to `opened`, in exchange for memory if that is
    /// empty; what was in the others is moved together at the front of `bytes`, which so many of them are then. An error is told
    /// to the client in `replies` and is the end. Cost: the cipher's, and a copy of the records that were cut.
    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        opened: &mut Vec<u8>,
        replies: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let received = self.open_all(bytes, opened, replies);
        if let Some(alert) = received.as_ref().err().and_then(alert_for) {
            // What cannot be sealed any more is not missed: the connection ends.
            let _ = self.sealer.seal(ContentType::Alert, &[FATAL, alert.into()], replies);
        }
        received
    }

    fn open_all(&mut self, bytes: &mut [u8], opened: &mut Vec<u8>, replies: &mut Vec<u8>) -> Result<usize, Error> {
        let mut next = 0;
        if !self.waiting.is_empty() {
            let mut record = mem::take(&mut self.waiting);
            next = self.complete(&mut record, bytes)?;
            if self.length(&record)? != Some(record.len()) {
                self.waiting = record;
                return Ok(0);
            }
            if let Content::Data(count) = self.open(&mut record, 0, replies)? {
                record.truncate(count);
                if opened.is_empty() {
                    mem::swap(opened, &mut record);
                } else {
                    append(opened, &record);
                }
            }
            record.clear();
            // Not for a few bytes, which may wait for long.
            if record.capacity() <= SPARE_FACTOR_MAX * (bytes.len() - next) {
                self.waiting = record;
            }
        }
        let mut end = 0;
        while !self.has_ended {
            let rest = &bytes[next..];
            let Some(length) = self.length(rest)?.filter(|length| *length <= rest.len()) else { break };
            if let Content::Data(count) = self.open(&mut bytes[end..next + length], next - end, replies)? {
                end += count;
            }
            next += length;
        }
        if next == bytes.len() || self.has_ended {
            self.waiting = Vec::new();
        } else {
            append(&mut self.waiting, &bytes[next..]);
        }
        Ok(end)
    }

    /// Copies the rest of a record to its beginning, as far as it is here; answers how many bytes that were.
    fn complete(&self, record: &mut Vec<u8>, bytes: &[u8]) -> Result<usize, Error> {
        let mut taken = 0;
        // The header tells how much more there is.
        for _ in 0..2 {
            let wanted = self.length(record)?.unwrap_or(HEADER_BYTES);
            let rest = &bytes[taken..];
            let count = wanted.saturating_sub(record.len()).min(rest.len());
            record.reserve_exact(count);
            append(record, &rest[..count]);
            taken += count;
        }
        Ok(taken)
    }

    /// How long the record is that begins here, header included; nothing if that cannot be told yet.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let [content, _, _, high, low, ..] = bytes else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let is_tls13 = self.is_tls13();
        if is_tls13 && *content != u8::from(ContentType::ApplicationData) {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsInnerPlaintext));
        }
        if length > if is_tls13 { SEALED_BYTES_MAX_TLS13 } else { SEALED_BYTES_MAX_TLS12 } {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(Some(HEADER_BYTES + length))
    }

    fn is_tls13(&self) -> bool {
        self.keys.protocol_version() == ProtocolVersion::TLSv1_3
    }

    /// Opens a whole record, which is `bytes[start..]`.
    fn open(&mut self, bytes: &mut [u8], start: usize, replies: &mut Vec<u8>) -> Result<Content, Error> {
        let (content, count) = self.opener.open(bytes, start)?;
        if content == ContentType::ApplicationData && count > 0 {
            self.empty = 0;
            return Ok(Content::Data(count));
        }
        self.empty += 1;
        if self.empty > EMPTY_MAX {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::TooManyEmptyFragments));
        }
        match (content, &bytes[..count]) {
            (ContentType::ApplicationData, _) => {}
            (ContentType::Alert, [level, alert]) => self.hear(*level, AlertDescription::from(*alert))?,
            (ContentType::Handshake, [KEY_UPDATE, 0, 0, 1, wish @ (UPDATE_NOT_REQUESTED | UPDATE_REQUESTED)])
                if self.is_tls13() =>
            {
                self.must_update |= *wish == UPDATE_REQUESTED;
                let (sequence, secrets) = self.keys.update_rx_secret()?;
                let suite = self.keys.negotiated_cipher_suite();
                self.opener = Opener::new(suite, sequence, secrets).ok_or(Error::DecryptError)?;
            }
            (ContentType::Handshake, [CLIENT_HELLO, ..]) if !self.is_tls13() => {
                // It may go on without. [RFC5246-7.2.2].
                let warning = [WARNING, AlertDescription::NoRenegotiation.into()];
                let _ = self.sealer.seal(ContentType::Alert, &warning, replies);
            }
            _ => return Err(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsInnerPlaintext)),
        }
        Ok(Content::Other)
    }

    fn hear(&mut self, level: u8, alert: AlertDescription) -> Result<(), Error> {
        match alert {
            AlertDescription::CloseNotify => self.has_ended = true,
            AlertDescription::UserCanceled => {}
            _ if level == WARNING && !self.is_tls13() => {}
            _ => return Err(Error::AlertReceived(alert)),
        }
        Ok(())
    }

    /// Makes records of the broker's `bytes`, behind `replies`, which are in front of them then; nothing if the keys are used up.
    /// Cost: the cipher's, and that of moving the bytes by what records add.
    pub(super) fn send(&mut self, replies: &mut Vec<u8>, bytes: &mut Vec<u8>) -> Option<()> {
        // The last record that the keys may seal tells of new ones.
        let are_used_up = self.sealer.left() <= self.sealer.records(bytes.len()) as u64;
        if self.must_update || (are_used_up && self.is_tls13()) {
            self.update(replies)?;
        }
        let replies = mem::take(replies);
        self.sealer.seal_all(bytes, replies.len())?;
        bytes[..replies.len()].copy_from_slice(&replies);
        Some(())
    }

    /// Goes on with new keys.
    fn update(&mut self, into: &mut Vec<u8>) -> Option<()> {
        self.sealer.seal(ContentType::Handshake, &[KEY_UPDATE, 0, 0, 1, UPDATE_NOT_REQUESTED], into)?;
        let (sequence, secrets) = self.keys.update_tx_secret().ok()?;
        self.sealer = Sealer::new(self.keys.negotiated_cipher_suite(), sequence, secrets)?;
        self.must_update = false;
        Some(())
    }

    /// Appends what says that nothing more comes.
    pub(super) fn finish(&mut self, into: &mut Vec<u8>) {
        // Without keys it cannot be said.
        let _ = self.sealer.seal(ContentType::Alert, &[WARNING, AlertDescription::CloseNotify.into()], into);
    }
}

/// How the client is told of an error; not at all of one of its own.
fn alert_for(error: &Error) -> Option<AlertDescription> {
    match error {
        Error::AlertReceived(_) => None,
        Error::DecryptError => Some(AlertDescription::BadRecordMac),
        Error::PeerSentOversizedRecord => Some(AlertDescription::RecordOverflow),
        Error::PeerMisbehaved(_) => Some(AlertDescription::UnexpectedMessage),
        _ => Some(AlertDescription::InternalError),
    }
}
