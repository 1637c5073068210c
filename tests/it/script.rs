//! Behaviour as scripts: [`check`] plays a script of named clients on simulated worlds of 1, 2, 3 and 8 shards, several
//! seeds each, and wants the same from all of them. Each client enters at a random shard, bytes come in any cuts, mail
//! is late in any way; the clock moves only with `wait`.
//!
//! A script has a line per step. Empty lines and lines that begin with `//` are skipped.
//!
//! **Before the first step**
//! - `limits queue_messages_max=3 connect_timeout=5s ...` any field of `Limits`
//! - `turn_units 1` units of work in one turn of a shard
//! - `queue_full drop_oldest` · `server_reference "other:1883"` · `response_information "r/"`
//! - `user alice=secret bob=x` a password file · `scram alice=pencil` a file of SCRAM users · `closed` no anonymous clients · `acl LINE` one line of an ACL file ·
//!   `lifetime 5s` what lets a user in expires
//! - `shards 1` or `shards 2 8` only these · `no_epilogue` leaves out the check after the last line
//!
//! **What a client does**: `NAME: ORDER`. The world then runs until nothing is left to do, unless the line ends in ` &`.
//! - `a: connect v=5 id=a clean ...` opens a connection and sends CONNECT; on an open one it is a second CONNECT.
//!   `v=3`, `v=4`, `v=5` (the default); with `v=any` the script is played once for each.
//!   `clean keep_alive=30 username=u password="p"`, the 5.0 properties `session_expiry=100 receive_maximum=2
//!   maximum_packet_size=50 topic_alias_maximum=4 request_response_information=1 request_problem_information=0
//!   authentication_method=m authentication_data=d user.NAME=VALUE`,
//!   the will `will=t/w will.payload="bye" will.q1 will.retain will.delay=5 will.message_expiry=9 will.content_type=x
//!   will.user.NAME=VALUE ...`. To be wrong on purpose: `name=MQTX level=9 flags=0x03`.
//! - `a: connected ...` the same, and expects CONNACK with success, session present or not, any properties
//! - `a: open v=5` opens a connection and says nothing
//! - `a: publish TOPIC q1 id=7 "payload" retain dup payload_format=1 message_expiry=9 content_type=x response_topic=r
//!   correlation_data=c subscription_id=5 topic_alias=2 user.NAME=VALUE` (`""` is the empty topic)
//! - `a: subscribe id=1 subscription_id=5 user.NAME=VALUE FILTER q1 nl rap rh=2 FILTER ...` options (`q0`-`q3`, `nl`,
//!   `rap`, `rh=N`, `options=0xc0`) are for the filter before them
//! - `a: subscribed ...` the same, and expects SUBACK with just the QoS asked for
//! - `a: unsubscribe id=1 FILTER ...`
//! - `a: puback id=1 code=0x10 reason_string="why" user.NAME=VALUE`, also `pubrec`, `pubrel`, `pubcomp`
//! - `a: pingreq` · `a: disconnect code=4 session_expiry=9 ...` · `a: auth code=0x18 authentication_method=m ...`
//! - `a: prove PASSWORD code=0x19 ...` AUTH with the last message of SCRAM: the first is the last `authentication_data` the client has
//!   sent. Words behind the password replace what it would say; `SIGNATURE` among expected words is what the server has to show then.
//! - any packet: `first_byte=0x3f` instead of the right one; QoS 0 and `id=1` are what is not said
//! - `a: raw 10 len str="MQTT" 05 02 003c 00 str="a"` hexadecimal bytes, `"text"`, `str=` with its length in front, `len`
//!   the Remaining Length of all behind it
//! - `a: close` closes the connection without a word · `a: cut` breaks it
//! - `a: stall` takes nothing more from the server · `a: go` takes it again
//! - `a: hold` does not close its end when the server does (clients else do so at once)
//!
//! **What a client gets**: `NAME< PACKET`: the next packet, with these words and no others, in any order (of words with
//! one name in theirs). `..` stands for any further words, `id=_` for any value, numbers may be hexadecimal.
//! `NAME<* PACKET` takes it from anywhere among what has come: for what has no order.
//! - `a< connack sp=0 code=0 ..` · `a< publish t/1 q1 id=1 "hello" retain dup subscription_id=5 ...`
//! - `a< suback id=1 codes=1,0x80` · `a< unsuback id=1 codes=0,0x11` (3.x: no codes)
//! - `a< puback id=7` · `a< pubrec id=7 code=0x97 ..`: the code only if it is not 0 · `a< pingresp`
//! - `a< disconnect code=0x8e ..`
//! - all properties by the names above and `assigned_client_id server_keep_alive response_information server_reference
//!   maximum_qos retain_available wildcard_subscription_available subscription_identifier_available
//!   shared_subscription_available`
//! - `a nothing` has got nothing more · `a open` · `a closed` sees the end of the stream · `a gone` the server has
//!   forgotten the connection altogether
//!
//! At the end everything that came must have been expected.
//!
//! **The world**: `wait 1.5s` (`ms`, `s`, `m`, `h`, `d`) · `drain` · `drained` all shards are done ·
//! `memory enough`, `slowing`, `sparing`, `refusing` or `shedding` says how short all shards are of it ·
//! `rules` forgets what was said of users and ACL, to be said anew, and `reload` lets it hold ·
//! `retained t/1="x" t/2="y"` just these, on every shard · `metric NAME=3` sum of all shards.
//!
//! **Text**: `"..."` with `\n \r \t \0 \\ \" \x41`; `*1000` is 1000 times the letter x; a word with spaces, quotes or `=`
//! needs quotes.
//!
//! After the last line all clients go, their sessions are ended, and every shard must be empty.

