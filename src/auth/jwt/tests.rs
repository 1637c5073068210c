use proptest::prelude::*;
use ring::hmac;
use serde_json::json;

use super::*;

/// One token for each algorithm, each with the claims of [`CLAIMS`]; keys and signatures were made by the Python package
/// `cryptography`.
const TOKENS: &str = include_str!("tokens.txt");
const JWKS: &[u8] = include_bytes!("jwks.json");
const RSA: &[u8] = include_bytes!("rsa.pem");
const P256: &[u8] = include_bytes!("p256.pem");
const P384: &[u8] = include_bytes!("p384.pem");
const ED25519: &[u8] = include_bytes!("ed25519.pem");
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// `{"sub":"alice","exp":2000,"nbf":1000,"iss":"house","aud":["mqtt","web"]}`
const NOW_S: u64 = 1500;

fn checks() -> JwtChecks {
    JwtChecks { issuer: None, audience: None, username_claim: "sub".to_owned(), leeway_s: 0 }
}

fn keys(bytes: &[u8]) -> JwtKeys {
    JwtKeys::parse("key", bytes).unwrap()
}

fn tokens() -> impl Iterator<Item = (&'static str, &'static str)> {
    TOKENS.lines().map(|line| line.split_once(' ').unwrap())
}

#[track_caller]
fn refused(keys: &JwtKeys, checks: &JwtChecks, token: &str, unix_s: u64, error: JwtError) {
    assert_eq!(verify_token(keys, checks, token.as_bytes(), unix_s).map(|_| ()), Err(error), "{token}");
}

fn url(bytes: &[u8]) -> String {
    super::super::base64::encode_bare(bytes).replace('+', "-").replace('/', "_")
}

/// A token signed with [`SECRET`].
fn signed(header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", url(header.to_string().as_bytes()), url(claims.to_string().as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", url(signature.as_ref()))
}

fn with_claims(claims: &Value) -> String {
    signed(&json!({"alg": "HS256"}), claims)
}

#[test]
fn each_algorithm_is_verified_with_a_set_and_with_its_own_file() {
    let set = keys(JWKS);
    for (algorithm, token) in tokens() {
        assert!(is_token(token.as_bytes()));
        let file = match &algorithm[..2] {
            "HS" => SECRET,
            "RS" | "PS" => RSA,
            _ => match algorithm {
                "ES256" => P256,
                "ES384" => P384,
                _ => ED25519,
            },
        };
        for keys in [&set, &keys(file)] {
            let token = verify_token(keys, &checks(), token.as_bytes(), NOW_S).unwrap();
            assert_eq!((token.username.as_str(), token.expires_unix_s, token.rules.is_none()), ("alice", 2000, true));
        }
    }
    assert_eq!(tokens().count(), 12);
}

