//! Outboxes that wait a few turns, so that work which was cut still fills them well.
//!
//! A burst of publications to a thousand receivers is cut into many turns. A thousand sends of a few messages in each of them
//! would cost several times what a thousand sends of all of them cost. So what only a large fan-out has written in a turn
//! that was not long enough stays in its outboxes until a turn is, or enough has come together, or some turns have passed.
//! Whoever else writes to one of them names it anew, and it is flushed with the turn.
//!
//! Nor do all leave at once in the end: each send is work for the kernel, as much as twenty deliveries, and the outboxes of a
//! hundred thousand receivers in one turn would be a tenth of a second. In the order they have come, some go in each turn.

use std::collections::VecDeque;
use std::ops::Range;

use crate::shard::event::ConnectionId;
use crate::shard::state::State;

/// An event that costs as many units of work is a large fan-out.
const FAN_OUT_UNITS: u32 = 256;

/// An outbox with as many bytes is worth a send.
const ENOUGH_BYTES: usize = 16 * 1024;

/// Turns after which they are flushed: as many as a burst of 100 publications to 1000 receivers takes, and some more.
const TURNS_MAX: u32 = 32;

/// Outboxes of large fan-outs that are flushed in one turn.
const SENDS_MAX: usize = 1024;

/// The same in a turn that was spent on other work.
const LATE_SENDS_MAX: usize = 256;

/// The outboxes held back.
#[derive(Debug, Default)]
pub(crate) struct HeldBack {
    connections: VecDeque<ConnectionId>,
    /// Turns the first of them has waited.
    turns: u32,
    /// Places of the dirty list that large fan-outs of this turn have filled, and who has published.
    fan_outs: Vec<(Range<usize>, Option<ConnectionId>)>,
}

impl HeldBack {
    /// Whether none is.
    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Frees room that is not needed.
    pub(crate) fn give_back(&mut self) {
        self.connections.shrink_to_fit();
        self.fan_outs.shrink_to_fit();
    }
}

/// Where the dirty list and the budget stand when an event comes.
#[derive(Clone, Copy)]
pub(crate) struct Beginning {
    dirty: usize,
    spent: u32,
}

impl Beginning {
    #[inline]
    pub(crate) fn of(state: &State) -> Beginning {
        Beginning { dirty: state.dirty.len(), spent: state.budget.spent() }
    }
}

/// Notes which outboxes an event has named, if it was a large fan-out.
#[inline]
pub(crate) fn note_fan_out(state: &mut State, begin: Beginning, publisher: Option<ConnectionId>) {
    if state.budget.spent() - begin.spent >= FAN_OUT_UNITS && state.dirty.len() > begin.dirty {
        state.held_back.fan_outs.push((begin.dirty..state.dirty.len(), publisher));
    }
}

/// The end of a turn: appends the outboxes that are to be flushed now.
pub(crate) fn take_dirty(state: &mut State, into: &mut Vec<ConnectionId>) {
    if state.budget.has_run_out() && state.held_back.turns < TURNS_MAX {
        state.held_back.turns += 1;
        hold_back(state, 0);
    } else {
        let most = if state.budget.has_run_out() { LATE_SENDS_MAX } else { SENDS_MAX };
        let released = release(state, into, most);
        if state.dirty.len() > most - released {
            hold_back(state, most - released);
        }
        if state.held_back.is_empty() {
            state.held_back.turns = 0;
        }
    }
    state.held_back.fan_outs.clear();
    into.append(&mut state.dirty);
}

/// Names the first ones, if they are still there: one whose last chunk is out is flushed when that has left. Answers how many
/// they were.
fn release(state: &mut State, into: &mut Vec<ConnectionId>, most: usize) -> usize {
    let State { slots, held_back, .. } = state;
    let count = held_back.connections.len().min(most);
    for id in held_back.connections.drain(..count) {
        let slot = slots.get_mut(id.index as usize);
        if let Some(slot) = slot.filter(|slot| slot.generation == id.generation) {
            slot.connection.outbox.name();
            into.push(id);
        }
    }
    count
}

/// Takes the outboxes of large fan-outs out of the dirty list, but for the first `flushed` and those of the publishers
/// themselves.
fn hold_back(state: &mut State, mut flushed: usize) {
    let State { dirty, slots, held_back, .. } = state;
    let HeldBack { connections, fan_outs, .. } = held_back;
    let Some((first, _)) = fan_outs.first() else { return };
    let mut kept = first.start;
    let mut fan_outs = fan_outs.iter().peekable();
    for at in first.start..dirty.len() {
        let id = dirty[at];
        while fan_outs.next_if(|(range, _)| range.end <= at).is_some() {}
        let is_fan_out =
            fan_outs.peek().is_some_and(|(range, publisher)| range.contains(&at) && *publisher != Some(id));
        let slot = slots.get_mut(id.index as usize);
        match slot.map(|slot| &mut slot.connection.outbox) {
            Some(outbox) if is_fan_out && flushed == 0 && outbox.filling_bytes() < ENOUGH_BYTES => {
                if outbox.hold() {
                    connections.push_back(id);
                }
            }
            Some(_) | None => {
                flushed = flushed.saturating_sub(usize::from(is_fan_out));
                dirty[kept] = id;
                kept += 1;
            }
        }
    }
    dirty.truncate(kept);
}
