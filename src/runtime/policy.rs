//! From the files the configuration names to what each listener goes by.

use std::collections::HashMap;
use std::fs::{metadata, read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tracing::{info, warn};

use super::certificates::{check_certificates, unreadable};
use super::error::RuntimeError;
use super::settings::Settings;
use crate::auth::{Acl, FileFault, JwtChecks, JwtKeys, PasswordFile, Policies, Policy, ScramFile};
use crate::config::{Auth, AuthWay, Listener};

/// Permission of everybody to read a file.
const OTHERS_READ: u32 = 0o004;

/// Reads all files the configuration names, those behind TLS included, and forgets them: for whoever wants to know whether they
/// are right. Answers a line for each secret that others than its owner and group can read.
///
/// # Errors
/// The first file that is wrong.
pub fn check_files(auth: &Auth, listeners: &[Listener]) -> Result<Vec<String>, RuntimeError> {
    check_certificates(listeners)?;
    let policies = load(auth, listeners, &[], 0)?;
    let mut secrets: Vec<&str> = Vec::new();
    secrets.extend(listeners.iter().flat_map(|listener| listener.key.as_slice()).map(String::as_str));
    let own = listeners.iter().filter_map(|listener| listener.password_file.as_deref());
    secrets.extend(auth.password_file.as_deref().into_iter().chain(own).chain(auth.scram_file.as_deref()));
    let has_secret = policies.of(0).jwt.as_ref().is_some_and(|jwt| jwt.0.has_secret());
    secrets.extend(auth.jwt_key_file.as_deref().filter(|_| has_secret));
    secrets.sort_unstable();
    secrets.dedup();
    Ok(secrets.into_iter().filter_map(exposure).collect())
}

fn exposure(path: &str) -> Option<String> {
    let mode = metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & OTHERS_READ != 0).then(|| {
        format!(
            "{path} holds secrets and can be read by every user of this host (mode {mode:04o}); run chmod o-rwx {path}"
        )
    })
}

/// Reads all files. What one of them cannot be read for is said with its key and name. `addresses` are all that are listened on.
pub(super) fn load(
    auth: &Auth,
    listeners: &[Listener],
    addresses: &[SocketAddr],
    generation: u64,
) -> Result<Policies, RuntimeError> {
    let mut shelf = Shelf::default();
    let (passwords, acl) = (auth.password_file.as_deref(), auth.acl_file.as_deref());
    let mut plain = Policy {
        allow_anonymous: false,
        passwords: passwords.map(|path| shelf.passwords("key 'auth.password_file'", path)).transpose()?,
        realm: 0,
        acl: acl.map(|path| shelf.acl("key 'auth.acl_file'", path)).transpose()?,
        jwt: jwt(auth)?,
        scram: with("key 'auth.scram_file'", auth.scram_file.as_deref(), ScramFile::parse)?.map(Arc::new),
        has_service: auth.http_url.is_some(),
    };
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    // Nobody else can reach it, and nothing says that it should ask who is there.
    let is_trusting = is_local && !plain.has_backend() && plain.scram.is_none();
    plain.allow_anonymous = auth.allow_anonymous.unwrap_or(is_trusting);
    let plain = Arc::new(plain);
    let mut of_listeners = vec![Arc::clone(&plain)];
    for (listener, number) in listeners.iter().zip(1..) {
        if !is_different(listener) {
            of_listeners.push(Arc::clone(&plain));
            continue;
        }
        let key = |key: &str| format!("listener {number}: key '{key}'");
        let offers = |way| listener.auth.as_ref().is_none_or(|ways| ways.contains(way));
        let (own_passwords, own_acl) = (listener.password_file.as_deref(), listener.acl_file.as_deref());
        let passwords = match own_passwords {
            Some(path) => Some(shelf.passwords(&key("password_file"), path)?),
            None => plain.passwords.clone(),
        };
        let acl = own_acl.map(|path| shelf.acl(&key("acl_file"), path)).transpose()?;
        let is_trusting = is_trusting && own_passwords.is_none();
        of_listeners.push(Arc::new(Policy {
            allow_anonymous: listener.allow_anonymous.or(auth.allow_anonymous).unwrap_or(is_trusting),
            passwords: passwords.filter(|_| offers(AuthWay::Password)),
            realm: realm(auth, listeners, own_passwords),
            acl: acl.or_else(|| plain.acl.clone()),
            jwt: plain.jwt.clone().filter(|_| offers(AuthWay::Jwt)),
            scram: plain.scram.clone().filter(|_| offers(AuthWay::Scram)),
            has_service: plain.has_service && offers(AuthWay::Http),
        }));
    }
    Ok(Policies::new(generation, of_listeners))
}

