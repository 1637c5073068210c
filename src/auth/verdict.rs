//! What a service is asked about a client by HTTP, and what it answers: both are JSON.

use serde_json::{json, Value};

use super::claim::rules_of_claim;
use super::grant::Credentials;
use super::rules::Rules;

/// The answer of a service.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the client is let in.
    pub allow: bool,
    /// Another name for it.
    pub username: Option<String>,
    /// What it may, if the service says so.
    pub rules: Option<Rules>,
    /// How long its connection may last, in seconds.
    pub expires_in_s: Option<u64>,
}

/// The body of the request. A password that is no text cannot be asked about: `None`.
pub fn question_of(credentials: &Credentials) -> Option<String> {
    let password = credentials.password.as_deref().map(std::str::from_utf8).transpose().ok()?;
    let question = json!({
        "username": credentials.username,
        "password": password,
        "client_id": credentials.client_id,
        "address": credentials.address.map(|address| address.to_string()),
    });
    Some(question.to_string())
}

impl Verdict {
    /// Reads `{"allow": true, "username": "...", "acl": {...}, "expires_in": 3600}`, of which all but the first may be
    /// missing. `None`: it is something else, and nobody is let in by it.
    pub fn parse(body: &[u8]) -> Option<Verdict> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let present = |name: &str| answer.get(name).filter(|value| !value.is_null());
        let username = match present("username") {
            Some(name) => Some(name.as_str().filter(|name| !name.is_empty() && !name.contains('\0'))?.to_owned()),
            None => None,
        };
        let rules = match present("acl") {
            Some(claim) => Some(rules_of_claim(claim)?),
            None => None,
        };
        let expires_in_s = match present("expires_in") {
            Some(seconds) => Some(seconds.as_u64()?),
            None => None,
        };
        Some(Verdict { allow: answer.get("allow")?.as_bool()?, username, rules, expires_in_s })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_names_the_client_and_is_json() {
        let mut credentials = Credentials {
            client_id: Box::from("c\"1"),
            username: Some(Box::from("alice")),
            password: Some(Box::from(&b"secret"[..])),
            address: Some([192, 0, 2, 1].into()),
            listener: 0,
        };
        let question: Value = serde_json::from_str(&question_of(&credentials).unwrap()).unwrap();
        assert_eq!(
            question,
            json!({"username": "alice", "password": "secret", "client_id": "c\"1", "address": "192.0.2.1"})
        );
        assert!(!format!("{credentials:?}").contains("secret"));
        credentials.password = Some(Box::from(&b"\xff"[..]));
        assert_eq!(question_of(&credentials), None);
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        let verdict =
            Verdict::parse(br#"{"allow":true,"acl":{"sub":["a/#"]},"expires_in":9,"username":null}"#).unwrap();
        assert_eq!((verdict.allow, verdict.expires_in_s, verdict.username), (true, Some(9), None));
        assert!(verdict.rules.is_some_and(|rules| rules.may_read("a/b") && !rules.may_write("a/b")));
        assert!(Verdict::parse(br#"{"allow":false}"#).is_some_and(|verdict| !verdict.allow));
        for body in [
            "",
            "true",
            "allow",
            "{}",
            "[]",
            r#"{"allow":"true"}"#,
            r#"{"allow":1}"#,
            r#"{"allow":true,"acl":[]}"#,
            r#"{"allow":true,"acl":{"subscribe":["a"]}}"#,
            r#"{"allow":true,"expires_in":-1}"#,
            r#"{"allow":true,"username":""}"#,
            r#"{"allow":true"#,
        ] {
            assert!(Verdict::parse(body.as_bytes()).is_none(), "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_bytes_are_a_verdict_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Verdict::parse(&bytes).is_none_or(|verdict| !verdict.allow));
        }
    }
}
