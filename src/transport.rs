//! The byte filters of one connection that stand between its socket and MQTT: the header of a proxy, then TLS.
//!
//! Pure: bytes in, bytes out, "need more", "done". Must not know sockets, sessions, files, clocks or packets. A connection
//! that needs no filter has no [`Transport`]; one that was only announced by a proxy needs it no more once that is read.

mod copy;
mod proxy_protocol;
mod refusal;
mod tls;

use std::net::SocketAddr;
use std::ops::Range;

use self::proxy_protocol::HeaderReader;
use self::tls::Tls;

pub(crate) use self::copy::append;
pub use self::proxy_protocol::{Header, ProxyVersions};
pub use self::refusal::{Refusal, RefusalKind};
pub use self::tls::{
    CertificateFacts, ClientCertificates, Identity, KeyPair, Material, MinimumVersion, Tickets, TlsFault, TlsPart,
    TlsPolicy, TlsServer,
};

/// The filters of one connection, outermost first.
#[derive(Debug)]
pub struct Transport {
    /// Until the proxy's header is through.
    header: Option<HeaderReader>,
    tls: Option<Tls>,
    /// What the proxy has said of where the client is.
    said: Option<Header>,
}

impl Transport {
    /// The filters a listener asks for: a proxy's header in one of these versions, TLS as this server speaks it.
    pub fn new(proxy: Option<ProxyVersions>, tls: Option<&TlsServer>) -> Transport {
        Transport { header: proxy.map(HeaderReader::new), tls: tls.map(Tls::new), said: None }
    }

    /// Takes bytes from the socket. Those for the broker are what is appended to `opened`, and then what lies where the answer
    /// says in `bytes`, of which the others mean nothing any more; `opened` may be exchanged for other memory if it is empty.
    /// `replies` gets what the filters themselves have to say to the peer, also when the answer is an error: it tells the peer
    /// why.
    ///
    /// # Errors
    /// The peer breaks a rule of a filter or of the listener. Nothing more can be read, and nothing is for the broker.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        opened: &mut Vec<u8>,
        replies: &mut Vec<u8>,
    ) -> Result<Range<usize>, Refusal> {
        let mut start = 0;
        if let Some(header) = &mut self.header {
            let mut rest = &*bytes;
            let said = header.take(&mut rest)?;
            start = bytes.len() - rest.len();
            let Some(said) = said else { return Ok(0..0) };
            self.said = Some(said);
            self.header = None;
        }
        match &mut self.tls {
            Some(tls) => tls.receive(&mut bytes[start..], opened, replies).map(|count| start..start + count),
            None => Ok(start..bytes.len()),
        }
    }

    /// Whether the peer has shown all that the filters want to see first: from then on bytes are the broker's.
    pub fn is_open(&self) -> bool {
        self.header.is_none() && self.tls.as_ref().is_none_or(Tls::is_open)
    }

    /// Whether bytes pass as they are, so that the filters are not needed any more.
    pub fn is_transparent(&self) -> bool {
        self.header.is_none() && self.tls.is_none()
    }

    /// Whether the peer has said that it sends nothing more.
    pub fn has_ended(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::has_ended)
    }

    /// Whether a proxy has said on whose behalf it is here, and if so, that client's address if it has one: a proxy that is
    /// here on its own behalf names none.
    pub fn proxied(&self) -> Option<Option<SocketAddr>> {
        self.said.as_ref().map(|said| match said {
            Header::Proxied(address) => *address,
            Header::Own => None,
        })
    }

    /// The client's address, where `seen` is the socket's.
    pub fn address(&self, seen: Option<SocketAddr>) -> Option<SocketAddr> {
        match self.said {
            Some(Header::Proxied(address)) => address,
            Some(Header::Own) | None => seen,
        }
    }

    /// The name in the client's certificate, if it has shown one that has the name asked for.
    pub fn identity(&self) -> Option<&str> {
        self.tls.as_ref().and_then(Tls::identity)
    }

    /// Makes of `bytes` what they are on the wire, behind `replies` of the filters' own, which move there. Records are large, but
    /// not as large as can be. Cost: that of TLS, and `bytes` have to grow by what it adds.
    ///
    /// # Errors
    /// The keys are used up: the connection has to end.
    pub fn send(&mut self, replies: &mut Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.tls {
            Some(tls) => tls.send(replies, bytes),
            None => {
                bytes.splice(..0, replies.drain(..));
                Ok(())
            }
        }
    }

    /// Appends the goodbye that tells the peer that nothing was cut off.
    pub fn finish(&mut self, into: &mut Vec<u8>) {
        if let Some(tls) = &mut self.tls {
            tls.finish(into);
        }
    }
}
