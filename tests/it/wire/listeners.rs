//! Listeners that let in others, and allow other things, than `[auth]` says.

use std::fs::write;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use corecast::auth::{HashKind, PasswordHash, Verifier};
use corecast::mqtt::{Packet, ReasonCode};

use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

fn users(names: &[&str]) -> String {
    let line = |name: &&str| {
        let hash = PasswordHash::make(HashKind::Sha512, name.as_bytes(), b"salt").text();
        format!("{name}:{hash}\n")
    };
    names.iter().map(line).collect()
}

/// A broker with a plain listener and those of `listeners`, each given without its address.
struct House {
    program: Program,
    addresses: Vec<SocketAddr>,
    lines: Vec<String>,
}

impl House {
    fn open(name: &str, auth: &str, listeners: &[&str]) -> House {
        let mut text = format!("[listen]\nbind = [\"127.0.0.1:0\"]\n[auth]\n{auth}\n");
        for listener in listeners {
            text.push_str(&format!("[[listener]]\nbind = [\"127.0.0.1:0\"]\n{listener}\n"));
        }
        let config = file(&format!("{name}.toml"), &text);
        let mut program = Program::run(&["-c", config.to_str().expect("it is text"), "--shards", "2"]);
        let lines = (0..=listeners.len()).map(|_| program.says("let in")).collect();
        let addresses = (0..=listeners.len()).map(|_| program.listens()).collect();
        House { program, addresses, lines }
    }

    /// What a CONNECT is answered at a listener.
    fn answer(&self, listener: usize, words: &str) -> ReasonCode {
        let mut caller = Caller::open(self.addresses[listener], 5);
        caller.say(&format!("connect clean {words}"));
        caller.hear(|packet| match packet {
            Packet::Connack(connack) => connack.reason,
            Packet::Auth(auth) => auth.reason,
            other => panic!("{other:?}"),
        })
    }
}

fn name(user: &str) -> String {
    format!("id=of-{user} username={user} password={user}")
}

#[test]
fn each_listener_lets_in_whom_it_is_told_to() {
    let (shared, own) = (file("house-shared", &users(&["alice"])), file("house-own", &users(&["bob"])));
    let house = House::open(
        "house",
        &format!("password_file = {shared:?}\nfailures_max = 100\n"),
        &["allow_anonymous = true", &format!("password_file = {own:?}"), "auth = []"],
    );
    let expected = [
        (0, "id=x", ReasonCode::NotAuthorized),
        (1, "id=x", ReasonCode::Success),
        (2, "id=x", ReasonCode::NotAuthorized),
        (3, "id=x", ReasonCode::NotAuthorized),
        (0, &name("alice"), ReasonCode::Success),
        (1, &name("alice"), ReasonCode::Success),
        // She has just been let in elsewhere, which counts for nothing here.
        (2, &name("alice"), ReasonCode::BadUserNameOrPassword),
        (3, &name("alice"), ReasonCode::BadUserNameOrPassword),
        (2, &name("bob"), ReasonCode::Success),
        (0, &name("bob"), ReasonCode::BadUserNameOrPassword),
        (1, &name("bob"), ReasonCode::BadUserNameOrPassword),
    ];
    for (listener, words, reason) in expected {
        assert_eq!(house.answer(listener, words), reason, "listener {listener}: {words}");
    }
    for (line, texts) in house.lines.iter().zip([
        ["let in are users with passwords (1)", "everything"],
        ["let in are users with passwords (1), anonymous clients", "listener=1"],
        ["let in are users with passwords (1)", "listener=2"],
        ["nobody is let in", "listener=3"],
    ]) {
        assert!(texts.iter().all(|text| line.contains(text)), "{line} has not {texts:?}");
    }
    assert!(!house.lines[0].contains("listener=") && !house.lines[2].contains("anonymous"), "{:#?}", house.lines);
}

