//! What peers say, and what is said back.

use crate::router::Interest;
use crate::shard::event::{Mail, ShardId};
use crate::shard::publish::{publish_mailed, publish_shared};
use crate::shard::series::publish_mailed_series;
use crate::shard::state::State;
use crate::shard::subscribe::release_subacks;
use crate::time::Time;

/// Takes one piece of mail. It is always taken: only sockets are ever paused, so shards cannot wait for each other.
pub(crate) fn on_mail(state: &mut State, now: Time, from: ShardId, mail: Mail) {
    let peer = from.0;
    match mail {
        Mail::Publish { message } => publish_mailed(state, now, peer, &message),
        Mail::Series { series } => publish_mailed_series(state, now, peer, &series),
        Mail::Shared { share, message, hops } => publish_shared(state, now, share, &message, hops),
        Mail::Interest { interest, wanted, since, sequence } => {
            if wanted {
                state.router.peer_interested(peer, &interest);
                mail_missed(state, peer, &interest, since);
            } else {
                state.router.peer_uninterested(peer, &interest);
            }
            say_seen(state, peer, sequence);
        }
        Mail::ShareWeight { weight, sequence } => {
            state.router.peer_share(peer, &weight);
            say_seen(state, peer, sequence);
        }
        Mail::Seen { sequence } => {
            let seen = &mut state.seen[usize::from(peer)];
            debug_assert!(*seen <= sequence, "mail of one peer comes in order");
            *seen = sequence;
            release_subacks(state, now);
        }
    }
}

/// Publications that came here after the peer wanted them and before its news did.
fn mail_missed(state: &mut State, peer: u8, interest: &Interest, since: Time) {
    let router = &state.router;
    for message in state.recent.missed(peer, since, |topic| router.meets(interest, topic)) {
        state.metrics.mail_publish_sent_total += 1;
        state.post(peer, Mail::Publish { message });
    }
}

/// One word about the last announcement of a batch speaks for all of them.
fn say_seen(state: &mut State, peer: u8, sequence: u64) {
    if let Some(Mail::Seen { sequence: last }) = state.mail[usize::from(peer)].last_mut() {
        *last = sequence;
    } else {
        state.post(peer, Mail::Seen { sequence });
    }
}
