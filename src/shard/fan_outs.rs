//! Publications with more receivers here than a turn has work for: where they were cut.
//!
//! Such a publication is kept, with the list of those it is for, and goes to some of them in each turn. Until all have it,
//! what else comes from the same source waits: a client is not read, and what a peer mails is kept behind it with a list of
//! its own. So each receiver gets what one publisher says in its order, while other publishers and all other work go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::connection::SHARED_PAYLOAD_BYTES_MIN;
use crate::message::Message;
use crate::router::{Route, SessionKey};
use crate::shard::deliver::deliver;
use crate::shard::event::ConnectionId;
use crate::shard::pen::Target;
use crate::shard::publication::Publication;
use crate::shard::series::{give_series, series_units, MailedSeries};
use crate::shard::state::State;
use crate::time::Time;

/// Payload bytes copied for one unit of work.
const COPIED_PER_UNIT: usize = 1024;

/// Receivers whose sessions, connections and outboxes a cache has room for: beyond, each delivery is several misses.
const WARM_MAX: usize = 4096;

/// Units of work for reaching one of more.
const COLD_UNITS: usize = 3;

/// Places in lists of receivers that may wait on one shard, 16 bytes each. While there are more, nothing is read and no mail
/// is taken, and what cannot be held back so (wills) is not cut.
const PLACES_MAX: usize = 1_000_000;

/// Places that any publication counts for: its message and its list take memory, too.
const PLACES_MIN: usize = 64;

/// Who publishes to this shard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Session(SessionKey),
    Peer(u8),
}

/// The same, as it is remembered: a client that has come back is the one it was, whatever became of its session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Client(Arc<str>),
    Peer(u8),
}

/// What is handed out.
enum What {
    One(Message),
    Many(MailedSeries),
}

struct FanOut {
    owner: Owner,
    what: What,
    route: Route,
    /// Receivers that have it.
    done: usize,
}

/// All that are under way, in order.
#[derive(Default)]
pub(crate) struct FanOuts {
    queue: VecDeque<FanOut>,
    /// How many each owner has in it.
    owners: BTreeMap<Owner, usize>,
    places: usize,
    started: u64,
    finished: u64,
    /// Sessions that are no more, but whose numbers may stand in a list: each until all that had been started then are
    /// finished. Else a new session could get what was for the old one.
    leaving: VecDeque<(u64, SessionKey)>,
    left: BTreeSet<SessionKey>,
}

impl FanOuts {
    /// Whether none is under way, and nothing is left of former ones.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.leaving.is_empty()
    }

    /// Whether no more may begin.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.places >= PLACES_MAX
    }

    /// Keeps the number of a session that is no more from being given to another, if that is necessary.
    pub(crate) fn keeps(&mut self, key: SessionKey) -> bool {
        if self.owners.is_empty() {
            return self.left.contains(&key);
        }
        if self.left.insert(key) {
            self.leaving.push_back((self.started, key));
        }
        true
    }

    fn push(&mut self, fan_out: FanOut) {
        *self.owners.entry(fan_out.owner.clone()).or_default() += 1;
        self.places += fan_out.places();
        self.started += 1;
        self.queue.push_back(fan_out);
    }

    fn finish(&mut self, fan_out: &FanOut) {
        self.places -= fan_out.places();
        self.finished += 1;
        if let Some(count) = self.owners.get_mut(&fan_out.owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&fan_out.owner);
            }
        }
    }

    fn is_owned(&self, owner: &Owner) -> bool {
        self.owners.contains_key(owner)
    }
}

impl FanOut {
    fn places(&self) -> usize {
        self.route.receivers().len().max(PLACES_MIN)
    }

    /// Units of work for one receiver.
    fn units(&self) -> usize {
        match &self.what {
            What::One(message) => units(message.payload().len(), self.route.receivers().len()),
            What::Many(series) => series_units(series, self.route.receivers().len()),
        }
    }

    /// Gives it to some more; answers whether all have it.
    fn go_on(&mut self, state: &mut State, now: Time) -> bool {
        let all = self.route.receivers().len();
        let affordable = (state.budget.left() / self.units()).max(1);
        let range = self.done..all.min(self.done + affordable);
        self.done = range.end;
        state.budget.spend(range.len() * self.units());
        match &self.what {
            What::One(message) => {
                state.encoder.begin();
                give(state, now, &mut Publication::of(message), &self.route, range);
            }
            What::Many(series) => give_series(state, now, series, &self.route, range),
        }
        self.done == all
    }
}

