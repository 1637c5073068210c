//! What the command line means: a load, and how it is to be run.

use std::io::{stderr, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use corecast::mqtt::{ProtocolVersion, QoS};

use crate::arguments::RunArguments;
use crate::catalogue::find;
use crate::client::Manners;
use crate::load::{Load, Shape};
use crate::stamp::STAMP_BYTES;
use crate::system::allowed_cores;
use crate::tls::Terms;

/// How a run is carried out, whatever the load.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) scenario: String,
    pub(crate) broker: SocketAddr,
    /// How its connections speak TLS, if they do.
    pub(crate) tls: Option<Terms>,
    pub(crate) broker_name: Option<String>,
    pub(crate) broker_pids: Vec<u32>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) scale: f64,
    /// Of the closed loop; without one the rate is fixed.
    pub(crate) window: Option<u32>,
    /// Of the closed loop: messages a publisher sends at once at least, unless its window is smaller.
    pub(crate) burst: u32,
    pub(crate) find_max: bool,
    pub(crate) p99_limit: Duration,
    pub(crate) start_rate: Option<f64>,
    pub(crate) warmup: Duration,
    pub(crate) drain: Duration,
    /// Of a script: how long to wait before the broker's memory is looked at.
    pub(crate) settle: Duration,
    pub(crate) in_flight_max: u16,
    pub(crate) cores: Vec<usize>,
    pub(crate) threads: usize,
    pub(crate) spins: bool,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) prefix: String,
    pub(crate) is_live: bool,
}

/// Connections from one address. Linux has 28,232 ephemeral ports unless told otherwise and looks among every second one first:
/// when those are taken each connection has to search them all, which takes a millisecond.
const CONNECTIONS_PER_SOURCE: u32 = 4_000;
/// Ports stay taken for a minute after a run, so the next ones, which are other processes, use other addresses of 127.0.0.0/8:
/// so many blocks of so many in turn.
const SOURCE_BLOCKS: u32 = 4_096;
const SOURCES_PER_BLOCK: u32 = 4_096;
/// The window of free form if nothing is said.
const WINDOW: u32 = 64;
/// Nothing lasts longer: a week.
const SECONDS_MAX: f64 = 7.0 * 24.0 * 3600.0;

/// Reads the command line.
pub(crate) fn read(arguments: &RunArguments) -> Result<(Load, Options)> {
    let name = arguments.scenario.clone().unwrap_or_default();
    let load = load_of(&name, arguments)?;
    let is_free = free_form(&name).is_some();
    let window = arguments.window.or_else(|| {
        let is_undecided = is_free && arguments.rate.is_none() && !arguments.find_max;
        (is_undecided && load.receivers() > 0).then_some(WINDOW)
    });
    let burst = arguments.burst.unwrap_or(1);
    // Of several receivers only milestones are known, so more than this might never seem to be free.
    let burst_max = (window.unwrap_or(1) / 2).max(1);
    ensure!(burst <= burst_max, "--burst {burst}: 1 to {burst_max}, half of the window");
    let cores = arguments.cores.as_deref().map(parse_cores).transpose()?.unwrap_or_default();
    let threads = match (cores.len(), arguments.threads) {
        (0, Some(threads)) => threads,
        (0, None) => (allowed_cores().len() / 2).max(1),
        (cores, _) => cores,
    };
    ensure!((1..=1024).contains(&threads), "--threads {threads}: 1 to 1024");
    let prefix = arguments.prefix.clone().unwrap_or_else(|| format!("lg{}", std::process::id()));
    ensure!(
        !prefix.is_empty() && prefix.len() <= 64 && !prefix.contains(['+', '#', '\0', '$']),
        "--prefix {prefix:?}: 1 to 64 characters without + # $"
    );
    let options = Options {
        scenario: find(&name).map_or(name, |scenario| scenario.name.to_owned()),
        broker: resolve(&arguments.broker, arguments.tls.tls)?,
        tls: arguments.tls.tls.then(|| Terms::read(&arguments.tls, host_of(&arguments.broker))).transpose()?,
        broker_name: arguments.broker_name.clone(),
        broker_pids: arguments.broker_pid.clone(),
        username: arguments.username.clone(),
        password: arguments.password.clone(),
        scale: arguments.scale,
        window,
        burst,
        find_max: arguments.find_max,
        p99_limit: seconds("--p99-limit", arguments.p99_limit / 1e3)?,
        start_rate: arguments.start_rate,
        warmup: seconds("--warmup", arguments.warmup)?,
        drain: seconds("--drain", arguments.drain.max(0.1))?,
        settle: seconds("--settle", arguments.settle)?,
        in_flight_max: arguments.in_flight.max(1),
        cores,
        threads,
        spins: arguments.spin,
        sources: arguments.source.clone(),
        connect_timeout: seconds("--connect-timeout", arguments.connect_timeout)?,
        prefix,
        is_live: !arguments.quiet && stderr().is_terminal(),
    };
    if options.find_max && load.receivers() == 0 {
        bail!("--find-max: {} publishes nothing", options.scenario);
    }
    Ok((load, options))
}

