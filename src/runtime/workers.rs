//! The threads that check credentials: a password hash takes as long as a thousand turns of a shard.
//!
//! The queue towards them is bounded; who finds it full is answered "server busy". At most as many answers are on their way as
//! there are jobs.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{bounded, Receiver, Sender};
use ring::rand::{SecureRandom, SystemRandom};
use tracing::warn;

use super::control::{Clock, Reply};
use super::service::Service;
use super::settings::Settings;
use crate::auth::{
    shorten, Attempt, Credentials, Desk, DeskOptions, Grant, Judgement, JwtError, Policies, Policy, Refusal, Throttle,
};
use crate::shard::{ConnectionId, ShardId};
use crate::time::Time;

/// Credentials to check.
#[derive(Debug)]
struct Job {
    shard: ShardId,
    connection: ConnectionId,
    credentials: Box<Credentials>,
}

/// Of whom the log speaks.
struct Client<'a> {
    client_id: &'a str,
    username: Option<&'a str>,
    address: Option<IpAddr>,
}

/// What has been found out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) connection: ConnectionId,
    /// Of the policies it was found by.
    pub(super) generation: u64,
    pub(super) answer: Result<Grant, Refusal>,
    /// How long the connection may last.
    pub(super) lifetime: Option<Duration>,
}

/// Where a shard puts its jobs.
#[derive(Clone)]
pub(super) struct Jobs {
    sender: Sender<Job>,
    shard: ShardId,
    office: Arc<Office>,
}

/// All that the workers share. They end when nobody can add jobs any more.
pub(super) struct Workers {
    office: Arc<Office>,
    sender: Sender<Job>,
    receiver: Receiver<Job>,
}

struct Office {
    policies: Mutex<Arc<Policies>>,
    desk: Mutex<Desk>,
    throttle: Mutex<Throttle>,
    service: Option<Service>,
    clock: Clock,
}

impl Workers {
    /// Prepares for work; nobody works before [`Workers::start`].
    pub(super) fn new(settings: &Settings, policies: Arc<Policies>, clock: Clock) -> io::Result<Workers> {
        let auth = &settings.auth;
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let options = DeskOptions {
            failures_max: auth.failures_max,
            failure_window: auth.failure_window,
            success_cache: auth.success_cache,
        };
        let office = Office {
            policies: Mutex::new(policies),
            desk: Mutex::new(Desk::new(options, &secret)),
            throttle: Mutex::default(),
            service: auth.http_url.as_deref().map(|url| Service::new(url, auth.http_timeout)),
            clock,
        };
        let (sender, receiver) = bounded(auth.queue_max);
        Ok(Workers { office: Arc::new(office), sender, receiver })
    }

    /// Where a shard puts its jobs.
    pub(super) fn jobs(&self, shard: ShardId) -> Jobs {
        Jobs { sender: self.sender.clone(), shard, office: Arc::clone(&self.office) }
    }

    /// Starts the threads; `replies` are the lines to the shards, by shard.
    pub(super) fn start(&self, count: usize, replies: Vec<Reply>) -> io::Result<()> {
        let replies = Arc::new(replies);
        for _ in 0..count {
            let (office, receiver, replies) = (Arc::clone(&self.office), self.receiver.clone(), Arc::clone(&replies));
            thread::Builder::new().name("worker".to_owned()).spawn(move || {
                while let Ok(Job { shard, connection, credentials }) = receiver.recv() {
                    let answer = office.answer(connection, &credentials);
                    replies[usize::from(shard.0)].send(answer);
                }
            })?;
        }
        Ok(())
    }

    /// What is judged by.
    pub(super) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&lock(&self.office.policies))
    }

    /// Judges by this from here on.
    pub(super) fn adopt(&self, policies: Arc<Policies>) {
        *lock(&self.office.policies) = policies;
    }
}

impl Jobs {
    /// Adds a job unless there are too many; answers whether it was added.
    pub(super) fn try_add(&self, connection: ConnectionId, credentials: Box<Credentials>) -> bool {
        self.sender.try_send(Job { shard: self.shard, connection, credentials }).is_ok()
    }

    /// Says at once whether what a client has shown lets it in; no work waits for it.
    pub(super) fn weigh(&self, attempt: &Attempt, now: Time) -> Result<(), Refusal> {
        let answer = lock(&self.office.desk).weigh(now, attempt);
        if let Err(refusal) = answer {
            let what = attempt.error.filter(|_| refusal == Refusal::BadCredentials);
            let Attempt { client_id, username, address, .. } = attempt;
            let of = Client { client_id, username: username.as_deref(), address: *address };
            self.office.tell(of, refusal, what.map(|error| error.to_string()), now);
        }
        answer
    }
}

impl Office {
    fn answer(&self, connection: ConnectionId, credentials: &Credentials) -> Answer {
        let policies = Arc::clone(&lock(&self.policies));
        let (now, unix_s) = (self.clock.now(), unix_s());
        let answer = self.judge(&policies, credentials, now, unix_s);
        let expires = answer.as_ref().ok().and_then(|grant| grant.expires_unix_s);
        let lifetime = expires.map(|expires| Duration::from_secs(expires.saturating_sub(unix_s)));
        Answer { connection, generation: policies.generation, answer, lifetime }
    }

    fn judge(&self, policies: &Policies, credentials: &Credentials, now: Time, unix_s: u64) -> Result<Grant, Refusal> {
        let known = lock(&self.desk).before(now, policies.generation, credentials);
        let refused = match known {
            Ok(Some(grant)) => return Ok(grant),
            Err(refusal) => Some(refusal),
            Ok(None) => None,
        };
        let (answer, token_error) = match refused {
            Some(refusal) => (Err(refusal), None),
            None => {
                let judged = self.examine(policies.of(credentials.listener), credentials, unix_s);
                lock(&self.desk).after(now, policies.generation, credentials, &judged.0);
                judged
            }
        };
        if let Err(refusal) = &answer {
            let Credentials { client_id, username, address, .. } = credentials;
            let of = Client { client_id, username: username.as_deref(), address: *address };
            self.tell(of, *refusal, token_error.map(|error| format!("token: {error}")), now);
        }
        answer
    }

    fn examine(
        &self,
        policy: &Policy,
        credentials: &Credentials,
        unix_s: u64,
    ) -> (Result<Grant, Refusal>, Option<JwtError>) {
        match policy.judge(credentials, unix_s) {
            Judgement::Grant(grant) => (Ok(grant), None),
            Judgement::Refuse(error) => (Err(Refusal::BadCredentials), error),
            Judgement::AskService => {
                let verdict = self.service.as_ref().ok_or(Refusal::Unavailable).and_then(|it| it.ask(credentials));
                (verdict.and_then(|verdict| policy.heed(credentials, verdict, unix_s)), None)
            }
        }
    }

    /// One line for each refusal, as long as there are not too many.
    fn tell(&self, client: Client<'_>, refusal: Refusal, error: Option<String>, now: Time) {
        let Some(untold) = lock(&self.throttle).pass(now) else { return };
        warn!(
            address = client.address.map(tracing::field::display),
            username = client.username.map(shorten),
            client_id = shorten(client.client_id),
            error,
            untold = (untold > 0).then_some(untold),
            reason = %refusal,
            "a client is not let in"
        );
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Nothing in here is left half done by a panic, and a panic ends the process anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