/// Whether a listener goes by something else than `[auth]` says.
fn is_different(listener: &Listener) -> bool {
    let Listener { allow_anonymous, auth, password_file, acl_file, .. } = listener;
    allow_anonymous.is_some() || auth.is_some() || password_file.is_some() || acl_file.is_some()
}

/// Whose users those of a listener are: the first that has this file, or everybody's.
fn realm(auth: &Auth, listeners: &[Listener], password_file: Option<&str>) -> u16 {
    let Some(path) = password_file.filter(|path| auth.password_file.as_deref() != Some(path)) else { return 0 };
    let first = listeners.iter().zip(1..).find(|(listener, _)| listener.password_file.as_deref() == Some(path));
    first.map_or(0, |(_, number)| number)
}

fn jwt(auth: &Auth) -> Result<Option<Arc<(JwtKeys, JwtChecks)>>, RuntimeError> {
    let checks = JwtChecks {
        issuer: auth.jwt_issuer.clone(),
        audience: auth.jwt_audience.clone(),
        username_claim: auth.jwt_username_claim.clone(),
        leeway_s: auth.jwt_leeway.as_secs(),
    };
    let keys = with("key 'auth.jwt_key_file'", auth.jwt_key_file.as_deref(), JwtKeys::parse)?;
    Ok(keys.map(|keys| Arc::new((keys, checks))))
}

/// Files that several listeners may name: each is read once.
#[derive(Default)]
struct Shelf {
    passwords: HashMap<String, Arc<PasswordFile>>,
    acls: HashMap<String, Arc<Acl>>,
}

impl Shelf {
    fn passwords(&mut self, key: &str, path: &str) -> Result<Arc<PasswordFile>, RuntimeError> {
        once(&mut self.passwords, key, path, PasswordFile::parse)
    }

    fn acl(&mut self, key: &str, path: &str) -> Result<Arc<Acl>, RuntimeError> {
        once(&mut self.acls, key, path, Acl::parse)
    }
}

type Parse<T> = fn(&str, &[u8]) -> Result<T, FileFault>;

fn once<T>(
    shelf: &mut HashMap<String, Arc<T>>,
    key: &str,
    path: &str,
    parse: Parse<T>,
) -> Result<Arc<T>, RuntimeError> {
    if let Some(known) = shelf.get(path) {
        return Ok(Arc::clone(known));
    }
    let new = Arc::new(read_file(key, path, parse)?);
    shelf.insert(path.to_owned(), Arc::clone(&new));
    Ok(new)
}

fn with<T>(key: &str, path: Option<&str>, parse: Parse<T>) -> Result<Option<T>, RuntimeError> {
    path.map(|path| read_file(key, path, parse)).transpose()
}

fn read_file<T>(key: &str, path: &str, parse: Parse<T>) -> Result<T, RuntimeError> {
    let bytes = read(path).map_err(|error| RuntimeError::Auth(format!("{key}: {path} {}", unreadable(&error))))?;
    parse(path, &bytes).map_err(|fault| RuntimeError::Auth(format!("{key}: {fault}")))
}

/// Says in one line who is let in, and in one more for each listener of its own mind.
pub(super) fn announce(policies: &Policies, settings: &Settings) {
    let is_shared = settings.listeners.iter().any(|listener| !is_different(listener));
    if is_shared || !settings.binds.is_empty() {
        tell(policies.of(0), None);
    }
    for (listener, number) in settings.listeners.iter().zip(1..) {
        if is_different(listener) {
            tell(policies.of(number), Some((number, listener)));
        }
    }
}

fn tell(policy: &Policy, of: Option<(u16, &Listener)>) {
    let mut ways = Vec::new();
    if let Some(passwords) = &policy.passwords {
        ways.push(format!("users with passwords ({})", passwords.len()));
    }
    if let Some(scram) = &policy.scram {
        ways.push(format!("users with SCRAM ({})", scram.len()));
    }
    if policy.jwt.is_some() {
        ways.push("tokens".to_owned());
    }
    if policy.has_service {
        ways.push("whom the authentication service knows".to_owned());
    }
    if of.is_some_and(|(_, listener)| listener.identity.is_some()) {
        ways.push("whom a certificate names".to_owned());
    }
    if policy.allow_anonymous {
        ways.push("anonymous clients".to_owned());
    }
    let may = if policy.acl.is_some() { "what the ACL file says" } else { "everything" };
    let listener = of.map(|(number, _)| number);
    match (ways.is_empty(), listener) {
        (false, _) => info!(listener, may, "let in are {}", ways.join(", ")),
        (true, None) => {
            warn!("nobody is let in: this listener can be reached from other machines; set auth.allow_anonymous = true or auth.password_file");
        }
        (true, Some(_)) => {
            warn!(listener, "nobody is let in: set allow_anonymous = true, password_file or auth in its [[listener]]");
        }
    }
}
