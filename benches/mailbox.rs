//! Mail between two cores: one way, both ways at once, and a single mail to and fro; and what a core of many looks at when there
//! is none. Both threads look for mail all the time, so nobody is woken: what a wake-up costs is the kernel's. Needs two CPUs
//! that have nothing else to do.

mod settings;

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use corecast::runtime::{mailboxes, Mailbox};
use corecast::shard::Mail;
use criterion::{Criterion, Throughput};

/// Batches a channel holds, as the broker has it by default.
const BATCHES_MAX: usize = 64;

/// Mails of one turn.
const BATCHES: [u64; 2] = [1, 50];

type Box2 = Mailbox<Mail, ()>;

fn main() {
    settings::run(|criterion| {
        for batch in BATCHES {
            one_way(criterion, batch);
            both_ways(criterion, batch);
        }
        to_and_fro(criterion);
        for cores in [2, 16, 64] {
            nothing(criterion, cores);
        }
    });
}

/// What a turn looks at in any case: nothing has come, nothing is to be sent. An element is a turn.
fn nothing(criterion: &mut Criterion, cores: usize) {
    let mut boxes: Vec<Box2> = mailboxes(cores, BATCHES_MAX);
    let one = &mut boxes[0];
    bench(criterion, &format!("nothing from {} others", cores - 1), 1, |turns| {
        for _ in 0..turns {
            assert_eq!(take(one), 0);
            one.post(|_| panic!("nothing was written"));
        }
    });
}

/// One core sends batches, the other takes them. An element is a mail.
fn one_way(criterion: &mut Criterion, batch: u64) {
    let (mut one, mut other) = pair();
    with_peer(
        || _ = take(&mut other),
        || {
            bench(criterion, &format!("one way in batches of {batch}"), batch, |turns| {
                for _ in 0..turns {
                    send(&mut one, 1, batch);
                    while one.is_spilled() {
                        spin_loop();
                        one.post(|_| {});
                    }
                }
            });
        },
    );
}

/// Each core sends a batch for each it takes: as much goes one way as the other.
fn both_ways(criterion: &mut Criterion, batch: u64) {
    let (mut one, mut other) = pair();
    with_peer(
        || {
            let taken = take(&mut other);
            if taken > 0 {
                send(&mut other, 0, taken);
            }
            other.post(|_| {});
        },
        || {
            bench(criterion, &format!("both ways in batches of {batch}"), 2 * batch, |turns| {
                // Some batches are under way all the time, fewer than a channel holds.
                let (mut sent, mut back) = (0, 0);
                while back < turns * batch {
                    if sent < turns * batch && sent - back < batch * BATCHES_MAX as u64 / 2 {
                        send(&mut one, 1, batch);
                        sent += batch;
                    }
                    back += take(&mut one);
                }
            });
        },
    );
}

/// One mail goes there, its answer comes back. An element is a way.
fn to_and_fro(criterion: &mut Criterion) {
    let (mut one, mut other) = pair();
    with_peer(
        || {
            let taken = take(&mut other);
            if taken > 0 {
                send(&mut other, 0, taken);
            }
        },
        || {
            bench(criterion, "to and fro", 2, |turns| {
                for _ in 0..turns {
                    send(&mut one, 1, 1);
                    while take(&mut one) == 0 {
                        spin_loop();
                    }
                }
            });
        },
    );
}

fn pair() -> (Box2, Box2) {
    let mut boxes = mailboxes(2, BATCHES_MAX);
    let other = boxes.pop().expect("two");
    (boxes.pop().expect("two"), other)
}

/// Puts a batch of mail into the channel, as far as there is room.
fn send(mailbox: &mut Box2, to: usize, batch: u64) {
    mailbox.batch_for(to).mail.extend((0..batch).map(|sequence| Mail::Seen { sequence }));
    mailbox.post(|_| panic!("nobody sleeps"));
}

/// How many mails were there.
fn take(mailbox: &mut Box2) -> u64 {
    let mut count = 0;
    mailbox.take(|_, batch| {
        count += batch.mail.len() as u64;
        true
    });
    count
}

/// Runs `turn` on another thread, over and over, until `bench` has ended.
fn with_peer(mut turn: impl FnMut() + Send, bench: impl FnOnce()) {
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !has_ended.load(Ordering::Relaxed) {
                turn();
                spin_loop();
            }
        });
        bench();
        has_ended.store(true, Ordering::Relaxed);
    });
}

fn bench(criterion: &mut Criterion, name: &str, mails: u64, mut turns: impl FnMut(u64)) {
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(mails));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| -> Duration {
            let start = Instant::now();
            turns(count);
            start.elapsed()
        });
    });
    group.finish();
}