mod hear;
mod player;
mod properties;
mod rules;
mod speak;
mod words;

use self::player::Player;
use self::speak::speak;
use self::words::Words;

/// Worlds of these sizes play each script.
const SHARDS: [u8; 4] = [1, 2, 3, 8];
/// Seeds for each of them.
const SEEDS: u64 = 4;

/// Plays a script in every world it is for; panics where something else happens than it says.
pub(crate) fn check(script: &str) {
    let versions: &[&str] = if script.contains("v=any") { &["v=3", "v=4", "v=5"] } else { &["v=any"] };
    for version in versions {
        let script = script.replace("v=any", version);
        for shards in only_shards(&script) {
            for seed in 0..SEEDS {
                Player::new(&script, shards, seed).play();
            }
        }
    }
}

/// One packet of a client, in the words of a script, at protocol level 3, 4 or 5.
pub(crate) fn packet(level: u8, words: &str) -> Vec<u8> {
    speak(level, &Words::parse(words)).unwrap_or_else(|| panic!("`{words}` is no packet"))
}

fn only_shards(script: &str) -> Vec<u8> {
    let line = script.lines().find_map(|line| line.trim().strip_prefix("shards "));
    let named =
        line.map(|line| line.split_whitespace().map(|word| word.parse().expect("a number of shards")).collect());
    named.unwrap_or_else(|| SHARDS.to_vec())
}

#[test]
fn a_script_is_played_to_its_end() {
    check(
        r#"
        limits queue_messages_max=3
        a: connected v=any id=a clean
        b: connected v=5 id=b clean
        a: subscribed t/+ q1 u/# q2
        b: publish t/1 q1 id=7 "hello"
        b< puback id=7
        a< publish t/1 q1 id=1 "hello"
        a: puback id=1
        b: publish t/1 "one" &
        b: publish u/2 "two"
        a<* publish u/2 q0 "two"
        a<* publish t/1 q0 "one"
        b: publish r retain *100
        retained r=*100
        b: publish r retain
        retained
        a nothing
        wait 1.5s
        a: pingreq
        a< pingresp
        b: connect v=5 id=b
        b< disconnect code=0x82 ..
        b closed
        b gone
        a open
        metric wills_published_total=0
        "#,
    );
}

#[test]
fn a_connection_lingers_until_the_client_closes_or_the_time_is_over() {
    check(
        r#"
        a: connected v=5 id=a clean
        a: hold
        a: raw 00 00
        a<* disconnect code=0x81 ..
        a closed
        wait 1900ms
        a: close
        a gone
        b: open v=5
        b: hold
        b: raw "GET / HTTP/1.1"
        b closed
        wait 2s
        b gone
        "#,
    );
}

#[test]
fn a_drain_says_goodbye_to_all() {
    check(
        r#"
        server_reference "other:1883"
        a: connected v=5 id=a clean
        b: connected v=4 id=b clean
        c: open
        drain
        a< disconnect code=0x9c server_reference=other:1883 ..
        a closed
        b closed
        c closed
        drained
        "#,
    );
}
