//! The house rules a machine can check, each as a function from files to faults.

use super::source::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Rooms by floor; a `use` may only go to a lower one. `lib.rs` is the map and stands outside.
const FLOORS: &[(&str, u8)] = &[
    ("time", 0),
    ("table", 0),
    ("mqtt", 1),
    ("limits", 1),
    ("metrics", 1),
    ("message", 1),
    ("auth", 2),
    ("connection", 2),
    ("config", 2),
    ("transport", 2),
    ("router", 3),
    ("session", 3),
    ("shard", 4),
    ("runtime", 6),
    ("cli", 7),
    ("main", 8),
];

/// Files that may hold `unsafe`: where the kernel shares memory with us, where a measurement pays for it, and where
/// allocations are counted.
const UNSAFE_ALLOWED: &[&str] = &[
    "benches/allocations.rs",
    "benches/live_bytes.rs",
    "src/message.rs",
    "src/runtime/heap.rs",
    "src/runtime/system.rs",
    "src/runtime/ring.rs",
    "src/runtime/ring/buffers.rs",
    "src/runtime/ring/sends.rs",
];

/// What the pure rooms must not name: whatever reaches past their arguments.
const IMPURE: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "std::thread",
    "std::env",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Instant::now",
    "SystemTime",
    "async",
];

/// Every fault of these files.
pub(super) fn faults_of(sources: &[Source]) -> Vec<String> {
    let modules: Vec<Vec<String>> = sources.iter().filter_map(|source| module_of(&source.path)).collect();
    let mut faults = Vec::new();
    for source in sources {
        file_length(source, &mut faults);
        function_length(source, &mut faults);
        forbidden_words(source, &mut faults);
        inline_paths(source, &mut faults);
        globs(source, &mut faults);
        purity(source, &mut faults);
        arrows(source, &mut faults);
        load_generator(source, &mut faults);
        parents(source, &modules, &mut faults);
    }
    faults
}

fn file_length(source: &Source, faults: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let rule =
            format!("{lines} lines; split it where two readers want different halves (at most {FILE_LINES_MAX})");
        faults.push(source.fault(source.text.len(), &rule));
    }
    if source.path.ends_with("/mod.rs") {
        faults.push(source.fault(0, "the door of a room is x.rs beside x/, not x/mod.rs"));
    }
}

fn function_length(source: &Source, faults: &mut Vec<String>) {
    for (name, at, lines) in source.functions() {
        if lines > FUNCTION_LINES_MAX {
            let rule = format!("function {name} has {lines} lines (at most {FUNCTION_LINES_MAX})");
            faults.push(source.fault(at, &rule));
        }
    }
}

fn forbidden_words(source: &Source, faults: &mut Vec<String>) {
    let mut refuse = |words: &[&str], rule: &str| {
        for word in words {
            faults.extend(source.words(word).into_iter().map(|at| source.fault(at, rule)));
        }
    };
    let is_runtime = room_of(&source.path) == Some("runtime");
    if !is_runtime {
        refuse(&["glommio", "io_uring"], "glommio and io_uring are named in runtime only");
    }
    if !UNSAFE_ALLOWED.contains(&source.path.as_str()) {
        refuse(&["unsafe", "unsafe_code"], "this file is not in the list of those that may be unsafe");
    }
    refuse(&["#[ignore"], "a test that is ignored tests nothing; mend or delete it");
    refuse(&["todo!", "unimplemented!", "dbg!"], "unfinished code does not get in");
    if !is_runtime {
        refuse(&["thread::sleep", "sleep_ms"], "nothing sleeps; wait for the event itself, with a deadline");
    }
    if source.path != "src/lib.rs" {
        refuse(&["pub mod"], "a child is private (`mod x;`); re-export what others need");
    }
    for (at, _) in source.text.match_indices("TODO").chain(source.text.match_indices("FIXME")) {
        if source.path.starts_with("src/") {
            faults.push(source.fault(at, "unfinished work belongs in an issue, not in the code"));
        }
    }
}

fn inline_paths(source: &Source, faults: &mut Vec<String>) {
    let statements = source.use_statements();
    for at in source.words("crate") {
        let is_path = source.code[at..].starts_with("crate::");
        let before = source.code[..at].trim_end();
        let is_macro = before.ends_with('$');
        let is_visibility = before.ends_with("pub(in");
        let is_import = statements.iter().any(|statement| statement.contains(&at));
        if is_path && !is_macro && !is_visibility && !is_import {
            faults.push(source.fault(at, "a dependency is a `use` line at the top, not a path inside the code"));
        }
    }
}

