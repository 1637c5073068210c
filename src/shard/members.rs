//! Sessions as members of shared subscriptions: whether they are there to take messages.

use std::ops::Bound;

use crate::router::{SessionKey, ShareKey};
use crate::shard::state::State;
use crate::shard::subscribe::announce_weight;
use crate::shard::users::note_subscription;
use crate::time::Time;

/// Units of work for each shared subscription told.
const TELLING_UNITS: usize = 4;

/// Tells the shared subscriptions of a session whether it is there to take messages. With very many of them some hear it
/// in a later turn: a message that comes between to a member that has gone waits in its queue.
pub(crate) fn set_members_connected(state: &mut State, session: SessionKey) {
    if let Some(shares) = state.client_mut(session).and_then(|client| client.shares.as_mut()) {
        shares.untold = shares.filters.first().copied();
        tell_members(state, session);
    }
}

/// Goes on telling them.
pub(crate) fn tell_members(state: &mut State, session: SessionKey) {
    while let Some(client) = state.clients.get_mut(session.0 as usize) {
        let Some(shares) = &mut client.shares else { return };
        let Some(filter) = shares.untold else { return };
        if state.budget.is_spent() {
            return state.add_work(session);
        }
        shares.untold = shares.filters.range((Bound::Excluded(filter), Bound::Unbounded)).next().copied();
        let connected = client.connection.is_some();
        let weight = state.router.share_member_connected(session, filter, connected);
        state.budget.spend(TELLING_UNITS);
        announce_weight(state, weight);
    }
}

/// A member was chosen whose session has ended, but whose membership had not yet been.
pub(crate) fn drop_member(state: &mut State, now: Time, session: SessionKey, share: ShareKey) {
    let Some(gone) = state.router.unshare_member(session, share) else { return };
    if let Some(client) = state.client_mut(session) {
        client.subscriptions.remove(&gone.key);
        client.remove_share(gone.key);
        note_subscription(state, now, session, false);
    }
    announce_weight(state, Some(gone.weight));
}
