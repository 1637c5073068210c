//! A client on a blocking socket, which says packets in the words of scripts and reads with a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corecast::mqtt::{decode, next_frame, Packet, ProtocolVersion, QoS, ReasonCode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream};
use socket2::{Domain, SockRef, Socket, Type};

use crate::script::packet;
use crate::wire::broker::PATIENCE;

/// A publication as a client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publication {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: QoS,
    /// 0 with QoS 0.
    pub(super) packet_id: u16,
    pub(super) dup: bool,
}

/// A client.
pub(super) struct Caller {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    level: u8,
    received: Vec<u8>,
}

impl Caller {
    /// Opens a connection and says nothing.
    pub(super) fn open(address: SocketAddr, level: u8) -> Caller {
        Caller::on(TcpStream::connect(address).expect("the broker listens"), level)
    }

    /// The same, with a kernel that keeps few bytes for it.
    pub(super) fn open_narrow(address: SocketAddr, level: u8) -> Caller {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("small is allowed");
        socket.connect(&address.into()).expect("the broker listens");
        Caller::on(socket.into(), level)
    }

    /// The same from another address of this host.
    pub(super) fn open_from(source: IpAddr, address: SocketAddr, level: u8) -> Caller {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(source, 0).into()).expect("it is an address of ours");
        socket.connect(&address.into()).expect("the broker listens");
        Caller::on(socket.into(), level)
    }

    fn on(stream: TcpStream, level: u8) -> Caller {
        stream.set_nodelay(true).expect("it is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Caller { stream, tls: None, level, received: Vec::new() }
    }

    /// Opens a connection over TLS and says nothing, not even of TLS.
    pub(super) fn open_tls(address: SocketAddr, level: u8, config: &Arc<ClientConfig>) -> Caller {
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::clone(config), name).expect("a client");
        Caller { tls: Some(Box::new(tls)), ..Caller::open(address, level) }
    }

    /// The same behind a proxy, which says so first.
    pub(super) fn open_tls_behind(address: SocketAddr, level: u8, config: &Arc<ClientConfig>, header: &[u8]) -> Caller {
        let mut caller = Caller::open_tls(address, level, config);
        caller.stream.write_all(header).expect("the broker takes bytes");
        caller
    }

    /// Opens a connection to a unix socket and says nothing.
    pub(super) fn open_unix(path: &Path, level: u8) -> Caller {
        let stream = UnixStream::connect(path).expect("the broker listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        // A stream is a stream; the rest of what is asked of it does not ask where it goes.
        Caller { stream: OwnedFd::from(stream).into(), tls: None, level, received: Vec::new() }
    }

    /// What TLS has agreed on, if it is spoken.
    pub(super) fn tls(&self) -> &ClientConnection {
        self.tls.as_ref().expect("it speaks TLS")
    }

    /// Says that nothing more comes, and goes on reading.
    pub(super) fn closes_tls(&mut self) {
        let tls = self.tls.as_mut().expect("it speaks TLS");
        tls.send_close_notify();
        tls.write_tls(&mut self.stream).expect("the broker takes bytes");
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.stream.write_all(bytes),
            Some(tls) => {
                let mut stream = Stream::new(&mut **tls, &mut self.stream);
                stream.write_all(bytes).and_then(|()| stream.flush())
            }
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.tls {
                None => self.stream.read(into),
                Some(tls) => Stream::new(&mut **tls, &mut self.stream).read(into),
            };
            // The kernel interrupts the thread that has asked it for an io_uring when that is gone.
            if !matches!(&read, Err(error) if error.kind() == ErrorKind::Interrupted) {
                return read;
            }
        }
    }

    /// What goes wrong before it is let in.
    pub(super) fn fails(&mut self) -> String {
        let connect = packet(self.level, "connect id=x clean");
        let failed = self.write(&connect).and_then(|()| self.read(&mut [0; 16]));
        match failed {
            Ok(0) => "the end of the stream".to_owned(),
            Ok(_) => panic!("it is answered"),
            Err(error) => error.to_string(),
        }
    }

    /// Sends CONNECT; answers whether it is let in or closed without a word.
    #[track_caller]
    pub(super) fn is_let_in(&mut self, words: &str) -> bool {
        self.asks_to_be_let_in(words).inspect(|code| assert_eq!(*code, ReasonCode::Success)).is_some()
    }

    /// Sends CONNECT; answers the code of CONNACK, or nothing if it is closed without a word.
    #[track_caller]
    pub(super) fn asks_to_be_let_in(&mut self, words: &str) -> Option<ReasonCode> {
        let connect = packet(self.level, &format!("connect {words}"));
        let mut buffer = [0; 256];
        match self.write(&connect).and_then(|()| self.read(&mut buffer)) {
            Ok(0) => None,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Some(self.connack().1)
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => None,
            Err(error) => panic!("neither let in nor closed: {error}"),
        }
    }

    /// Opens a connection and is let in; `words` are those of the CONNECT.
    pub(super) fn connected(address: SocketAddr, level: u8, words: &str) -> Caller {
        let mut caller = Caller::open(address, level);
        caller.connects(words);
        caller
    }

    /// Is let in; answers whether there was a session.
    pub(super) fn connects(&mut self, words: &str) -> bool {
        self.say(&format!("connect {words}"));
        let (session_present, reason) = self.connack();
        assert_eq!(reason, ReasonCode::Success);
        session_present
    }

    /// Sends one packet.
    pub(super) fn say(&mut self, words: &str) {
        let bytes = packet(self.level, words);
        self.send(&bytes);
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.write(bytes).expect("the broker takes bytes");
    }

    /// Another end of the same connection, for another thread to speak through.
    pub(super) fn another_end(&self) -> Caller {
        Caller::on(self.stream.try_clone().expect("descriptors are left"), self.level)
    }

    /// Gives up sending when the broker takes nothing for so long.
    pub(super) fn gives_up_after(&self, time: Duration) {
        self.stream.set_write_timeout(Some(time)).expect("not zero");
    }

    /// Sends as much as the broker takes.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.write(bytes).is_ok()
    }

    /// Closes its writing side.
    pub(super) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// The same, of a connection that may be gone already.
    pub(super) fn half_closes(self) {
        // Then there is nothing to close.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Breaks the connection: the broker gets a reset.
    pub(super) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }

    /// Takes the next packet.
    #[track_caller]
    pub(super) fn hear<T>(&mut self, read: impl FnOnce(&Packet<'_>) -> T) -> T {
        self.try_hear(read).expect("a packet, not the end of the stream")
    }

    /// Takes the next packet but PUBREL, which is answered; nothing at the end of the stream. A reset or silence is a failure.
    #[track_caller]
    pub(super) fn try_hear<T>(&mut self, read: impl FnOnce(&Packet<'_>) -> T) -> Option<T> {
        loop {
            if let Some(frame) = next_frame(&self.received, u32::MAX).expect("a broker sends whole packets") {
                let body = &self.received[frame.header_bytes..frame.total_bytes];
                let packet = decode(self.version(), frame.first_byte, body).expect("a broker sends valid packets");
                let release = match &packet {
                    Packet::Pubrel(release) => release.packet_id.get(),
                    other => {
                        let heard = read(other);
                        self.received.drain(..frame.total_bytes);
                        return Some(heard);
                    }
                };
                self.received.drain(..frame.total_bytes);
                self.say(&format!("pubcomp id={release}"));
                continue;
            }
            let mut buffer = [0; 16 * 1024];
            match self.read(&mut buffer) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "the stream ends within a packet");
                    return None;
                }
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("nothing to hear: {error}"),
            }
        }
    }

    #[track_caller]
    pub(super) fn connack(&mut self) -> (bool, ReasonCode) {
        self.hear(|packet| match packet {
            Packet::Connack(connack) => (connack.session_present, connack.reason),
            other => panic!("CONNACK is wanted, not {other:?}"),
        })
    }

    /// Subscribes and waits for the answer.
    #[track_caller]
    pub(super) fn subscribed(&mut self, filter: &str, qos: u8) {
        self.say(&format!("subscribe id=1 {filter} q{qos}"));
        self.suback(qos);
    }

    #[track_caller]
    pub(super) fn suback(&mut self, qos: u8) {
        self.hear(|packet| match packet {
            Packet::Suback(suback) => assert_eq!(suback.codes, [qos]),
            other => panic!("SUBACK is wanted, not {other:?}"),
        });
    }

    /// Takes the next publication and leaves its acknowledgement to the caller.
    #[track_caller]
    pub(super) fn publication(&mut self) -> Publication {
        self.hear(|packet| match packet {
            Packet::Publish(publish) => Publication {
                topic: publish.topic.to_owned(),
                payload: publish.payload.to_owned(),
                qos: publish.qos,
                packet_id: publish.packet_id.map_or(0, |id| id.get()),
                dup: publish.dup,
            },
            other => panic!("PUBLISH is wanted, not {other:?}"),
        })
    }

    /// Takes the next publication to its end, whatever its QoS.
    #[track_caller]
    pub(super) fn delivered(&mut self) -> Publication {
        let publication = self.publication();
        let id = publication.packet_id;
        match publication.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.say(&format!("puback id={id}")),
            // The rest is said when it is asked for.
            QoS::ExactlyOnce => self.say(&format!("pubrec id={id}")),
        }
        publication
    }

    /// Takes the next packet, which is an acknowledgement.
    #[track_caller]
    pub(super) fn acknowledged(&mut self, verb: &str, id: u16) {
        self.hear(|packet| {
            let heard = match packet {
                Packet::Puback(packet) => ("puback", packet),
                Packet::Pubrec(packet) => ("pubrec", packet),
                Packet::Pubcomp(packet) => ("pubcomp", packet),
                other => panic!("{verb} {id} is wanted, not {other:?}"),
            };
            assert_eq!((heard.0, heard.1.packet_id.get()), (verb, id));
            assert!(!heard.1.reason.is_error(), "{:?}", heard.1);
        });
    }

    /// Publishes and waits until the broker has taken it. `words` are topic and payload.
    #[track_caller]
    pub(super) fn published(&mut self, words: &str, qos: u8, id: u16) {
        self.say(&format!("publish {words} q{qos} id={id}"));
        self.taken(qos, id);
    }

    /// The broker's side of a publication of ours.
    #[track_caller]
    pub(super) fn taken(&mut self, qos: u8, id: u16) {
        match qos {
            0 => {}
            1 => self.acknowledged("puback", id),
            _ => {
                self.acknowledged("pubrec", id);
                self.say(&format!("pubrel id={id}"));
                self.acknowledged("pubcomp", id);
            }
        }
    }

    /// Nothing the broker has done before this is still to come when it is answered.
    #[track_caller]
    pub(super) fn pings(&mut self) {
        self.say("pingreq");
        self.hear(|packet| assert!(matches!(packet, Packet::Pingresp), "PINGRESP is wanted, not {packet:?}"));
    }

    /// The next packet is a DISCONNECT.
    #[track_caller]
    pub(super) fn disconnected(&mut self) -> ReasonCode {
        self.hear(|packet| match packet {
            Packet::Disconnect(disconnect) => disconnect.reason,
            other => panic!("DISCONNECT is wanted, not {other:?}"),
        })
    }

    /// The stream ends here, if need be with a reset: what was sent may not have been read.
    #[track_caller]
    pub(super) fn ends_somehow(&mut self) {
        let mut ended = self.read(&mut [0]);
        while ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            ended = self.read(&mut [0]);
        }
        let is_end =
            matches!(ended, Ok(0)) || ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
        assert!(is_end, "the end of the stream is wanted, not {ended:?}");
    }

    /// The stream ends here, without a reset.
    #[track_caller]
    pub(super) fn ends(&mut self) {
        let heard = self.try_hear(|packet| format!("{packet:?}"));
        assert_eq!(heard, None, "the end of the stream is wanted");
    }

    fn version(&self) -> ProtocolVersion {
        match self.level {
            3 => ProtocolVersion::V3_1,
            4 => ProtocolVersion::V3_1_1,
            _ => ProtocolVersion::V5,
        }
    }
}
