//! What a shard frees from time to time: room that is kept only to be used again, and has grown with the largest burst
//! there ever was.

use crate::router::Route;
use crate::shard::encoder::Encoder;
use crate::shard::series::Workbench;
use crate::shard::state::State;
use crate::time::Time;

/// Frees what only waits to be used again. Some microseconds, unless most clients have gone.
pub(crate) fn give_back(state: &mut State, now: Time) {
    state.pool.give_back();
    state.encoder = Encoder::default();
    state.workbench = Workbench::default();
    state.recent.give_back(now);
    state.held_back.give_back();
    state.router.give_back();
    state.route = Route::default();
    state.effects.shrink_to_fit();
    state.dirty.shrink_to_fit();
    state.work.shrink_to_fit();
    state.pending_subacks.shrink_to_fit();
    // They go round: each list of mail that is posted comes back with the room that it took.
    state.mail.iter_mut().for_each(Vec::shrink_to_fit);
    state.clients.give_back();
    state.slots.give_back();
}
