//! ACL files and what follows from them, beside a plain reading of the same lines.

use std::str;

use corecast::auth::Acl;

use crate::input::parts;
use crate::oracle::{compare, Says, Set};

/// A file; then a user, a client identifier, and topics or filters by lines.
pub(crate) fn check(bytes: &[u8]) {
    let [file, user, client_id, asked] = parts(bytes);
    let acl = Acl::parse("acl", file);
    let (Some(lines), Ok(user), Ok(client_id), Ok(asked)) =
        (read(file), str::from_utf8(user), str::from_utf8(client_id), str::from_utf8(asked))
    else {
        let fault = acl.err().map(|fault| fault.to_string());
        assert!(fault.is_none_or(|fault| fault.starts_with("acl:") && !fault.chars().any(char::is_control)));
        return;
    };
    let acl = acl.unwrap_or_else(|fault| panic!("{fault}, which is in order"));
    for username in [None, Some(user)] {
        let rules = acl.rules_of(username, client_id);
        let sets = sets(&lines, username, client_id);
        let words: Vec<&str> = lines.iter().filter_map(Line::filter).collect();
        for text in asked.lines().chain(words) {
            compare(&rules, &sets, text);
        }
    }
}

/// A line that says something.
enum Line<'a> {
    User(&'a str),
    Topic(&'a str, Says),
    Pattern(&'a str, Says),
}

impl<'a> Line<'a> {
    fn filter(&self) -> Option<&'a str> {
        match self {
            Line::User(_) => None,
            Line::Topic(filter, _) | Line::Pattern(filter, _) => Some(filter),
        }
    }
}

/// All lines; `None` if one cannot be used.
fn read(file: &[u8]) -> Option<Vec<Line<'_>>> {
    let lines = str::from_utf8(file).ok()?.split('\n').map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(line).collect()
}

fn line(line: &str) -> Option<Line<'_>> {
    let (word, rest) = line.split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    let rule = || -> Option<(&str, Says)> {
        let (access, filter) = match rest.split_once([' ', '\t']) {
            Some((access, filter)) => (access, filter.trim_start()),
            None => ("readwrite", rest),
        };
        let says = Says {
            read: matches!(access, "read" | "readwrite"),
            write: matches!(access, "write" | "readwrite"),
            deny: access == "deny",
        };
        (Set::takes(filter) && (says.read || says.write || says.deny)).then_some((filter, says))
    };
    match word {
        "user" => Some(Line::User(rest)),
        "topic" => rule().map(|(filter, says)| Line::Topic(filter, says)),
        "pattern" => rule().map(|(filter, says)| Line::Pattern(filter, says)),
        _ => None,
    }
}

/// The rules for one client: those of its user, and the patterns with its names.
fn sets(lines: &[Line<'_>], username: Option<&str>, client_id: &str) -> [Set; 2] {
    let mut sets = [Set::default(), Set::default()];
    let mut user = None;
    for line in lines {
        match line {
            Line::User(name) => user = Some(*name),
            Line::Topic(filter, says) if user == username => sets[0].add(filter, *says),
            Line::Topic(..) => {}
            Line::Pattern(filter, says) => {
                if let Some(filter) = named(filter, says.deny, username, client_id) {
                    sets[1].add(&filter, *says);
                }
            }
        }
    }
    sets
}

/// A pattern with the names of a client; `None` if it says nothing about that.
fn named(pattern: &str, denies: bool, username: Option<&str>, client_id: &str) -> Option<String> {
    let is_wild = |name: &str| name.is_empty() || name.contains(['+', '#', '/']);
    if pattern.contains("%u") && username.is_none() {
        return None;
    }
    let username = username.unwrap_or_default();
    let is_dangerous = pattern.contains("%u") && is_wild(username) || pattern.contains("%c") && is_wild(client_id);
    if is_dangerous && !denies {
        return None;
    }
    let mut levels = Vec::new();
    for level in pattern.split('/') {
        if is_dangerous && (level.contains("%u") || level.contains("%c")) {
            levels.push("#".to_owned());
            break;
        }
        // Names are put in at once, so that one that looks like a placeholder stays what it is.
        let with_user = level.split("%u").map(|part| part.replace("%c", client_id)).collect::<Vec<_>>();
        levels.push(with_user.join(username));
    }
    Some(levels.join("/"))
}
