//! The files behind TLS: read before the first shard starts, and again when they change, never on a shard.
//!
//! What is read again takes the place of what was there for the handshakes to come; no connection ends. A file that is
//! wrong then is named, and what was there stays.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use tracing::{info, warn};

use super::error::RuntimeError;
use crate::config::{CertificateIdentity, ClientCertificate, Listener, TlsVersion};
use crate::transport::{
    ClientCertificates, Identity, KeyPair, Material, MinimumVersion, TlsFault, TlsPart, TlsPolicy, TlsServer,
};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is warned of a certificate that ends soon, and how soon that is.
const WARNING_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
const WARNING_DAYS: i64 = 30;
const DAY_S: i64 = 24 * 60 * 60;
/// Bytes of the largest file that is read; a revocation list of a large authority is some megabytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The TLS of one listener, for all shards: what new handshakes are made with.
#[derive(Clone, Debug)]
pub(super) struct SharedTls {
    number: usize,
    listener: Arc<Listener>,
    current: Arc<RwLock<TlsServer>>,
}

impl SharedTls {
    /// Reads the files of a listener; nothing if it does not speak TLS. `number` counts the listeners of the file from 1.
    pub(super) fn read(number: usize, listener: &Listener) -> Result<Option<SharedTls>, RuntimeError> {
        if !listener.speaks_tls() {
            return Ok(None);
        }
        let server = load(number, listener, None)?;
        let current = Arc::new(RwLock::new(server));
        Ok(Some(SharedTls { number, listener: Arc::new(listener.clone()), current }))
    }

    /// What a handshake that begins now is made with. Once per connection, so the lock does not matter.
    pub(super) fn current(&self) -> TlsServer {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reload(&self) {
        match load(self.number, &self.listener, Some(&self.current())) {
            Ok(server) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = server;
                info!(listener = self.number, "certificates have been read again");
            }
            Err(error) => warn!(%error, "certificates stay as they were"),
        }
    }

    /// Each certificate's file with the days it is still valid.
    fn expiries(&self) -> Vec<(String, i64)> {
        let (server, now_s) = (self.current(), now_s());
        let certificates = server.certificates().iter();
        certificates
            .map(|facts| {
                let (_, path) = place(&self.listener, facts.part);
                (path.to_owned(), (facts.expires_at_s - now_s).div_euclid(DAY_S))
            })
            .collect()
    }
}

/// Reads all files and forgets them.
pub(super) fn check_certificates(listeners: &[Listener]) -> Result<(), RuntimeError> {
    listeners.iter().zip(1..).try_for_each(|(listener, number)| SharedTls::read(number, listener).map(drop))
}

/// The thread that reads files again.
#[derive(Debug)]
pub(super) struct Librarian {
    asks: Sender<()>,
    shared: Vec<SharedTls>,
}

impl Librarian {
    /// Starts it, unless there is nothing to read. It ends with this handle.
    pub(super) fn start(shared: Vec<SharedTls>) -> Result<Librarian, RuntimeError> {
        let (asks, asked) = bounded(1);
        if !shared.is_empty() {
            let shelves = shared.clone();
            thread::Builder::new()
                .name("certificates".to_owned())
                .spawn(move || keep_reading(&shelves, &asked))
                .map_err(|error| RuntimeError::System { what: "start a thread", error })?;
        }
        Ok(Librarian { asks, shared })
    }

    /// Has all files read again.
    pub(super) fn reload(&self) {
        // One that is asked already need not be asked again.
        let _ = self.asks.try_send(());
    }

    /// Logs how long each certificate is still valid.
    pub(super) fn report(&self) {
        for (file, certificate_expiry_days) in self.shared.iter().flat_map(SharedTls::expiries) {
            info!(file, certificate_expiry_days, "report");
        }
    }
}