#[test]
fn each_listener_offers_the_ways_it_is_told_to() {
    let passwords = file("ways-passwords", &users(&["alice"]));
    let verifier = Verifier::make(b"alice", b"salt", NonZeroU32::MIN).text();
    let scram = file("ways-scram", &format!("alice:{verifier}\n"));
    let secret = file("ways-secret", &"s".repeat(40));
    let auth = format!(
        "password_file = {passwords:?}\nscram_file = {scram:?}\njwt_key_file = {secret:?}\nfailures_max = 100\n"
    );
    let house = House::open("ways", &auth, &["auth = [\"password\"]", "auth = [\"scram\"]", "auth = [\"jwt\"]"]);
    let method = "id=x authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n=alice,r=abc\"";
    let (password, begun) = (name("alice"), ReasonCode::ContinueAuthentication);
    for (listener, passes, goes_on) in [(0, true, true), (1, true, false), (2, false, true), (3, false, false)] {
        let reason = if passes { ReasonCode::Success } else { ReasonCode::BadUserNameOrPassword };
        assert_eq!(house.answer(listener, &password), reason, "listener {listener}");
        let reason = if goes_on { begun } else { ReasonCode::BadAuthenticationMethod };
        assert_eq!(house.answer(listener, method), reason, "listener {listener}");
    }
    for (line, text) in
        house.lines.iter().zip(["passwords (1), users with SCRAM (1), tokens", "passwords", "SCRAM", "tokens"])
    {
        assert!(line.contains(text), "{line}");
    }
    assert!(!house.lines[1].contains("tokens") && !house.lines[3].contains("users"), "{:#?}", house.lines);
}

#[test]
fn each_listener_has_the_rules_it_is_told_and_new_ones_after_sighup() {
    let (shared, own) = (file("rules-shared", "topic readwrite a\n"), file("rules-own", "topic readwrite b\n"));
    let auth = format!("allow_anonymous = true\nacl_file = {shared:?}\n");
    let mut house = House::open("rules", &auth, &[&format!("acl_file = {own:?}"), "allow_anonymous = true"]);
    let mut callers: Vec<Caller> = (0..3)
        .map(|listener| Caller::connected(house.addresses[listener], 5, &format!("id=c{listener} clean")))
        .collect();
    let publish = |caller: &mut Caller, topic: &str| {
        caller.say(&format!("publish {topic} q1 id=1 x"));
        caller.hear(|packet| match packet {
            Packet::Puback(packet) => !packet.reason.is_error(),
            other => panic!("{other:?} is no PUBACK"),
        })
    };
    for (caller, (a, b)) in callers.iter_mut().zip([(true, false), (false, true), (true, false)]) {
        assert_eq!((publish(caller, "a"), publish(caller, "b")), (a, b));
    }
    write(&own, "topic readwrite c\n").unwrap();
    house.program.signal("HUP");
    for _ in 0..3 {
        house.program.says("let in are");
    }
    // The rules come to the shards one after the other: they are there when the first client notices.
    let mut tries = 0;
    while publish(&mut callers[1], "b") {
        tries += 1;
        assert!(tries < 100_000, "the new rules never come");
    }
    assert!(publish(&mut callers[1], "c") && publish(&mut callers[0], "a") && !publish(&mut callers[0], "c"));
}

#[test]
fn a_user_of_another_file_is_somebody_else_and_sighup_sends_away_whom_it_must() {
    let (shared, own) = (file("realms-shared", &users(&["alice"])), file("realms-own", &users(&["alice"])));
    let auth = format!("password_file = {shared:?}\n");
    let own_too = format!("password_file = {own:?}");
    let same = format!("password_file = {shared:?}");
    let mut house = House::open("realms", &auth, &[&own_too, &own_too, &same]);
    let words = "id=c session_expiry=100 username=alice password=alice";
    let connects = |listener: usize| Caller::open(house.addresses[listener], 5).connects(words);
    assert!(!connects(0));
    assert!(connects(3), "it is the same file, so the same alice");
    assert!(!connects(1), "another file has another alice");
    assert!(connects(2));
    assert!(!connects(0));
    let mut theirs = Caller::connected(house.addresses[1], 5, "id=theirs clean username=alice password=alice");
    let mut ours = Caller::connected(house.addresses[0], 5, "id=ours clean username=alice password=alice");
    write(&own, users(&["carol"])).unwrap();
    house.program.signal("HUP");
    house.program.says("let in are");
    assert_eq!(theirs.disconnected(), ReasonCode::NotAuthorized);
    ours.pings();
}

#[test]
fn a_listener_with_users_of_its_own_trusts_nobody_else() {
    let own = file("own-only-users", &users(&["bob"]));
    let house = House::open("own-only", "", &[&format!("password_file = {own:?}"), "acl_file = \"/dev/null\""]);
    for (listener, words, reason) in [
        (0, "id=x", ReasonCode::Success),
        (1, "id=x", ReasonCode::NotAuthorized),
        (1, &name("bob"), ReasonCode::Success),
        // A file of rules does not say who is let in.
        (2, "id=x", ReasonCode::Success),
    ] {
        assert_eq!(house.answer(listener, words), reason, "listener {listener}: {words}");
    }
}
