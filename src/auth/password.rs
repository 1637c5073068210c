//! Password files in mosquitto's format: `user:hash`, one a line.

use std::collections::HashMap;

use super::fault::{lines_of, shown, FileFault};
use super::hash::{HashKind, PasswordHash};

/// The users of a file and their passwords.
pub struct PasswordFile {
    users: HashMap<Box<str>, PasswordHash>,
    /// One hash of nobody for each way of hashing that occurs: a check does each of them once, so that its time tells
    /// neither whether a user exists nor how old its hash is.
    nobodies: Vec<PasswordHash>,
}

impl PasswordFile {
    /// Reads a file; `file` is its name for messages.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<PasswordFile, FileFault> {
        let mut users = HashMap::new();
        let mut nobodies: Vec<PasswordHash> = Vec::new();
        for (number, line) in lines_of(file, bytes)? {
            let fault = |text: String| FileFault::new(file, number, text);
            let Some((user, hash)) = user_of(line).map_err(|text| fault(text.to_owned()))? else { continue };
            let hash = PasswordHash::parse(hash).map_err(|text| fault(format!("user {}: {text}", shown(user))))?;
            let is_known = nobodies.iter().any(|known| is_alike(known, &hash));
            if !is_known {
                nobodies.push(PasswordHash::of_nobody(hash.kind(), hash.digest_bytes()));
            }
            if users.insert(Box::from(user), hash).is_some() {
                let user = shown(user);
                return Err(fault(format!("user {user} is there twice; delete one with corecast passwd delete")));
            }
        }
        if nobodies.is_empty() {
            nobodies.push(PasswordHash::of_nobody(HashKind::Sha512, 64));
        }
        Ok(PasswordFile { users, nobodies })
    }

    /// Whether this is the password of this user. Takes as long for a user that does not exist: one hash of each kind and
    /// cost in the file, so up to 70 ms for each kind of argon2id.
    pub fn verify(&self, username: &str, password: &[u8]) -> bool {
        // Every hash is made, whatever the first has said.
        self.work_for(username).fold(false, |is_right, (hash, is_own)| is_right | (hash.verify(password) & is_own))
    }

    /// The hashes to make for a user, the same kinds and costs for everybody; the one that is the user's own is marked.
    fn work_for<'a>(&'a self, username: &str) -> impl Iterator<Item = (&'a PasswordHash, bool)> {
        let own = self.users.get(username);
        self.nobodies.iter().map(move |nobody| match own.filter(|own| is_alike(own, nobody)) {
            Some(own) => (own, true),
            None => (nobody, false),
        })
    }

    /// Whether there is such a user.
    pub fn knows(&self, username: &str) -> bool {
        self.users.contains_key(username)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// Name and password of a line, `None` for a blank line or comment.
///
/// # Errors
/// What is wrong with the line.
pub fn user_of(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    match line.split_once(':') {
        None => Err("the line has no colon; write user:hash, or # before a comment"),
        Some((user, _)) if user.trim().is_empty() => Err("the user has no name; write user:hash"),
        Some((user, hash)) => Ok(Some((user.trim(), hash.trim_end()))),
    }
}

fn is_alike(one: &PasswordHash, other: &PasswordHash) -> bool {
    one.kind() == other.kind() && one.digest_bytes() == other.digest_bytes()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    /// Written by mosquitto_passwd 2.0.11 (`-H sha512`, `-H sha512-pbkdf2`) and, for argon2id, which that version does not
    /// have, by the reference implementation in C with mosquitto's lengths.
    const FILE: &str = "\
# users of a house
six:$6$L8pQrj8/ElNrbgy6$Ta+ATbLkoXrOE0gwQgLSIzliMPQt+WjRqhY6HJ+d6KT11hnY86JaR4zPJ2tNnXfSn3JqEpoa3Pv3nTgvMadsrQ==
seven:$7$101$73DL8xGQMBmWakeI$gtqToOkaezUvkscMctBBsQ2Uu9Af/Sq07dVSNgBryCgsmu4Px86jr6jYJGR4orJuMZhKqMHmW0K2nMnW8oi2kg==

two:$argon2id$v=19$m=64,t=2,p=2$Lj/Od8+MTHR4qW0gfBw5cViSyshKGMvsm2NPS8IrOQtIzTCk3y5+u67mXDRqZixb4tEkQTIvekusgho4LErwkQ$FP+bue1sewyFhiLNx9dvFehnZ/mZr2jb0cG7PSceiIeQAcTfzEZY4/xvrq62vyjDefC6icXNLPauv6GFBivvKg
";
    /// The same with the cost mosquitto takes.
    const BIG: &str = "big:$argon2id$v=19$m=47104,t=1,p=1$Lj/Od8+MTHR4qW0gfBw5cViSyshKGMvsm2NPS8IrOQtIzTCk3y5+u67mXDRqZixb\
                       4tEkQTIvekusgho4LErwkQ$45aaqxLk8pW+u+psVXJGvsJ5ZPnY7b2278nqV4XVICtAfZvaptU3av82Co00mxYDe6hhbCyXfU\
                       bQe9ZoC6k3KQ";
    const PASSWORD: &[u8] = "secret ü".as_bytes();

    #[test]
    fn hashes_of_other_programs_are_verified() {
        let file = PasswordFile::parse("passwords", FILE.as_bytes()).unwrap();
        assert_eq!((file.len(), file.is_empty(), file.nobodies.len()), (3, false, 3));
        for user in ["six", "seven", "two"] {
            assert!(file.verify(user, PASSWORD), "{user}");
            for wrong in [&b""[..], b"secret", b"secret u", b"secret \xc3\xbc "] {
                assert!(!file.verify(user, wrong), "{user} {wrong:?}");
            }
        }
        for user in ["", "Six", "six ", "seven:", "nobody"] {
            assert!(!file.verify(user, PASSWORD), "{user:?}");
        }
    }

    #[test]
    fn a_hash_of_mosquittos_own_costs_is_verified() {
        let file = PasswordFile::parse("passwords", BIG.as_bytes()).unwrap();
        assert!(file.verify("big", PASSWORD) && !file.verify("big", b"secret"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let pbkdf2 = HashKind::Pbkdf2 { iterations: NonZeroU32::new(3).unwrap() };
        let argon2id = HashKind::Argon2id { memory_kib: 16, passes: 1, lanes: 2 };
        for kind in [HashKind::Sha512, pbkdf2, argon2id] {
            let text = PasswordHash::make(kind, PASSWORD, &vec![7; kind.salt_bytes()]).text();
            let file = PasswordFile::parse("passwords", format!("a:{text}\r\n").as_bytes()).unwrap();
            assert!(file.verify("a", PASSWORD), "{text}");
        }
    }

    #[test]
    fn a_file_without_users_lets_nobody_in() {
        for text in ["", "\n", "# a comment\n"] {
            let file = PasswordFile::parse("passwords", text.as_bytes()).unwrap();
            assert!(!file.verify("", b"") && !file.verify("a", b"b"), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named_and_no_password_shown() {
        let salt = "AAAAAAAAAAAAAAAA";
        for (line, text) in [
            ("alice", "no colon; write user:hash"),
            (":$6$a$b", "the user has no name"),
            ("alice:topsecret", "user \"alice\": the password is not hashed; run corecast passwd upgrade"),
            ("alice:", "the password is not hashed"),
            ("alice:$5$topsecret$b", "the kind of hash is unknown; it is $6$, $7$ or $argon2id$"),
            ("alice:$6$AAAA", "not complete"),
            ("alice:$6$AAAA$BBBB$CCCC", "not complete"),
            ("alice:$6$topsecret!$BBBB", "no base64"),
            ("alice:$6$AAAA$BBBB", "wrong length"),
            ("alice:$7$0$AAAA$BBBB", "iterations"),
            ("alice:$7$10000001$AAAA$BBBB", "iterations"),
            (&format!("alice:$argon2id$v=16$m=64,t=1,p=1${salt}${salt}"), "the costs"),
            (&format!("alice:$argon2id$v=19$m=4000000000,t=1,p=1${salt}${salt}"), "the costs"),
            (&format!("alice:$argon2id$v=19$m=8,t=1,p=2${salt}${salt}"), "the costs"),
            (&format!("alice:$argon2id$v=19$m=8,t=0,p=1${salt}${salt}"), "the costs"),
            (&format!("alice:$argon2id$v=19$m=8,t=1,p=1,x=1${salt}${salt}"), "the costs"),
            ("six:$6$AAAA$BBBB", "wrong length"),
        ] {
            let fault = PasswordFile::parse("p.txt", format!("{FILE}{line}\n").as_bytes()).err();
            let fault = fault.unwrap_or_else(|| panic!("{line} is accepted")).to_string();
            assert!(fault.starts_with("p.txt:6: ") && fault.contains(text), "{fault}");
            assert!(!fault.contains("topsecret"), "{fault}");
        }
        let twice = FILE.replace("seven:", "six:");
        let fault = PasswordFile::parse("p.txt", twice.as_bytes()).err().expect("it is there twice");
        assert!(fault.to_string().contains("p.txt:3: user \"six\" is there twice"), "{fault}");
    }

    #[test]
    fn an_unknown_user_costs_the_same_hashes_as_a_known_one() {
        let dear = PasswordHash::make(HashKind::Argon2id { memory_kib: 64, passes: 1, lanes: 1 }, PASSWORD, &[1; 64]);
        let file = PasswordFile::parse("p", format!("{FILE}dear:{}\n", dear.text()).as_bytes()).unwrap();
        let work = |user| file.work_for(user).map(|(hash, _)| (hash.kind(), hash.digest_bytes())).collect::<Vec<_>>();
        assert_eq!(work("nobody").len(), 4);
        for user in ["six", "seven", "two", "dear"] {
            assert_eq!(work(user), work("nobody"), "{user}");
            assert_eq!(file.work_for(user).filter(|(_, is_own)| *is_own).count(), 1, "{user}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = PasswordFile::parse("p", &bytes);
        }

        #[test]
        fn lines_made_of_the_words_of_the_format_are_read_or_refused(
            lines in prop::collection::vec(
                "[ab]{0,2}:?[$](6|7|argon2id)?[$](v=19|101)?[$](m=8,t=1,p=1)?[$]?[A-Za-z0-9+/=]{0,30}[$][A-Za-z0-9]{0,90}",
                0..4,
            )
        ) {
            if let Ok(file) = PasswordFile::parse("p", lines.join("\n").as_bytes()) {
                file.verify("a", b"b");
            }
        }
    }
}
