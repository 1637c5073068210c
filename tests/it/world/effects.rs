//! What the shards of the simulated world want done.

use std::sync::Arc;

use corecast::auth::{Ask, Attempt, Credentials, Judgement, Policies, Refusal};
use corecast::shard::{ConnectionId, Effect, Event, Pressure};

use super::{Moving, World};

/// What is being found out about a client.
pub(super) struct Judging {
    pub(super) shard: usize,
    pub(super) connection: ConnectionId,
    pub(super) what: Shown,
}

/// What a client has shown.
pub(super) enum Shown {
    Credentials(Box<Credentials>),
    Attempt(Box<Attempt>),
}

impl World {
    pub(super) fn carry_out(&mut self, shard: usize, effect: Effect) {
        let find = |connection| self.socket_at(shard, connection);
        match effect {
            Effect::Established { .. } => {}
            Effect::Land { connection } => {
                if let Some(socket) = find(connection) {
                    self.sockets[socket].may_land = true;
                }
            }
            Effect::Judge { connection, credentials } => {
                self.judging.push(Judging { shard, connection, what: Shown::Credentials(credentials) });
            }
            Effect::Weigh { connection, attempt } => {
                self.judging.push(Judging { shard, connection, what: Shown::Attempt(attempt) });
            }
            Effect::Reread { connection, unread } => {
                if let Some(socket) = find(connection) {
                    let socket = &mut self.sockets[socket];
                    socket.paused = false;
                    unread.iter().rev().for_each(|byte| socket.to_server.push_front(*byte));
                }
            }
            Effect::Pause { connection } => {
                if let Some(socket) = find(connection) {
                    self.sockets[socket].paused = true;
                }
            }
            Effect::Resume { connection } => {
                if let Some(socket) = find(connection) {
                    self.sockets[socket].paused = false;
                }
            }
            Effect::Finish { connection } => {
                if let Some(socket) = find(connection) {
                    assert!(!self.sockets[socket].finishing, "a connection is finished once");
                    self.sockets[socket].finishing = true;
                    self.cores[shard].dirty.push(connection);
                }
            }
            Effect::Close { connection } => {
                let socket = find(connection).expect("a shard closes what is open");
                self.forget(socket);
            }
            Effect::Move { connection, to, unread } => {
                let socket = find(connection).expect("a shard moves what is open");
                self.forget(socket);
                self.sockets[socket].ended = false;
                self.sockets[socket].moving = true;
                self.live.push(socket);
                self.moving.push(Moving { socket, to: usize::from(to.0), unread });
            }
        }
    }

    /// A worker has found out about a client.
    pub(super) fn judge(&mut self, index: usize) {
        let Judging { shard, connection, what } = self.judging.swap_remove(index);
        let credentials = match what {
            Shown::Credentials(credentials) => credentials,
            Shown::Attempt(attempt) => {
                let answer = attempt.error.map_or(Ok(()), |_| Err(Refusal::BadCredentials));
                return self.tell(shard, Event::Weighed { connection, answer });
            }
        };
        let anybody = Policies::default();
        let policies = self.options.policies.as_deref().unwrap_or(&anybody);
        let policy = policies.of(credentials.listener);
        let answer = match policy.judge(&credentials, 0) {
            Judgement::Grant(grant) => Ok(grant),
            Judgement::Refuse(_) | Judgement::AskService => Err(Refusal::BadCredentials),
        };
        debug_assert!(matches!(policy.ask("", None, Some(""), None), Ask::Judge), "only then is anything judged");
        let generation = policies.generation;
        self.tell(shard, Event::Judged { connection, generation, answer, lifetime: self.options.lifetime });
    }

    /// Memory is short from now on, or is not any more.
    pub(crate) fn press(&mut self, pressure: Pressure) {
        for shard in 0..self.cores.len() {
            self.tell(shard, Event::Pressed { pressure });
        }
    }

    /// From now on other rules hold, everywhere.
    pub(crate) fn adopt(&mut self, policies: Policies) {
        let policies = Arc::new(policies);
        self.options.policies = Some(Arc::clone(&policies));
        for shard in 0..self.cores.len() {
            self.tell(shard, Event::Policy { policies: Arc::clone(&policies) });
        }
    }
}
