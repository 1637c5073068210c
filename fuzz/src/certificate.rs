//! Names in certificates, which clients bring along.

use corecast::transport::Identity;

/// The DER of a certificate.
pub(crate) fn check(der: &[u8]) {
    for identity in [Identity::Cn, Identity::Subject, Identity::San] {
        let Some(name) = identity.of(der) else { continue };
        assert!(!name.is_empty(), "no name is no name");
        assert!(!name.chars().any(char::is_control), "{name:?} would break a line of the log or an ACL");
        // Longest is the whole of a value as hexadecimal digits, and behind it the name of an attribute.
        assert!(name.len() <= 64 * der.len(), "{} bytes from {}", name.len(), der.len());
        assert_eq!(identity.of(&[der, b"x"].concat()).as_ref(), Some(&name), "what is behind it is not part of it");
        if identity == Identity::Subject {
            subject(&name);
        }
    }
}

/// Each part is `name=value`, all of it ASCII, and the signs that divide parts are escaped where they do not.
fn subject(text: &str) {
    assert!(text.is_ascii(), "{text:?}");
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().expect("something is escaped");
                assert!(" ,+\"\\<>;#".contains(escaped) || escaped.is_ascii_hexdigit(), "{text:?}");
                parts.last_mut().expect("there is one").push('x');
            }
            ',' | '+' => parts.push(String::new()),
            '"' | '<' | '>' | ';' => panic!("{letter} is not escaped in {text:?}"),
            letter => parts.last_mut().expect("there is one").push(letter),
        }
    }
    for part in parts {
        let (name, _) = part.split_once('=').unwrap_or_else(|| panic!("{part:?} in {text:?} has no name"));
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.'), "{text:?}");
    }
}