fn globs(source: &Source, faults: &mut Vec<String>) {
    for import in source.imports() {
        if import.path.last().is_some_and(|last| last == "*") && !source.is_test(import.at) {
            faults.push(source.fault(import.at, "no glob imports outside tests"));
        }
    }
}

fn purity(source: &Source, faults: &mut Vec<String>) {
    let is_pure = source.path.starts_with("src/")
        && source.path != "src/lib.rs"
        && !matches!(room_of(&source.path), Some("runtime" | "cli" | "main"));
    if !is_pure {
        return;
    }
    let mut places: Vec<(usize, &str)> = Vec::new();
    for name in IMPURE {
        let starts = source.code.match_indices(name).map(|(at, _)| at);
        // The end is open (`std::net::Tcp`), the start is not (`my_async`); a whole word is asked for where it is one.
        let exact = source.words(name);
        places.extend(starts.filter(|at| name.contains("::Tcp") || exact.contains(at)).map(|at| (at, *name)));
        let imported = source.imports().into_iter().filter(|import| import.path.join("::").starts_with(name));
        places.extend(imported.map(|import| (import.at, *name)));
    }
    places.sort_unstable();
    places.dedup_by_key(|(at, _)| source.line(*at));
    for (at, name) in places {
        faults.push(source.fault(at, &format!("a pure room does not name {name}: what it needs is an argument")));
    }
}

fn arrows(source: &Source, faults: &mut Vec<String>) {
    let Some(room) = room_of(&source.path) else { return };
    let Some(floor) = floor_of(room) else {
        faults.push(source.fault(0, &format!("room {room} is on no floor; give it one in tests/it/tidy/rules.rs")));
        return;
    };
    for import in source.imports() {
        let ["crate" | "corecast", target, ..] = strings(&import.path)[..] else { continue };
        let rule = match floor_of(target) {
            _ if target == room => continue,
            Some(below) if below < floor => continue,
            Some(other) => format!("{room} (floor {floor}) must not know {target} (floor {other}): arrows go down"),
            None => format!("{target} is no room on any floor"),
        };
        faults.push(source.fault(import.at, &rule));
    }
}

/// It has to be able to load any broker, so it knows this one's codec only.
fn load_generator(source: &Source, faults: &mut Vec<String>) {
    if !source.path.starts_with("loadgen/") {
        return;
    }
    for import in source.imports() {
        if let ["corecast", room, ..] = strings(&import.path)[..] {
            if room != "mqtt" {
                faults.push(source.fault(import.at, &format!("loadgen must not know {room}: mqtt only")));
            }
        }
    }
    for at in source.words("corecast") {
        let is_import = source.use_statements().iter().any(|statement| statement.contains(&at));
        if source.code[at..].starts_with("corecast::") && !is_import {
            faults.push(source.fault(at, "a dependency is a `use` line at the top, not a path inside the code"));
        }
    }
}

fn parents(source: &Source, modules: &[Vec<String>], faults: &mut Vec<String>) {
    let Some(module) = module_of(&source.path).filter(|module| module.len() > 1) else { return };
    let parent = &module[..module.len() - 1];
    for import in source.imports().into_iter().filter(|import| !source.is_test(import.at)) {
        let path = match strings(&import.path)[..] {
            ["crate", ..] => import.path[1..].to_vec(),
            ["super", ..] => {
                let up = import.path.iter().take_while(|segment| *segment == "super").count();
                let base = &module[..module.len().saturating_sub(up)];
                base.iter().chain(&import.path[up..]).cloned().collect()
            }
            _ => continue,
        };
        let owner =
            (1..=path.len()).rev().map(|length| &path[..length]).find(|start| modules.iter().any(|m| m == start));
        let owner = owner.unwrap_or(&[]);
        if !owner.is_empty() && parent.starts_with(owner) {
            let rule = format!("a child never imports its parent {}; move the word down", owner.join("::"));
            faults.push(source.fault(import.at, &rule));
        }
    }
}

