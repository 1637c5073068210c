//! ACL files in mosquitto's format.
//!
//! Lines before the first `user` are for anonymous clients, those after it for this user, `pattern` lines for everybody with
//! the client's names in the place of `%u` and `%c`. Deny wins over everything; what is not allowed is denied.

use std::collections::HashMap;
use std::sync::Arc;

use super::fault::{lines_of, shown, FileFault};
use super::rules::{Access, RuleSet, Rules};
use super::tree::LEVELS_MAX;
use crate::mqtt::{ProtocolVersion, TopicFilter};

/// A whole ACL file.
pub struct Acl {
    anonymous: Arc<RuleSet>,
    users: HashMap<Box<str>, Arc<RuleSet>>,
    /// For users the file does not name.
    nobody: Arc<RuleSet>,
    patterns: Vec<Pattern>,
}

struct Pattern {
    filter: Box<str>,
    access: Access,
    names_user: bool,
    names_client: bool,
}

/// The lines of the file, as they are read.
#[derive(Default)]
struct Reading {
    anonymous: Vec<(String, Access)>,
    users: HashMap<Box<str>, Vec<(String, Access)>>,
    patterns: Vec<Pattern>,
    user: Option<Box<str>>,
}

impl Acl {
    /// Reads a file; `file` is its name for messages.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Acl, FileFault> {
        let mut reading = Reading::default();
        for (number, line) in lines_of(file, bytes)? {
            reading.read(line).map_err(|text| FileFault::new(file, number, text))?;
        }
        let compile = |rules: &[(String, Access)]| {
            Arc::new(RuleSet::new(rules.iter().map(|(filter, access)| (filter.as_str(), *access))))
        };
        Ok(Acl {
            anonymous: compile(&reading.anonymous),
            users: reading.users.iter().map(|(user, rules)| (user.clone(), compile(rules))).collect(),
            nobody: compile(&[]),
            patterns: reading.patterns,
        })
    }

    /// What a client may; `username` is one that has been verified.
    pub fn rules_of(&self, username: Option<&str>, client_id: &str) -> Rules {
        let shared = match username {
            None => &self.anonymous,
            Some(username) => self.users.get(username).unwrap_or(&self.nobody),
        };
        let own: Vec<(String, Access)> =
            self.patterns.iter().filter_map(|pattern| pattern.for_client(username, client_id)).collect();
        let own =
            (!own.is_empty()).then(|| RuleSet::new(own.iter().map(|(filter, access)| (filter.as_str(), *access))));
        Rules::new(Arc::clone(shared), own)
    }

    /// How many rules are made anew for each client: its own of each pattern.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }
}

impl Pattern {
    fn new(filter: &str, access: Access) -> Pattern {
        Pattern {
            filter: Box::from(filter),
            access,
            names_user: filter.contains("%u"),
            names_client: filter.contains("%c"),
        }
    }

    /// The rule this is for a client. A name that could mean another place than its own allows nothing, and what the
    /// pattern denies is denied from the level of that name on.
    fn for_client(&self, username: Option<&str>, client_id: &str) -> Option<(String, Access)> {
        let username = match (self.names_user, username) {
            (true, None) => return None,
            (true, Some(username)) => username,
            (false, _) => "",
        };
        let is_safe = !(self.names_user && may_escape(username) || self.names_client && may_escape(client_id));
        if !is_safe && !self.access.denies() {
            return None;
        }
        let mut filter = String::with_capacity(self.filter.len() + username.len() + client_id.len());
        for (index, level) in self.filter.split('/').enumerate() {
            if index > 0 {
                filter.push('/');
            }
            if !is_safe && (level.contains("%u") || level.contains("%c")) {
                filter.push('#');
                break;
            }
            put_names(&mut filter, level, username, client_id);
        }
        Some((filter, self.access))
    }
}

/// Puts the names into one level in one pass: a name that contains a placeholder stays as it is.
fn put_names(out: &mut String, level: &str, username: &str, client_id: &str) {
    let mut rest = level;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if let Some(after) = from.strip_prefix("%u") {
            out.push_str(username);
            after
        } else if let Some(after) = from.strip_prefix("%c") {
            out.push_str(client_id);
            after
        } else {
            out.push('%');
            &from[1..]
        };
    }
    out.push_str(rest);
}

/// Whether a name would be more, or something else, than one level. An empty one would be a level that is there for
/// everybody.
fn may_escape(name: &str) -> bool {
    name.is_empty() || name.contains(['+', '#', '/'])
}

impl Reading {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = word_of(line);
        match word {
            "user" if rest.is_empty() => Err("the user has no name; write user NAME".to_owned()),
            "user" => {
                let user: Box<str> = Box::from(rest);
                self.users.entry(user.clone()).or_default();
                self.user = Some(user);
                Ok(())
            }
            "topic" => {
                let (filter, access) = rule_of(word, rest)?;
                let rules = match &self.user {
                    None => &mut self.anonymous,
                    Some(user) => self.users.entry(user.clone()).or_default(),
                };
                rules.push((filter.to_owned(), access));
                Ok(())
            }
            "pattern" => {
                let (filter, access) = rule_of(word, rest)?;
                self.patterns.push(Pattern::new(filter, access));
                Ok(())
            }
            _ => Err(format!("{} is not known; a line begins with user, topic, pattern or #", shown(word))),
        }
    }
}

/// The filter and access of a `topic` or `pattern` line. Without a second word the first is the filter.
fn rule_of<'a>(word: &str, rest: &'a str) -> Result<(&'a str, Access), String> {
    let (first, second) = word_of(rest);
    let (filter, access) = match (first, second) {
        ("", _) => return Err(format!("the filter is missing; write {word} read FILTER, for example")),
        (filter, "") => (filter, Access::READ_WRITE),
        ("read", filter) => (filter, Access::READ),
        ("write", filter) => (filter, Access::WRITE),
        ("readwrite", filter) => (filter, Access::READ_WRITE),
        ("deny", filter) => (filter, Access::DENY),
        (other, _) => {
            let other = shown(other);
            return Err(format!("{other} is no access; write {word} read, write, readwrite or deny, then the filter"));
        }
    };
    // 3.1.1 has no shared subscriptions: nobody publishes to `$share/...`.
    let parsed = TopicFilter::parse(ProtocolVersion::V3_1_1, filter);
    let parsed = parsed.map_err(|error| format!("{} is no topic filter: {error}", shown(filter)))?;
    if !Rules::takes(parsed) {
        return Err(format!("{} has more than {LEVELS_MAX} levels; shorten it", shown(filter)));
    }
    Ok((filter, access))
}

/// The first word and what follows it.
fn word_of(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests;
