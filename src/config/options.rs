//! Every option as one row. From the rows come the types of [`Config`], the defaults, the range checks, the help of the
//! flags and the tables of `docs/configuration.md`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::cores::Cores;
use super::listener::Listener;
use super::row::{row, Row};
use super::value::{choice, quoted, read, Datum, Fault, Range, Setting, Value, Wrong};
use crate::limits::{Limits, SHARDS_MAX};

/// The type of a section. One of our own is made from its rows; one made elsewhere must have a row for every field.
macro_rules! section {
    (struct $type:ident $(#[doc = $about:expr])+ { $($(#[doc = $help:expr])+ $key:ident: $kind:ty = $default:expr;)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $type { $($(#[doc = $help])+ pub $key: $kind,)+ }

        impl Default for $type {
            fn default() -> $type {
                $type { $($key: $default,)+ }
            }
        }
    };
    (use $type:ident $(#[doc = $about:expr])+ { $($(#[doc = $help:expr])+ $key:ident: $kind:ty;)+ }) => {
        // Does not compile when a field has no row.
        const _: fn($type) = |$type { $($key: _,)+ }| {};
    };
}

macro_rules! options {
    ($(
        $(#[doc = $about:expr])+
        $section:ident: $how:tt $type:ident {
            $(
                $(#[doc = $help:expr])+
                $key:ident: $kind:ty $(= $default:expr)?
                $(, unit $unit:literal)? $(, range $min:literal to $max:expr)? $(, flag $flag:literal)?;
            )+
        }
    )+) => {
        $(section! { $how $type $(#[doc = $about])+ { $($(#[doc = $help])+ $key: $kind $(= $default)?;)+ } })+

        /// Everything an operator may say, with defaults for what was left unsaid.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $section: $type,)+
            /// The listeners beside the plain one of `listen`, in the order of the file.
            pub listeners: Vec<Listener>,
        }

        /// The sections in the order of the documentation, each with what it is about.
        pub(crate) static SECTIONS: &[(&str, &str)] = &[$((stringify!($section), concat!($($about),+)),)+];

        /// The rows, section by section.
        pub(crate) static OPTIONS: &[Row<Config>] = &[$($(row! {
            Config: stringify!($section), [$section $key], $key: $kind, [$($help)+], [$($unit)?],
            [$(Some(Range { min: $min as f64, max: $max as f64 }))?], [$($flag)?]
        },)+)+];
    };
}

choice! {
    /// Which message goes when a session's queue is full.
    QueueFull: "\"drop_newest\" or \"drop_oldest\"" {
        /// The message that does not fit: what waits stays in order and complete up to a point.
        DropNewest = "drop_newest",
        /// The message that has waited longest: what waits is the latest.
        DropOldest = "drop_oldest",
    }
}

choice! {
    /// How much is logged; each level includes those before it.
    LogLevel: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"" {
        /// The operator must act.
        Error = "error",
        /// Something was refused or dropped.
        Warn = "warn",
        /// The process and its listeners.
        Info = "info",
        /// The life of each connection.
        Debug = "debug",
        /// Everything there is.
        Trace = "trace",
    }
}

choice! {
    /// How a log line looks.
    LogFormat: "\"human\" or \"json\"" {
        /// Time in UTC, level, message, fields.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

options! {
    /// Where clients connect.
    listen: struct Listen {
        /// Addresses to listen on, each with its port. The default is reachable from this machine only; write
        /// `0.0.0.0:1883`, `[::]:1883` or `*:1883` (both) to be reachable from others. `[]`: only what `[[listener]]` says.
        bind: Vec<SocketAddr> = vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883)], range 0 to 64, flag "--bind";
        /// Send small packets at once instead of waiting for more to fill a segment (TCP_NODELAY).
        tcp_nodelay: bool = true;
    }

    /// How the broker spreads over the machine: one shard is one thread, pinned to one CPU, with its own part of the
    /// sessions.
    shards: struct Shards {
        /// CPUs to run on, as numbers and ranges. Unset: every CPU this process may use.
        cores: Option<Cores> = None, flag "--cores";
        /// Number of shards. Unset: one for each CPU of `cores`. More shards than CPUs take
        /// turns on them, and wait for other programs there.
        count: Option<u8> = None, unit "shards", range 1 to SHARDS_MAX, flag "--shards";
    }

    /// What clients are told and how messages are treated where the standard leaves the choice to the server.
    protocol: struct Protocol {
        /// Start of the client identifiers made up for clients that send none.
        assigned_client_id_prefix: String = "auto-".to_owned(), range 0 to 64;
        /// Which message is dropped when the queue of a session is full: the one that does not fit, or the one that has
        /// waited longest.
        queue_full: QueueFull = QueueFull::DropNewest;
        /// Given to MQTT 5.0 clients that ask for response information, as the base of their response topics. Unset:
        /// they get none.
        response_information: Option<String> = None, range 1 to 1024;
        /// Another broker, as `host:port`, that MQTT 5.0 clients are sent to (reason 0x9C) when this one shuts down.
        /// Unset: they are told that it shuts down (0x8B).
        server_reference: Option<String> = None, range 1 to 1024;
    }

    /// Who is let in and what clients may. The files are read again on SIGHUP; one that is broken then is named in the log, and
    /// what was read before stays.
    auth: struct Auth {
        /// Whether clients without credentials are let in. Unset: only if there is no `password_file`, `jwt_key_file`, `scram_file`
        /// and `http_url`, and all addresses that are listened on are of this machine alone.
        allow_anonymous: Option<bool> = None;
        /// Users and passwords, as mosquitto has them; `corecast passwd` writes such files.
        password_file: Option<String> = None, range 1 to 4096;
        /// Users of SCRAM-SHA-256, the enhanced authentication of MQTT 5.0; `corecast passwd --kind scram` writes such files. Unset:
        /// clients that name an authentication method are refused (0x8C).
        scram_file: Option<String> = None, range 1 to 4096;
        /// What users may publish and subscribe to, as mosquitto has it. Unset: everything.
        acl_file: Option<String> = None, range 1 to 4096;
        /// Clients may give a JSON Web Token as their password; it must be signed with a key of this file: a public key
        /// (PEM), a set of keys (JWKS), or else the bytes of a secret.
        jwt_key_file: Option<String> = None, range 1 to 4096;
        /// What the issuer (`iss`) of a token must be. Unset: anything.
        jwt_issuer: Option<String> = None, range 1 to 1024;
        /// What the audience (`aud`) of a token must be or contain. Unset: anything.
        jwt_audience: Option<String> = None, range 1 to 1024;
        /// The claim of a token that is the user's name.
        jwt_username_claim: String = "sub".to_owned(), range 1 to 64;
        /// How far the clock of the issuer may be off.
        jwt_leeway: Duration = Duration::ZERO, unit "seconds", range 0 to 600;
        /// A service that is asked by HTTP POST about whom `password_file` does not let in; docs/security.md has question and
        /// answer.
        http_url: Option<String> = None, range 1 to 4096;
        /// How long that service may take.
        http_timeout: Duration = Duration::from_secs(5), unit "seconds", range 0.001 to 60;
        /// Failures of one address (of IPv6, the first half of it) in `failure_window` after which it is refused unchecked.
        failures_max: u32 = 10, unit "failures", range 1 to 1_000_000;
        /// After this long, at most twice as long, a failure is forgotten.
        failure_window: Duration = Duration::from_secs(60), unit "seconds", range 1 to 86_400;
        /// How long, at most twice as long, credentials that were right are not checked again. 0: they always are.
        success_cache: Duration = Duration::from_secs(10), unit "seconds", range 0 to 3600;
        /// Threads that check credentials.
        workers: u8 = 2, unit "threads", range 1 to 64;
        /// Clients that may wait to be checked. One more is answered "server busy" (0x89, or return code 3 before 5.0).
        queue_max: usize = 1024, unit "clients", range 1 to 1_000_000;
    }

    /// How the broker stops on SIGTERM or SIGINT.
    shutdown: struct Shutdown {
        /// How long connected clients may take to receive what is on its way to them before their connections are cut.
        drain_timeout: Duration = Duration::from_secs(10), unit "seconds", range 0 to 3600;
    }

    /// What is written to standard error.
    log: struct Log {
        /// The least important lines that are logged. `-v` on the command line means debug, `-vv` trace.
        level: LogLevel = LogLevel::Info;
        /// For people (time in UTC, level, message, fields) or one JSON object a line.
        format: LogFormat = LogFormat::Human, flag "--log-format";
    }

    /// Every bound of the broker and what happens there. Bytes are written as whole numbers (`16_777_216` is 16 MiB),
    /// times in seconds.
    limits: use Limits {
        /// Memory the whole process may hold. From 70 % of it on, things give way in this order, each again when there is
        /// room: publishers are slowed down (70 %); slow receivers get no QoS 0 (80 %); publications of QoS 1 and 2, new
        /// retained messages, sessions and subscriptions are refused (88 %, or
        /// 90 % resident); the connections that hold most are ended
        /// (95 %). Nothing that was acknowledged is given up for it. Unset: three quarters of the memory of the machine, of
        /// what the control groups of the process allow or of its address space (`ulimit -v`), whichever is least.
        memory_bytes_max: Option<u64>, unit "bytes", range 33_554_432 to 1_125_899_906_842_624_u64;
        /// Connections of the whole process, or as many as the limit of open files has room for if that is fewer. One more
        /// is answered "quota exceeded" (0x97, or return code 3 before 5.0) and closed.
        connections_max: usize, unit "connections", range 1 to 10_000_000;
        /// Connections a second that one address may open, on average; all of an IPv6 network of 64 bits count as one. One
        /// too many is closed without a word. Behind a proxy the address is the one its header names; at a unix socket
        /// there is none, and no limit. 0: as many as it likes.
        connections_per_address_per_s: u32, unit "connections", range 0 to 1_000_000;
        /// How many of them may come at once: a fleet behind one address comes back together.
        connections_per_address_burst: u32, unit "connections", range 1 to 1_000_000;
        /// Sessions of one shard, connected or not. A client that would add one is answered 0x97, or return code 3.
        sessions_max: usize, unit "sessions", range 1 to 100_000_000;
        /// Largest packet taken from a client. A larger one is answered 0x95 and the connection closed.
        packet_bytes_max: u32, unit "bytes", range 128 to 268_435_460;
        /// Largest CONNECT: what somebody may send before being a client. A larger one is answered 0x95, if its version has
        /// words for that, and the connection closed. The default has room for the largest will, and as much again for
        /// names and a token.
        connect_bytes_max: u32, unit "bytes", range 128 to 268_435_460;
        /// Clients of one shard that may be in an exchange of enhanced authentication (SCRAM) before they are let in. One more is
        /// answered "server busy" (0x89). What such a client sends, CONNECT included, is at most `connect_bytes_max`.
        exchanges_max: usize, unit "clients", range 1 to 1_000_000;
        /// PUBLISH packets a client may send a second, on average; one second's worth may come at once. Beyond, its socket
        /// is not read for a while: nothing is lost, and the client is slowed down. 0: as many as it likes.
        messages_per_s: u64, unit "messages", range 0 to 1_000_000_000;
        /// Bytes a client may send a second, on average, whatever they are; the same happens beyond.
        bytes_per_s: u64, unit "bytes", range 0 to 1_000_000_000_000_u64;
        /// Connections of one user on one shard. A client's identifier decides on which shard it is, so a user whose clients are
        /// spread over several may have so many on each. One more is answered "quota exceeded" (0x97, or return code 3 before
        /// 5.0). Only a user whose name has been verified has bounds. 0: as many as it likes, here and in the next three.
        user_connections_max: usize, unit "connections", range 0 to 10_000_000;
        /// Subscriptions of all sessions of one user on one shard, connected or not. One more is refused: 0x97, or 0x80
        /// before 5.0.
        user_subscriptions_max: usize, unit "subscriptions", range 0 to 100_000_000;
        /// PUBLISH packets that all clients of one user on one shard may send a second together, on average; one second's worth
        /// may come at once. Beyond, the one that sends is not read for a while.
        user_messages_per_s: u64, unit "messages", range 0 to 1_000_000_000;
        /// Bytes they may send a second together, on average; the same happens beyond.
        user_bytes_per_s: u64, unit "bytes", range 0 to 1_000_000_000_000_u64;
        /// QoS 1 and 2 publications a client may send before we have acknowledged the first of them.
        receive_maximum: u16, unit "messages", range 1 to 65_535;
        /// QoS 1 and 2 publications sent to one client that it has not acknowledged, whatever more it would allow.
        inflight_messages_max: u16, unit "messages", range 1 to 65_535;
        /// Messages waiting for one session beside those in flight. At the bound one is dropped, see
        /// `protocol.queue_full`.
        queue_messages_max: usize, unit "messages", range 1 to 100_000_000;
        /// Bytes (topic, properties, payload) waiting for one session. At the bound a message is dropped likewise. At
        /// least `packet_bytes_max`.
        queue_bytes_max: usize, unit "bytes", range 1024 to 1_099_511_627_776_u64;
        /// Bytes waiting for one socket. At the bound QoS 0 is dropped, QoS 1 and 2 wait in the queue, and the client's
        /// own packets are not read until half of it has left. At least `packet_bytes_max`.
        outbox_bytes_max: usize, unit "bytes", range 1024 to 1_073_741_824;
        /// Retained messages. At the bound a new one is refused (0x97) where the client can be told, else delivered
        /// but not kept.
        retained_messages_max: usize, unit "messages", range 0 to 1_000_000_000;
        /// Bytes (topic, properties, payload) of all retained messages; the same happens at the bound.
        retained_bytes_max: usize, unit "bytes", range 0 to 1_099_511_627_776_u64;
        /// Levels of a topic name or topic filter. One with more is refused: 0x90 or 0x8F.
        topic_levels_max: usize, unit "levels", range 1 to 1024;
        /// Bytes of a topic name or topic filter. A longer one is refused: 0x90 or 0x8F.
        topic_bytes_max: usize, unit "bytes", range 1 to 65_535;
        /// Subscriptions of one session. One more is refused: 0x97, or 0x80 before 5.0.
        subscriptions_max: usize, unit "subscriptions", range 1 to 10_000_000;
        /// Bytes of all filters of one session. One beyond is refused the same way.
        filter_bytes_max: usize, unit "bytes", range 1024 to 1_099_511_627_776_u64;
        /// Shapes of wildcard filters one session may have. A shape is where the wildcards are and how many levels there are
        /// (`a/+/c` and `x/+/z` have one, `+/b/c` has another), and a message matches at most one filter of each; a group of
        /// shared subscriptions has its own. A filter of one shape too many is refused the same way.
        filter_shapes_max: usize, unit "shapes", range 1 to 10_000_000;
        /// Topic aliases a client may define towards the broker.
        topic_alias_maximum: u16, unit "aliases", range 0 to 65_535;
        /// Topic aliases the broker defines towards one client, whatever more it would allow.
        topic_alias_out_max: u16, unit "aliases", range 0 to 65_535;
        /// How long a new connection may take to send its CONNECT before it is closed.
        connect_timeout: Duration, unit "seconds", range 0.001 to 3600;
        /// How long a refused client may take to read why, and the last bytes of a closing connection to leave.
        linger_timeout: Duration, unit "seconds", range 0.001 to 3600;
        /// Longest keep alive of a 5.0 client. A longer one, or none, is lowered to this, and the client told so; clients
        /// before 5.0 cannot be told and keep theirs. 0: as clients wish.
        keep_alive_max_s: u16, unit "seconds", range 0 to 65_535;
        /// Longest time a session outlives its connection; persistent sessions from before 5.0 last this long.
        /// `4_294_967_295`: for ever.
        session_expiry_interval_max_s: u32, unit "seconds", range 0 to 4_294_967_295_u32;
    }
}

impl Row<Config> {
    /// The row for a key of a section.
    pub(crate) fn find(section: &str, key: &str) -> Option<&'static Row<Config>> {
        OPTIONS.iter().find(|row| row.section == section && row.key == key)
    }
}
