//! What an authentication service answers, and what it is asked.

use std::str;

use corecast::auth::{question_of, Credentials, Verdict};
use serde_json::Value;

use crate::input::parts;
use crate::oracle::{compare, Says, Set};

/// Rules one client may bring along.
const RULES_MAX: usize = 1000;

/// An answer; then what a CONNECT says: topics or filters to ask for by lines, which are the user name too, and a password.
pub(crate) fn check(bytes: &[u8]) {
    let [answer, asked, password] = parts(bytes);
    let Ok(asked) = str::from_utf8(asked) else { return };
    question(asked, password);
    let parsed = Verdict::parse(answer);
    let json: Option<Value> = serde_json::from_slice(answer).ok();
    let Some(verdict) = parsed else { return };
    let json = json.expect("an answer that is none lets nobody in");
    assert_eq!(json["allow"], verdict.allow);
    assert_eq!(json["username"].as_str(), verdict.username.as_deref());
    assert!(verdict.username.is_none_or(|name| !name.is_empty() && !name.contains('\0')));
    assert_eq!(json["expires_in"].as_u64(), verdict.expires_in_s);
    match (&verdict.rules, set_of(&json["acl"])) {
        (None, None) => assert!(json["acl"].is_null(), "rules that are not understood are not left out"),
        (Some(rules), Some(set)) => asked.lines().for_each(|text| compare(rules, std::slice::from_ref(&set), text)),
        (rules, _) => panic!("{rules:?} of {}", json["acl"]),
    }
}

/// The rules of a claim; `None` if it is none.
pub(crate) fn set_of(claim: &Value) -> Option<Set> {
    let mut set = Set::default();
    let mut count = 0;
    for (part, filters) in claim.as_object()? {
        let says = Says { read: part == "sub", write: part == "pub", deny: part == "deny" };
        for filter in filters.as_array()? {
            let filter = filter.as_str().filter(|filter| Set::takes(filter))?;
            set.add(filter, says);
            count += 1;
        }
        if !(says.read || says.write || says.deny) {
            return None;
        }
    }
    (count <= RULES_MAX).then_some(set)
}

/// What is asked is JSON that says what the client said, whatever that was.
fn question(text: &str, password: &[u8]) {
    let credentials = Credentials {
        listener: 0,
        client_id: Box::from(text),
        username: Some(Box::from(text)),
        password: Some(Box::from(password)),
        address: None,
    };
    let Some(question) = question_of(&credentials) else {
        assert!(str::from_utf8(password).is_err());
        return;
    };
    let json: Value = serde_json::from_str(&question).expect("a question is JSON");
    assert_eq!((json["username"].as_str(), json["client_id"].as_str()), (Some(text), Some(text)));
    assert_eq!(json["password"].as_str().map(str::as_bytes), Some(password));
}
