//! One nonblocking connection: bytes out when the kernel takes them, packets in when they are whole.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use corecast::mqtt::{decode, next_frame, Packet, ProtocolVersion};
use socket2::SockRef;

/// A connection.
pub(super) struct Link {
    stream: TcpStream,
    input: Vec<u8>,
    /// Bytes to be sent.
    pub(super) output: Vec<u8>,
}

impl Link {
    /// Nothing if too many connections have been here lately: all ports of the client's side are waiting to be used anew.
    pub(super) fn open(address: SocketAddr) -> Result<Option<Link>, String> {
        let stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => return Ok(None),
            Err(error) => return Err(format!("cannot connect: {error}")),
        };
        let prepared = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
        prepared.map_err(|error| format!("cannot prepare a socket: {error}"))?;
        Ok(Some(Link { stream, input: Vec::new(), output: Vec::new() }))
    }

    /// Sends what the kernel takes.
    pub(super) fn flush(&mut self) -> Result<(), String> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("cannot send: {error}")),
            }
        }
        Ok(())
    }

    /// Reads once; answers whether there was something.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, String> {
        match self.stream.read(buffer) {
            Ok(0) => Err("the broker has closed the connection".to_owned()),
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(format!("cannot receive: {error}")),
        }
    }

    /// Shows each whole packet with where to write the answer.
    pub(super) fn packets(
        &mut self,
        version: ProtocolVersion,
        mut show: impl FnMut(&Packet<'_>, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut at = 0;
        while let Some(frame) =
            next_frame(&self.input[at..], u32::MAX).map_err(|error| format!("no packet: {error}"))?
        {
            let body = &self.input[at + frame.header_bytes..at + frame.total_bytes];
            let packet = decode(version, frame.first_byte, body).map_err(|error| format!("no packet: {error}"))?;
            show(&packet, &mut self.output)?;
            at += frame.total_bytes;
        }
        self.input.drain(..at);
        Ok(())
    }

    /// Breaks it: whatever is on its way in either direction is lost.
    pub(super) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }
}
