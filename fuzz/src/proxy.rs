//! The header of a proxy: the same in any pieces, and for version 1 the same as a plain reading of the whole line.

use std::net::{IpAddr, SocketAddr};
use std::str;

use corecast::transport::{ProxyVersions, Transport};

use crate::input::{parts, pieces};

/// Where the socket comes from.
const SEEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// How long each piece is; then the header and what is behind it.
pub(crate) fn check(bytes: &[u8]) {
    let [cuts, stream] = parts(bytes);
    for versions in [ProxyVersions::V1, ProxyVersions::V2, ProxyVersions::Any] {
        let whole = read(versions, &[stream]);
        assert_eq!(read(versions, &pieces(stream, cuts)), whole, "{versions:?}");
        assert_eq!(read(versions, &pieces(stream, &[1])), whole, "{versions:?}");
        line(versions, stream, &whole);
    }
}

/// What a connection is after these bytes: where it comes from and what is for the broker, or why it is refused.
type Outcome = Result<Option<(Option<SocketAddr>, Option<Option<SocketAddr>>, Vec<u8>)>, String>;

fn read(versions: ProxyVersions, pieces: &[&[u8]]) -> Outcome {
    let mut transport = Transport::new(Some(versions), None);
    let (mut opened, mut replies) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut piece = piece.to_vec();
        let received = transport.receive(&mut piece, &mut opened, &mut replies);
        opened.extend_from_slice(&piece[received.map_err(|refusal| refusal.to_string())?]);
    }
    assert!(replies.is_empty(), "a proxy is told nothing");
    assert_eq!(transport.is_open(), transport.is_transparent());
    assert!(transport.is_open() || opened.is_empty() && transport.proxied().is_none());
    Ok(transport.is_open().then(|| (transport.address(Some(SEEN)), transport.proxied(), opened)))
}

/// A line of version 1 by the book.
fn line(versions: ProxyVersions, stream: &[u8], outcome: &Outcome) {
    if versions == ProxyVersions::V2 || !stream.starts_with(b"PROXY ") {
        return;
    }
    let Some(end) = stream.windows(2).take(106).position(|pair| pair == b"\r\n") else {
        assert!(!matches!(outcome, Ok(Some(_))), "a line without an end is no header");
        return;
    };
    let behind = stream[end + 2..].to_vec();
    let expected = str::from_utf8(&stream[..end]).ok().filter(|line| !line.contains('\n')).and_then(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_number = |text: &str| text.parse::<u16>().is_ok_and(|port| port.to_string() == text);
        match words[..] {
            [_, "UNKNOWN", ..] => Some((Some(SEEN), Some(None))),
            [_, family @ ("TCP4" | "TCP6"), source, to, port, to_port] if is_number(port) && is_number(to_port) => {
                let (source, to): (IpAddr, IpAddr) = (source.parse().ok()?, to.parse().ok()?);
                let is_of_family = [source, to].iter().all(|address| address.is_ipv4() == (family == "TCP4"));
                let address = SocketAddr::new(source, port.parse().ok()?);
                is_of_family.then_some((Some(address), Some(Some(address))))
            }
            _ => None,
        }
    });
    match (expected, outcome) {
        (Some((address, proxied)), Ok(Some(found))) => assert_eq!(*found, (address, proxied, behind)),
        (None, Err(_)) => {}
        (expected, found) => panic!("{found:?} instead of {expected:?}"),
    }
}
