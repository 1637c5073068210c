//! All that decides about the clients of one listener.

use std::fmt;
use std::sync::Arc;

use super::acl::Acl;
use super::grant::{Credentials, Grant, Refusal, Way};
use super::jwt::{is_token, verify_token, JwtChecks, JwtError};
use super::jwt_key::JwtKeys;
use super::password::PasswordFile;
use super::rules::Rules;
use super::scram::ScramFile;
use super::verdict::Verdict;

/// Who is let in and what clients may. The default trusts everybody with everything.
pub struct Policy {
    /// Whether a client without credentials is let in.
    pub allow_anonymous: bool,
    /// Users and passwords.
    pub passwords: Option<Arc<PasswordFile>>,
    /// Tells apart users of one name in different files: the listener whose own file `passwords` is, or 0.
    pub realm: u16,
    /// What clients may; `None`: everything.
    pub acl: Option<Arc<Acl>>,
    /// Keys of tokens and what is asked of these.
    pub jwt: Option<Arc<(JwtKeys, JwtChecks)>>,
    /// Users of the enhanced authentication of 5.0.
    pub scram: Option<Arc<ScramFile>>,
    /// Whether a service is asked about users the files do not know.
    pub has_service: bool,
}

/// What can be said of credentials without work that takes long.
#[derive(Debug)]
pub enum Ask {
    /// Let it in.
    Grant(Grant),
    /// Do not.
    Refuse(Refusal),
    /// Ask [`Policy::judge`], away from the shards.
    Judge,
}

/// What the files say of credentials.
#[derive(Debug)]
pub enum Judgement {
    /// Let it in.
    Grant(Grant),
    /// Do not; a token is refused with the reason, for the log.
    Refuse(Option<JwtError>),
    /// The files do not know: the service has the last word.
    AskService,
}

/// Shows no user and no key.
impl fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Policy").field("allow_anonymous", &self.allow_anonymous).finish_non_exhaustive()
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            allow_anonymous: true,
            passwords: None,
            realm: 0,
            acl: None,
            jwt: None,
            scram: None,
            has_service: false,
        }
    }
}

impl Policy {
    /// Whether there is somebody to ask about a password.
    pub fn has_backend(&self) -> bool {
        self.passwords.is_some() || self.jwt.is_some() || self.has_service
    }

    /// What can be said at once. `identity` is the name in a certificate that has been verified: it is believed, and nothing else
    /// asked for. A name that nobody has verified is no name: where there is no backend, a client that sends
    /// one is anonymous.
    pub fn ask(&self, client_id: &str, identity: Option<&str>, username: Option<&str>, password: Option<&[u8]>) -> Ask {
        if identity.is_some() {
            return Ask::Grant(self.grant(Way::Certificate, identity, client_id));
        }
        match (username, password) {
            (None, None) if self.allow_anonymous => Ask::Grant(self.grant(Way::Anonymous, None, client_id)),
            (None, None) => Ask::Refuse(Refusal::AnonymousNotAllowed),
            (Some(_), _) | (None, Some(_)) if self.has_backend() => Ask::Judge,
            _ if self.allow_anonymous => Ask::Grant(self.grant(Way::Anonymous, None, client_id)),
            _ => Ask::Refuse(Refusal::BadCredentials),
        }
    }

    /// Checks credentials. May take as long as a password hash.
    pub fn judge(&self, credentials: &Credentials, unix_s: u64) -> Judgement {
        let client_id = &credentials.client_id;
        let password = credentials.password.as_deref().unwrap_or_default();
        if let Some((keys, checks)) = self.jwt.as_deref().filter(|_| is_token(password)) {
            return match verify_token(keys, checks, password, unix_s) {
                Err(error) => Judgement::Refuse(Some(error)),
                Ok(token) => {
                    let mut grant = self.grant_with(Way::Token, Some(&token.username), client_id, token.rules);
                    grant.expires_unix_s = Some(token.expires_unix_s);
                    Judgement::Grant(grant)
                }
            };
        }
        let username = credentials.username.as_deref().unwrap_or_default();
        let is_right = self.passwords.as_ref().is_some_and(|file| file.verify(username, password));
        match (is_right, self.has_service) {
            (true, _) => {
                let grant = self.grant(Way::Password, Some(username), client_id);
                Judgement::Grant(Grant { realm: self.realm, ..grant })
            }
            (false, true) => Judgement::AskService,
            (false, false) => Judgement::Refuse(None),
        }
    }

