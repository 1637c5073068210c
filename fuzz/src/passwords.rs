//! Password files, without making any hash that is dear.

use std::collections::BTreeSet;
use std::str;

use corecast::auth::{user_of, HashKind, PasswordFile, PasswordHash};

/// A file.
pub(crate) fn check(bytes: &[u8]) {
    let users = users(bytes);
    match (PasswordFile::parse("passwords", bytes), users) {
        (Ok(file), Some(users)) => {
            assert_eq!((file.len(), file.is_empty()), (users.len(), users.is_empty()));
            assert!(users.iter().all(|user| file.knows(user)));
            assert!(!file.knows("") && !file.knows("#"));
        }
        (Err(fault), None) => {
            let text = fault.to_string();
            assert!(text.starts_with("passwords:") && !text.chars().any(char::is_control), "{text:?}");
        }
        (Ok(_), None) => panic!("a file that is not in order is taken"),
        (Err(fault), Some(_)) => panic!("{fault}, which is in order"),
    }
}

/// The users of a file, read line by line; `None` if a line is not in order.
fn users(bytes: &[u8]) -> Option<BTreeSet<&str>> {
    let mut users = BTreeSet::new();
    for line in str::from_utf8(bytes).ok()?.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some((user, text)) = user_of(line).ok()? else { continue };
        assert!(!user.is_empty() && user.trim() == user && line.contains(user));
        let hash = PasswordHash::parse(text).ok()?;
        again(&hash);
        if !users.insert(user) {
            return None;
        }
    }
    Some(users)
}

/// What is written of a hash is read as the same; one that costs little is compared with the password of nobody.
fn again(hash: &PasswordHash) {
    let text = hash.text();
    let again = PasswordHash::parse(&text).unwrap_or_else(|fault| panic!("{fault}, in what was written"));
    assert!(again == *hash && again.text() == text);
    match hash.kind() {
        HashKind::Sha512 => assert!(!hash.verify(b"a password that hashes to this is not known")),
        HashKind::Pbkdf2 { iterations } => assert!(iterations.get() <= 10_000_000),
        HashKind::Argon2id { memory_kib, passes, lanes } => {
            assert!((8 * lanes..=1 << 20).contains(&memory_kib) && (1..=100).contains(&passes) && lanes <= 16);
        }
    }
}