fn strings(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn floor_of(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// `src/router/index.rs` is in the room `router`; tests and the map are in none.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/").filter(|inside| *inside != "lib.rs")?;
    let first = inside.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// `src/router/index.rs` is the module `router::index`.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/").filter(|inside| *inside != "lib.rs")?;
    Some(inside.strip_suffix(".rs")?.split('/').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of one file in a house of a few rooms.
    fn faults(path: &str, text: &str) -> Vec<String> {
        let mut sources: Vec<Source> = ["src/router.rs", "src/router/index.rs", "src/router/trie.rs"]
            .into_iter()
            .filter(|other| *other != path)
            .map(|other| Source::new(other, ""))
            .collect();
        sources.push(Source::new(path, text));
        faults_of(&sources)
    }

    #[track_caller]
    fn refused(path: &str, text: &str, fault: &str) {
        let found = faults(path, text);
        assert!(found.len() == 1 && found[0].starts_with(fault), "expected {fault:?}, found {found:#?} in\n{text}");
    }

    #[track_caller]
    fn accepted(path: &str, text: &str) {
        assert_eq!(faults(path, text), Vec::<String>::new(), "{text}");
    }

    #[test]
    fn long_files_and_functions_are_refused() {
        accepted("src/mqtt.rs", &"\n".repeat(500));
        refused("src/mqtt.rs", &"\n".repeat(501), "src/mqtt.rs:502: 501 lines");
        accepted("src/mqtt.rs", &format!("fn f() {{{}}}\n", "\n".repeat(69)));
        refused(
            "src/mqtt.rs",
            &format!("\nfn f() {{{}}}\n", "\n".repeat(70)),
            "src/mqtt.rs:2: function f has 71 lines",
        );
        refused("tests/it/x.rs", &format!("fn f() {{{}}}\n", "\n".repeat(70)), "tests/it/x.rs:1: function f");
    }

    #[test]
    fn doors_are_files_beside_their_rooms() {
        refused("src/mqtt/mod.rs", "", "src/mqtt/mod.rs:1: the door of a room");
        refused("src/mqtt.rs", "pub mod wire;", "src/mqtt.rs:1: a child is private");
        accepted("src/lib.rs", "pub mod mqtt;");
    }

    #[test]
    fn rings_belong_to_the_runtime() {
        refused("src/shard.rs", "fn f() { glommio::x() }", "src/shard.rs:1: glommio and io_uring");
        refused("src/shard.rs", "\nuse io_uring::IoUring;", "src/shard.rs:2: glommio and io_uring");
        accepted("src/runtime.rs", "use glommio::Task;");
        accepted("src/runtime/ring.rs", "use io_uring::IoUring;");
        accepted("src/shard.rs", "//! Knows nothing of io_uring.\n");
    }

    #[test]
    fn only_listed_files_are_unsafe() {
        refused("src/mqtt.rs", "fn f() { unsafe { g() } }", "src/mqtt.rs:1: this file is not in the list");
        refused("src/runtime/driver.rs", "#![allow(unsafe_code)]", "src/runtime/driver.rs:1: this file is not in");
        refused("tests/it/x.rs", "fn f() { unsafe { g() } }", "tests/it/x.rs:1: this file is not in the list");
        accepted("src/runtime/ring.rs", "#![allow(unsafe_code)]\nfn f() { unsafe { g() } }");
        accepted("src/mqtt.rs", "// not unsafe\nfn f() { \"unsafe\"; unsafely() }");
    }

    #[test]
    fn tests_neither_rest_nor_sleep() {
        refused("tests/it/x.rs", "#[ignore]\nfn f() {}", "tests/it/x.rs:1: a test that is ignored");
        refused("tests/it/x.rs", "#[ignore = \"why\"]\nfn f() {}", "tests/it/x.rs:1: a test that is ignored");
        refused("tests/it/x.rs", "fn f() { thread::sleep(x) }", "tests/it/x.rs:1: nothing sleeps");
        refused("tests/it/x.rs", "use std::thread::sleep;", "tests/it/x.rs:1: nothing sleeps");
    }

    #[test]
    fn the_load_generator_knows_the_codec_only() {
        accepted("loadgen/src/client.rs", "use corecast::mqtt::{Packet, QoS};");
        refused("loadgen/src/client.rs", "use corecast::router::Router;", "loadgen/src/client.rs:1: loadgen must not");
        refused("loadgen/src/client.rs", "fn f() { corecast::mqtt::g() }", "loadgen/src/client.rs:1: a dependency is");
        refused("loadgen/src/client.rs", "fn f() { unsafe { g() } }", "loadgen/src/client.rs:1: this file is not in");
    }

    #[test]
    fn unfinished_code_is_refused() {
        refused("src/mqtt.rs", "fn f() { todo!() }", "src/mqtt.rs:1: unfinished code");
        refused("src/mqtt.rs", "// TODO: later", "src/mqtt.rs:1: unfinished work");
    }

    #[test]
    fn dependencies_are_imported_at_the_top() {
        refused("src/shard.rs", "fn f() { crate::mqtt::g() }", "src/shard.rs:1: a dependency is a `use` line");
        refused("src/shard.rs", "fn f(x: &crate::mqtt::X) {}", "src/shard.rs:1: a dependency is a `use` line");
        accepted("src/shard.rs", "use crate::{\n    mqtt::X,\n};\nmacro_rules! m { () => { $crate::mqtt::X } }");
        accepted("src/shard.rs", "pub(crate) fn f() {}\npub(in crate::shard) fn g() {}");
    }

    #[test]
    fn globs_are_for_tests() {
        refused("src/shard.rs", "use crate::mqtt::*;", "src/shard.rs:1: no glob imports");
        refused("src/shard.rs", "use crate::mqtt::{X, y::*};", "src/shard.rs:1: no glob imports");
        accepted("src/shard.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n");
        accepted("src/shard/tests.rs", "use crate::mqtt::*;");
    }

    #[test]
    fn pure_rooms_reach_for_nothing() {
        for code in [
            "use std::net::TcpStream;",
            "use std::{fs, io};",
            "use std::net::{SocketAddr, UdpSocket};",
            "fn f() { std::env::var(x) }",
            "fn f() { std::thread::current() }",
            "fn f() { Instant::now() }",
            "use std::time::{Duration, SystemTime};",
            "async fn f() {}",
        ] {
            refused("src/shard.rs", code, "src/shard.rs:1: a pure room does not name");
            accepted("src/runtime.rs", code);
            accepted("src/cli/file.rs", code);
        }
        accepted(
            "src/shard.rs",
            "use std::net::SocketAddr;\nuse std::time::{Duration, Instant};\nfn f() { asynchronous() }",
        );
    }

    #[test]
    fn arrows_go_down() {
        refused("src/mqtt.rs", "use crate::limits::X;", "src/mqtt.rs:1: mqtt (floor 1) must not know limits (floor 1)");
        refused("src/session.rs", "use crate::router::X;", "src/session.rs:1: session (floor 3) must not know router");
        refused("src/router/trie.rs", "use crate::shard::X;", "src/router/trie.rs:1: router (floor 3) must not know");
        refused("src/shard.rs", "use crate::{mqtt::X, cli::Y};", "src/shard.rs:1: shard (floor 4) must not know cli");
        refused("src/cli.rs", "use crate::main::X;", "src/cli.rs:1: cli (floor 7) must not know main (floor 8)");
        refused("src/shard.rs", "use crate::attic::X;", "src/shard.rs:1: attic is no room on any floor");
        refused("src/attic.rs", "", "src/attic.rs:1: room attic is on no floor");
        accepted("src/shard.rs", "use crate::{mqtt::X, router::Y, session::Z};");
        accepted("src/main.rs", "use corecast::{cli, runtime};");
        accepted("tests/it/x.rs", "use corecast::shard::X;");
    }

    #[test]
    fn a_child_never_imports_its_parent() {
        let rule = "src/router/index.rs:1: a child never imports its parent router";
        refused("src/router/index.rs", "use crate::router::Route;", rule);
        refused("src/router/index.rs", "use super::Route;", rule);
        refused("src/router/index.rs", "use super::{trie::Trie, Route};", rule);
        refused("src/router/trie/node.rs", "use super::super::Route;", "src/router/trie/node.rs:1: a child never");
        accepted("src/router/index.rs", "use super::trie::Trie;\nuse crate::router::trie::Node;\nuse super::trie;");
        accepted(
            "src/router/index.rs",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::router::Route;\n}\n",
        );
        accepted("src/router.rs", "use self::trie::Trie;\nuse crate::mqtt::X;");
    }
}
