//! SUBSCRIBE and UNSUBSCRIBE packets with more filters than one turn can do: where they were cut.
//!
//! Such a packet stays where it is, unread by everybody else, and so does all that has come behind it. Its filters are first
//! found to be valid, all of them, and then done one by one: a malformed packet does nothing.

use crate::mqtt::DecodeError;
use crate::shard::event::ConnectionId;
use crate::shard::scans::ScanNumber;
use crate::shard::state::State;

/// How far a packet has come.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// Bytes of its filters that are known to be valid.
    pub(crate) checked: usize,
    /// Bytes of its filters that have been done.
    pub(crate) done: usize,
    /// The answer so far: one for each filter done.
    pub(crate) codes: Vec<u8>,
    /// The last search for retained messages before its own.
    pub(crate) scans_before: ScanNumber,
}

/// Whether all of the packet has been seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Whole,
    /// The turn was spent before.
    Cut,
}

impl Begun {
    /// Where the packet at hand was cut; the beginning if it was not.
    pub(crate) fn of(state: &mut State, id: ConnectionId) -> Begun {
        state.begun.remove(&id).unwrap_or_default()
    }

    /// Goes on in the next turn.
    pub(crate) fn cut(self, state: &mut State, id: ConnectionId) -> Progress {
        state.begun.insert(id, self);
        Progress::Cut
    }

    /// Goes on finding filters valid; `filters` says for each where the next one begins.
    ///
    /// # Errors
    /// One of them is not.
    pub(crate) fn check(
        &mut self,
        state: &mut State,
        filter_bytes: usize,
        filters: impl Iterator<Item = Result<usize, DecodeError>>,
    ) -> Result<Progress, DecodeError> {
        for next in filters {
            self.checked = next?;
            state.budget.spend(1);
            if state.budget.is_spent() {
                break;
            }
        }
        Ok(if self.checked < filter_bytes { Progress::Cut } else { Progress::Whole })
    }
}
