//! How much memory the process holds, set against its budget.
//!
//! Two figures, because neither is enough. What has been allocated is known exactly and at once, but is less than what the
//! system has given us: there are stacks, buffers of the rings, and pieces nobody can use. What is resident is what counts in
//! the end, but takes a system call to know, and after a burst most of it is free to be used again. So the second says, now
//! and then, how much has to be added to the first.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::{info, warn};

use super::heap::{held_bytes, taken_bytes};
use super::system::page_bytes;
use crate::shard::Pressure;
use crate::time::Time;

/// In parts of a hundred of the budget: from where on there is what pressure, and below what it is over again.
const RUNGS: [(Pressure, u64, u64); 4] = [
    (Pressure::Slowing, 70, 65),
    (Pressure::Sparing, 80, 75),
    (Pressure::Refusing, 88, 83),
    // What has been begun as the last resort is to help.
    (Pressure::Shedding, 95, 83),
];
/// The same of what is resident, however much of it is free: what is free may be in pieces that do not serve.
const FULL: (u64, u64) = (90, 86);
/// How long publications may be refused before those that hold most have to go.
const REFUSING_MAX: Duration = Duration::from_secs(5);
/// How often the system is asked: near the budget, and far from it.
const NEAR: Duration = Duration::from_millis(10);
const FAR: Duration = Duration::from_millis(250);
/// Of the budget; nearer than this is near.
const NEAR_PERCENT: u64 = 50;
/// And whenever so many large blocks have been allocated since that they could have brought it half the way to the next mark,
/// but not for less than this part of the budget.
const LOOK_PART: u64 = 64;
/// Of the budget: what is resident without having been allocated counts for so much at most, so that a process whose memory is
/// in many pieces that cannot be given back goes on with them.
const OVERHEAD_PERCENT_MAX: u64 = 80;
/// What was freed in the last so many looks may still be resident. It is free to be used again, so it does not count.
const LOOKS_REMEMBERED: u64 = 64;
/// The least time between two lines of the log.
const SILENCE: Duration = Duration::from_secs(1);

/// The memory of the process, as all shards see it.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    budget: u64,
    /// Resident without having been allocated.
    overhead: AtomicU64,
    resident: AtomicU64,
    pressure: AtomicU8,
    /// The pressure of what is allocated and its overhead alone.
    rung: AtomicU8,
    /// The log has still to be told how it stands.
    owes_a_line: AtomicBool,
    /// When the system is to be asked again: at this time (nanoseconds), or with so many bytes of large blocks taken.
    due: AtomicU64,
    due_taken: AtomicU64,
    /// Taken by whoever asks it, and by nobody who would have to wait.
    gauge: Mutex<Gauge>,
}

/// What the process holds now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub(super) budget: u64,
    pub(super) allocated: u64,
    pub(super) resident: u64,
    pub(super) pressure: Pressure,
}

impl Memory {
    /// # Errors
    /// The system does not say what is resident.
    pub(super) fn new(budget: u64) -> io::Result<Memory> {
        let gauge = Gauge::new(budget, Some(File::open("/proc/self/statm")?));
        let zero = AtomicU64::default;
        let shared = Shared {
            budget,
            overhead: zero(),
            resident: zero(),
            pressure: AtomicU8::default(),
            rung: AtomicU8::default(),
            owes_a_line: AtomicBool::default(),
            due: zero(),
            due_taken: zero(),
            gauge: Mutex::new(gauge),
        };
        Ok(Memory { shared: Arc::new(shared) })
    }

    /// How near to the budget the process is. Cost: a few loads; every 10 ms, near the budget, a system call for one shard.
    pub(super) fn look(&self, now: Time) -> Pressure {
        let shared = &*self.shared;
        let held = held_bytes() + shared.overhead.load(Ordering::Relaxed);
        let before = pressure_of(shared.pressure.load(Ordering::Relaxed));
        let is_due = now.as_nanos() >= shared.due.load(Ordering::Relaxed)
            || taken_bytes() >= shared.due_taken.load(Ordering::Relaxed);
        let rung = pressure_of(shared.rung.load(Ordering::Relaxed));
        if !is_due && next(rung, held, shared.budget) == rung {
            return before;
        }
        self.look_closer(now).unwrap_or(before)
    }

    /// Whether somebody has to look again before long, be it only for the log.
    pub(super) fn is_pressed(&self) -> bool {
        let pressure = pressure_of(self.shared.pressure.load(Ordering::Relaxed));
        pressure != Pressure::None || self.shared.owes_a_line.load(Ordering::Relaxed)
    }

