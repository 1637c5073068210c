//! Tokens: keys as files have them, tokens as strangers send them, and claims that are signed.

use std::str;

use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use base64::Engine;
use corecast::auth::{is_token, verify_token, JwtChecks, JwtKeys, Token};
use ring::hmac::{sign, Key, HMAC_SHA256};
use serde_json::{Map, Value};

use crate::input::parts;
use crate::oracle::compare;
use crate::verdict::set_of;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW_S: u64 = 1500;
const LEEWAY_S: u64 = 5;

/// A file of keys and a token; then claims, and topics or filters to ask for by lines.
pub(crate) fn check(bytes: &[u8]) {
    let [file, token, claims, asked] = parts(bytes);
    let Ok(asked) = str::from_utf8(asked) else { return };
    match JwtKeys::parse("keys", file) {
        Ok(keys) => stranger(&keys, file, token, asked),
        Err(fault) => {
            let text = fault.to_string();
            assert!(text.starts_with("keys:1: ") && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    let keys = JwtKeys::parse("keys", SECRET).unwrap_or_else(|fault| panic!("{fault}"));
    for (issuer, audience) in [(None, None), (Some("house"), None), (None, Some("mqtt"))] {
        let checks = checks(issuer, audience);
        let token = signed(br#"{"alg":"HS256"}"#, claims);
        let found = verify_token(&keys, &checks, token.as_bytes(), NOW_S);
        compare_with_claims(found.ok(), &checks, claims, asked);
        for header in [&br#"{"alg":"none"}"#[..], br#"{"alg":"RS256"}"#, br#"{"alg":"HS256","crit":[]}"#, claims] {
            let token = signed(header, claims);
            let is_plain = header == claims && believable_header(claims);
            assert!(is_plain || verify_token(&keys, &checks, token.as_bytes(), NOW_S).is_err());
        }
        let cut = &token.as_bytes()[..token.len() - 2];
        assert!(verify_token(&keys, &checks, cut, NOW_S).is_err(), "a signature is whole");
    }
}

fn checks(issuer: Option<&str>, audience: Option<&str>) -> JwtChecks {
    JwtChecks {
        issuer: issuer.map(str::to_owned),
        audience: audience.map(str::to_owned),
        username_claim: "sub".to_owned(),
        leeway_s: LEEWAY_S,
    }
}

/// A token that is believed has three parts, of which the second is the claims, and a header that names an algorithm.
fn stranger(keys: &JwtKeys, file: &[u8], token: &[u8], asked: &str) {
    let checks = checks(None, None);
    let Ok(found) = verify_token(keys, &checks, token, NOW_S) else { return };
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, _] = parts[..] else { panic!("{} parts", parts.len()) };
    let (header, claims) = (BASE64.decode(header).unwrap_or_default(), BASE64.decode(claims).unwrap_or_default());
    let header: Value = serde_json::from_slice(&header).expect("a header is JSON");
    let algorithm = header["alg"].as_str().expect("it names an algorithm");
    // In a set of keys such words are a member that nobody knows.
    let is_set = str::from_utf8(file).is_ok_and(|text| text.trim_start().starts_with('{'));
    let is_public = !is_set && file.windows(11).any(|window| window == b"-----BEGIN ");
    assert!(!is_public || !algorithm.starts_with("HS"), "a public key is no secret");
    assert!(header.get("crit").is_none());
    assert!(header.to_string().contains(' ') || is_token(token) || !token.starts_with(b"eyJ"));
    compare_with_claims(Some(found), &checks, &claims, asked);
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = sign(&Key::new(HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature.as_ref()))
}

/// Whether claims could as well be the header of a token that is signed with our secret.
fn believable_header(claims: &[u8]) -> bool {
    let json: Option<Value> = serde_json::from_slice(claims).ok();
    json.is_some_and(|header| header["alg"] == "HS256")
}

/// What must be true of claims that are believed, and of those that are not.
fn compare_with_claims(found: Option<Token>, checks: &JwtChecks, claims: &[u8], asked: &str) {
    let expected = serde_json::from_slice(claims).ok().and_then(|claims: Map<String, Value>| {
        let user = claims.get("sub")?.as_str().filter(|user| !user.is_empty() && !user.contains('\0'))?.to_owned();
        let expires_unix_s = instant(claims.get("exp")?)?.saturating_add(LEEWAY_S);
        let begins_s = claims.get("nbf").map_or(Some(0), instant)?;
        let is_from = checks.issuer.as_ref().is_none_or(|issuer| claims.get("iss").is_some_and(|iss| iss == issuer));
        let is_for = checks.audience.as_ref().is_none_or(|audience| match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            one => one.is_some_and(|one| one == audience),
        });
        let rules = claims.get("acl").map(|claim| set_of(claim).ok_or(())).transpose().ok()?;
        (expires_unix_s > NOW_S && begins_s <= NOW_S + LEEWAY_S && is_from && is_for).then_some((
            user,
            expires_unix_s,
            rules,
        ))
    });
    match (found, expected) {
        (None, None) => {}
        (Some(token), Some((user, expires_unix_s, rules))) => {
            assert_eq!((token.username, token.expires_unix_s), (user, expires_unix_s));
            assert_eq!(token.rules.is_some(), rules.is_some());
            if let (Some(rules), Some(set)) = (&token.rules, rules) {
                asked.lines().for_each(|text| compare(rules, std::slice::from_ref(&set), text));
            }
        }
        (found, expected) => panic!("believed: {}, believable: {}", found.is_some(), expected.is_some()),
    }
}

/// Whole seconds of a number that is not negative.
fn instant(claim: &Value) -> Option<u64> {
    claim.as_u64().or_else(|| claim.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
}
