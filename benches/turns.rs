//! The longest turn of a shard while it has long work to do: a scan of a million retained messages, a hundred thousand
//! subscriptions that end, a hundred thousand messages that wait, a burst to a thousand subscribers.
//!
//! A turn is from the first event to the last outbox emptied, without the kernel. Where work is cut is the same each time
//! and tested in `tests/it/turns.rs`; how long it takes is not, and this shows it: by the clock, and by the time this thread
//! had a CPU, which is what is left of it when other programs run, too. Words on the command line choose cases.

use std::env;
use std::time::{Duration, Instant};

use benches::{publish, Client, World};
use corecast::limits::Limits;
use corecast::mqtt::{
    encode_subscribe, encode_unsubscribe, Connect, Packet, PacketId, Properties, ProtocolVersion, QoS,
    SubscriptionOptions,
};
use corecast::runtime::CountingAllocator;
use rustix::time::{clock_gettime, ClockId};

/// The broker's own.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const FILTERS: u32 = 100_000;
const TOPICS: u32 = 1_000_000;
const QUEUED: u32 = 100_000;
const SUBSCRIBERS: u32 = 1000;
const BURST: u32 = 500;
const CROWD: u32 = 100_000;

/// Each case is played so often; of its longest turns the median, the least and the greatest are shown.
const ROUNDS: usize = 5;

type Case = (&'static str, fn() -> Turns);

const CASES: [Case; 12] = [
    ("scan 1,000,000 retained, 1,000 match", || scan("site/+/device/7")),
    ("scan 1,000,000 retained, all match", || scan("#")),
    ("subscribe to 100,000 filters", subscribe),
    ("five clients subscribe to 1,000,000", subscribe_million),
    ("unsubscribe from 100,000 filters", unsubscribe),
    ("end a session with 100,000 filters", || end(&filters_packet(true), false)),
    ("resume a session with 100,000 messages", || wake(false)),
    ("drop a session with 100,000 messages", || wake(true)),
    ("burst of 500 to 1,000 subscribers", || burst(SUBSCRIBERS, BURST)),
    ("burst of 20 to 20,000 subscribers", || burst(20_000, 20)),
    ("one message to 100,000 subscribers", || burst(CROWD, 1)),
    ("drain 100,000 connections", drain),
];

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("{:<42} {:>7} {:>22} {:>22}", "case", "turns", "longest turn, us", "longest on the CPU, us");
    for (name, case) in CASES {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let rounds: Vec<Turns> = (0..ROUNDS).map(|_| case()).collect();
        let spread = |of: fn(&Turns) -> Duration| {
            let mut all: Vec<u128> = rounds.iter().map(|turns| of(turns).as_micros()).collect();
            all.sort_unstable();
            format!("{} ({}-{})", all[ROUNDS / 2], all[0], all[ROUNDS - 1])
        };
        let (longest, on_cpu) = (spread(|turns| turns.longest), spread(|turns| turns.longest_on_cpu));
        println!("{name:<42} {:>7} {longest:>22} {on_cpu:>22}", rounds[0].count);
    }
}

/// The turns it took until nothing was left to do.
#[derive(Default)]
struct Turns {
    count: usize,
    longest: Duration,
    longest_on_cpu: Duration,
}

/// Two clocks that go on together.
struct Watch {
    start: Instant,
    on_cpu: Duration,
}

impl Watch {
    fn start() -> Watch {
        Watch { start: Instant::now(), on_cpu: on_cpu() }
    }

    fn stop(&self, turns: &mut Turns) {
        turns.count += 1;
        turns.longest = turns.longest.max(self.start.elapsed());
        turns.longest_on_cpu = turns.longest_on_cpu.max(on_cpu() - self.on_cpu);
    }
}

/// For how long this thread has run.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn play(world: &mut World, begin: impl FnOnce(&mut World)) -> Turns {
    let mut turns = Turns::default();
    let mut watch = Watch::start();
    begin(world);
    loop {
        let goes_on = world.turn(|_, _| {});
        watch.stop(&mut turns);
        // What left made room, so that more may be under way.
        if world.take_written_bytes() == 0 && !goes_on {
            return turns;
        }
        watch = Watch::start();
    }
}

fn settle(world: &mut World, begin: impl FnOnce(&mut World)) {
    play(world, begin);
}

fn scan(filter: &str) -> Turns {
    let mut world = World::new(1);
    let publisher = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    for site in 0..TOPICS / 1000 {
        let topics = (0..1000).map(|device| format!("site/{site}/device/{device}"));
        let packets: Vec<u8> = topics.flat_map(|topic| publish(&topic, QoS::AtMostOnce, true, 0)).collect();
        settle(&mut world, |world| world.receive(publisher, &packets));
    }
    let subscriber = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    let packet = subscribe_packet(&[filter.to_owned()]);
    play(&mut world, |world| world.receive(subscriber, &packet))
}