    pub(super) fn holding(&self) -> Holding {
        Holding {
            budget: self.shared.budget,
            allocated: held_bytes(),
            resident: self.shared.resident.load(Ordering::Relaxed),
            pressure: pressure_of(self.shared.pressure.load(Ordering::Relaxed)),
        }
    }

    /// Nothing while another shard does.
    #[cold]
    fn look_closer(&self, now: Time) -> Option<Pressure> {
        let shared = &*self.shared;
        let mut gauge = shared.gauge.try_lock().ok()?;
        let resident = gauge.resident();
        let pressure = gauge.update(now, held_bytes(), resident);
        shared.resident.store(resident, Ordering::Relaxed);
        shared.overhead.store(gauge.overhead, Ordering::Relaxed);
        shared.pressure.store(pressure as u8, Ordering::Relaxed);
        shared.rung.store(gauge.rung as u8, Ordering::Relaxed);
        shared.owes_a_line.store(gauge.told != pressure, Ordering::Relaxed);
        let is_near = gauge.held * 100 >= shared.budget * NEAR_PERCENT;
        let due = now + if is_near { NEAR } else { FAR };
        shared.due.store(due.as_nanos(), Ordering::Relaxed);
        shared.due_taken.store(taken_bytes() + room(gauge.held, shared.budget), Ordering::Relaxed);
        Some(pressure)
    }
}

fn pressure_of(number: u8) -> Pressure {
    let rung = RUNGS.iter().find(|(pressure, ..)| *pressure as u8 == number);
    rung.map_or(Pressure::None, |(pressure, ..)| *pressure)
}

/// The pressure of so many bytes, where it has been `before`: between two marks nothing changes.
fn next(before: Pressure, held: u64, budget: u64) -> Pressure {
    let mut pressure = Pressure::None;
    for (rung, enter, leave) in RUNGS {
        if is_above(enter, held, budget) || (before >= rung && is_above(leave, held, budget)) {
            pressure = rung;
        }
    }
    pressure
}

fn is_above(percent: u64, bytes: u64, budget: u64) -> bool {
    bytes.saturating_mul(100) >= budget.saturating_mul(percent)
}

/// Bytes that may be taken before the system is asked again.
fn room(held: u64, budget: u64) -> u64 {
    let marks = RUNGS.iter().map(|(_, enter, _)| budget / 100 * enter);
    let above = marks.filter(|mark| *mark > held).min().unwrap_or(held);
    ((above - held) / 2).max(budget / LOOK_PART)
}

/// Sets the figures against the budget.
#[derive(Debug)]
struct Gauge {
    budget: u64,
    statm: Option<File>,
    /// The most that was allocated lately.
    peak: u64,
    overhead: u64,
    held: u64,
    rung: Pressure,
    is_full: bool,
    pressure: Pressure,
    refusing_since: Time,
    /// What the log has been told, and until when it is told nothing more.
    told: Pressure,
    quiet_until: Time,
}

impl Gauge {
    fn new(budget: u64, statm: Option<File>) -> Gauge {
        Gauge {
            budget,
            statm,
            peak: 0,
            overhead: 0,
            held: 0,
            rung: Pressure::None,
            is_full: false,
            pressure: Pressure::None,
            refusing_since: Time::START,
            told: Pressure::None,
            quiet_until: Time::START,
        }
    }

    /// Resident bytes; what was known before if the system does not answer.
    fn resident(&self) -> u64 {
        let mut text = [0; 128];
        let count = self.statm.as_ref().and_then(|statm| statm.read_at(&mut text, 0).ok()).unwrap_or(0);
        resident_of(&text[..count]).unwrap_or(self.peak + self.overhead)
    }

    fn update(&mut self, now: Time, allocated: u64, resident: u64) -> Pressure {
        self.peak -= (self.peak.saturating_sub(allocated) / LOOKS_REMEMBERED).min(self.peak);
        self.peak = self.peak.max(allocated);
        self.overhead = resident.saturating_sub(self.peak).min(self.budget / 100 * OVERHEAD_PERCENT_MAX);
        self.held = allocated + self.overhead;
        self.rung = next(self.rung, self.held, self.budget);
        if self.rung < Pressure::Refusing {
            self.refusing_since = now;
        } else if now - self.refusing_since >= REFUSING_MAX {
            self.rung = Pressure::Shedding;
        }
        let full = if self.is_full { FULL.1 } else { FULL.0 };
        self.is_full = is_above(full, resident, self.budget);
        self.pressure = if self.is_full { self.rung.max(Pressure::Refusing) } else { self.rung };
        if self.pressure != self.told && now >= self.quiet_until {
            self.tell(allocated, resident);
            self.quiet_until = now + SILENCE;
        }
        self.pressure
    }

