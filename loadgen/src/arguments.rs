//! The words of the command line, as clap reads them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  loadgen list                                             the scenarios and their parameters
  loadgen singlenode-p2p-1K-1K-1K-1K --duration 60         one as published, but for a minute only
  loadgen emqx-2m-fanout --scale 0.1 --cores 1             a tenth of the subscribers, on CPU 1
  loadgen p2p --clients 100 --window 32 --qos 1            100 pairs as fast as 32 messages under way allow
  loadgen fanout --subscribers 1000 --rate 500             one publisher, 500 messages a second to 1000
  loadgen p2p --find-max --p99-limit 10 --broker-pid 4711  the highest rate with a p99 of at most 10 ms

Exit codes: 0 all went well, 1 it could not be carried out, 2 bad flags,
3 messages were lost, duplicated, out of order or misdirected, 130 Ctrl-C.
All flags and the JSON: docs/loadgen.md";

/// Loads an MQTT broker and accounts for every message
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(subcommand_negates_reqs = true, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name the scenarios and their parameters
    List,
    /// Be a toy broker, to see how much loadgen itself can do
    Sink(SinkArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SinkArguments {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1884")]
    pub(crate) bind: std::net::SocketAddr,
    /// Pin it to this CPU
    #[arg(long, value_name = "CPU")]
    pub(crate) core: Option<usize>,
    /// Lose every Nth delivery
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) drop: u64,
    /// Deliver every Nth message twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) duplicate: u64,
    /// Hold back every Nth delivery until the one behind it has gone
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) swap: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A scenario (see `loadgen list`), or p2p, fanout, fanin, sharedsub, conn
    #[arg(required = true)]
    pub(crate) scenario: Option<String>,

    /// The broker; without a port 1883, with --tls 8883
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1")]
    pub(crate) broker: String,
    /// What to call the broker in the report
    #[arg(long, value_name = "NAME")]
    pub(crate) broker_name: Option<String>,
    /// Its processes on this machine (those below them count too): CPU and memory are reported
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) broker_pid: Vec<u32>,

    /// Clients: pairs of p2p, connections of conn
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) clients: Option<u32>,
    /// Publishing clients
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) publishers: Option<u32>,
    /// Subscribing clients
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) subscribers: Option<u32>,
    /// Topics of fanout, fanin and sharedsub [default: one a publisher]; filters, retained topics, messages a session or
    /// rounds of the scenarios that have them
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) topics: Option<u32>,
    /// QoS both ways
    #[arg(long, value_name = "0-2", value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Load")]
    pub(crate) qos: Option<u8>,
    /// QoS of publishing
    #[arg(long, value_name = "0-2", value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Load")]
    pub(crate) publish_qos: Option<u8>,
    /// QoS of subscribing
    #[arg(long, value_name = "0-2", value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Load")]
    pub(crate) subscribe_qos: Option<u8>,
    /// Bytes of a payload, at least 16
    #[arg(long, value_name = "BYTES", help_heading = "Load")]
    pub(crate) payload: Option<usize>,
    /// p2p: beside the pairs one publisher sends payloads of so many bytes to one subscriber, QoS 0, as fast as 16 under
    /// way allow
    #[arg(long, value_name = "BYTES", help_heading = "Load")]
    pub(crate) bulk: Option<usize>,
    /// filters: how many per cent of them have no wildcard
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = "Load")]
    pub(crate) exact: Option<u8>,
    /// Protocol version: 3.1, 3.1.1 or 5
    #[arg(long, value_name = "VERSION", value_parser = ["3.1", "3.1.1", "5", "5.0"], help_heading = "Load")]
    pub(crate) protocol: Option<String>,
    /// Seconds of keep alive
    #[arg(long, value_name = "SECONDS", help_heading = "Load")]
    pub(crate) keep_alive: Option<u16>,
    /// Subscribers keep their sessions
    #[arg(long, help_heading = "Load")]
    pub(crate) persistent: bool,
    /// User name of all clients
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    pub(crate) username: Option<String>,
    /// Password of all clients
    #[arg(long, value_name = "PASSWORD", requires = "username", help_heading = "Load")]
    pub(crate) password: Option<String>,
    /// Connections a second; 0: as fast as they are accepted
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) connect_rate: Option<f64>,
    /// Multiply the clients of a scenario, to fit a smaller machine (or a larger one)
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, help_heading = "Load")]
    pub(crate) scale: f64,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,

    /// Messages a second, of all publishers together
    #[arg(long, value_name = "N", conflicts_with_all = ["window", "find_max"], help_heading = "Mode")]
    pub(crate) rate: Option<f64>,
    /// Closed loop: each publisher has at most so many messages under way that not all subscribers have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Mode")]
    pub(crate) window: Option<u32>,
    /// Closed loop: a publisher waits until it may send so many at once, which makes for fuller writes
    #[arg(long, value_name = "N", requires = "window", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = "Mode")]
    pub(crate) burst: Option<u32>,
    /// Raise the rate until messages are lost or the p99 limit is broken
    #[arg(long, conflicts_with = "window", help_heading = "Mode")]
    pub(crate) find_max: bool,
    /// --find-max: the p99 latency that still holds
    #[arg(long, value_name = "MS", default_value_t = 100.0, help_heading = "Mode")]
    pub(crate) p99_limit: f64,
    /// --find-max: messages a second to begin with [default: that of the scenario]
    #[arg(long, value_name = "N", requires = "find_max", help_heading = "Mode")]
    pub(crate) start_rate: Option<f64>,
    /// Seconds that are measured [default: as published, 10 in free form; each step of --find-max 3]
    #[arg(long, value_name = "SECONDS", help_heading = "Mode")]
    pub(crate) duration: Option<f64>,
    /// Seconds of publishing before
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, help_heading = "Mode")]
    pub(crate) warmup: f64,
    /// Seconds without a message after which those still missing are lost
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, help_heading = "Mode")]
    pub(crate) drain: f64,
    /// Scripts: seconds in which nothing happens before the broker's memory is looked at, around each step
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, help_heading = "Mode")]
    pub(crate) settle: f64,
    /// QoS 1 and 2: unacknowledged messages of a publisher
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Mode")]
    pub(crate) in_flight: u16,

    /// CPUs to use, such as 1 or 2,4-7: one pinned thread each
    #[arg(long, value_name = "LIST", help_heading = "Machine")]
    pub(crate) cores: Option<String>,
    /// Threads, if not pinned [default: half of the CPUs]
    #[arg(long, value_name = "N", conflicts_with = "cores", help_heading = "Machine")]
    pub(crate) threads: Option<usize>,
    /// Never sleep: for a CPU of its own, where the broker shall not pay for waking us
    #[arg(long, help_heading = "Machine")]
    pub(crate) spin: bool,
    /// Addresses to connect from, in turn [default on loopback beyond 4,000 connections: some of
    /// 127.0.0.0/8, other ones in each run]
    #[arg(long, value_name = "ADDR", value_delimiter = ',', help_heading = "Machine")]
    pub(crate) source: Vec<IpAddr>,
    /// Seconds a client may take to connect and subscribe
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, help_heading = "Machine")]
    pub(crate) connect_timeout: f64,
    /// What topics and client identifiers begin with [default: made from the process id]
    #[arg(long, value_name = "TEXT", help_heading = "Machine")]
    pub(crate) prefix: Option<String>,

    /// Print one JSON object to standard output, the summary to standard error
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// No live line
    #[arg(long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct TlsArguments {
    /// All connections speak TLS
    #[arg(long, requires = "trust", help_heading = "TLS")]
    pub(crate) tls: bool,
    /// The authorities (PEM) of whose certificates the broker has to show one
    #[arg(long, value_name = "FILE", group = "trust", requires = "tls", help_heading = "TLS")]
    pub(crate) ca: Option<PathBuf>,
    /// Take any certificate of the broker
    #[arg(long, group = "trust", requires = "tls", help_heading = "TLS")]
    pub(crate) insecure: bool,
    /// The certificate of all clients (PEM), with its chain
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"], help_heading = "TLS")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub(crate) key: Option<PathBuf>,
    /// The name the broker's certificate has to be for [default: the host of --broker]
    #[arg(long, value_name = "NAME", requires = "tls", help_heading = "TLS")]
    pub(crate) server_name: Option<String>,
    /// Speak this version only: 1.2 or 1.3 [default: the newest that the broker speaks]
    #[arg(long, value_name = "VERSION", value_parser = ["1.2", "1.3"], requires = "tls", help_heading = "TLS")]
    pub(crate) tls_version: Option<String>,
    /// Take sessions up again as soon as the broker has given tickets; else each handshake is a whole one
    #[arg(long, requires = "tls", help_heading = "TLS")]
    pub(crate) resume: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn modes_exclude_each_other_and_a_scenario_is_needed() {
        for wrong in [
            &["loadgen"][..],
            &["loadgen", "p2p", "--rate", "1", "--window", "1"],
            &["loadgen", "p2p", "--find-max", "--window", "1"],
            &["loadgen", "p2p", "--qos", "3"],
            &["loadgen", "p2p", "--window", "0"],
            &["loadgen", "p2p", "--burst", "2"],
            &["loadgen", "p2p", "--password", "x"],
            &["loadgen", "p2p", "--tls"],
            &["loadgen", "p2p", "--resume"],
            &["loadgen", "p2p", "--tls", "--insecure", "--tls-version", "1.1"],
            &["loadgen", "p2p", "--ca", "ca.pem"],
            &["loadgen", "p2p", "--tls", "--ca", "ca.pem", "--insecure"],
            &["loadgen", "p2p", "--tls", "--insecure", "--cert", "client.pem"],
            &["loadgen", "p2p", "--tls", "--insecure", "--key", "client.key"],
            &["loadgen", "p2p", "--protocol", "4"],
        ] {
            assert!(Arguments::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
        let list = Arguments::try_parse_from(["loadgen", "list"]).unwrap();
        assert!(matches!(list.command, Some(Command::List)));
    }
}
