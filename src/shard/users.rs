//! What the clients of each user come to on this shard. Nothing is kept while no bound asks for it.
//!
//! Clients live on the shard of their identifier, so a user's are spread over all shards, and each shard keeps the bounds for
//! its own: what is counted nowhere together costs no shard a look at another's memory.

use std::collections::BTreeMap;

use crate::connection::Pace;
use crate::limits::Limits;
use crate::router::SessionKey;
use crate::shard::state::State;
use crate::time::Time;

/// One user.
#[derive(Debug, Default)]
struct User {
    connections: usize,
    /// Those of sessions that are not connected included.
    subscriptions: usize,
    pace: Pace,
}

/// The users of a shard who have connections or subscriptions, or have sent more than they may a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// By realm, then by name.
    realms: BTreeMap<u16, BTreeMap<Box<str>, User>>,
}

/// A name, and the realm whose user that is.
type Owner<'a> = (&'a str, u16);

impl Users {
    /// Whether nobody has anything; who has only been fast does not count.
    pub(crate) fn is_empty(&self) -> bool {
        self.realms.values().flat_map(BTreeMap::values).all(|user| user.connections == 0 && user.subscriptions == 0)
    }

    /// Counts what a client has sent; answers when it is to be read again if its user has sent more than that one may.
    pub(crate) fn spend(
        &mut self,
        now: Time,
        (username, realm): Owner<'_>,
        limits: &Limits,
        messages: u64,
        bytes: u64,
    ) -> Option<Time> {
        self.realms.get_mut(&realm)?.get_mut(username)?.pace.spend(now, limits.user_rate(), messages, bytes)
    }

    fn get(&self, (username, realm): Owner<'_>) -> Option<&User> {
        self.realms.get(&realm)?.get(username)
    }

    fn change(&mut self, now: Time, (username, realm): Owner<'_>, change: impl FnOnce(&mut User)) {
        let users = self.realms.entry(realm).or_default();
        if !users.contains_key(username) {
            users.insert(username.into(), User::default());
        }
        let user = users.get_mut(username).expect("it is there now");
        change(user);
        // Who is fast does not begin anew by going and coming back.
        if user.connections == 0 && user.subscriptions == 0 && user.pace.is_full(now) {
            users.remove(username);
        }
    }
}

/// Whether a user has as many connections as it may. `replaced`: the new one takes the place of one.
pub(crate) fn has_too_many_connections(state: &State, owner: Option<Owner<'_>>, replaced: bool) -> bool {
    let most = state.options.limits.user_connections_max;
    let connections = owner.and_then(|owner| state.users.get(owner)).map_or(0, |user| user.connections);
    most != 0 && connections - usize::from(replaced && connections > 0) >= most
}

/// Whether a session's user has as many subscriptions as it may.
pub(crate) fn has_too_many_subscriptions(state: &State, session: SessionKey) -> bool {
    let most = state.options.limits.user_subscriptions_max;
    if most == 0 {
        return false;
    }
    let user = state.client(session).and_then(|client| client.owner()).and_then(|owner| state.users.get(owner));
    user.is_some_and(|user| user.subscriptions >= most)
}

/// Notes that a session has got a connection, or has lost it.
pub(crate) fn note_connection(state: &mut State, now: Time, session: SessionKey, is_new: bool) {
    change(state, now, session, |user| step(&mut user.connections, is_new));
}

/// Notes that a session has got a subscription, or has lost it.
pub(crate) fn note_subscription(state: &mut State, now: Time, session: SessionKey, is_new: bool) {
    change(state, now, session, |user| step(&mut user.subscriptions, is_new));
}

#[inline]
fn change(state: &mut State, now: Time, session: SessionKey, change: impl FnOnce(&mut User)) {
    if !state.options.limits.bounds_users() {
        return;
    }
    let State { clients, users, .. } = state;
    let Some(client) = clients.get(session.0 as usize) else { return };
    if let Some(owner) = client.owner() {
        users.change(now, owner, change);
    }
}

fn step(count: &mut usize, is_new: bool) {
    if is_new {
        *count += 1;
    } else {
        *count -= 1;
    }
}
