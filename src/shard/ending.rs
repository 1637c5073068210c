//! The end of a session. To the world it is over at once: its client id is free, nothing is delivered to it. What it
//! leaves may be hundreds of thousands of subscriptions and messages, which are taken apart over as many turns as that
//! takes. Until then its number is not given to another.

use tracing::debug;

use crate::mqtt::QoS;
use crate::router::{Removed, SessionKey, ShareKey};
use crate::session::Delivery;
use crate::shard::client::Client;
use crate::shard::publish::{publish_will, redirect};
use crate::shard::state::State;
use crate::shard::subscribe::{announce_interest, announce_weight, SUBSCRIPTION_UNITS};
use crate::shard::timers::TimerKey;
use crate::shard::users::note_subscription;
use crate::time::Time;

/// Steps a session that ends is always given: nearly all sessions are taken apart by them, however busy the turn.
const FIRST_STEPS: usize = 16;

/// Units of work for giving a message to another member.
const REDIRECT_UNITS: usize = 8;

/// Ends a session: a will that waited is published [MQTT5-3.1.2-8], its subscriptions go, and what it owed to a shared
/// subscription goes to another member.
pub(crate) fn end_session(state: &mut State, now: Time, key: SessionKey) {
    let Some(client) = state.client_mut(key) else { return };
    client.session.will_due = None;
    if let Some(will) = client.session.will.take() {
        publish_will(state, now, key, &will);
    }
    let Some(client) = state.clients.get_mut(key.0 as usize) else { return };
    client.has_ended = true;
    if let Some(shares) = &mut client.shares {
        shares.untold = None;
    }
    state.by_client_id.remove(&client.session.client_id, key);
    state.timers.set(TimerKey::Session(key), client.timer.take(), None);
    state.metrics.sessions_now -= 1;
    debug!(shard = state.options.id.0, client_id = &*client.session.client_id, "session ends");
    for _ in 0..FIRST_STEPS {
        if !take_apart(state, now, key) {
            return forget(state, key);
        }
    }
    go_on_ending(state, now, key);
}

/// Takes more of a session apart that has ended.
pub(crate) fn go_on_ending(state: &mut State, now: Time, key: SessionKey) {
    while !state.budget.is_spent() {
        if !take_apart(state, now, key) {
            return forget(state, key);
        }
    }
    state.add_work(key);
}

/// Its number may be used again, unless it stands in a list of receivers. It may still stand in the work list, which finds
/// then that there is nothing to do.
fn forget(state: &mut State, key: SessionKey) {
    if !state.fan_outs.keeps(key) {
        state.clients.remove(key.0 as usize);
    }
}

/// Takes one thing out of a session; answers whether there was any. Messages come after the subscriptions, so that none
/// goes to the member that has left it.
fn take_apart(state: &mut State, now: Time, key: SessionKey) -> bool {
    let Some(client) = state.clients.get_mut(key.0 as usize) else { return false };
    if let Some(filter) = client.subscriptions.pop_first() {
        client.remove_share(filter);
        note_subscription(state, now, key, false);
        state.budget.spend(SUBSCRIPTION_UNITS);
        match state.router.unsubscribe_key(key, filter) {
            Some(Removed::Plain(gone)) => announce_interest(state, now, gone.interest, false),
            Some(Removed::Shared(gone)) => announce_weight(state, Some(gone.weight)),
            None => debug_assert!(false, "a session knows its subscriptions"),
        }
        return true;
    }
    state.budget.spend(1);
    if client.scans.drop_one() {
        return true;
    }
    let Some(orphan) = take_message(client) else { return false };
    if let Some(Delivery { message, share: Some(share), .. }) = orphan {
        state.encoder.begin();
        state.budget.spend(REDIRECT_UNITS);
        redirect(state, now, ShareKey::from_bits(share), &message, 0);
    }
    true
}

/// The next message that was for this client, in flight or waiting. Messages of shared subscriptions that it has not
/// acknowledged go to another member; a QoS 2 message that was already sent must not [MQTT5-4.8.2-5].
fn take_message(client: &mut Client) -> Option<Option<Delivery>> {
    match client.session.inflight.abandon() {
        Some(sent) => Some(sent.filter(|delivery| delivery.qos != QoS::ExactlyOnce)),
        None => client.session.queue.pop().map(Some),
    }
}
