//! SCRAM: files, an exchange with a client that knows the password, and exchanges with clients that say anything.

use std::num::NonZeroU32;
use std::str;

use base64::prelude::BASE64_STANDARD as BASE64;
use base64::Engine;
use corecast::auth::{ScramError, ScramFile, Verifier};
use ring::digest::{digest, SHA256};
use ring::hmac::{sign, Key, HMAC_SHA256};
use ring::pbkdf2::{derive, PBKDF2_HMAC_SHA256};

use crate::input::parts;

const PASSWORD: &[u8] = b"pencil";
const SALT: &[u8] = b"sixteen bytes so";
/// What the server adds to a client's nonce.
const NONCE: &str = "ours";

/// A file; then a user and a nonce for an honest client; then both messages of another one.
pub(crate) fn check(bytes: &[u8]) {
    let [file, user, nonce, first, last] = parts(bytes);
    if let Err(fault) = ScramFile::parse("scram", file) {
        let text = fault.to_string();
        assert!(text.starts_with("scram:") && !text.chars().any(char::is_control), "{text:?}");
    }
    let user = str::from_utf8(user).ok().filter(|user| is_user(user)).unwrap_or("user");
    let verifier = Verifier::make(PASSWORD, SALT, NonZeroU32::MIN).text();
    let file = ScramFile::parse("scram", format!("{user}:{verifier}").as_bytes());
    let file = file.unwrap_or_else(|fault| panic!("{fault}, in what was written"));
    assert!(file.knows(user));
    if let Ok(nonce) = str::from_utf8(nonce) {
        honest(&file, user, nonce);
    }
    if let Ok((exchange, answer)) = file.begin(first, NONCE) {
        let theirs = str::from_utf8(first).expect("only text is answered").split(',').nth(3).and_then(|r| r.get(2..));
        let answer = String::from_utf8(answer).expect("an answer is text");
        assert!(answer.starts_with(&format!("r={}{NONCE},s=", theirs.expect("it has a nonce"))), "{answer:?}");
        assert!(exchange.finish(last).is_err(), "nobody gets in without the password");
    }
}

/// Whether a line of a file can begin with this name.
fn is_user(user: &str) -> bool {
    !user.is_empty() && user.trim() == user && !user.starts_with('#') && !user.contains([':', '\n', '\r'])
}

/// Who knows the password is let in, and only with the right proof.
fn honest(file: &ScramFile, user: &str, nonce: &str) {
    let escaped = user.replace('=', "=3D").replace(',', "=2C");
    let bare = format!("n={escaped},r={nonce}");
    let first = format!("n,,{bare}");
    let begin = || file.begin(first.as_bytes(), NONCE);
    // What stands behind a comma is not the nonce any more. `printable` of RFC 5802: no blanks, no controls, ASCII only.
    let theirs = nonce.split(',').next().unwrap_or_default();
    let is_nonce = !theirs.is_empty() && theirs.chars().all(|letter| ('!'..='~').contains(&letter));
    let Ok((exchange, answer)) = begin() else {
        assert!(!is_nonce || first.len() > 1024, "{first:?}");
        return;
    };
    assert!(is_nonce, "{first:?} is answered");
    if nonce.contains(',') {
        return;
    }
    let answer = String::from_utf8(answer).expect("an answer is text");
    let without_proof = format!("c={},r={nonce}{NONCE}", BASE64.encode("n,,"));
    let signed = format!("{bare},{answer},{without_proof}");
    let mut salted = [0; 32];
    derive(PBKDF2_HMAC_SHA256, NonZeroU32::MIN, SALT, PASSWORD, &mut salted);
    let client_key = mac(&salted, b"Client Key");
    let signature = mac(digest(&SHA256, &client_key).as_ref(), signed.as_bytes());
    let mut proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, mask)| key ^ mask).collect();
    let last = |proof: &[u8]| format!("{without_proof},p={}", BASE64.encode(proof));
    let (name, answer) = exchange.finish(last(&proof).as_bytes()).expect("the password is right");
    assert_eq!(name, user);
    let expected = format!("v={}", BASE64.encode(mac(&mac(&salted, b"Server Key"), signed.as_bytes())));
    assert_eq!(str::from_utf8(&answer), Ok(expected.as_str()));
    proof[nonce.len() % 32] ^= 1;
    let (exchange, _) = begin().expect("it was answered before");
    assert_eq!(exchange.finish(last(&proof).as_bytes()).err(), Some(ScramError::Proof));
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), message).as_ref().to_vec()
}