/// The loads of free form.
fn free_form(name: &str) -> Option<Load> {
    let plain = Load { duration_s: 10.0, ..Load::PLAIN };
    Some(match name {
        "p2p" => Load { publishers: 100, subscribers: 100, ..plain },
        "fanout" => Load { shape: Shape::Broadcast, publishers: 1, subscribers: 100, ..plain },
        "fanin" => Load { shape: Shape::BroadcastByWildcard, publishers: 100, subscribers: 1, ..plain },
        "sharedsub" => {
            Load { shape: Shape::SharedSub, publishers: 100, subscribers: 4, version: ProtocolVersion::V5, ..plain }
        }
        "conn" => Load { shape: Shape::Connections, publishers: 0, subscribers: 1000, ..plain },
        _ => return None,
    })
}

fn load_of(name: &str, arguments: &RunArguments) -> Result<Load> {
    let scenario = || find(name).map(|scenario| scenario.load.clone());
    let Some(mut load) = free_form(name).or_else(scenario) else {
        bail!("there is no scenario {name:?}: `loadgen list` names them all");
    };
    ensure!(arguments.scale > 0.0 && arguments.scale <= 1000.0, "--scale {}: above 0, at most 1000", arguments.scale);
    load = load.scaled(arguments.scale);
    let set = |field: &mut u32, value: Option<u32>| *field = value.unwrap_or(*field);
    if let Some(clients) = arguments.clients {
        match load.shape {
            Shape::PointToPoint => (load.publishers, load.subscribers) = (clients, clients),
            Shape::Ring => load.publishers = clients,
            Shape::Connections | Shape::ReconnectStorm | Shape::TakeoverStorm => load.subscribers = clients,
            Shape::Broadcast
            | Shape::BroadcastByWildcard
            | Shape::SharedSub
            | Shape::Wildcard
            | Shape::Retained
            | Shape::OfflineSessions
            | Shape::Filters
            | Shape::SlowConsumer => bail!("--clients: {name} has --publishers and --subscribers"),
        }
    }
    set(&mut load.publishers, arguments.publishers);
    set(&mut load.subscribers, arguments.subscribers);
    set(&mut load.items, arguments.topics);
    let qos = |number: Option<u8>| number.or(arguments.qos).and_then(QoS::from_u8);
    load.publish_qos = qos(arguments.publish_qos).unwrap_or(load.publish_qos);
    load.subscribe_qos = qos(arguments.subscribe_qos).unwrap_or(load.subscribe_qos);
    load.payload_bytes = arguments.payload.unwrap_or(load.payload_bytes);
    let sizes = STAMP_BYTES..=100 * 1024 * 1024;
    ensure!(sizes.contains(&load.payload_bytes), "--payload {}: {sizes:?} bytes", load.payload_bytes);
    load.bulk_bytes = arguments.bulk.unwrap_or(0);
    if arguments.bulk.is_some() {
        ensure!(load.shape == Shape::PointToPoint, "--bulk: {name} has none, p2p has");
        ensure!(sizes.contains(&load.bulk_bytes), "--bulk {}: {sizes:?} bytes", load.bulk_bytes);
    }
    if let Some(percent) = arguments.exact {
        ensure!(load.shape == Shape::Filters, "--exact: {name} has no such filters, filters has");
        load.exact_percent = percent;
    }
    load.keep_alive_s = arguments.keep_alive.unwrap_or(load.keep_alive_s);
    load.version = match arguments.protocol.as_deref() {
        None => load.version,
        Some("3.1") => ProtocolVersion::V3_1,
        Some("3.1.1") => ProtocolVersion::V3_1_1,
        Some(_) => ProtocolVersion::V5,
    };
    load.is_clean &= !arguments.persistent;
    load.connects_per_s = arguments.connect_rate.unwrap_or(load.connects_per_s);
    load.duration_s = match arguments.duration {
        Some(duration_s) => seconds("--duration", duration_s)?.as_secs_f64().max(0.1),
        None if arguments.find_max => 3.0,
        None => load.duration_s,
    };
    load = load.normalised();
    if let Some(rate) = arguments.rate {
        load.rate = rate / f64::from(load.publishers.max(1));
    }
    ensure!(load.rate >= 0.0 && load.rate.is_finite(), "--rate: not below 0");
    ensure!(
        load.connections() > 0 && load.connections() <= 10_000_000,
        "{} clients: 1 to 10,000,000",
        load.connections()
    );
    Ok(load)
}