    /// What follows from the answer of the service.
    ///
    /// # Errors
    /// [`Refusal::BadCredentials`] if it says no.
    pub fn heed(&self, credentials: &Credentials, verdict: Verdict, unix_s: u64) -> Result<Grant, Refusal> {
        if !verdict.allow {
            return Err(Refusal::BadCredentials);
        }
        let username = verdict.username.as_deref().or(credentials.username.as_deref());
        let mut grant = self.grant_with(Way::Service, username, &credentials.client_id, verdict.rules);
        grant.expires_unix_s = verdict.expires_in_s.map(|seconds| unix_s.saturating_add(seconds));
        Ok(grant)
    }

    /// What a client that has been verified may.
    pub fn grant(&self, way: Way, username: Option<&str>, client_id: &str) -> Grant {
        self.grant_with(way, username, client_id, None)
    }

    /// What a client that was let in by another policy may by this one; `None` if it would not be let in any more, because
    /// its user or the way it came in is gone. Its password is not asked for again.
    pub fn renew(&self, grant: &Grant, client_id: &str) -> Option<Grant> {
        let username = grant.username.as_deref();
        let is_still_let_in = match grant.way {
            Way::Anonymous => self.allow_anonymous,
            Way::Password => self.passwords.as_ref().is_some_and(|file| username.is_some_and(|name| file.knows(name))),
            Way::Scram => self.scram.as_ref().is_some_and(|file| username.is_some_and(|name| file.knows(name))),
            Way::Token => self.jwt.is_some(),
            // Whether certificates are accepted is for the listener to say.
            Way::Certificate => true,
            Way::Service => self.has_service,
        };
        let (realm, expires_unix_s) = (grant.realm, grant.expires_unix_s);
        is_still_let_in.then(|| Grant {
            realm,
            expires_unix_s,
            ..self.grant_with(grant.way, username, client_id, grant.own_rules.clone())
        })
    }

