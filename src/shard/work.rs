//! What a turn does beside the events it brings: timers that are due, goodbyes to all when the process ends, new rules for all,
//! and long work that goes on. Each of them does what the turn has room for, and always a little.

use crate::connection::Phase;
use crate::mqtt::ReasonCode;
use crate::router::SessionKey;
use crate::shard::allowed::go_on_renewing;
use crate::shard::authenticate::on_verdict_late;
use crate::shard::deliver::pump;
use crate::shard::disconnect::{on_session_due, say_goodbye, Goodbye};
use crate::shard::ending::go_on_ending;
use crate::shard::event::{ConnectionId, Effect};
use crate::shard::fan_outs::go_on_fanning_out;
use crate::shard::fault::Fault;
use crate::shard::held_back::{note_fan_out, Beginning};
use crate::shard::members::tell_members;
use crate::shard::shedding::on_shortage_due;
use crate::shard::state::State;
use crate::shard::throttle::on_pace_due;
use crate::shard::timers::TimerKey;
use crate::time::Time;

/// Units of work for one timer, or one goodbye.
const TIMER_UNITS: usize = 8;

/// Units of work for a retained message that expires.
const EXPIRY_UNITS: usize = 16;

/// The time of `next_deadline` may have come.
pub(crate) fn on_tick(state: &mut State, now: Time) {
    state.budget.reserve();
    while !state.budget.is_spent() {
        let Some(key) = state.timers.take_due(now) else { break };
        state.budget.spend(TIMER_UNITS);
        match key {
            TimerKey::Connection(id) => on_connection_due(state, now, id),
            TimerKey::Pace(id) => on_pace_due(state, now, id),
            TimerKey::Session(session) => on_session_due(state, now, session),
            TimerKey::Retained => expire_retained(state, now),
            TimerKey::Shortage => on_shortage_due(state, now),
        }
    }
    state.budget.reserve();
    go_on_draining(state, now);
    state.budget.reserve();
    go_on_renewing(state, now);
    state.budget.reserve();
    let begin = Beginning::of(state);
    go_on_fanning_out(state, now);
    note_fan_out(state, begin, None);
    state.budget.reserve();
    for _ in 0..state.work.len() {
        if state.budget.is_spent() {
            break;
        }
        let Some(session) = state.work.pop_front() else { break };
        go_on(state, now, session);
        state.budget.spend(1);
    }
}

/// Begins to end: no CONNECT is accepted any more, and who is here is told.
pub(crate) fn on_drain(state: &mut State, now: Time, deadline: Time) {
    state.draining = Some(deadline);
    state.draining_at = Some(0);
    go_on_draining(state, now);
}

fn go_on(state: &mut State, now: Time, session: SessionKey) {
    let Some(client) = state.client_mut(session) else { return };
    client.has_work = false;
    if client.has_ended {
        return go_on_ending(state, now, session);
    }
    tell_members(state, session);
    pump(state, now, session);
}

fn go_on_draining(state: &mut State, now: Time) {
    while let Some(index) = state.draining_at {
        if state.budget.is_spent() {
            return;
        }
        state.budget.spend(1);
        if index >= state.slots.keys_end() {
            state.draining_at = None;
            return;
        }
        state.draining_at = Some(index + 1);
        let Some(slot) = state.slots.get(index) else { continue };
        let id = ConnectionId { index: index as u32, generation: slot.generation };
        state.budget.spend(TIMER_UNITS);
        match slot.connection.phase {
            Phase::Open => say_goodbye(state, now, id, Goodbye::Draining),
            Phase::AwaitingConnect | Phase::AwaitingVerdict | Phase::Authenticating => state.finish(now, id),
            Phase::Lingering => {}
        }
    }
}

fn expire_retained(state: &mut State, now: Time) {
    state.retained_timer = None;
    let most = (state.budget.left() / EXPIRY_UNITS).max(1);
    let expired = state.router.retained_mut().expire(now, most);
    state.budget.spend(expired * EXPIRY_UNITS);
    state.metrics.retained_now = state.router.retained().len() as u64;
    state.set_retained_timer();
}

/// A connection's timer: what it means depends on where the connection stands.
fn on_connection_due(state: &mut State, now: Time, id: ConnectionId) {
    let Some(slot) = state.slot_mut(id) else { return };
    slot.connection.timer = None;
    match slot.connection.phase {
        Phase::AwaitingConnect | Phase::Authenticating => {
            state.metrics.connect_timeouts_total += 1;
            state.remove_slot(id);
            state.effects.push(Effect::Close { connection: id });
        }
        Phase::AwaitingVerdict => on_verdict_late(state, now, id),
        Phase::Lingering => {
            state.remove_slot(id);
            state.effects.push(Effect::Close { connection: id });
        }
        Phase::Open if slot.connection.ends_at.is_some_and(|end| end <= now) => {
            state.metrics.grants_expired_total += 1;
            let fault = Fault::new(ReasonCode::MaximumConnectTime, "what let the client in has expired");
            say_goodbye(state, now, id, Goodbye::Fault(fault));
        }
        // We do not read it: it cannot show that it is alive.
        Phase::Open if slot.connection.paced_until().is_some() => {
            slot.connection.last_received = now;
            let due = slot.connection.deadline();
            state.set_connection_timer(id, due);
        }
        Phase::Open => match slot.connection.keep_alive_deadline() {
            Some(deadline) if deadline <= now => {
                // [MQTT5-3.1.2-22] [MQTT311-3.1.2-24]
                state.metrics.keep_alive_timeouts_total += 1;
                let fault = Fault::new(ReasonCode::KeepAliveTimeout, "nothing came for too long");
                say_goodbye(state, now, id, Goodbye::Fault(fault));
            }
            // Something came meanwhile: the timer is set anew only when it fires, not with every packet.
            _ => {
                let due = slot.connection.deadline();
                state.set_connection_timer(id, due);
            }
        },
    }
}
