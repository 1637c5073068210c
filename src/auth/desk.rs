//! What is remembered between checks: who has failed too often, and who has just been let in.

use std::net::IpAddr;
use std::time::Duration;

use ring::hmac::{Context, Key, HMAC_SHA256};

use super::grant::{Attempt, Credentials, Grant, Refusal};
use super::lately::Lately;
use crate::limits::holder_of;
use crate::time::Time;

/// Addresses with failures that are remembered.
const ADDRESSES_MAX: usize = 65_536;
/// Successes that are remembered.
const SUCCESSES_MAX: usize = 65_536;

/// How much is forgiven and how long something is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskOptions {
    /// Failures of one address in `failure_window`; from then on it is refused unchecked.
    pub failures_max: u32,
    /// After one to two of these a failure is forgotten.
    pub failure_window: Duration,
    /// For at least this long, and at most twice, the same credentials are not checked again; zero: always.
    pub success_cache: Duration,
}

/// The memory of the checks of one process.
pub struct Desk {
    options: DeskOptions,
    failures: Lately<IpAddr, u32>,
    successes: Lately<[u8; 32], Grant>,
    /// Makes what is remembered useless to whoever reads our memory without it.
    key: Key,
}

impl Desk {
    /// `secret` is random and new for each process.
    pub fn new(options: DeskOptions, secret: &[u8; 32]) -> Desk {
        Desk {
            failures: Lately::new(options.failure_window, ADDRESSES_MAX),
            successes: Lately::new(options.success_cache, SUCCESSES_MAX),
            key: Key::new(HMAC_SHA256, secret),
            options,
        }
    }

    /// What is known without a check: the address has failed too often, or the same credentials have just been right by
    /// the rules of the same `generation`.
    ///
    /// # Errors
    /// [`Refusal::TooManyFailures`].
    pub fn before(&mut self, now: Time, generation: u64, credentials: &Credentials) -> Result<Option<Grant>, Refusal> {
        self.admit(now, credentials.address)?;
        if self.options.success_cache.is_zero() {
            return Ok(None);
        }
        let tag = self.tag(generation, credentials);
        Ok(self.successes.find(now, &tag))
    }

    /// Remembers what a check has said.
    pub fn after(&mut self, now: Time, generation: u64, credentials: &Credentials, answer: &Result<Grant, Refusal>) {
        match answer {
            // What ends at an instant is checked each time: nothing here knows the time of day.
            Ok(grant) if !self.options.success_cache.is_zero() && grant.expires_unix_s.is_none() => {
                let tag = self.tag(generation, credentials);
                self.successes.insert(now, tag, grant.clone());
            }
            Ok(_) => {}
            Err(Refusal::BadCredentials) => self.note_failure(now, credentials.address),
            // Not the client's fault, or nothing it could guess.
            Err(
                Refusal::AnonymousNotAllowed
                | Refusal::TooManyFailures
                | Refusal::Unavailable
                | Refusal::Busy
                | Refusal::MethodNotOffered,
            ) => {}
        }
    }

    /// Says whether what a client has shown lets it in, and remembers it if not. Cost: that of looking up an address.
    ///
    /// # Errors
    /// The address has failed too often, or what was shown is wrong.
    pub fn weigh(&mut self, now: Time, attempt: &Attempt) -> Result<(), Refusal> {
        self.admit(now, attempt.address)?;
        if attempt.error.is_some() {
            self.note_failure(now, attempt.address);
            return Err(Refusal::BadCredentials);
        }
        Ok(())
    }

    fn admit(&mut self, now: Time, address: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(address) = address.map(holder_of) else { return Ok(()) };
        let failures = self.failures.find(now, &address).unwrap_or(0);
        if failures >= self.options.failures_max {
            return Err(Refusal::TooManyFailures);
        }
        Ok(())
    }

    fn note_failure(&mut self, now: Time, address: Option<IpAddr>) {
        let Some(address) = address.map(holder_of) else { return };
        let count = self.failures.find(now, &address).unwrap_or(0);
        self.failures.insert(now, address, count.saturating_add(1));
    }