    fn tell(&mut self, allocated: u64, resident: u64) {
        let budget = self.budget;
        let was = self.told;
        let entered = self.pressure > was;
        self.told = self.pressure;
        match self.pressure {
            Pressure::None => info!(?was, allocated, resident, budget, "there is memory again"),
            pressure if entered => warn!(?pressure, ?was, allocated, resident, budget, "memory is short"),
            pressure => info!(?pressure, ?was, allocated, resident, budget, "memory is less short"),
        }
    }
}

/// The resident bytes of a `statm` line: its second figure, in pages.
fn resident_of(text: &[u8]) -> Option<u64> {
    let pages: u64 = std::str::from_utf8(text).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: u64 = 1000;

    fn at(milliseconds: u64) -> Time {
        Time::START + Duration::from_millis(milliseconds)
    }

    #[test]
    fn each_pressure_begins_at_its_mark_and_ends_below_it() {
        let mut pressure = Pressure::None;
        let mut seen = Vec::new();
        for held in [699, 700, 660, 649, 800, 750, 749, 880, 949, 950, 900, 830, 829, 640] {
            pressure = next(pressure, held, BUDGET);
            seen.push(pressure);
        }
        use Pressure::{None, Refusing, Shedding, Slowing, Sparing};
        let expected = [
            None, Slowing, Slowing, None, Sparing, Sparing, Slowing, Refusing, Refusing, Shedding, Shedding, Shedding,
            Sparing, None,
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_resident_and_not_allocated_counts_unless_it_was_freed_a_moment_ago() {
        let mut gauge = Gauge::new(BUDGET, None);
        gauge.update(at(0), 100, 150);
        assert_eq!(gauge.held, 150);
        gauge.update(at(10), 600, 660);
        assert_eq!((gauge.held, gauge.overhead), (660, 60));
        gauge.update(at(20), 100, 660);
        assert!(gauge.held < 180, "most of what is resident is free: {}", gauge.held);
        for look in 3..1000 {
            gauge.update(at(10 * look), 100, 660);
        }
        assert!(gauge.held > 550, "what does not come back counts: {}", gauge.held);
        gauge.update(at(10_000), 50, 990);
        assert_eq!(gauge.overhead, 800, "but not for all of the budget");
    }

    #[test]
    fn the_nearer_a_mark_is_the_sooner_the_system_is_asked() {
        assert_eq!([room(0, 10_000), room(6_000, 10_000), room(6_999, 10_000)], [3_500, 500, 156]);
        assert_eq!([room(7_000, 10_000), room(9_900, 10_000)], [500, 156]);
    }

    #[test]
    fn nothing_is_taken_while_nearly_all_of_the_budget_is_resident_and_nobody_has_to_go_for_that() {
        let mut gauge = Gauge::new(BUDGET, None);
        gauge.update(at(0), 860, 890);
        assert_eq!(gauge.update(at(10), 300, 899), Pressure::None);
        assert_eq!(gauge.update(at(20), 300, 900), Pressure::Refusing);
        assert_eq!(gauge.update(at(30), 300, 860), Pressure::Refusing);
        assert_eq!(gauge.update(at(40), 300, 859), Pressure::None);
        let mut gauge = Gauge::new(BUDGET, None);
        gauge.update(at(0), 600, 600);
        gauge.update(at(10), 20, 930);
        assert_eq!(gauge.update(at(9_000), 20, 930), Pressure::Refusing);
    }

    #[test]
    fn refusing_for_too_long_becomes_shedding_until_it_has_helped() {
        let mut gauge = Gauge::new(BUDGET, None);
        assert_eq!(gauge.update(at(0), 890, 890), Pressure::Refusing);
        assert_eq!(gauge.update(at(4_990), 890, 890), Pressure::Refusing);
        assert_eq!(gauge.update(at(5_000), 890, 890), Pressure::Shedding);
        assert_eq!(gauge.update(at(5_010), 840, 840), Pressure::Shedding);
        assert_eq!(gauge.update(at(5_020), 820, 820), Pressure::Sparing);
        assert_eq!(gauge.update(at(5_030), 890, 890), Pressure::Refusing, "it begins anew");
        assert_eq!(gauge.update(at(9_000), 890, 890), Pressure::Refusing);
    }

    #[test]
    fn this_process_is_resident_and_has_no_pressure() {
        let memory = Memory::new(1 << 40).expect("readable");
        assert_eq!(memory.look(at(0)), Pressure::None);
        assert!(memory.holding().resident > 1 << 20, "{:?}", memory.holding());
        assert_eq!(memory.look(at(1)), Pressure::None);
        assert_eq!(resident_of(b"10 20 30"), Some(20 * page_bytes()));
        assert_eq!((resident_of(b"10"), resident_of(b"a b")), (None, None));
    }
}
