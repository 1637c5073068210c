//! The command line, its output and its log.

use corecast::mqtt::ReasonCode;

use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

#[test]
fn help_shows_the_options_of_serve_at_once() {
    for flag in ["--help", "-h"] {
        let outcome = Program::run(&[flag]).ends();
        assert_eq!((outcome.code, outcome.errors.len()), (Some(0), 0), "{outcome:#?}");
        for word in ["--bind", "--cores", "--shards", "--config", "--log-format", "--verbose", "check", "serve"] {
            assert!(outcome.output.contains(word), "{word} is missing in\n{}", outcome.output);
        }
    }
}

#[test]
fn version_is_that_of_the_package() {
    let outcome = Program::run(&["--version"]).ends();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.output.starts_with(concat!("corecast ", env!("CARGO_PKG_VERSION"), "\n")), "{outcome:#?}");
}

#[test]
fn a_flag_that_does_not_exist_is_refused() {
    let outcome = Program::run(&["--bin", "127.0.0.1:0"]).ends();
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(2), ""), "{outcome:#?}");
    assert!(outcome.errors[0].contains("--bin"), "{outcome:#?}");
    Program::run(&["--shards", "65"]).ends().is_refusal(2, &["--shards", "1 to 64"]);
}

#[test]
fn check_says_what_a_file_changes_and_serves_nothing() {
    let path = file("check.toml", "[limits]\nconnections_max = 7\n\n[log]\nformat = \"json\"\n");
    let path = path.to_str().expect("it is text");
    let outcome = Program::run(&["check", "-c", path]).ends();
    assert_eq!((outcome.code, outcome.errors.len()), (Some(0), 0), "{outcome:#?}");
    assert!(outcome.output.starts_with(&format!("{path}: ok\n")), "{outcome:#?}");
    for line in ["limits.connections_max = 7", "log.format = \"json\""] {
        assert!(outcome.output.lines().any(|said| said == line), "{line} is missing in {outcome:#?}");
    }
}

#[test]
fn a_file_is_obeyed_and_flags_go_before_it() {
    let path = file("serve.toml", "[listen]\nbind = [\"192.0.2.1:1\"]\n[limits]\nconnections_max = 1\n");
    let path = path.to_str().expect("it is text");
    let mut program = Program::run(&["-c", path, "--bind", "127.0.0.1:0", "--shards", "2"]);
    let address = program.listens();
    let _inside = Caller::connected(address, 5, "id=a clean");
    let mut refused = Caller::open(address, 5);
    refused.say("connect id=b clean");
    assert_eq!(refused.connack().1, ReasonCode::QuotaExceeded);
}

#[test]
fn log_lines_for_machines_are_json_objects_and_name_the_fields() {
    let mut program = Program::run(&["--bind", "127.0.0.1:0", "--shards", "2", "--log-format", "json", "-vv"]);
    let address = program.listens();
    let mut caller = Caller::connected(address, 5, "id=\"a \\\"quoted\\\" one\" clean");
    caller.say("raw 00 00");
    assert_eq!(caller.disconnected(), ReasonCode::MalformedPacket);
    drop(caller);
    program.signal("USR1");
    let report = program.says("report");
    program.signal("TERM");
    let outcome = program.ends();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    for line in &outcome.errors {
        let names = names_of(line).unwrap_or_else(|| panic!("no JSON object: {line}"));
        for name in ["timestamp", "level", "message"] {
            assert!(names.iter().any(|found| found == name), "{name} is missing in {line}");
        }
    }
    let names = names_of(&report).expect("a JSON object");
    assert!(names.iter().any(|name| name == "counters"), "{report}");
}

#[test]
fn log_lines_for_people_have_no_colours_in_a_pipe() {
    let mut program = Program::run(&["--bind", "127.0.0.1:0", "--shards", "1"]);
    let line = {
        program.listens();
        program.signal("TERM");
        program.ends().errors
    };
    assert!(!line.iter().any(|line| line.contains('\u{1b}')), "{line:#?}");
}

/// The names of a flat JSON object of texts, numbers and truths; nothing if the text is anything else.
fn names_of(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('{')?;
    let mut names = Vec::new();
    loop {
        let (name, after) = string(rest)?;
        names.push(name);
        rest = after.strip_prefix(':')?;
        rest = match string(rest) {
            Some((_, after)) => after,
            None => {
                let end = rest.find([',', '}'])?;
                let (value, after) = rest.split_at(end);
                let is_value = matches!(value, "true" | "false" | "null") || value.parse::<f64>().is_ok();
                is_value.then_some(after)?
            }
        };
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return (rest == "}").then_some(names),
        }
    }
}

/// A JSON string at the beginning, and what is behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some((inside[..at].to_owned(), &inside[at + 1..])),
            control if control < ' ' => return None,
            _ => {}
        }
    }
    None
}
