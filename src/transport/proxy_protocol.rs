//! The header by which a proxy says whom it speaks for: PROXY protocol, versions 1 (a line of text) and 2 (binary).
//!
//! Whether a source is to be believed is not asked here. At most 107 bytes of a line, or 52 of a binary header, are kept;
//! what a binary header holds beyond its addresses is skipped without being kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str;

use super::refusal::Refusal;

/// The longest line of version 1, its end included.
const LINE_BYTES_MAX: usize = 107;
/// How every line of version 1 begins.
const LINE_START: &[u8] = b"PROXY ";
/// How every header of version 2 begins: nothing that any other protocol begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, command, family and length of version 2.
const FIXED_BYTES: usize = 16;
/// Addresses and ports of IPv4 and of IPv6, and the paths of unix sockets.
const IPV4_BYTES: usize = 12;
const IPV6_BYTES: usize = 36;
const UNIX_BYTES: usize = 216;
/// Bytes behind the fixed part of version 2 that a proxy may send; what proxies say there of TLS and names fits well.
const VARIABLE_BYTES_MAX: usize = 4096;

/// The versions a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersions {
    /// The line of text.
    V1,
    /// The binary header.
    V2,
    /// Either.
    Any,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The proxy speaks for a client at this address; nothing if that is no address of the internet.
    Proxied(Option<SocketAddr>),
    /// The proxy speaks for itself or does not know for whom: the connection's own address holds.
    Own,
}

/// A header in the making.
#[derive(Debug)]
pub(crate) struct HeaderReader {
    versions: ProxyVersions,
    /// The beginning of the header.
    bytes: Vec<u8>,
    /// What the header says once its addresses are read, and the bytes of it that are still to be skipped.
    skipping: Option<(Header, usize)>,
}

impl HeaderReader {
    pub(crate) fn new(versions: ProxyVersions) -> HeaderReader {
        HeaderReader { versions, bytes: Vec::new(), skipping: None }
    }

    /// Takes the header's bytes off `input`, one arrival at a time; nothing until it is whole.
    pub(crate) fn take(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Refusal> {
        loop {
            if let Some((header, missing)) = &mut self.skipping {
                let skipped = input.len().min(*missing);
                *input = &input[skipped..];
                *missing -= skipped;
                return Ok((*missing == 0).then_some(*header));
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
            *input = rest;
            self.bytes.push(byte);
            if let Some(header) = self.look()? {
                return Ok(Some(header));
            }
        }
    }

    /// Looks at the bytes there are, of which the last is new.
    fn look(&mut self) -> Result<Option<Header>, Refusal> {
        let bytes = self.bytes.as_slice();
        match bytes.first() {
            Some(b'P') if self.versions != ProxyVersions::V2 => look_at_line(bytes),
            Some(b'\r') if self.versions != ProxyVersions::V1 => {
                self.skipping = look_at_binary(bytes)?;
                Ok(None)
            }
            Some(b'P') => Err(refused("a PROXY header of version 1, but the listener takes version 2")),
            Some(b'\r') => Err(refused("a PROXY header of version 2, but the listener takes version 1")),
            Some(_) | None => Err(refused("no PROXY header: the peer is no proxy, or does not announce its clients")),
        }
    }
}

fn refused(reason: &'static str) -> Refusal {
    Refusal::of_header(reason)
}

/// Version 1, whole or in part.
fn look_at_line(bytes: &[u8]) -> Result<Option<Header>, Refusal> {
    let begun = bytes.len().min(LINE_START.len());
    if bytes[..begun] != LINE_START[..begun] {
        return Err(refused("a PROXY line that does not begin with PROXY"));
    }
    match bytes.strip_suffix(b"\r\n") {
        Some(line) => read_line(line).map(Some),
        None if bytes.len() >= LINE_BYTES_MAX => Err(refused("a PROXY line of more than 107 bytes")),
        None if bytes.ends_with(b"\n") => Err(refused("a PROXY line that ends without a carriage return")),
        None => Ok(None),
    }
}

fn read_line(line: &[u8]) -> Result<Header, Refusal> {
    let line = str::from_utf8(line).map_err(|_| refused("a PROXY line that is no text"))?;
    let mut words = line.split(' ').skip(1);
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(Header::Own);
    }
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(refused("a PROXY line without two addresses and two ports"));
    };
    let read = |text: &str| match family {
        Some("TCP4") => text.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
        Some("TCP6") => text.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        Some(_) | None => None,
    };
    if !matches!(family, Some("TCP4" | "TCP6")) {
        return Err(refused("a PROXY line of another family than TCP4, TCP6 and UNKNOWN"));
    }
    let (Some(address), Some(_)) = (read(source), read(destination)) else {
        return Err(refused("a PROXY line with an address that is none of its family"));
    };
    let (Some(port), Some(_)) = (read_port(source_port), read_port(destination_port)) else {
        return Err(refused("a PROXY line with a port that is none"));
    };
    Ok(Header::Proxied(Some(SocketAddr::new(address, port))))
}

