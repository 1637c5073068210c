//! What an operator reads about a configuration.

use std::time::Duration;

use super::*;
use crate::config::{LogFormat, LogLevel, QueueFull};
use crate::limits::{Limits, DEFAULT};

/// A configuration and the line an operator reads about it.
#[track_caller]
fn refused(text: &str, line: &str) {
    assert_eq!(Config::parse(text).unwrap_err().to_string(), line);
}

#[test]
fn an_empty_file_is_the_default() {
    let config = Config::parse("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.limits, DEFAULT);
    assert_eq!(config.listen.bind, ["127.0.0.1:1883".parse().unwrap()]);
    assert!(config.changed().is_empty());
}

#[test]
fn every_section_is_read() {
    let config = Config::parse(
        r#"
        [listen]
        bind = ["0.0.0.0:1883", "[::]:1884"]
        tcp_nodelay = false
        [shards]
        cores = "0,2,4-7"
        count = 4
        [protocol]
        assigned_client_id_prefix = ""
        queue_full = "drop_oldest"
        response_information = "replies"
        server_reference = "other.example:1883"
        [shutdown]
        drain_timeout = 0.5
        [log]
        level = "debug"
        format = "json"
        [limits]
        packet_bytes_max = 0x1000
        queue_bytes_max = 16_384
        connect_timeout = 3
        "#,
    )
    .unwrap();
    assert_eq!(config.listen.bind.len(), 2);
    assert!(!config.listen.tcp_nodelay);
    assert_eq!(config.shards.cores.as_ref().unwrap().to_string(), "0,2,4-7");
    assert_eq!(config.shards.count, Some(4));
    assert_eq!(config.protocol.queue_full, QueueFull::DropOldest);
    assert_eq!(config.protocol.server_reference.as_deref(), Some("other.example:1883"));
    assert_eq!(config.shutdown.drain_timeout, Duration::from_millis(500));
    assert_eq!((config.log.level, config.log.format), (LogLevel::Debug, LogFormat::Json));
    let connect_timeout = Duration::from_secs(3);
    let limits = Limits { packet_bytes_max: 4096, queue_bytes_max: 16_384, connect_timeout, ..DEFAULT };
    assert_eq!(config.limits, limits);
}

#[test]
fn what_was_changed_can_be_read_back() {
    let text = "limits.queue_messages_max = 5\nlog.level = 'warn'\nshutdown.drain_timeout = 0.25\n";
    let config = Config::parse(text).unwrap();
    let changed = config.changed();
    assert_eq!(changed, ["shutdown.drain_timeout = 0.25", "log.level = \"warn\"", "limits.queue_messages_max = 5"]);
    assert_eq!(Config::parse(&changed.join("\n")).unwrap(), config);
}

#[test]
fn every_default_is_in_its_own_range() {
    let default = Config::default();
    let rows = OPTIONS.iter().filter_map(|row| Some((row, (row.show)(&default)?)));
    let lines: Vec<String> = rows.map(|(row, value)| format!("{}.{} = {value}", row.section, row.key)).collect();
    assert!(lines.len() > 20);
    assert_eq!(Config::parse(&lines.join("\n")), Ok(default));
}

#[test]
fn the_ends_of_every_range_are_allowed_and_what_is_beyond_is_not() {
    for row in OPTIONS.iter().filter(|row| row.kind.contains("whole")) {
        let range = row.range.expect("every number has a range");
        let set = |number: f64| row.apply(&mut Config::default(), &Value { at: 0, datum: Datum::Float(number) });
        let set_whole =
            |number: f64| row.apply(&mut Config::default(), &Value { at: 0, datum: Datum::Integer(number as i64) });
        for end in [range.min, range.max] {
            assert_eq!(set_whole(end.ceil()), Ok(()), "{} = {end}", row.key);
        }
        for beyond in [range.min - 1.0, range.max + 1.0] {
            let (_, reason) = set_whole(beyond).unwrap_err();
            assert!(reason.contains("out of range; give "), "{reason}");
        }
        assert!(set(f64::NAN).is_err(), "{}", row.key);
    }
}

#[test]
fn a_value_out_of_range_is_named_with_its_place_and_the_remedy() {
    refused(
        "# é\n[limits]\n  receive_maximum = 70_000 # too many\n",
        "3:21: key 'limits.receive_maximum': 70_000 is out of range; give 1 to 65_535 messages",
    );
    refused(
        "[limits]\nconnect_timeout = 0.0",
        "2:19: key 'limits.connect_timeout': 0 is out of range; give 0.001 to 3600 seconds",
    );
    refused(
        "limits.queue_messages_max=-1",
        "1:27: key 'limits.queue_messages_max': -1 is out of range; give 1 to 100_000_000 messages",
    );
    refused(
        "listen.bind = []",
        "1:15: key 'listen.bind': there is nothing to listen on; give an address or a [[listener]]",
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_to_write() {
    refused(
        "[limits]\nreceive_maximum = \"many\"",
        "2:19: key 'limits.receive_maximum': \"many\" is not a whole number (1 to 65_535 messages); \
         write for example receive_maximum = 1024",
    );
    refused(
        "log.format = 'xml'",
        "1:14: key 'log.format': \"xml\" is not \"human\" or \"json\"; write for example format = \"human\"",
    );
    refused(
        "shards.cores = 3",
        "1:16: key 'shards.cores': 3 is not a list of CPUs as a text; write for example cores = \"0,2,4-7\"",
    );
    refused(
        "listen.bind = [\n  '127.0.0.1:1883',\n  'localhost',\n]",
        "3:3: key 'listen.bind': \"localhost\": it is no IP address with a port; write one such as 0.0.0.0:1883, \
         [::]:1883 or *:1883",
    );
    for text in ["limits = 3", "listen.bind = 3", "listen.bind = [3]", "log.level = 1979-05-27", "log.level = {}"] {
        assert!(Config::parse(text).is_err(), "{text}");
    }
    assert!(Config::parse("limits.receive_maximum = 99999999999999999999999").is_err());
}

#[test]
fn unknown_keys_are_refused_with_what_may_have_been_meant() {
    refused(
        "[limits]\nqueue_message_max = 1",
        "2:1: key 'limits.queue_message_max': no such key; did you mean queue_messages_max?",
    );
    refused("[limits]\nbind = 1", "2:1: key 'limits.bind': no such key here; it belongs in [listen]");
    refused("tcp_nodelay = true", "1:1: key 'tcp_nodelay': no such key here; it belongs in [listen]");
    refused("log = 'debug'", "1:1: key 'log': this is a section; write [log] and its keys below");
    refused(
        "[log]\ncompletely_else = 1",
        "2:1: key 'log.completely_else': no such key; docs/configuration.md lists them all",
    );
    refused(
        "\n[bridge]\n",
        "2:2: key 'bridge': no such section; there are listen, shards, protocol, auth, shutdown, log, limits and \
         [[listener]]",
    );
}

#[test]
fn what_is_no_toml_is_refused_in_one_line() {
    for text in ["[limits", "a = ", "x", "[log]\nlevel = 'a\n", "log.level = 1\nlog.level = 2", "\u{0}"] {
        let line = Config::parse(text).unwrap_err().to_string();
        assert!(line.starts_with(|letter: char| letter.is_ascii_digit()) && !line.contains('\n'), "{line:?}");
    }
}

#[test]
fn bounds_that_contradict_each_other_are_refused() {
    refused(
        "[limits]\nqueue_bytes_max = 4096\n",
        "2:19: key 'limits.queue_bytes_max': 4096 is less than limits.packet_bytes_max = 2097152, so that the \
         largest packet could never be delivered; raise it to 2097152 or lower limits.packet_bytes_max",
    );
    assert!(Config::parse("[limits]\npacket_bytes_max = 268_435_456").is_err());
    assert!(Config::parse("[limits]\npacket_bytes_max = 4096\nqueue_bytes_max = 4096").is_ok());
}

#[test]
fn listeners_are_tables_of_their_own() {
    let config = Config::parse(
        r#"
        listen.bind = []
        [[listener]]
        bind = ["*:1884", "127.0.0.1:1885"]
        proxy_protocol = "any"
        proxy_trusted = ["10.0.0.0/8"]
        [[listener]]
        certificate = "a.pem"
        key = "a.key"
        handshakes_max = 8
        [[listener]]
        certificate = ["a.pem", "b.pem"]
        key = ["a.key", "b.key"]
        client_ca = "ca.pem"
        client_certificate = "required"
        identity = "san"
        minimum_version = "1.3"
        crl = "crl.pem"
        [[listener]]
        unix = "/run/mqtt.sock"
        unix_mode = "0600"
        unix_owner = "mqtt"
        "#,
    )
    .unwrap();
    let binds: Vec<String> =
        config.listeners.iter().flat_map(|listener| &listener.bind).map(ToString::to_string).collect();
    let expected =
        ["0.0.0.0:1884", "[::]:1884", "127.0.0.1:1885", "0.0.0.0:8883", "[::]:8883", "0.0.0.0:8884", "[::]:8884"];
    assert_eq!(binds, expected);
    assert!(config.listen.bind.is_empty() && config.listeners[2].speaks_tls() && !config.listeners[3].speaks_tls());
    assert_eq!(config.listeners[3].unix_mode.0, 0o600);
    let changed = config.changed().join("\n");
    assert_eq!(Config::parse(&changed).unwrap(), config, "{changed}");
}

#[test]
fn a_listener_that_makes_no_sense_is_told_what_to_change() {
    for (text, line) in [
        ("[[listener]]\n", "1:1: key 'listener.bind': there is nothing to listen on; give bind or unix, or certificate and key"),
        (
            "[[listener]]\ncertificate = 'a'\n",
            "2:15: key 'listener.certificate': it says nothing without key; add key or remove certificate",
        ),
        (
            "[[listener]]\ncertificate = ['a', 'b']\nkey = 'a'\n",
            "3:7: key 'listener.key': 1 files for 2 certificates; give one key for each, in order",
        ),
        (
            "[[listener]]\ncertificate = 'a'\nkey = 'a'\nclient_certificate = 'required'\n",
            "4:22: key 'listener.client_certificate': it needs client_ca, the authorities whose certificates are accepted; \
             add it",
        ),
        (
            "[[listener]]\ncertificate = 'a'\nkey = 'a'\nclient_ca = 'x'\n",
            "4:13: key 'listener.client_ca': it says nothing while client_certificate is \"none\"; make that \"optional\" or \
             \"required\"",
        ),
        (
            "[[listener]]\nbind = ['127.0.0.1:1883']\n",
            "2:8: key 'listener.bind': 127.0.0.1:1883 is listened on already; give each listener addresses of its own",
        ),
        (
            "[[listener]]\nunix = 'a'\n[[listener]]\nunix = 'a'\n",
            "4:8: key 'listener.unix': another listener has this path already; give each a path of its own",
        ),
        (
            "[[listener]]\nbind = ['[::1]:1']\nunix_mode = '0660'\n",
            "3:13: key 'listener.unix_mode': it says nothing without unix; add unix or remove unix_mode",
        ),
        (
            "[[listener]]\nunix = 'a'\nunix_mode = 660\n",
            "3:13: key 'listener.unix_mode': 660 is not permissions as octal digits in a text; write for example unix_mode = \
             \"0660\"",
        ),
        (
            "[[listener]]\nbind = ['[::1]:1']\nproxy_protocol = 'any'\nproxy_trusted = ['10.0.0.0/33']\n",
            "4:18: key 'listener.proxy_trusted': \"10.0.0.0/33\": it is no address or network; write one such as 192.0.2.1 or \
             10.0.0.0/8",
        ),
        ("[[listener]]\nbin = 1\n", "2:1: key 'listener.bin': no such key; did you mean bind?"),
        ("[listener]\n", "1:2: key 'listener': each listener is a table of its own; write [[listener]] and its keys below"),
        ("listener = 1\n", "1:1: key 'listener': each listener is a table of its own; write [[listener]] and its keys below"),
        ("listener = [1]\n", "1:13: key 'listener': each listener is a table of its own; write [[listener]] and its keys below"),
    ] {
        refused(text, line);
    }
}

#[test]
fn a_key_that_breaks_lines_is_shown_in_one() {
    let unknown = "no such key; docs/configuration.md lists them all";
    refused("\"a\\nb\" = 1", &format!("1:1: key 'a\\u000Ab': {unknown}"));
    refused("[\"x\\ty\"]\n", "1:2: key 'x\\u0009y': no such section; there are listen, shards, protocol, auth, shutdown, log, limits and [[listener]]");
    refused(&format!("{} = 1", "k".repeat(500)), &format!("1:1: key '{}...': {unknown}", "k".repeat(60)));
}

#[test]
fn a_text_is_shown_as_toml_reads_it() {
    let text = "[auth]\npassword_file = \"it's a \\\\ \\\"file\\\" ´\\u200B\"";
    let config = Config::parse(text).unwrap();
    let shown = config.changed().join("\n");
    assert_eq!(Config::parse(&shown).unwrap(), config, "{shown}");
}