fn subscribe() -> Turns {
    let mut world = World::new(1);
    let client = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    let packet = filters_packet(true);
    play(&mut world, |world| world.receive(client, &packet))
}

/// Packets of 4,000 filters, a third of which have a wildcard.
fn subscribe_million() -> Turns {
    let mut world = World::new(1);
    let mut all = Turns::default();
    for client in 0..5 {
        let subscriber = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
        for first in (0..200_000).step_by(4000) {
            let end = |number| if number % 3 == 0 { "+" } else { "x" };
            let filters: Vec<String> =
                (first..first + 4000).map(|number| format!("m/{client}/{number}/{}", end(number))).collect();
            let packet = subscribe_packet(&filters);
            let turns = play(&mut world, |world| world.receive(subscriber, &packet));
            all.count += turns.count;
            all.longest = all.longest.max(turns.longest);
            all.longest_on_cpu = all.longest_on_cpu.max(turns.longest_on_cpu);
        }
    }
    all
}

fn unsubscribe() -> Turns {
    let mut world = World::new(1);
    let client = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    settle(&mut world, |world| world.receive(client, &filters_packet(true)));
    let packet = filters_packet(false);
    play(&mut world, |world| world.receive(client, &packet))
}

fn end(packets: &[u8], is_persistent: bool) -> Turns {
    let mut world = World::new(1);
    let client = world.open(0);
    settle(&mut world, |world| world.receive(client, &connect_packet("c", true, is_persistent)));
    settle(&mut world, |world| world.receive(client, packets));
    play(&mut world, |world| world.close(client))
}

/// A client comes back to all that has waited for it, or does not want it.
fn wake(clean_start: bool) -> Turns {
    let limits = Limits {
        queue_messages_max: QUEUED as usize,
        queue_bytes_max: usize::MAX,
        inflight_messages_max: u16::MAX,
        ..Limits::default()
    };
    let mut world = World::with_limits(1, &limits);
    let sleeper = world.open(0);
    settle(&mut world, |world| {
        world.receive(sleeper, &connect_packet("c", true, true));
        world.receive(sleeper, &subscribe_packet(&["t".to_owned()]));
    });
    settle(&mut world, |world| world.close(sleeper));
    let publisher = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    for number in 0..QUEUED {
        let id = 1 + number % 1000;
        settle(&mut world, |world| world.receive(publisher, &publish("t", QoS::AtLeastOnce, false, id as u16)));
    }
    let sleeper = world.open(0);
    play(&mut world, |world| world.receive(sleeper, &connect_packet("c", clean_start, true)))
}

fn burst(subscribers: u32, burst: u32) -> Turns {
    let mut world = World::new(1);
    let publisher = world.client(0, ProtocolVersion::V5, &[], QoS::AtMostOnce);
    for _ in 0..subscribers {
        world.client(0, ProtocolVersion::V5, &["t"], QoS::AtMostOnce);
    }
    let packets: Vec<u8> = (0..burst).flat_map(|_| publish("t", QoS::AtMostOnce, false, 0)).collect();
    play(&mut world, |world| world.receive(publisher, &packets))
}

fn drain() -> Turns {
    let mut world = World::new(1);
    let clients: Vec<Client> =
        (0..100_000).map(|_| world.client(0, ProtocolVersion::V5, &["t"], QoS::AtMostOnce)).collect();
    assert_eq!(clients.len(), 100_000);
    play(&mut world, World::drain)
}

fn filters_packet(subscribes: bool) -> Vec<u8> {
    let filters: Vec<String> = (0..FILTERS).map(|number| format!("f/{number}")).collect();
    if subscribes {
        return subscribe_packet(&filters);
    }
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let mut packet = Vec::new();
    encode_unsubscribe(ProtocolVersion::V5, PacketId::MIN, Properties::EMPTY, &filters, &mut packet);
    packet
}

fn subscribe_packet(filters: &[String]) -> Vec<u8> {
    let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
    let filters: Vec<(&str, SubscriptionOptions)> = filters.iter().map(|filter| (filter.as_str(), options)).collect();
    let mut packet = Vec::new();
    encode_subscribe(ProtocolVersion::V5, PacketId::MIN, None, Properties::EMPTY, &filters, &mut packet);
    packet
}

fn connect_packet(client_id: &str, clean_start: bool, is_persistent: bool) -> Vec<u8> {
    let session_expiry_interval_s = if is_persistent { u32::MAX } else { 0 };
    let connect = Connect { clean_start, session_expiry_interval_s, ..Connect::new(ProtocolVersion::V5, client_id) };
    let mut packet = Vec::new();
    Packet::Connect(connect).encode(ProtocolVersion::V5, &mut packet);
    packet
}