/// Digits only, none in vain.
fn read_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Version 2, whole up to its addresses or in part; with the bytes behind those that are still to come.
fn look_at_binary(bytes: &[u8]) -> Result<Option<(Header, usize)>, Refusal> {
    let begun = bytes.len().min(SIGNATURE.len());
    if bytes[..begun] != SIGNATURE[..begun] {
        return Err(refused("no PROXY header: it begins as none does"));
    }
    let Some((&[.., command, family, high, low], variable)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > VARIABLE_BYTES_MAX {
        return Err(refused("a PROXY header of more than 4096 bytes"));
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        0x22..=0x2f => return Err(refused("a PROXY header with an unknown command")),
        _ => return Err(refused("a PROXY header of an unknown version")),
    };
    let addresses = match family {
        _ if is_local => 0,
        // A family or transport that is not named.
        0x00 => 0,
        0x11 => IPV4_BYTES,
        0x21 => IPV6_BYTES,
        0x31 => UNIX_BYTES,
        _ => return Err(refused("a PROXY header of something else than a stream")),
    };
    if length < addresses {
        return Err(refused("a PROXY header that is too short for its addresses"));
    }
    let header = match (addresses, variable) {
        (IPV4_BYTES, [a, b, c, d, _, _, _, _, high, low, _, _]) => {
            let port = u16::from_be_bytes([*high, *low]);
            Header::Proxied(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d)), port)))
        }
        (IPV6_BYTES, _) if variable.len() == IPV6_BYTES => match variable.split_first_chunk::<16>() {
            Some((source, [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, _, _])) => {
                let port = u16::from_be_bytes([*high, *low]);
                Header::Proxied(Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*source)), port)))
            }
            Some(_) | None => return Ok(None),
        },
        (IPV4_BYTES | IPV6_BYTES, _) => return Ok(None),
        // Paths of the proxy's host say nothing here.
        (UNIX_BYTES, _) => Header::Proxied(None),
        _ => Header::Own,
    };
    Ok(Some((header, length - variable.len())))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// What comes of bytes that arrive in pieces of `step`: the header and what is left behind it.
    fn read(versions: ProxyVersions, bytes: &[u8], step: usize) -> Result<Option<(Header, Vec<u8>)>, Refusal> {
        let mut reader = HeaderReader::new(versions);
        let mut at = 0;
        while at < bytes.len() {
            let end = (at + step).min(bytes.len());
            let mut piece = &bytes[at..end];
            if let Some(header) = reader.take(&mut piece)? {
                return Ok(Some((header, [piece, &bytes[end..]].concat())));
            }
            assert!(piece.is_empty(), "what is not taken belongs to nobody");
            assert!(reader.bytes.len() <= LINE_BYTES_MAX, "{} bytes are kept", reader.bytes.len());
            at = end;
        }
        Ok(None)
    }

    /// Whole, and cut at every byte.
    #[track_caller]
    fn taken(bytes: &[u8], header: Header) {
        let behind = [bytes, b"MQTT"].concat();
        for step in [1, 2, 7, behind.len()] {
            assert_eq!(read(ProxyVersions::Any, &behind, step), Ok(Some((header, b"MQTT".to_vec()))), "step {step}");
        }
        for length in 0..bytes.len() {
            assert_eq!(read(ProxyVersions::Any, &bytes[..length], 1), Ok(None), "{length} bytes of it");
        }
    }

    #[track_caller]
    fn refuses(bytes: &[u8], reason: &str) {
        for step in [1, 7, bytes.len()] {
            match read(ProxyVersions::Any, bytes, step) {
                Err(refusal) => {
                    assert_eq!(refusal.kind, super::super::RefusalKind::ProxyHeader);
                    assert!(refusal.reason.contains(reason), "{refusal}");
                }
                other => panic!("expected a refusal for {reason:?}, got {other:?}"),
            }
        }
    }

    fn proxied(address: &str) -> Header {
        Header::Proxied(Some(address.parse().expect("an address")))
    }

    fn binary(command: u8, family: u8, variable: &[u8]) -> Vec<u8> {
        let length = u16::try_from(variable.len()).expect("short").to_be_bytes();
        [SIGNATURE, &[command, family], &length, variable].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x30, 0x39, 0x07, 0x5b];

    #[test]
    fn a_line_names_the_client() {
        taken(b"PROXY TCP4 192.0.2.7 192.0.2.1 12345 1883\r\n", proxied("192.0.2.7:12345"));
        taken(b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", proxied("[2001:db8::7]:65535"));
        taken(b"PROXY UNKNOWN\r\n", Header::Own);
        taken(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Header::Own);
    }

    #[test]
    fn a_binary_header_names_the_client_and_what_else_it_holds_is_skipped() {
        taken(&binary(0x21, 0x11, &IPV4), proxied("192.0.2.7:12345"));
        taken(&binary(0x21, 0x11, &[&IPV4[..], &[0x04, 0, 2, 9, 9]].concat()), proxied("192.0.2.7:12345"));
        let mut ipv6 = [0; 36];
        ipv6[15] = 1;
        ipv6[33] = 80;
        taken(&binary(0x21, 0x21, &ipv6), proxied("[::1]:80"));
        taken(&binary(0x21, 0x21, &[&ipv6[..], &[7; 100]].concat()), proxied("[::1]:80"));
        taken(&binary(0x21, 0x31, &[b'/'; 216]), Header::Proxied(None));
        taken(&binary(0x20, 0x00, &[]), Header::Own);
        taken(&binary(0x20, 0x11, &IPV4), Header::Own);
        taken(&binary(0x21, 0x00, &[1, 2, 3]), Header::Own);
        taken(&binary(0x20, 0x00, &[9; VARIABLE_BYTES_MAX]), Header::Own);
    }

    #[test]
    fn malformed_lines_are_refused() {
        for line in [
            "PROXY TCP4 192.0.2.7 192.0.2.1 12345\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 12345 1883 1\r\n",
            "PROXY TCP4\r\n",
            "PROXY \r\n",
            "PROXY TCP4  192.0.2.7 192.0.2.1 12345 1883\r\n",
        ] {
            refuses(line.as_bytes(), "without two addresses");
        }
        refuses(b"PROXY TCP4 ::1 192.0.2.1 1 2\r\n", "none of its family");
        refuses(b"PROXY TCP6 192.0.2.7 ::1 1 2\r\n", "none of its family");
        refuses(b"PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n", "none of its family");
        for port in ["65536", "+1", "-1", "01", "", "1a"] {
            refuses(format!("PROXY TCP4 192.0.2.7 192.0.2.1 {port} 2\r\n").as_bytes(), "a port that is none");
            refuses(format!("PROXY TCP4 192.0.2.7 192.0.2.1 2 {port}\r\n").as_bytes(), "a port that is none");
        }
        refuses(b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n", "another family");
        refuses(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n", "without a carriage return");
        refuses(b"PROXY \xff\xff\r\n", "no text");
        refuses(b"PROXX", "does not begin with PROXY");
        refuses(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(), "more than 107 bytes");
    }

    #[test]
    fn malformed_binary_headers_are_refused() {
        refuses(b"\r\n\r\n\0\r\nQUIX", "begins as none does");
        refuses(&binary(0x11, 0x11, &IPV4), "unknown version");
        refuses(&binary(0x22, 0x11, &IPV4), "unknown command");
        refuses(&binary(0x21, 0x11, &IPV4[..11]), "too short");
        refuses(&binary(0x21, 0x21, &IPV4), "too short");
        refuses(&binary(0x21, 0x31, &IPV4), "too short");
        for family in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff] {
            refuses(&binary(0x21, family, &[0; 216]), "something else than a stream");
        }
        refuses(&binary(0x20, 0, &[0; VARIABLE_BYTES_MAX + 1]), "more than 4096");
    }

    #[test]
    fn what_is_no_header_is_refused_at_its_first_byte() {
        for bytes in [&b"\x10"[..], b"\x16", b"GET / HTTP/1.1", b"p"] {
            refuses(bytes, "no PROXY header");
        }
    }

    #[test]
    fn a_listener_takes_the_versions_it_was_told_to() {
        let (line, binary) = (b"PROXY UNKNOWN\r\n".as_slice(), binary(0x20, 0, &[]));
        assert!(read(ProxyVersions::V1, line, 1).is_ok());
        assert!(read(ProxyVersions::V2, &binary, 1).is_ok());
        assert!(read(ProxyVersions::V2, line, 1).unwrap_err().reason.contains("of version 1"));
        assert!(read(ProxyVersions::V1, &binary, 1).unwrap_err().reason.contains("of version 2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused_alike_however_they_are_cut(
            bytes in vec(any::<u8>(), 0..300),
            start in 0usize..4,
            step in 1usize..60,
        ) {
            let start: &[u8] = [b"".as_slice(), LINE_START, SIGNATURE, b"PROXY TCP4 1.2.3.4 5.6.7.8 "][start];
            let bytes = [start, &bytes].concat();
            prop_assert_eq!(read(ProxyVersions::Any, &bytes, step), read(ProxyVersions::Any, &bytes, bytes.len().max(1)));
        }

        #[test]
        fn a_binary_header_with_any_family_and_length_ends_where_it_says(
            command in 0x20u8..=0x21,
            family in any::<u8>(),
            variable in vec(any::<u8>(), 0..400),
        ) {
            let bytes = [binary(command, family, &variable), b"rest".to_vec()].concat();
            if let Ok(found) = read(ProxyVersions::Any, &bytes, 3) {
                prop_assert!(found.is_some_and(|(_, rest)| rest == b"rest"));
            }
        }
    }
}
