//! One client's socket, non-blocking: what waits to be written, and the packet that is only half there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::tls::{Terms, Tls, CLOSED_EARLY};

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// So many bytes are in the buffer; whether there may be more to read at once.
    Bytes { end: usize, may_have_more: bool },
    /// Nothing is there now.
    Nothing,
    /// The peer has closed.
    Closed,
    /// There is no TLS with this peer.
    Refused(&'static str),
}

#[derive(Default)]
pub(crate) struct Link {
    stream: Option<TcpStream>,
    /// Between the socket and MQTT.
    tls: Option<Box<Tls>>,
    /// Not written yet, from `written` on.
    waiting: Vec<u8>,
    written: usize,
    /// The beginning of a packet.
    partial: Vec<u8>,
}

impl Link {
    /// Begins to connect, and with TLS its handshake.
    pub(crate) fn open(
        &mut self,
        broker: SocketAddr,
        source: Option<IpAddr>,
        tls: Option<&Terms>,
    ) -> io::Result<&TcpStream> {
        let socket = Socket::new(Domain::for_address(broker), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&broker.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        self.waiting.clear();
        self.written = 0;
        self.partial.clear();
        self.tls = match tls {
            Some(terms) => Some(Box::new(Tls::new(terms, &mut self.waiting).map_err(io::Error::other)?)),
            None => None,
        };
        Ok(self.stream.insert(socket.into()))
    }

    /// Takes over a connection that is there; it has to be non-blocking.
    pub(crate) fn adopt(stream: TcpStream) -> Link {
        Link { stream: Some(stream), ..Link::default() }
    }

    /// Bytes not written yet.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.len() - self.written
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Why connecting failed, if it did.
    pub(crate) fn connect_error(&self) -> Option<io::Error> {
        self.stream.as_ref().and_then(|stream| stream.take_error().ok().flatten())
    }

    /// Closes; `abruptly` as a power cut would: without the orderly end, and without a port left in TIME_WAIT.
    pub(crate) fn close(&mut self, abruptly: bool) {
        if let (Some(tls), false) = (&mut self.tls, abruptly) {
            if tls.finish(&mut self.waiting).is_ok() {
                // The connection is given up either way.
                let _ = self.flush();
            }
        }
        self.tls = None;
        if let Some(stream) = self.stream.take() {
            if abruptly {
                // If the peer has closed already there is nothing to be abrupt about.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
        }
        self.waiting = Vec::new();
        self.written = 0;
        self.partial = Vec::new();
    }

    /// Whether something waits for the socket to take more.
    pub(crate) fn is_blocked(&self) -> bool {
        self.written < self.waiting.len()
    }

    /// Writes, and keeps what the socket does not take now. `bytes` is empty afterwards. `records` is where it is encrypted.
    pub(crate) fn write(&mut self, bytes: &mut Vec<u8>, records: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => {
                let count = tls.seal(bytes, records, &mut self.waiting).map_err(io::Error::other)?;
                // TLS may have had something to say of its own.
                self.flush()?;
                self.send(&records[..count])?;
            }
            None => self.send(bytes)?,
        }
        bytes.clear();
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = if self.is_blocked() { 0 } else { write_some(self.stream.as_mut(), bytes)? };
        self.waiting.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Writes what waits. Answers whether nothing waits any more.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if self.is_blocked() {
            self.written += write_some(self.stream.as_mut(), &self.waiting[self.written..])?;
            if !self.is_blocked() {
                self.waiting.clear();
                self.written = 0;
            }
        }
        Ok(!self.is_blocked())
    }

    /// Reads behind the half packet kept from before, which is put in front. `records` has what comes of TLS until it is
    /// decrypted.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, records: &mut Vec<u8>) -> io::Result<Reading> {
        if self.tls.is_some() {
            return self.read_records(buffer, records);
        }
        let kept = self.partial.len();
        if buffer.len() < 2 * kept {
            // A packet larger than the buffer: half a packet and as much again has to fit.
            buffer.resize(2 * kept, 0);
        }
        buffer[..kept].copy_from_slice(&self.partial);
        let Some(stream) = &mut self.stream else { return Ok(Reading::Closed) };
        match stream.read(&mut buffer[kept..]) {
            Ok(0) => Ok(Reading::Closed),
            Ok(count) => {
                self.partial.clear();
                let end = kept + count;
                Ok(Reading::Bytes { end, may_have_more: end == buffer.len() })
            }
            Err(error) if is_transient(&error) => Ok(Reading::Nothing),
            Err(error) => Err(error),
        }
    }

