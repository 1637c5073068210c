//! Listening sockets: one per address and shard, joined by SO_REUSEPORT so that the kernel spreads the clients; one per unix
//! socket, shared by all shards.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::error::RuntimeError;
use super::unix::UnixFile;
use crate::config::Listener;

/// How long a port may still be taken: the ring of a killed predecessor keeps its listener for a moment.
const TAKEN_PATIENCE: Duration = Duration::from_secs(2);
const TAKEN_RETRY: Duration = Duration::from_millis(50);
/// Connections the kernel keeps for one listener until it accepts them; it caps this by `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A listening socket of one shard.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) descriptor: OwnedFd,
    /// Which listener it is of: 0 is the plain one, the others are counted from 1.
    pub(super) listener: u16,
}

/// The listeners of every shard and where they listen.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// By shard.
    pub(super) of_shards: Vec<Vec<Bound>>,
    /// By address asked for; a port 0 is replaced by the one that was found.
    pub(super) addresses: Vec<SocketAddr>,
    /// Removed with the last of their listeners.
    pub(super) unix: Vec<UnixFile>,
}

/// Listens for all shards: the plain listener on `binds`, and all others.
pub(super) fn listen(
    binds: &[SocketAddr],
    others: &[Listener],
    shards: usize,
    nodelay: bool,
) -> Result<Listeners, RuntimeError> {
    let numbered = others.iter().zip(1..);
    let of_others =
        numbered.clone().flat_map(|(other, number)| usable(&other.bind).into_iter().map(move |bind| (bind, number)));
    let wanted: Vec<(SocketAddr, u16)> = usable(binds).into_iter().map(|bind| (bind, 0)).chain(of_others).collect();
    if wanted.is_empty() && others.iter().all(|other| other.unix.is_none()) {
        return Err(RuntimeError::NoAddress);
    }
    // All are probed before the first listens, or our own 0.0.0.0 would be in the way of our own 127.0.0.1.
    for &(address, _) in &wanted {
        probe(address)?;
    }
    let mut listeners = Listeners { of_shards: (0..shards).map(|_| Vec::new()).collect(), ..Listeners::default() };
    for (address, number) in wanted {
        let mut found = address;
        for of_shard in &mut listeners.of_shards {
            let socket = open(found, nodelay).map_err(|error| explain(address, error))?;
            let local = socket.local_addr().map_err(|error| RuntimeError::Listen { address, error })?;
            found = local.as_socket().unwrap_or(found);
            of_shard.push(Bound { descriptor: socket.into(), listener: number });
        }
        listeners.addresses.push(found);
    }
    for (other, number) in numbered {
        let Some(path) = &other.unix else { continue };
        let (file, socket) = UnixFile::listen(path, other, BACKLOG)?;
        listeners.unix.push(file);
        for of_shard in &mut listeners.of_shards {
            let copy = socket.try_clone().map_err(|error| RuntimeError::System { what: "copy a descriptor", error })?;
            of_shard.push(Bound { descriptor: copy, listener: number });
        }
    }
    Ok(listeners)
}

/// Leaves `[::]` out beside `0.0.0.0` on the same port if this host has no IPv6: all its addresses are meant, not more.
fn usable(binds: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_spare = |bind: &SocketAddr| {
        let twin = SocketAddr::from(([0, 0, 0, 0], bind.port()));
        bind.is_ipv6() && bind.ip().is_unspecified() && binds.contains(&twin) && !has_ipv6()
    };
    binds.iter().copied().filter(|bind| !is_spare(bind)).collect()
}

fn has_ipv6() -> bool {
    let any = SocketAddr::from(([0u16; 8], 0));
    unbound(any).and_then(|socket| socket.bind(&any.into())).is_ok()
}

/// Binds without SO_REUSEPORT, which fails beside any other listener: one with SO_REUSEPORT would let us share its
/// port, and each of us would get half of the clients.
fn probe(address: SocketAddr) -> Result<(), RuntimeError> {
    if address.port() == 0 {
        return Ok(());
    }
    let patience_ends = Instant::now() + TAKEN_PATIENCE;
    loop {
        match unbound(address).and_then(|socket| socket.bind(&address.into())) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < patience_ends => {
                thread::sleep(TAKEN_RETRY);
            }
            Err(error) => return Err(explain(address, error)),
        }
    }
}

fn open(address: SocketAddr, nodelay: bool) -> io::Result<Socket> {
    let socket = unbound(address)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(nodelay)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a former process that have not timed out yet do not count as listeners.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn explain(address: SocketAddr, error: io::Error) -> RuntimeError {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => RuntimeError::PortTaken { address },
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT) => RuntimeError::AddressNotAvailable { address, error },
        Some(libc::EACCES | libc::EPERM) => RuntimeError::AddressForbidden { address },
        Some(_) | None => RuntimeError::Listen { address, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn port_0_is_found_once_and_shared_by_all_shards() {
        let listeners = listen(&[local(0)], &[], 3, true).expect("a free port");
        let address = listeners.addresses[0];
        assert_ne!(address.port(), 0);
        assert_eq!(listeners.of_shards.len(), 3);
        for of_shard in &listeners.of_shards {
            let socket = Socket::from(of_shard[0].descriptor.try_clone().expect("a copy"));
            assert_eq!(socket.local_addr().expect("bound").as_socket(), Some(address));
        }
    }

    #[test]
    fn a_port_shared_by_so_reuseport_with_another_process_is_taken() {
        let other = open(local(0), true).expect("a free port");
        let address = other.local_addr().expect("bound").as_socket().expect("of the internet");
        let error = listen(&[address], &[], 1, true).expect_err("taken");
        assert!(matches!(error, RuntimeError::PortTaken { address: taken } if taken == address), "{error}");
        assert!(error.to_string().contains(&address.to_string()));
    }

    #[test]
    fn a_port_that_becomes_free_in_time_is_waited_for() {
        let other = open(local(0), true).expect("a free port");
        let address = other.local_addr().expect("bound").as_socket().expect("of the internet");
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            drop(other);
        });
        listen(&[address], &[], 2, true).expect("free after a moment");
        thread.join().expect("no panic");
    }

    #[test]
    fn an_address_of_another_host_is_not_available() {
        // From a block reserved for documentation.
        let address = SocketAddr::from(([192, 0, 2, 1], 1883));
        let error = listen(&[address], &[], 1, true).expect_err("not ours");
        assert!(matches!(error, RuntimeError::AddressNotAvailable { .. }), "{error}");
    }

    #[test]
    fn all_addresses_and_one_of_them_may_be_listened_on_together() {
        let any = listen(&[SocketAddr::from(([0, 0, 0, 0], 0))], &[], 1, true).expect("a free port").addresses[0];
        listen(&[any, local(any.port())], &[], 2, true).expect("both");
    }

    #[test]
    fn nothing_to_listen_on_is_refused() {
        assert!(matches!(listen(&[], &[], 1, true), Err(RuntimeError::NoAddress)));
    }
}