fn keep_reading(shared: &[SharedTls], asked: &Receiver<()>) {
    let mut seen: Vec<Vec<Stamp>> = shared.iter().map(|tls| stamps(&tls.listener)).collect();
    let mut unread: Vec<bool> = vec![false; shared.len()];
    let mut warned_at: Option<Instant> = None;
    loop {
        if warned_at.is_none_or(|last| last.elapsed() >= WARNING_PAUSE) {
            warned_at = Some(Instant::now());
            warn_of_ends(shared);
        }
        let is_asked = match asked.recv_timeout(LOOK) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for ((tls, seen), unread) in shared.iter().zip(&mut seen).zip(&mut unread) {
            let now = stamps(&tls.listener);
            let is_changing = now != *seen;
            *seen = now;
            // A certificate and its key are two files, and writing one takes a while: they are read when they rest.
            if is_asked || (*unread && !is_changing) {
                *unread = false;
                tls.reload();
            } else {
                *unread |= is_changing;
            }
        }
    }
}

fn warn_of_ends(shared: &[SharedTls]) {
    for (file, days) in shared.iter().flat_map(SharedTls::expiries) {
        if days < WARNING_DAYS {
            warn!(file, days, "a certificate ends soon: put a new one there");
        }
    }
}

/// What tells a file from its successor: number, time of change, size; nothing if it is not there.
type Stamp = Option<(u64, i64, i64, u64)>;

fn stamps(listener: &Listener) -> Vec<Stamp> {
    let stamp = |path: &str| {
        let facts = fs::metadata(path).ok()?;
        Some((facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.size()))
    };
    let lists = listener.client_ca.iter().chain(&listener.crl);
    let pairs = listener.certificate.as_slice().iter().chain(listener.key.as_slice());
    pairs.chain(lists).map(|path| stamp(path)).collect()
}

fn load(number: usize, listener: &Listener, before: Option<&TlsServer>) -> Result<TlsServer, RuntimeError> {
    let refused = |part: TlsPart, what: String| {
        let (key, path) = place(listener, part);
        RuntimeError::TlsFile { listener: number, key, path: path.to_owned(), what }
    };
    let read = |part: TlsPart| {
        let (_, path) = place(listener, part);
        read_file(path).map_err(|error| refused(part, unreadable(&error)))
    };
    let mut material = Material::default();
    for index in 0..listener.certificate.as_slice().len() {
        let (certificate, key) = (read(TlsPart::Certificate(index))?, read(TlsPart::Key(index))?);
        material.pairs.push(KeyPair { certificate, key });
    }
    material.client_ca = listener.client_ca.as_ref().map(|_| read(TlsPart::ClientCa)).transpose()?;
    material.crl = listener.crl.as_ref().map(|_| read(TlsPart::Crl)).transpose()?;
    TlsServer::new(&material, policy(listener), before, now_s()).map_err(|TlsFault { part, what }| refused(part, what))
}

fn read_file(path: &str) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    fs::read(path)
}

pub(super) fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist; put the file there or correct the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be read by the user the broker runs as; let that user or its group read it".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// The key of the configuration a text comes from, and its file.
fn place(listener: &Listener, part: TlsPart) -> (&'static str, &str) {
    match part {
        TlsPart::Certificate(index) => ("certificate", nth(listener.certificate.as_slice(), index)),
        TlsPart::Key(index) => ("key", nth(listener.key.as_slice(), index)),
        TlsPart::ClientCa => ("client_ca", listener.client_ca.as_deref().unwrap_or("")),
        TlsPart::Crl => ("crl", listener.crl.as_deref().unwrap_or("")),
    }
}

fn nth(paths: &[String], index: usize) -> &str {
    paths.get(index).map_or("", String::as_str)
}

fn policy(listener: &Listener) -> TlsPolicy {
    TlsPolicy {
        client_certificates: match listener.client_certificate {
            ClientCertificate::None => ClientCertificates::None,
            ClientCertificate::Optional => ClientCertificates::Optional,
            ClientCertificate::Required => ClientCertificates::Required,
        },
        identity: listener.identity.map(|identity| match identity {
            CertificateIdentity::Cn => Identity::Cn,
            CertificateIdentity::Subject => Identity::Subject,
            CertificateIdentity::San => Identity::San,
        }),
        minimum_version: match listener.minimum_version {
            TlsVersion::V12 => MinimumVersion::Tls12,
            TlsVersion::V13 => MinimumVersion::Tls13,
        },
    }
}

/// Seconds since 1970.
fn now_s() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