impl Options {
    /// Where connections come from: as asked for, or from as many addresses as loopback needs, by the process that asks.
    pub(crate) fn sources_for(&self, load: &Load, process: u32) -> Vec<IpAddr> {
        let needed = load.connections().div_ceil(CONNECTIONS_PER_SOURCE).min(SOURCES_PER_BLOCK - 1);
        let is_loopback = self.broker.is_ipv4() && self.broker.ip().is_loopback();
        if !self.sources.is_empty() || needed <= 1 || !is_loopback {
            return self.sources.clone();
        }
        let first = u32::from(Ipv4Addr::LOCALHOST) + process % SOURCE_BLOCKS * SOURCES_PER_BLOCK;
        (0..needed).map(|index| IpAddr::from(Ipv4Addr::from(first + index))).collect()
    }

    pub(crate) fn manners(&self, load: &Load) -> Manners {
        Manners {
            version: load.version,
            keep_alive_s: load.keep_alive_s,
            username: self.username.clone(),
            password: self.password.clone(),
            subscribe_qos: load.subscribe_qos,
            session_expiry_interval_s: 3600,
        }
    }

    /// The name of the mode, as reported.
    pub(crate) fn mode(&self, load: &Load) -> &'static str {
        match load.shape {
            _ if self.find_max => "find-max",
            Shape::Connections
            | Shape::Retained
            | Shape::ReconnectStorm
            | Shape::TakeoverStorm
            | Shape::OfflineSessions
            | Shape::Filters => "script",
            Shape::PointToPoint
            | Shape::Broadcast
            | Shape::BroadcastByWildcard
            | Shape::SharedSub
            | Shape::Ring
            | Shape::Wildcard
            | Shape::SlowConsumer => {
                if self.window.is_some() {
                    "closed-loop"
                } else {
                    "fixed-rate"
                }
            }
        }
    }
}

fn resolve(broker: &str, has_tls: bool) -> Result<SocketAddr> {
    let port = if has_tls { 8883 } else { 1883 };
    let with_port = if broker.contains(':') { broker.to_owned() } else { format!("{broker}:{port}") };
    let mut addresses = with_port.to_socket_addrs().with_context(|| format!("--broker {broker}: HOST:PORT"))?;
    addresses.next().with_context(|| format!("--broker {broker}: no address"))
}