    fn read_records(&mut self, buffer: &mut Vec<u8>, records: &mut Vec<u8>) -> io::Result<Reading> {
        let (Some(tls), Some(stream)) = (&mut self.tls, &mut self.stream) else { return Ok(Reading::Closed) };
        if tls.has_ended() {
            return Ok(Reading::Closed);
        }
        let kept = self.partial.len();
        // Of a large packet as much again as is here, as without TLS.
        let start = tls.make_room(records, kept);
        let count = match stream.read(&mut records[start..]) {
            Err(error) if is_transient(&error) => return Ok(Reading::Nothing),
            Ok(0) | Err(_) if !tls.is_open() => return Ok(Reading::Refused(CLOSED_EARLY)),
            Ok(0) => return Ok(Reading::Closed),
            Ok(count) => count,
            Err(error) => return Err(error),
        };
        let end = start + count;
        if buffer.len() < kept + end {
            buffer.resize(kept + end, 0);
        }
        buffer[..kept].copy_from_slice(&self.partial);
        let opened = tls.receive(&mut records[..end], &mut buffer[kept..], &mut self.waiting);
        let may_have_more = end == records.len() || tls.has_ended();
        let flushed = self.flush();
        match opened {
            Ok(opened) => {
                flushed?;
                self.partial.clear();
                Ok(Reading::Bytes { end: kept + opened, may_have_more })
            }
            Err(reason) => Ok(Reading::Refused(reason)),
        }
    }

    /// Keeps the half packet a reading ended in.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        self.partial.extend_from_slice(rest);
    }
}

fn write_some(stream: Option<&mut TcpStream>, bytes: &[u8]) -> io::Result<usize> {
    let Some(stream) = stream else { return Err(ErrorKind::NotConnected.into()) };
    if bytes.is_empty() {
        return Ok(0);
    }
    match stream.write(bytes) {
        Ok(count) => Ok(count),
        Err(error) if is_transient(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut link = Link::default();
        link.open(listener.local_addr().expect("bound"), Some(IpAddr::from([127, 0, 0, 9])), None).expect("connects");
        let (peer, address) = listener.accept().expect("it comes");
        assert_eq!(address.ip(), IpAddr::from([127, 0, 0, 9]));
        (link, peer)
    }

    #[test]
    fn what_the_socket_does_not_take_waits_and_leaves_in_order() {
        let (mut link, mut peer) = pair();
        let sent: Vec<u8> = (0..20_000_000_u32).map(|index| (index % 251) as u8).collect();
        for piece in sent.chunks(1_000_000) {
            link.write(&mut piece.to_vec(), &mut Vec::new()).expect("open");
        }
        assert!(link.is_blocked());
        let reader = std::thread::spawn(move || {
            let mut read = vec![0; 20_000_000];
            peer.read_exact(&mut read).map(|()| read)
        });
        while !link.flush().expect("open") {
            std::thread::yield_now();
        }
        assert!(reader.join().expect("no panic").expect("all of it") == sent);
    }

    #[test]
    fn half_a_packet_is_shown_again_with_what_follows() {
        let (mut link, mut peer) = pair();
        let mut buffer = vec![0; 8];
        assert_eq!(link.read(&mut buffer, &mut Vec::new()).expect("open"), Reading::Nothing);
        link.keep(b"abcdef");
        peer.write_all(b"ghi").expect("open");
        let mut reading = link.read(&mut buffer, &mut Vec::new()).expect("open");
        while reading == Reading::Nothing {
            reading = link.read(&mut buffer, &mut Vec::new()).expect("open");
        }
        assert_eq!((reading, &buffer[..9]), (Reading::Bytes { end: 9, may_have_more: false }, &b"abcdefghi"[..]));
        drop(peer);
        let mut reading = Reading::Nothing;
        while reading == Reading::Nothing {
            reading = link.read(&mut buffer, &mut Vec::new()).expect("closed in order");
        }
        assert_eq!(reading, Reading::Closed);
    }
}
