//! Mail between cores: a bounded channel for each direction of each pair, batches that are used again, and the
//! protocol that wakes a sleeping core exactly when it must. Knows no content.
//!
//! Each core has a word in which senders name themselves once a batch is in the channel, so that it looks into those channels
//! alone. Who is named for a batch that has been taken already is looked at in vain.
//!
//! Waking: the receiver says that it sleeps, then looks once more whether somebody is named; the sender names itself, then
//! looks whether the receiver sleeps. With a full fence between the two steps on both sides at least one of them sees
//! the other, so no batch lies in the channel of a sleeper that nobody wakes.

use std::collections::VecDeque;
use std::iter;
use std::mem;
use std::sync::atomic::{fence, AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use crossbeam_channel::{bounded, Receiver, Sender, TrySendError};

use crate::limits::SHARDS_MAX;

/// What goes from one core to another in one turn: first the mail, then the sockets.
#[derive(Debug)]
pub struct Batch<M, S> {
    /// In the order it was said.
    pub mail: Vec<M>,
    /// Sockets that move.
    pub sockets: Vec<S>,
}

impl<M, S> Batch<M, S> {
    fn is_empty(&self) -> bool {
        self.mail.is_empty() && self.sockets.is_empty()
    }

    fn clear(&mut self) {
        self.mail.clear();
        self.sockets.clear();
    }
}

impl<M, S> Default for Batch<M, S> {
    fn default() -> Batch<M, S> {
        Batch { mail: Vec::new(), sockets: Vec::new() }
    }
}

/// One core's ends of all channels.
#[derive(Debug)]
pub struct Mailbox<M, S> {
    me: usize,
    /// By peer; nothing at the core's own place.
    outgoing: Vec<Option<Outgoing<M, S>>>,
    incoming: Vec<Option<Incoming<M, S>>>,
    /// Peers for which something may have been written, or waits because their channel was full; a bit each.
    written: u64,
    /// Peers of which not all has been taken of what was there; a bit each.
    due: u64,
    porches: Arc<[Porch]>,
}

/// What all know of a core. On cache lines of its own: every sender writes to it when it posts.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Porch {
    is_asleep: AtomicBool,
    /// Peers that have put something into their channels since the core has last looked; a bit each.
    senders: AtomicU64,
}

/// The places of the bits that are set, lowest first.
pub(super) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

#[derive(Debug)]
struct Outgoing<M, S> {
    filling: Batch<M, S>,
    /// Batches the channel had no room for; they go first.
    spilled: VecDeque<Batch<M, S>>,
    channel: Sender<Batch<M, S>>,
    returned: Receiver<Batch<M, S>>,
}

#[derive(Debug)]
struct Incoming<M, S> {
    channel: Receiver<Batch<M, S>>,
    give_back: Sender<Batch<M, S>>,
    /// Batches that are still to be taken of those that were there.
    due: usize,
}

/// The mailboxes of `cores` cores, with room for `batches_max` batches in each channel; at the bound batches wait at the
/// sender, nothing is dropped.
///
/// # Panics
///
/// If there are more than 64 cores.
pub fn mailboxes<M, S>(cores: usize, batches_max: usize) -> Vec<Mailbox<M, S>> {
    assert!(cores <= SHARDS_MAX, "a word has a bit for each of at most {SHARDS_MAX} cores");
    let porches: Arc<[Porch]> = iter::repeat_with(Porch::default).take(cores).collect();
    let mut boxes: Vec<Mailbox<M, S>> = (0..cores)
        .map(|me| Mailbox {
            me,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            written: 0,
            due: 0,
            porches: Arc::clone(&porches),
        })
        .collect();
    for from in 0..cores {
        for to in 0..cores {
            let (outgoing, incoming) = (from != to).then(|| pair(batches_max)).unzip();
            boxes[from].outgoing.push(outgoing);
            boxes[to].incoming.push(incoming);
        }
    }
    boxes
}

fn pair<M, S>(batches_max: usize) -> (Outgoing<M, S>, Incoming<M, S>) {
    let (sender, receiver) = bounded(batches_max);
    let (give_back, returned) = bounded(batches_max);
    let outgoing = Outgoing { filling: Batch::default(), spilled: VecDeque::new(), channel: sender, returned };
    (outgoing, Incoming { channel: receiver, give_back, due: 0 })
}

