//! JSON Web Tokens as passwords.
//!
//! The type of the key decides which algorithms it takes: a token that asks for another is refused, so that a public key
//! can never be used as the secret of an HMAC.

use serde_json::{Map, Value};
use thiserror::Error;

use super::base64::decode_url;
use super::claim::rules_of_claim;
use super::jwt_key::{Algorithm, JwtKeys};
use super::rules::Rules;

/// What is asked of tokens, beside a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtChecks {
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// `aud` must be or contain this.
    pub audience: Option<String>,
    /// The claim that is the username.
    pub username_claim: String,
    /// How far the clock of the issuer may be off, in seconds.
    pub leeway_s: u64,
}

/// What a token says that is to be believed.
#[derive(Clone, Debug)]
pub struct Token {
    /// Who the client is.
    pub username: String,
    /// When its session ends, in seconds since 1970.
    pub expires_unix_s: u64,
    /// What it may, if the token says so.
    pub rules: Option<Rules>,
}

/// Why a token is not believed. For the log of the operator; the client is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[allow(missing_docs)]
pub enum JwtError {
    #[error("it is no token of three parts in base64url")]
    Malformed,
    #[error("its algorithm is unknown, or none")]
    AlgorithmUnknown,
    #[error("no key of ours takes its algorithm and key identifier")]
    KeyUnknown,
    #[error("its header has extensions (crit) we do not know")]
    Critical,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has no expiry (exp)")]
    ExpiryMissing,
    #[error("it has expired (exp)")]
    Expired,
    #[error("it is not valid yet (nbf)")]
    NotYet,
    #[error("its issuer (iss) is another")]
    Issuer,
    #[error("its audience (aud) is another")]
    Audience,
    #[error("it has no username claim")]
    UsernameMissing,
    #[error("its acl claim is not {{\"pub\": [filters], \"sub\": [filters], \"deny\": [filters]}}")]
    Rules,
}

/// Whether a password looks like a token: three parts, the first a JSON object in base64url.
pub fn is_token(password: &[u8]) -> bool {
    password.starts_with(b"eyJ") && password.iter().filter(|byte| **byte == b'.').count() == 2
}

/// Checks a token at an instant.
///
/// # Errors
/// The first thing that is wrong; nothing of the claims is looked at before the signature is known to be right.
pub fn verify_token(keys: &JwtKeys, checks: &JwtChecks, token: &[u8], unix_s: u64) -> Result<Token, JwtError> {
    let token = std::str::from_utf8(token).map_err(|_| JwtError::Malformed)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    let header = object(header)?;
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::of_name);
    let algorithm = algorithm.ok_or(JwtError::AlgorithmUnknown)?;
    if header.contains_key("crit") {
        return Err(JwtError::Critical);
    }
    let identifier = header.get("kid").and_then(Value::as_str);
    let signature = decode_url(signature).ok_or(JwtError::Malformed)?;
    let mut fitting = keys.fitting(algorithm, identifier).peekable();
    fitting.peek().ok_or(JwtError::KeyUnknown)?;
    if !fitting.any(|key| key.verifies(algorithm, signed.as_bytes(), &signature)) {
        return Err(JwtError::Signature);
    }
    believe(checks, &object(claims)?, unix_s)
}

fn believe(checks: &JwtChecks, claims: &Map<String, Value>, unix_s: u64) -> Result<Token, JwtError> {
    let expires_unix_s = match claims.get("exp") {
        None => return Err(JwtError::ExpiryMissing),
        Some(exp) => seconds(exp)?.saturating_add(checks.leeway_s),
    };
    if unix_s >= expires_unix_s {
        return Err(JwtError::Expired);
    }
    if let Some(nbf) = claims.get("nbf") {
        if seconds(nbf)? > unix_s.saturating_add(checks.leeway_s) {
            return Err(JwtError::NotYet);
        }
    }
    if let Some(issuer) = &checks.issuer {
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(JwtError::Issuer);
        }
    }
    if let Some(audience) = &checks.audience {
        let is_ours = |claim: &Value| claim.as_str() == Some(audience);
        let is_named = match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if !is_named {
            return Err(JwtError::Audience);
        }
    }
    let username = claims.get(&checks.username_claim).and_then(Value::as_str);
    let username = username.filter(|name| !name.is_empty() && !name.contains('\0')).ok_or(JwtError::UsernameMissing)?;
    let rules = claims.get("acl").map(|claim| rules_of_claim(claim).ok_or(JwtError::Rules)).transpose()?;
    Ok(Token { username: username.to_owned(), expires_unix_s, rules })
}

/// A date of JWT: whole seconds, or a fraction that is cut off.
fn seconds(claim: &Value) -> Result<u64, JwtError> {
    match (claim.as_u64(), claim.as_f64()) {
        (Some(whole), _) => Ok(whole),
        (None, Some(fraction)) if fraction >= 0.0 => Ok(fraction as u64),
        _ => Err(JwtError::Malformed),
    }
}

fn object(part: &str) -> Result<Map<String, Value>, JwtError> {
    let bytes = decode_url(part).ok_or(JwtError::Malformed)?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(JwtError::Malformed),
    }
}

#[cfg(test)]
mod tests;
