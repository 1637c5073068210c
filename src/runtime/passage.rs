//! What stands between a socket and the shard where a listener asks for it: filters, and how far the peer has come through
//! them. Decides nothing about sockets; the driver moves the bytes.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use super::certificates::SharedTls;
use super::quota::Quota;
use crate::config::{Listener, Network, ProxyProtocol};
use crate::connection::Chunk;
use crate::shard::ConnectionId;
use crate::time::Time;
use crate::transport::{ProxyVersions, Transport};

/// The least time between two log lines of one shard about peers that were refused.
const SILENCE: Duration = Duration::from_secs(1);

/// How far a peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has sent nothing yet.
    Silent,
    /// Its first bytes are here, and wait until fewer handshakes are under way.
    Queued,
    /// It is shown what it has to show.
    Shaking,
    /// It is through: the shard knows it.
    Open,
}

/// What of the shard's is on its way to the peer.
pub(super) enum Out {
    Nothing,
    /// A whole chunk went through the filters where it lies, and is being sent.
    Whole,
    /// One that goes through them in pieces, of which copies are sent, and how much of it has been through.
    InPieces(Chunk, usize),
}

/// One connection's way through the filters of its listener.
pub(super) struct Passage {
    pub(super) transport: Transport,
    pub(super) stage: Stage,
    /// The address of the socket, which may be a proxy's.
    pub(super) seen: Option<SocketAddr>,
    /// The one the proxy speaks for has been counted among the newcomers.
    pub(super) is_counted: bool,
    /// What the filters have to say to the peer.
    pub(super) replies: Vec<u8>,
    pub(super) out: Out,
    pub(super) has_said_goodbye: bool,
}

impl fmt::Debug for Passage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Passage").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// What one listener asks for, at one shard.
#[derive(Debug, Default)]
pub(super) struct Door {
    tls: Option<SharedTls>,
    proxy: Option<ProxyVersions>,
    trusted: Vec<Network>,
    pub(super) handshake_timeout: Duration,
    handshakes_max: usize,
    pub(super) quota: Quota,
    /// Handshakes under way.
    pub(super) shaking: usize,
    /// Those that wait for one to end.
    pub(super) queue: VecDeque<ConnectionId>,
}

impl Door {
    pub(super) fn new(listener: &Listener, tls: Option<SharedTls>, quota: Quota) -> Door {
        Door {
            tls,
            proxy: match listener.proxy_protocol {
                ProxyProtocol::Off => None,
                ProxyProtocol::V1 => Some(ProxyVersions::V1),
                ProxyProtocol::V2 => Some(ProxyVersions::V2),
                ProxyProtocol::Any => Some(ProxyVersions::Any),
            },
            trusted: listener.proxy_trusted.clone(),
            handshake_timeout: listener.handshake_timeout,
            handshakes_max: listener.handshakes_max,
            quota,
            shaking: 0,
            queue: VecDeque::new(),
        }
    }

    /// Whether bytes pass as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.tls.is_none() && self.proxy.is_none()
    }

    /// Whether peers say whom they speak for.
    pub(super) fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    /// Whether a peer may speak for others, if that is what it has to do here. One without an address is at a unix socket,
    /// where the permissions of the file decide.
    pub(super) fn trusts(&self, address: Option<SocketAddr>) -> bool {
        let is_trusted = |address: SocketAddr| self.trusted.iter().any(|network| network.contains(address.ip()));
        self.proxy.is_none() || address.is_none_or(is_trusted)
    }

    pub(super) fn has_room(&self) -> bool {
        self.shaking < self.handshakes_max
    }

    pub(super) fn passage(&self, seen: Option<SocketAddr>) -> Passage {
        let tls = self.tls.as_ref().map(SharedTls::current);
        Passage {
            transport: Transport::new(self.proxy, tls.as_ref()),
            stage: Stage::Silent,
            seen,
            is_counted: false,
            replies: Vec::new(),
            out: Out::Nothing,
            has_said_goodbye: false,
        }
    }
}

/// Keeps a flood of refusals from becoming a flood of log lines.
#[derive(Debug, Default)]
pub(super) struct Hush {
    quiet_until: Time,
    silenced: u64,
}

impl Hush {
    /// Whether a line may be logged now, and how many were not since the last.
    pub(super) fn may_speak(&mut self, now: Time) -> Option<u64> {
        if now < self.quiet_until {
            self.silenced += 1;
            return None;
        }
        self.quiet_until = now + SILENCE;
        Some(mem::take(&mut self.silenced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_that_are_trusted_may_speak_for_others() {
        let address = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
        let plain = Door::new(&Listener::default(), None, Quota::default());
        assert!(plain.is_plain() && plain.trusts(address("203.0.113.1:1")));
        let proxied = Listener { proxy_protocol: ProxyProtocol::Any, ..Listener::default() };
        let door = Door::new(&proxied, None, Quota::default());
        assert!(!door.is_plain() && door.trusts(None));
        for (from, is_trusted) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("[::ffff:127.9.9.9]:1", true), ("203.0.113.1:1", false)]
        {
            assert_eq!(door.trusts(address(from)), is_trusted, "{from}");
        }
    }

    #[test]
    fn a_flood_of_refusals_is_a_line_a_second_that_counts_the_others() {
        let mut hush = Hush::default();
        assert_eq!(hush.may_speak(Time::START), Some(0));
        assert_eq!((hush.may_speak(Time::START), hush.may_speak(Time::START)), (None, None));
        assert_eq!(hush.may_speak(Time::START + SILENCE), Some(2));
        assert_eq!(hush.may_speak(Time::START + 2 * SILENCE), Some(0));
    }
}