impl<M, S> Mailbox<M, S> {
    /// The batch for `to` that leaves with the next [`Mailbox::post`].
    ///
    /// # Panics
    ///
    /// If `to` is not another core.
    pub fn batch_for(&mut self, to: usize) -> &mut Batch<M, S> {
        let outgoing = self.outgoing.get_mut(to).and_then(Option::as_mut);
        let filling = &mut outgoing.expect("mail goes to another core of this process").filling;
        self.written |= 1 << to;
        filling
    }

    /// Hands over what waits, and names each peer that sleeps and must be woken now.
    pub fn post(&mut self, mut wake: impl FnMut(usize)) {
        for peer in places(mem::take(&mut self.written)) {
            let Some(outgoing) = &mut self.outgoing[peer] else { continue };
            let has_pushed = outgoing.push();
            if !outgoing.spilled.is_empty() {
                self.written |= 1 << peer;
            }
            if !has_pushed {
                continue;
            }
            let porch = &self.porches[peer];
            porch.senders.fetch_or(1 << self.me, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if porch.is_asleep.load(Ordering::SeqCst) && porch.is_asleep.swap(false, Ordering::SeqCst) {
                wake(peer);
            }
        }
    }

    /// Whether a channel was full: batches wait here for the next [`Mailbox::post`].
    pub fn is_spilled(&self) -> bool {
        places(self.written)
            .filter_map(|peer| self.outgoing[peer].as_ref())
            .any(|outgoing| !outgoing.spilled.is_empty())
    }

    /// Gives `take` every batch that is there now, in the order sent, and the batches' memory back to their senders. `take`
    /// answers whether to go on; if not, the next call goes on with those that were there. Answers whether all of them have
    /// been taken.
    pub fn take(&mut self, mut take: impl FnMut(usize, &mut Batch<M, S>) -> bool) -> bool {
        if self.due == 0 {
            let senders = &self.porches[self.me].senders;
            // Most of the time there is nobody, and a look leaves the line to those who write.
            if senders.load(Ordering::SeqCst) == 0 {
                return true;
            }
            self.due = senders.swap(0, Ordering::SeqCst);
            // Only what is there now: a peer that keeps sending must not keep us here.
            for from in places(self.due) {
                if let Some(incoming) = &mut self.incoming[from] {
                    incoming.due = incoming.channel.len();
                }
            }
        }
        for from in places(self.due) {
            let Some(incoming) = &mut self.incoming[from] else { continue };
            while incoming.due > 0 {
                incoming.due -= 1;
                let Ok(mut batch) = incoming.channel.try_recv() else { break };
                let goes_on = take(from, &mut batch);
                batch.clear();
                // A full return path means that the sender has spare batches enough.
                let _ = incoming.give_back.try_send(batch);
                if !goes_on {
                    return false;
                }
            }
            self.due &= !(1 << from);
        }
        true
    }

    /// Frees the batches that are only kept to be used again: each has grown with the largest burst it ever carried. To be
    /// called now and then.
    pub fn give_back(&mut self) {
        for outgoing in self.outgoing.iter_mut().flatten() {
            while outgoing.returned.try_recv().is_ok() {}
            outgoing.filling.mail.shrink_to_fit();
            outgoing.filling.sockets.shrink_to_fit();
            outgoing.spilled.shrink_to_fit();
        }
    }

    /// Says that this core is about to sleep. False: it must not, there is mail.
    pub fn try_sleep(&self) -> bool {
        let porch = &self.porches[self.me];
        porch.is_asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.due != 0 || porch.senders.load(Ordering::SeqCst) != 0 {
            self.wake_up();
            return false;
        }
        true
    }

    /// Says that this core is awake: nobody needs to wake it.
    pub fn wake_up(&self) {
        self.porches[self.me].is_asleep.store(false, Ordering::SeqCst);
    }
}

impl<M, S> Outgoing<M, S> {
    /// Moves batches into the channel, oldest first; answers whether one went.
    fn push(&mut self) -> bool {
        if !self.filling.is_empty() {
            let spare = self.returned.try_recv().unwrap_or_default();
            self.spilled.push_back(mem::replace(&mut self.filling, spare));
        }
        let mut pushed = false;
        while let Some(batch) = self.spilled.pop_front() {
            match self.channel.try_send(batch) {
                Ok(()) => pushed = true,
                Err(TrySendError::Full(batch)) => {
                    self.spilled.push_front(batch);
                    break;
                }
                // The peer has ended: so has everything it was owed.
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
        pushed
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    type Box2 = Mailbox<u64, ()>;

    fn two(batches_max: usize) -> (Box2, Box2) {
        let mut boxes = mailboxes(2, batches_max);
        let second = boxes.pop().expect("two");
        (boxes.pop().expect("two"), second)
    }

    fn taken(mailbox: &mut Box2) -> Vec<u64> {
        let mut all = Vec::new();
        let is_all = mailbox.take(|_, batch| {
            all.append(&mut batch.mail);
            true
        });
        assert!(is_all);
        all
    }

    #[test]
    fn a_taker_that_has_had_enough_goes_on_with_what_was_there() {
        let (mut one, mut other) = two(4);
        let mut post = |number| {
            one.batch_for(1).mail.push(number);
            one.post(|_| {});
        };
        (0..3).for_each(&mut post);
        let mut all = Vec::new();
        let mut one_by_one = |all: &mut Vec<u64>| {
            other.take(|_, batch| {
                all.append(&mut batch.mail);
                false
            })
        };
        assert!(!one_by_one(&mut all));
        post(3);
        assert!(!one_by_one(&mut all) && !one_by_one(&mut all));
        assert_eq!(all, [0, 1, 2]);
        assert!(one_by_one(&mut all), "what came later was not there");
        assert_eq!(all, [0, 1, 2]);
        assert_eq!(taken(&mut other), [3]);
    }

    #[test]
    fn mail_arrives_in_order_even_through_a_full_channel() {
        let (mut one, mut other) = two(1);
        for number in 0..5 {
            one.batch_for(1).mail.push(number);
            one.post(|_| panic!("nobody sleeps"));
        }
        assert!(one.is_spilled());
        let mut all = Vec::new();
        for _ in 0..5 {
            all.append(&mut taken(&mut other));
            one.post(|_| panic!("nobody sleeps"));
        }
        assert_eq!(all, [0, 1, 2, 3, 4]);
        assert!(!one.is_spilled());
    }

    #[test]
    fn a_sleeper_is_woken_once_and_mail_forbids_sleep() {
        let (mut one, mut other) = two(4);
        assert!(other.try_sleep());
        let mut woken = Vec::new();
        for number in 0..2 {
            one.batch_for(1).mail.push(number);
            one.post(|peer| woken.push(peer));
        }
        assert_eq!(woken, [1]);
        assert!(!other.try_sleep(), "mail is there");
        one.batch_for(1).mail.push(2);
        one.post(|_| panic!("it said that it is awake"));
        assert_eq!(taken(&mut other), [0, 1, 2]);
        assert!(other.try_sleep());
    }

    #[test]
    fn nothing_to_post_wakes_nobody() {
        let (mut one, other) = two(4);
        assert!(other.try_sleep());
        one.post(|_| panic!("there was no mail"));
    }

    #[test]
    fn batches_come_back_to_be_used_again() {
        let (mut one, mut other) = two(2);
        one.batch_for(1).mail.reserve(1000);
        one.batch_for(1).mail.push(7);
        one.post(|_| {});
        assert_eq!(taken(&mut other), [7]);
        one.batch_for(1).mail.push(8);
        one.post(|_| {});
        assert!(one.batch_for(1).mail.capacity() >= 1000);
    }

    #[test]
    fn batches_that_have_come_back_are_freed_when_memory_is_given_back() {
        let (mut one, mut other) = two(4);
        for _ in 0..4 {
            one.batch_for(1).mail.reserve(1000);
            one.batch_for(1).mail.push(7);
            one.post(|_| {});
        }
        assert_eq!(taken(&mut other), [7; 4]);
        one.batch_for(1).mail.push(8);
        one.give_back();
        for number in [8, 9, 10, 11] {
            assert!(one.batch_for(1).mail.capacity() <= 4, "{number}");
            one.batch_for(1).mail.push(number);
            one.post(|_| {});
        }
        assert_eq!(taken(&mut other), [8, 8, 9, 10, 11], "what waits to be posted is kept");
    }

    #[test]
    fn mail_to_a_core_that_has_ended_is_dropped() {
        let (mut one, other) = two(1);
        drop(other);
        for number in 0..3 {
            one.batch_for(1).mail.push(number);
            one.post(|_| panic!("it does not sleep, it is gone"));
        }
        assert!(!one.is_spilled());
    }

    #[test]
    fn each_of_sixty_four_is_heard_and_only_those_who_have_written() {
        let mut boxes = mailboxes::<u64, ()>(64, 2);
        for round in 0..3 {
            for from in (1..64).filter(|from| from % 3 == round) {
                boxes[from].batch_for(0).mail.push(from as u64);
                boxes[from].post(|_| panic!("it is awake"));
            }
            let expected: Vec<u64> = (1..64).filter(|from| from % 3 == round as u64).collect();
            assert_eq!(taken(&mut boxes[0]), expected);
            assert_eq!(boxes[0].porches[0].senders.load(Ordering::SeqCst), 0);
        }
        assert!(boxes[0].try_sleep());
    }

    #[test]
    #[should_panic(expected = "at most 64 cores")]
    fn more_cores_than_a_word_names_are_refused() {
        mailboxes::<u64, ()>(65, 1);
    }

    #[test]
    fn who_has_left_mail_untaken_does_not_sleep() {
        let (mut one, mut other) = two(4);
        one.batch_for(1).mail.push(1);
        one.post(|_| {});
        one.batch_for(1).mail.push(2);
        one.post(|_| {});
        assert!(!other.take(|_, _| false), "the second is left");
        assert!(!other.try_sleep());
        assert_eq!(taken(&mut other), [2]);
        assert!(other.try_sleep());
    }

    /// Both cores answer every mail while they send their own: each channel is full most of the time.
    #[test]
    fn two_cores_that_flood_each_other_through_channels_of_one_lose_nothing_and_end() {
        const MAILS: u64 = 20_000;
        let (one, other) = two(1);
        let run = |mut mailbox: Box2, peer: usize| {
            let (mut sent, mut seen) = (0, 0);
            while sent < MAILS || seen < MAILS || mailbox.is_spilled() {
                for number in taken(&mut mailbox) {
                    assert_eq!(number, seen, "in order, none twice, none lost");
                    seen += 1;
                }
                // As the driver does: new work only while the peer keeps up, mail always.
                if !mailbox.is_spilled() && sent < MAILS {
                    mailbox.batch_for(peer).mail.extend(sent..(sent + 10).min(MAILS));
                    sent = (sent + 10).min(MAILS);
                }
                mailbox.post(|_| {});
            }
            seen
        };
        let thread = thread::spawn(move || run(one, 1));
        assert_eq!(run(other, 0), MAILS);
        assert_eq!(thread.join().expect("no panic"), MAILS);
    }

    /// A ball goes to and fro; whoever does not have it sleeps until woken. One lost wake-up and the game stops.
    #[test]
    fn no_wake_up_is_lost_in_a_closed_loop() {
        const ROUNDS: u64 = 50_000;
        let (one, other) = two(1);
        let (bell_one, rung_one) = bounded::<()>(1);
        let (bell_other, rung_other) = bounded::<()>(1);
        let play = |mut mailbox: Box2, peer: usize, bell: Sender<()>, rung: Receiver<()>| {
            let mut last = 0;
            while last < ROUNDS {
                if mailbox.try_sleep() {
                    rung.recv_timeout(Duration::from_secs(20)).expect("woken in time");
                    mailbox.wake_up();
                }
                for number in taken(&mut mailbox) {
                    last = number + 1;
                    mailbox.batch_for(peer).mail.push(last);
                }
                mailbox.post(|_| bell.try_send(()).expect("one wake-up at a time"));
            }
        };
        let mut first = one;
        first.batch_for(1).mail.push(0);
        first.post(|_| {});
        let thread = thread::spawn(move || play(other, 0, bell_one, rung_other));
        play(first, 1, bell_other, rung_one);
        thread.join().expect("no panic");
    }
}