/// What a certificate of this broker is for, if nothing else is said.
fn host_of(broker: &str) -> &str {
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn seconds(flag: &str, seconds: f64) -> Result<Duration> {
    ensure!((0.0..=SECONDS_MAX).contains(&seconds), "{flag}: 0 to {SECONDS_MAX} seconds");
    Ok(Duration::from_secs_f64(seconds))
}

/// `1`, `0,2`, `2,4-7`.
fn parse_cores(list: &str) -> Result<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number =
            |text: &str| text.trim().parse::<usize>().with_context(|| format!("--cores {list}: such as 1 or 2,4-7"));
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last && last < 1024, "--cores {list}: {first}-{last} is no range of CPUs");
        cores.extend(first..=last);
    }
    let allowed = allowed_cores();
    if let Some(core) = cores.iter().find(|core| !allowed.contains(core)) {
        bail!("--cores {list}: this process may not run on CPU {core}; it may on {allowed:?}");
    }
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn parse(words: &str) -> Result<(Load, Options)> {
        let words = std::iter::once("loadgen").chain(words.split_whitespace());
        read(&Arguments::try_parse_from(words).expect("well formed").run)
    }

    #[test]
    fn published_scenarios_keep_their_rate_and_free_form_takes_a_window() {
        let (load, options) = parse("p2p-1K-1K-1K-1K --scale 0.1").unwrap();
        assert_eq!((load.publishers, load.rate_total(), options.window), (100, 100.0, None));
        assert_eq!((options.scenario.as_str(), options.mode(&load)), ("singlenode-p2p-1K-1K-1K-1K", "fixed-rate"));
        let (load, options) = parse("p2p --clients 7").unwrap();
        assert_eq!((load.subscribers, options.window, options.mode(&load)), (7, Some(WINDOW), "closed-loop"));
        let (load, options) = parse("fanout --publishers 4 --rate 10").unwrap();
        assert_eq!((load.rate, options.mode(&load)), (2.5, "fixed-rate"));
        let (load, options) = parse("conn").unwrap();
        assert_eq!((options.mode(&load), options.window), ("script", None));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_flag() {
        for (words, text) in [
            ("nonsense", "no scenario"),
            ("p2p --scale 0", "--scale"),
            ("p2p --payload 15", "--payload"),
            ("p2p --prefix a/#", "--prefix"),
            ("p2p --cores 3-1", "--cores"),
            ("p2p --cores x", "--cores"),
            ("p2p --threads 0", "--threads"),
            ("fanin --clients 3", "--clients"),
            ("p2p --duration 1e9", "--duration"),
            ("p2p --rate -1", "--rate"),
            ("p2p --window 8 --burst 5", "--burst"),
            ("conn --find-max", "--find-max"),
            ("fanout --bulk 65536", "--bulk"),
            ("p2p --bulk 15", "--bulk"),
            ("p2p --exact 50", "--exact"),
            ("filters --clients 3", "--clients"),
            ("p2p --clients 0", "0 clients"),
            ("p2p --broker nowhere:x", "--broker"),
            ("p2p --tls --ca /no/such/file", "--ca /no/such/file: cannot be read"),
            ("p2p --tls --insecure --server-name a_/b", "--server-name"),
        ] {
            let words = words.replace("--rate -1", "--rate=-1");
            let error = parse(&words).expect_err(&words).to_string();
            assert!(error.contains(text), "{words}: {error}");
        }
    }

    #[test]
    fn tls_has_a_port_of_its_own_and_the_name_of_its_host() {
        assert_eq!(parse("p2p").unwrap().1.broker.port(), 1883);
        let (_, options) = parse("p2p --tls --insecure --broker localhost").unwrap();
        assert_eq!(options.broker.port(), 8883);
        for (broker, host) in [("a.b", "a.b"), ("a.b:1", "a.b"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:1", "::1")] {
            assert_eq!(host_of(broker), host);
        }
    }

    #[test]
    fn many_connections_on_loopback_come_from_many_addresses() {
        let (load, options) = parse("p2p --clients 50000").unwrap();
        let sources = options.sources_for(&load, 2 * 4_096);
        assert_eq!((sources.len(), sources[12]), (25, IpAddr::from([127, 0, 0, 13])));
        let others: Vec<IpAddr> = [1, 4_095].iter().flat_map(|process| options.sources_for(&load, *process)).collect();
        assert!(others.iter().all(|source| source.is_loopback() && !sources.contains(source)), "{others:?}");
        let (load, options) = parse("p2p --clients 50000 --source 127.0.0.77").unwrap();
        assert_eq!(options.sources_for(&load, 7), [IpAddr::from([127, 0, 0, 77])]);
        let (load, options) = parse("p2p --clients 2000").unwrap();
        assert!(options.sources_for(&load, 7).is_empty());
    }
}
