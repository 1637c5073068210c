//! MQTT 5.0: which topics match which filters.

use crate::script::check;

/// A subscription to `filter` gets publications to `yes` and none to `no`.
fn matching(filter: &str, yes: &[&str], no: &[&str]) {
    let mut script = format!(
        "shards 1 3
         a: connected id=a clean
         a: subscribed \"{filter}\"
         p: connected id=p clean\n"
    );
    for topic in no {
        script += &format!("p: publish \"{topic}\" q1 id=1 \"no\"\np< puback id=1 code=0x10\na nothing\n");
    }
    for topic in yes {
        script += &format!("p: publish \"{topic}\" \"yes\"\na< publish \"{topic}\" q0 \"yes\"\n");
    }
    check(&script);
}

#[test]
fn mqtt5_4_7_1_1_the_multi_level_wildcard_matches_its_parent_and_all_below() {
    matching(
        "sport/tennis/player1/#",
        &["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
        &["sport/tennis", "sport/tennis/player2", "sport/tennis/player11"],
    );
    matching("sport/#", &["sport", "sport/", "sport/a"], &["sports", "/sport"]);
    matching("#", &["a", "/", "a/b/c/d/e/f/g"], &["$SYS", "$a/b"]);
    matching("/#", &["/", "/a"], &["a", "a/b"]);
}

#[test]
fn mqtt5_4_7_1_2_the_single_level_wildcard_matches_one_level() {
    matching("sport/tennis/+", &["sport/tennis/player1", "sport/tennis/"], &["sport/tennis", "sport/tennis/a/b"]);
    matching("sport/+", &["sport/"], &["sport"]);
    matching("+", &["finance"], &["/finance", "a/b"]);
    matching("+/+", &["/finance", "a/b", "/"], &["finance", "a/b/c"]);
    matching("/+", &["/finance"], &["finance"]);
    matching("+/tennis/#", &["a/tennis", "/tennis/b/c"], &["tennis", "a/tenni"]);
    matching("sport/+/player1", &["sport/x/player1", "sport//player1"], &["sport/player1", "sport/x/y/player1"]);
    matching("+/+/#", &["a/b", "a/b/c", "/"], &["a"]);
}

#[test]
fn mqtt5_4_7_2_1_a_leading_wildcard_does_not_match_a_dollar_topic() {
    matching("#", &["SYS/a"], &["$SYS/a", "$"]);
    matching("+/monitor/Clients", &["x/monitor/Clients"], &["$SYS/monitor/Clients"]);
    matching("$SYS/#", &["$SYS/a", "$SYS", "$SYS/a/b"], &["SYS/a", "$SYSx"]);
    matching("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor", "$SYS/monitor/a/b"]);
    matching("a/#", &["a/$b"], &[]);
    matching("a/+", &["a/$b"], &[]);
}

#[test]
fn mqtt5_4_7_3_4_topics_are_compared_as_they_are() {
    matching("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "accounts", "ACCOUNTS/", "/ACCOUNTS", " ACCOUNTS"]);
    matching("a//b", &["a//b"], &["a/b", "a///b"]);
    matching("a b/c", &["a b/c"], &["a  b/c", "a%20b/c"]);
    // Composed and decomposed forms of one letter are two topics.
    matching(r"\xc3\xa4", &[r"\xc3\xa4"], &[r"a\xcc\x88"]);
}

#[test]
fn mqtt5_1_5_4_3_a_byte_order_mark_is_a_character_like_any_other() {
    matching(r"\xef\xbb\xbfa", &[r"\xef\xbb\xbfa"], &["a", r"a\xef\xbb\xbf"]);
}

#[test]
fn mqtt5_1_5_4_characters_of_every_length_and_control_characters_are_allowed() {
    matching(
        r"\x01\x7f/\xc2\x80/\xe2\x82\xac/\xf0\xaa\x9b\x94",
        &[r"\x01\x7f/\xc2\x80/\xe2\x82\xac/\xf0\xaa\x9b\x94"],
        &[],
    );
}

#[test]
fn mqtt5_4_7_3_3_topics_have_up_to_65535_bytes() {
    check(
        r#"shards 1 3
           limits topic_bytes_max=65535
           a: connected id=a clean
           a: subscribed #
           p: connected id=p clean
           p: publish *65535 "x"
           a< publish *65535 q0 "x""#,
    );
}
