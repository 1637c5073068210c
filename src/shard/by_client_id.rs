//! Sessions by the identifiers of their clients. Which identifier is whose stands in the session alone.

use ahash::RandomState;

use crate::router::SessionKey;
use crate::shard::client::Client;
use crate::table::handles::Handles;
use crate::table::Table;

/// The sessions that have not ended.
pub(crate) struct ByClientId {
    sessions: Handles,
    hasher: RandomState,
}

impl ByClientId {
    /// None yet. Whoever does not know the seeds of `hasher` cannot make identifiers that are in one place.
    pub(crate) fn new(hasher: RandomState) -> ByClientId {
        ByClientId { sessions: Handles::default(), hasher }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The session of a client among `clients`.
    pub(crate) fn find(&self, client_id: &str, clients: &Table<Client>) -> Option<SessionKey> {
        let is_its = |key| clients.get(key as usize).is_some_and(|client| *client.session.client_id == *client_id);
        self.sessions.find(self.hasher.hash_one(client_id), is_its).map(SessionKey)
    }

    /// Adds a session; the client has no other.
    pub(crate) fn insert(&mut self, client_id: &str, key: SessionKey) {
        self.sessions.insert(self.hasher.hash_one(client_id), key.0);
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, client_id: &str, key: SessionKey) {
        self.sessions.remove(self.hasher.hash_one(client_id), key.0);
    }
}
