//! Who a script lets in and what its clients may.

use std::num::NonZeroU32;
use std::sync::Arc;

use corecast::auth::{Acl, HashKind, PasswordFile, PasswordHash, Policies, Policy, ScramFile, Verifier};

use super::words::Words;

/// The files of a script, as they are written line by line.
#[derive(Default)]
pub(super) struct Rules {
    users: String,
    scram: String,
    acl: String,
    closed: bool,
    generation: u64,
}

impl Rules {
    /// Takes a line that is about this; answers whether it is.
    pub(super) fn take(&mut self, first: &str, rest: &str) -> bool {
        match first {
            "rules" => *self = Rules { generation: self.generation, ..Rules::default() },
            "user" => {
                for word in Words::parse(&format!("user {rest}")).words {
                    let hash = PasswordHash::make(HashKind::Sha512, word.value_str().as_bytes(), b"salt").text();
                    self.users.push_str(&format!("{}:{hash}\n", word.name));
                }
            }
            "scram" => {
                let rounds = NonZeroU32::new(3).expect("few, since every script is played often");
                for word in Words::parse(&format!("scram {rest}")).words {
                    let verifier = Verifier::make(word.value_str().as_bytes(), b"salt", rounds).text();
                    self.scram.push_str(&format!("{}:{verifier}\n", word.name));
                }
            }
            "acl" => self.acl.push_str(&format!("{rest}\n")),
            "closed" => self.closed = true,
            _ => return false,
        }
        true
    }

    /// What the files say now; each time it is another policy.
    pub(super) fn policies(&mut self) -> Policies {
        self.generation += 1;
        let passwords = || PasswordFile::parse("users", self.users.as_bytes()).expect("lines of our own");
        let scram = || ScramFile::parse("scram", self.scram.as_bytes()).expect("lines of our own");
        let acl = || Acl::parse("acl", self.acl.as_bytes()).expect("the script has a valid ACL file");
        let policy = Policy {
            allow_anonymous: !self.closed,
            passwords: (!self.users.is_empty()).then(passwords).map(Arc::new),
            scram: (!self.scram.is_empty()).then(scram).map(Arc::new),
            acl: (!self.acl.is_empty()).then(acl).map(Arc::new),
            ..Policy::default()
        };
        Policies::new(self.generation, vec![Arc::new(policy)])
    }
}