    /// What a token or the service allows takes the place of what the file allows; what the file denies is denied.
    fn grant_with(&self, way: Way, username: Option<&str>, client_id: &str, own_rules: Option<Rules>) -> Grant {
        let of_file = self.acl.as_ref().map(|acl| acl.rules_of(username, client_id));
        let rules = match (&own_rules, of_file) {
            (Some(own), Some(file)) => Some(own.clone().with_denials_of(&file)),
            (Some(own), None) => Some(own.clone()),
            (None, of_file) => of_file,
        };
        Grant { way, username: username.map(Box::from), realm: 0, rules, expires_unix_s: None, own_rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hash::{HashKind, PasswordHash};
    use crate::auth::rules::Access;

    fn credentials(username: Option<&str>, password: &str) -> Credentials {
        Credentials {
            client_id: Box::from("c1"),
            username: username.map(Box::from),
            password: Some(Box::from(password.as_bytes())),
            address: None,
            listener: 0,
        }
    }

    fn passwords(users: &[&str]) -> Option<Arc<PasswordFile>> {
        let line = |user: &&str| {
            let hash = PasswordHash::make(HashKind::Sha512, user.as_bytes(), b"salt").text();
            format!("{user}:{hash}\n")
        };
        let text: String = users.iter().map(line).collect();
        Some(Arc::new(PasswordFile::parse("p", text.as_bytes()).unwrap()))
    }

    fn acl(text: &str) -> Option<Arc<Acl>> {
        Some(Arc::new(Acl::parse("a", text.as_bytes()).unwrap()))
    }

    #[test]
    fn who_trusts_everybody_believes_no_name() {
        let policy = Policy { acl: acl("topic read all\nuser alice\ntopic write a"), ..Policy::default() };
        for (username, password) in [(None, None), (Some("alice"), None), (Some("alice"), Some(&b"x"[..]))] {
            let Ask::Grant(grant) = policy.ask("c1", None, username, password) else {
                panic!("{username:?} is not let in")
            };
            assert_eq!((grant.username.as_deref(), grant.way), (None, Way::Anonymous));
            let rules = grant.rules.unwrap();
            assert!(rules.may_read("all") && !rules.may_write("a"));
        }
        let Ask::Grant(grant) = Policy::default().ask("c1", None, None, None) else { panic!("it is not let in") };
        assert!(grant.rules.is_none(), "without a file nothing is asked");
    }

    #[test]
    fn anonymous_clients_are_let_in_only_if_that_is_said() {
        let policy = Policy { allow_anonymous: false, ..Policy::default() };
        let Ask::Grant(grant) = policy.ask("c", Some("alice"), Some("bob"), None) else { panic!("it is not let in") };
        assert_eq!((grant.username.as_deref(), grant.way), (Some("alice"), Way::Certificate));
        assert!(matches!(policy.ask("c", None, None, None), Ask::Refuse(Refusal::AnonymousNotAllowed)));
        assert!(matches!(policy.ask("c", None, Some("a"), Some(b"b")), Ask::Refuse(Refusal::BadCredentials)));
        let policy = Policy { passwords: passwords(&["alice"]), ..Policy::default() };
        assert!(matches!(policy.ask("c", None, None, None), Ask::Grant(_)));
        assert!(matches!(policy.ask("c", None, Some("alice"), None), Ask::Judge));
        assert!(matches!(policy.ask("c", None, None, Some(b"x")), Ask::Judge));
    }

    #[test]
    fn a_password_is_judged_by_the_file_and_then_by_the_service() {
        let policy = Policy { passwords: passwords(&["alice"]), ..Policy::default() };
        let Judgement::Grant(grant) = policy.judge(&credentials(Some("alice"), "alice"), 0) else { panic!("refused") };
        assert_eq!((grant.username.as_deref(), grant.way), (Some("alice"), Way::Password));
        for wrong in [credentials(Some("alice"), "x"), credentials(Some("bob"), "bob"), credentials(None, "alice")] {
            assert!(matches!(policy.judge(&wrong, 0), Judgement::Refuse(None)), "{wrong:?}");
        }
        let policy = Policy { has_service: true, ..policy };
        assert!(matches!(policy.judge(&credentials(Some("bob"), "bob"), 0), Judgement::AskService));
        let yes = Verdict { allow: true, username: None, rules: None, expires_in_s: Some(5) };
        let grant = policy.heed(&credentials(Some("bob"), "bob"), yes.clone(), 100).unwrap();
        assert_eq!(
            (grant.username.as_deref(), grant.way, grant.expires_unix_s),
            (Some("bob"), Way::Service, Some(105))
        );
        let no = Verdict { allow: false, ..yes };
        assert_eq!(policy.heed(&credentials(Some("bob"), "bob"), no, 0).err(), Some(Refusal::BadCredentials));
    }

    #[test]
    fn what_a_token_allows_is_bounded_by_what_the_file_denies() {
        let policy =
            Policy { acl: acl("user bob\ntopic read f\ntopic deny a/x\npattern deny +/%c"), ..Policy::default() };
        let own = Rules::of([("a/#", Access::READ_WRITE)]);
        let grant = policy.grant_with(Way::Token, Some("bob"), "c1", Some(own));
        let rules = grant.rules.clone().unwrap();
        assert!(rules.may_read("a/b") && !rules.may_read("f"), "the file allows nothing more");
        assert!(!rules.may_read("a/x") && !rules.may_write("a/c1"));
        // New files are heeded, and what the token said is kept.
        let later = Policy { acl: acl("topic deny #"), jwt: None, ..Policy::default() };
        assert!(later.renew(&grant, "c1").is_none(), "tokens are not taken any more");
        let later = Policy { has_service: true, ..later };
        let renewed = later.renew(&Grant { way: Way::Service, ..grant }, "c1").unwrap();
        assert!(renewed.rules.is_some_and(|rules| rules.may_read("a/x") && !rules.may_read("f")));
    }

    #[test]
    fn new_files_are_heeded_by_clients_that_are_there() {
        let old = Policy { passwords: passwords(&["alice", "bob"]), ..Policy::default() };
        let grant = |name: &str| match old.judge(&credentials(Some(name), name), 0) {
            Judgement::Grant(grant) => grant,
            other => panic!("{other:?}"),
        };
        let new =
            Policy { passwords: passwords(&["alice"]), acl: acl("user alice\ntopic read a"), ..Policy::default() };
        assert!(new.renew(&grant("bob"), "c").is_none());
        let renewed = new.renew(&grant("alice"), "c").unwrap();
        assert!(renewed.rules.is_some_and(|rules| rules.may_read("a") && !rules.may_read("b")));
        let closed = Policy { allow_anonymous: false, ..Policy::default() };
        assert!(closed.renew(&Grant::default(), "c").is_none());
        assert!(new.renew(&Grant::default(), "c").is_some());
    }
}