#[test]
fn a_damaged_token_is_refused() {
    let set = keys(JWKS);
    for (algorithm, token) in tokens() {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let other = url(br#"{"sub":"mallory","exp":2000}"#);
        refused(&set, &checks(), &format!("{header}.{other}.{signature}"), NOW_S, JwtError::Signature);
        refused(&set, &checks(), &format!("{header}.{claims}."), NOW_S, JwtError::Signature);
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        let flipped = format!("{header}.{claims}.{flipped}{}", &signature[1..]);
        refused(&set, &checks(), &flipped, NOW_S, JwtError::Signature);
        // What another key has signed.
        let stranger = keys(b"another secret that is long enough");
        let error = if algorithm.starts_with("HS") { JwtError::Signature } else { JwtError::KeyUnknown };
        refused(&stranger, &checks(), token, NOW_S, error);
    }
    for token in ["", ".", "..", "a.b.c", "eyJ.e30.", "e30.e30.e30", "!.e30.AA"] {
        assert!(verify_token(&set, &checks(), token.as_bytes(), NOW_S).is_err(), "{token}");
    }
}

/// The attack of textbooks: a public key is known to everybody, so nothing may be a MAC made with it.
#[test]
fn the_type_of_the_key_decides_and_not_the_token() {
    for public in [RSA, P256, ED25519] {
        let text = format!("{}.{}", url(br#"{"alg":"HS256"}"#), url(br#"{"sub":"mallory","exp":2000}"#));
        for secret in [public, public.strip_suffix(b"\n").unwrap()] {
            let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
            let token = format!("{text}.{}", url(signature.as_ref()));
            refused(&keys(public), &checks(), &token, NOW_S, JwtError::KeyUnknown);
        }
    }
    let claims = json!({"sub": "mallory", "exp": 2000});
    for none in ["none", "None", "NONE", "", "HS1", "ES512"] {
        refused(&keys(SECRET), &checks(), &signed(&json!({"alg": none}), &claims), NOW_S, JwtError::AlgorithmUnknown);
    }
    refused(&keys(SECRET), &checks(), &signed(&json!({}), &claims), NOW_S, JwtError::AlgorithmUnknown);
    let critical = json!({"alg": "HS256", "crit": ["b64"]});
    refused(&keys(SECRET), &checks(), &signed(&critical, &claims), NOW_S, JwtError::Critical);
    // A key that is for one algorithm takes no other of its type.
    let set = keys(br#"{"keys":[{"kty":"oct","alg":"HS512","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#);
    refused(&set, &checks(), &with_claims(&claims), NOW_S, JwtError::KeyUnknown);
    let (_, token) = tokens().next().unwrap();
    let other = String::from_utf8_lossy(JWKS).replace("\"kid\": \"s\"", "\"kid\": \"t\"");
    refused(&keys(other.as_bytes()), &checks(), token, NOW_S, JwtError::KeyUnknown);
}

#[test]
fn claims_are_checked() {
    let key = keys(SECRET);
    let (_, token) = tokens().next().unwrap();
    refused(&key, &checks(), token, 2000, JwtError::Expired);
    refused(&key, &checks(), token, 999, JwtError::NotYet);
    let late = JwtChecks { leeway_s: 60, ..checks() };
    assert!(verify_token(&key, &late, token.as_bytes(), 2059).is_ok_and(|token| token.expires_unix_s == 2060));
    assert!(verify_token(&key, &late, token.as_bytes(), 940).is_ok());
    let of = |issuer: &str| JwtChecks { issuer: Some(issuer.to_owned()), ..checks() };
    assert!(verify_token(&key, &of("house"), token.as_bytes(), NOW_S).is_ok());
    refused(&key, &of("other"), token, NOW_S, JwtError::Issuer);
    let of = |audience: &str| JwtChecks { audience: Some(audience.to_owned()), ..checks() };
    assert!(verify_token(&key, &of("mqtt"), token.as_bytes(), NOW_S).is_ok());
    refused(&key, &of("other"), token, NOW_S, JwtError::Audience);
    refused(&key, &of("mqtt"), &with_claims(&json!({"sub": "a", "exp": 2000})), NOW_S, JwtError::Audience);
    for (claims, error) in [
        (json!({"sub": "a"}), JwtError::ExpiryMissing),
        (json!({"sub": "a", "exp": "2000"}), JwtError::Malformed),
        (json!({"sub": "a", "exp": -1}), JwtError::Malformed),
        (json!({"exp": 2000}), JwtError::UsernameMissing),
        (json!({"exp": 2000, "sub": ""}), JwtError::UsernameMissing),
        (json!({"exp": 2000, "sub": 7}), JwtError::UsernameMissing),
        (json!([]), JwtError::Malformed),
    ] {
        refused(&key, &checks(), &with_claims(&claims), NOW_S, error);
    }
    let by_name = JwtChecks { username_claim: "name".to_owned(), ..checks() };
    let token = with_claims(&json!({"exp": 2000.9, "sub": "a", "name": "b"}));
    assert!(verify_token(&key, &by_name, token.as_bytes(), NOW_S).is_ok_and(|token| token.username == "b"));
}

#[test]
fn a_token_may_say_what_its_client_may() {
    let claims = json!({"exp": 2000, "sub": "a", "acl": {"pub": ["p/+"], "sub": ["s/#"], "deny": ["s/x"]}});
    let token = verify_token(&keys(SECRET), &checks(), with_claims(&claims).as_bytes(), NOW_S).unwrap();
    let rules = token.rules.unwrap();
    assert!(rules.may_write("p/1") && rules.may_read("s/1") && rules.may_subscribe("s/#"));
    assert!(!rules.may_write("s/1") && !rules.may_read("p/1") && !rules.may_read("s/x"));
    let nothing = with_claims(&json!({"exp": 2000, "sub": "a", "acl": {}}));
    let token = verify_token(&keys(SECRET), &checks(), nothing.as_bytes(), NOW_S).unwrap();
    assert!(token.rules.is_some_and(|rules| !rules.may_read("a")));
    for acl in [json!([]), json!({"pub": "a"}), json!({"pub": [1]}), json!({"publish": []}), json!({"sub": ["a#"]})] {
        let claims = json!({"exp": 2000, "sub": "a", "acl": acl});
        refused(&keys(SECRET), &checks(), &with_claims(&claims), NOW_S, JwtError::Rules);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_explained() {
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (text, why) in [
        ("short", "the secret has 5 bytes; give at least 32"),
        (private, "\"PRIVATE KEY\" is no public key; write one with openssl pkey"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "does not end"),
        ("-----BEGIN PUBLIC KEY-----\nA!\n-----END PUBLIC KEY-----\n", "no base64"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither RSA"),
        ("{", "it is no JSON"),
        ("{}", "it has no list \"keys\""),
        ("{\"keys\":[]}", "no key we can use"),
        ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "key 1 of the set: the secret has 3 bytes"),
        ("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ\"}]}", "key 1 of the set: \"e\" is missing"),
        ("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}]}", "32 bytes each"),
    ] {
        let fault = JwtKeys::parse("key.pem", text.as_bytes()).err();
        let fault = fault.unwrap_or_else(|| panic!("{text} is accepted")).to_string();
        assert!(fault.starts_with("key.pem:1: ") && fault.contains(why), "{fault}");
    }
    let crlf = [SECRET, b"\r\n"].concat();
    let (_, token) = tokens().next().unwrap();
    assert!(verify_token(&keys(&crlf), &checks(), token.as_bytes(), NOW_S).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_a_token_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify_token(&keys(SECRET), &checks(), &bytes, NOW_S).is_err());
        let _ = JwtKeys::parse("key", &bytes);
    }

    #[test]
    fn a_changed_byte_makes_a_token_worthless(which in 0..12_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (_, token) = tokens().nth(which).unwrap();
        let mut bytes = token.as_bytes().to_vec();
        let at = at.index(bytes.len());
        // The last character of a base64 text has bits that mean nothing and are refused or ignored.
        prop_assume!(bytes[at] != byte && at + 1 < bytes.len());
        bytes[at] = byte;
        prop_assert!(verify_token(&keys(JWKS), &checks(), &bytes, NOW_S).is_err());
    }

    #[test]
    fn claims_of_any_shape_are_read_or_refused(text in "[\\[\\]{}:,\"a-z0-9.e-]{0,60}") {
        let claims = format!("{{\"sub\":\"a\",\"exp\":2000,\"acl\":{text}}}");
        let text = format!("{}.{}", url(br#"{"alg":"HS256"}"#), url(claims.as_bytes()));
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
        let _ = verify_token(&keys(SECRET), &checks(), format!("{text}.{}", url(signature.as_ref())).as_bytes(), NOW_S);
    }

    #[test]
    fn keys_cut_or_changed_are_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for file in [RSA, P256, ED25519, JWKS] {
            let mut bytes = file.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = JwtKeys::parse("key", &bytes);
            let _ = JwtKeys::parse("key", &bytes[..at]);
        }
    }
}