/// Whether a client's publication is still on its way to some: its next packets have to wait.
#[inline]
pub(crate) fn is_fanning_out(state: &State, id: ConnectionId) -> bool {
    if state.fan_outs.owners.is_empty() {
        return false;
    }
    let session = state.slot(id).and_then(|slot| slot.session);
    session.and_then(|key| owner(state, Source::Session(key))).is_some_and(|owner| state.fan_outs.is_owned(&owner))
}

/// Gives a publication to all its receivers on this shard, as far as the turn has work for that.
#[inline]
pub(crate) fn deliver_local(
    state: &mut State,
    now: Time,
    publication: &mut Publication<'_>,
    route: &Route,
    source: Source,
) {
    // What has been encoded is another publication, also to the members of shared subscriptions who get this one next.
    state.encoder.begin();
    let receivers = route.receivers().len();
    let units = receivers * units(publication.payload.len(), receivers);
    if let Some(owner) = must_be_cut(state, source, units) {
        let message = publication.message().clone();
        begin(state, now, owner, What::One(message), route);
        return state.encoder.begin();
    }
    state.budget.spend(units);
    give(state, now, publication, route, 0..receivers);
}

/// Takes a series, if it has to be cut; answers whether it has.
pub(crate) fn cut_series(
    state: &mut State,
    now: Time,
    series: &MailedSeries,
    units: usize,
    route: &Route,
    source: Source,
) -> bool {
    let Some(owner) = must_be_cut(state, source, units) else { return false };
    begin(state, now, owner, What::Many(series.clone()), route);
    true
}

/// Goes on with what earlier turns have left.
pub(crate) fn go_on_fanning_out(state: &mut State, now: Time) {
    while !state.budget.is_spent() {
        let Some(mut fan_out) = state.fan_outs.queue.pop_front() else { break };
        if fan_out.go_on(state, now) {
            state.fan_outs.finish(&fan_out);
        } else {
            state.fan_outs.queue.push_front(fan_out);
        }
    }
    while !state.budget.is_spent() {
        let finished = state.fan_outs.finished;
        let Some(&(started, key)) = state.fan_outs.leaving.front() else { break };
        if started > finished {
            break;
        }
        state.fan_outs.leaving.pop_front();
        state.fan_outs.left.remove(&key);
        state.clients.remove(key.0 as usize);
        state.budget.spend(1);
    }
}

/// Whose it is, if it has to be cut: because it is long, or because it must not overtake an earlier one.
#[inline]
fn must_be_cut(state: &State, source: Source, units: usize) -> Option<Owner> {
    let fan_outs = &state.fan_outs;
    let is_long = state.budget.is_long(units);
    if (!is_long && fan_outs.owners.is_empty()) || units == 0 {
        return None;
    }
    let owner = owner(state, source)?;
    (fan_outs.is_owned(&owner) || (is_long && !fan_outs.is_full())).then_some(owner)
}

fn owner(state: &State, source: Source) -> Option<Owner> {
    match source {
        Source::Session(key) => state.client(key).map(|client| Owner::Client(client.session.client_id.clone())),
        Source::Peer(peer) => Some(Owner::Peer(peer)),
    }
}

#[cold]
#[inline(never)]
fn begin(state: &mut State, now: Time, owner: Owner, what: What, route: &Route) {
    state.metrics.publish_cut_total += 1;
    let is_first = state.fan_outs.queue.is_empty();
    state.fan_outs.push(FanOut { owner, what, route: route.clone(), done: 0 });
    if is_first {
        go_on_fanning_out(state, now);
    }
}

#[inline]
fn give(state: &mut State, now: Time, publication: &mut Publication<'_>, route: &Route, range: Range<usize>) {
    for receiver in &route.receivers()[range] {
        let target = Target {
            session: receiver.session,
            qos: receiver.options.qos,
            // [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]
            retain: publication.retain && receiver.options.retain_as_published,
            share: None,
            identifiers: route.identifiers_of(receiver),
        };
        deliver(state, now, publication, &target);
    }
}

/// Units of work for reaching one of so many receivers.
#[inline]
pub(crate) fn reaching_units(receivers: usize) -> usize {
    if receivers > WARM_MAX {
        COLD_UNITS
    } else {
        1
    }
}

/// Units of work for one delivery: copying a large payload takes longer than all the rest, and so does reaching for what no
/// cache holds. From [`SHARED_PAYLOAD_BYTES_MIN`] on a payload is not copied.
#[inline]
fn units(payload_bytes: usize, receivers: usize) -> usize {
    reaching_units(receivers) + payload_bytes.min(SHARED_PAYLOAD_BYTES_MIN) / COPIED_PER_UNIT
}