    /// Rules depend on listener and client identifier, so they are part of what is remembered.
    fn tag(&self, generation: u64, credentials: &Credentials) -> [u8; 32] {
        let mut context = Context::with_key(&self.key);
        context.update(&generation.to_be_bytes());
        context.update(&credentials.listener.to_be_bytes());
        let username = credentials.username.as_deref().map(str::as_bytes);
        for part in [Some(credentials.client_id.as_bytes()), username, credentials.password.as_deref()] {
            // With its length, so that no two triples look alike.
            context.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            context.update(part.unwrap_or_default());
        }
        *context.sign().as_ref().first_chunk().expect("a tag of SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scram::ScramError;

    const WINDOW: Duration = Duration::from_secs(60);

    fn desk() -> Desk {
        let options = DeskOptions { failures_max: 3, failure_window: WINDOW, success_cache: Duration::from_secs(10) };
        Desk::new(options, &[7; 32])
    }

    fn from(address: &str, username: &str, password: &str) -> Credentials {
        Credentials {
            client_id: Box::from("c"),
            username: Some(Box::from(username)),
            password: Some(Box::from(password.as_bytes())),
            address: Some(address.parse().unwrap()),
            listener: 0,
        }
    }

    #[test]
    fn an_address_that_fails_too_often_has_to_wait() {
        let mut desk = desk();
        let guess = from("192.0.2.1", "a", "b");
        for _ in 0..3 {
            assert!(desk.before(Time::START, 0, &guess).is_ok());
            desk.after(Time::START, 0, &guess, &Err(Refusal::BadCredentials));
        }
        assert_eq!(desk.before(Time::START, 0, &guess).err(), Some(Refusal::TooManyFailures));
        assert!(desk.before(Time::START, 0, &from("::ffff:192.0.2.1", "x", "y")).is_err(), "it is the same address");
        assert!(desk.before(Time::START, 0, &from("192.0.2.2", "a", "b")).is_ok());
        assert!(desk.before(Time::START + WINDOW * 2, 0, &guess).is_ok());
    }

    #[test]
    fn wrong_proofs_and_wrong_passwords_count_together() {
        let mut desk = desk();
        let guess = from("192.0.2.1", "a", "b");
        let right = Attempt { client_id: "c".into(), username: None, address: guess.address, error: None };
        let wrong = Attempt { error: Some(ScramError::Proof), ..right.clone() };
        desk.after(Time::START, 0, &guess, &Err(Refusal::BadCredentials));
        for _ in 0..2 {
            assert_eq!(desk.weigh(Time::START, &right), Ok(()));
            assert_eq!(desk.weigh(Time::START, &wrong), Err(Refusal::BadCredentials));
        }
        assert_eq!(desk.weigh(Time::START, &right), Err(Refusal::TooManyFailures));
        assert!(desk.before(Time::START, 0, &guess).is_err());
        let elsewhere = Attempt { address: None, ..wrong };
        for _ in 0..9 {
            assert_eq!(
                desk.weigh(Time::START, &elsewhere),
                Err(Refusal::BadCredentials),
                "a unix socket has no address"
            );
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_outages_are_nobodys_failure() {
        let mut desk = desk();
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            desk.after(Time::START, 0, &from(host, "a", "b"), &Err(Refusal::BadCredentials));
        }
        assert!(desk.before(Time::START, 0, &from("2001:db8::4", "a", "b")).is_err());
        assert!(desk.before(Time::START, 0, &from("2001:db8:0:1::1", "a", "b")).is_ok());
        for refusal in [Refusal::Unavailable, Refusal::Busy, Refusal::AnonymousNotAllowed, Refusal::TooManyFailures] {
            for _ in 0..9 {
                desk.after(Time::START, 0, &from("192.0.2.9", "a", "b"), &Err(refusal));
            }
        }
        assert!(desk.before(Time::START, 0, &from("192.0.2.9", "a", "b")).is_ok());
    }

    #[test]
    fn the_same_credentials_are_known_for_a_while() {
        let mut desk = desk();
        let right = from("192.0.2.1", "a", "b");
        desk.after(Time::START, 1, &right, &Ok(Grant::default()));
        let ending = Grant { expires_unix_s: Some(9), ..Grant::default() };
        desk.after(Time::START, 1, &from("192.0.2.1", "t", "t"), &Ok(ending));
        fn found(desk: &mut Desk, now: Time, generation: u64, credentials: &Credentials) -> Option<Grant> {
            desk.before(now, generation, credentials).unwrap()
        }
        assert!(found(&mut desk, Time::START, 1, &right).is_some());
        assert!(found(&mut desk, Time::START, 2, &right).is_none(), "the files are others now");
        for other in [
            from("192.0.2.1", "t", "t"),
            from("192.0.2.1", "a", "c"),
            from("192.0.2.1", "ab", ""),
            from("192.0.2.1", "", "ab"),
        ] {
            assert!(found(&mut desk, Time::START, 1, &other).is_none());
        }
        let elsewhere = Credentials { listener: 1, ..right.clone() };
        assert!(found(&mut desk, Time::START, 1, &elsewhere).is_none(), "another listener may not let it in");
        let without = Credentials { password: None, ..right.clone() };
        assert!(found(&mut desk, Time::START, 1, &without).is_none());
        assert!(found(&mut desk, Time::START + Duration::from_secs(20), 1, &right).is_none());
    }
}
