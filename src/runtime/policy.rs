//! From the files the configuration names to one policy.

use std::fs::read;
use std::net::SocketAddr;

use tracing::{info, warn};

use super::error::RuntimeError;
use crate::auth::{Acl, JwtChecks, JwtKeys, PasswordFile, Policy, ScramFile};
use crate::config::Auth;

/// Reads all files. What one of them cannot be read for is said with its name.
pub(super) fn load(auth: &Auth, binds: &[SocketAddr], generation: u64) -> Result<Policy, RuntimeError> {
    let passwords = with(auth.password_file.as_deref(), |file, bytes| {
        PasswordFile::parse(file, bytes).map_err(|fault| fault.to_string())
    })?;
    let acl = with(auth.acl_file.as_deref(), |file, bytes| Acl::parse(file, bytes).map_err(|fault| fault.to_string()))?;
    let keys = with(auth.jwt_key_file.as_deref(), |file, bytes| {
        JwtKeys::parse(file, bytes).map_err(|fault| fault.to_string())
    })?;
    let scram = with(auth.scram_file.as_deref(), |file, bytes| {
        ScramFile::parse(file, bytes).map_err(|fault| fault.to_string())
    })?;
    let checks = JwtChecks {
        issuer: auth.jwt_issuer.clone(),
        audience: auth.jwt_audience.clone(),
        username_claim: auth.jwt_username_claim.clone(),
        leeway_s: auth.jwt_leeway.as_secs(),
    };
    let mut policy = Policy {
        generation,
        allow_anonymous: false,
        passwords,
        acl,
        jwt: keys.map(|keys| (keys, checks)),
        scram,
        has_service: auth.http_url.is_some(),
    };
    policy.allow_anonymous = auth.allow_anonymous.unwrap_or_else(|| {
        // Nobody else can reach it, and nothing says that it should ask who is there.
        !policy.has_backend() && policy.scram.is_none() && binds.iter().all(|address| address.ip().is_loopback())
    });
    Ok(policy)
}

/// Says in one line who is let in.
pub(super) fn announce(policy: &Policy) {
    let mut ways = Vec::new();
    if let Some(passwords) = &policy.passwords {
        ways.push(format!("{} users with passwords", passwords.len()));
    }
    if let Some(scram) = &policy.scram {
        ways.push(format!("{} users with SCRAM", scram.len()));
    }
    if policy.jwt.is_some() {
        ways.push("tokens".to_owned());
    }
    if policy.has_service {
        ways.push("whom the authentication service knows".to_owned());
    }
    if policy.allow_anonymous {
        ways.push("anonymous clients".to_owned());
    }
    let may = if policy.acl.is_some() { "what the ACL file says" } else { "everything" };
    if ways.is_empty() {
        warn!("nobody is let in: this listener can be reached from other machines; set auth.allow_anonymous = true or auth.password_file");
    } else {
        info!(may, "let in are {}", ways.join(", "));
    }
}

fn with<T>(
    path: Option<&str>,
    parse: impl FnOnce(&str, &[u8]) -> Result<T, String>,
) -> Result<Option<T>, RuntimeError> {
    let Some(path) = path else { return Ok(None) };
    let bytes = read(path).map_err(|error| RuntimeError::Auth(format!("{path}: cannot be read: {error}")))?;
    parse(path, &bytes).map(Some).map_err(RuntimeError::Auth)
}
