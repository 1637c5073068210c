//! What some targets compare with: the rules of topics and of what clients may once more, as slow and plain as can be.

use std::collections::BTreeMap;

use corecast::auth::Rules;

/// Levels a rule may have.
const RULE_LEVELS_MAX: usize = 200;

/// Whether a text is a Topic Name.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=65_535).contains(&text.len()) && !text.contains(['\0', '+', '#'])
}

/// Whether a text is a Topic Filter without a share name.
pub(crate) fn is_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let is_level = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index + 1 == levels.len(),
        level => !level.contains(['\0', '+', '#']),
    };
    (1..=65_535).contains(&text.len()) && levels.iter().enumerate().all(is_level)
}

/// Share name and filter of `$share/name/filter`; `None` if it is no valid one.
pub(crate) fn shared(text: &str) -> Option<(&str, &str)> {
    let (name, filter) = text.strip_prefix("$share/")?.split_once('/')?;
    let is_valid = !name.is_empty() && !name.contains(['\0', '+', '#']) && is_filter(filter) && text.len() <= 65_535;
    is_valid.then_some((name, filter))
}

/// Whether a filter matches a topic.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let (filter, topic) = (levels(filter), levels(topic));
    !(is_wildcard(filter[0]) && topic[0].starts_with('$')) && levels_match(&filter, &topic)
}

fn levels(text: &str) -> Vec<&str> {
    text.split('/').collect()
}

fn is_wildcard(level: &str) -> bool {
    matches!(level, "+" | "#")
}

fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        ([wanted, filter @ ..], [level, topic @ ..]) if *wanted == "+" || wanted == level => {
            levels_match(filter, topic)
        }
        _ => false,
    }
}

/// What a rule says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Says {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) deny: bool,
}

/// Rules that hold together: those of one filter are one.
#[derive(Default)]
pub(crate) struct Set(BTreeMap<String, Says>);

impl Set {
    pub(crate) fn add(&mut self, filter: &str, says: Says) {
        let known = self.0.entry(filter.to_owned()).or_default();
        known.read |= says.read;
        known.write |= says.write;
        known.deny |= says.deny;
    }

    /// Whether a rule may have this filter.
    pub(crate) fn takes(filter: &str) -> bool {
        is_filter(filter) && levels(filter).len() <= RULE_LEVELS_MAX
    }
}

/// Asks the rules for this text, as a topic and as a filter, and compares with all rules one by one.
pub(crate) fn compare(rules: &Rules, sets: &[Set], text: &str) {
    let all = || sets.iter().flat_map(|set| set.0.iter());
    if is_name(text) {
        let says: Vec<Says> = all().filter(|(filter, _)| matches(filter, text)).map(|(_, says)| *says).collect();
        let is_denied = says.iter().any(|says| says.deny);
        assert_eq!(rules.may_read(text), !is_denied && says.iter().any(|says| says.read), "to read {text:?}");
        assert_eq!(rules.may_write(text), !is_denied && says.iter().any(|says| says.write), "to write {text:?}");
        assert!(!rules.may_read(text) || rules.may_subscribe(text), "what may be read may be subscribed to");
    }
    if is_filter(text) {
        let is_readable = all().any(|(filter, says)| says.read && !says.deny && overlap(filter, text));
        let is_denied = all().any(|(filter, says)| says.deny && covers(filter, text));
        assert_eq!(rules.may_subscribe(text), is_readable && !is_denied, "to subscribe to {text:?}");
    }
}

/// Whether there is a topic that both match.
fn overlap(one: &str, other: &str) -> bool {
    fn from(one: &[&str], other: &[&str]) -> bool {
        match (one, other) {
            (["#"], _) | (_, ["#"]) | ([], []) => true,
            ([a, one @ ..], [b, other @ ..]) if a == b || is_wildcard(a) || is_wildcard(b) => from(one, other),
            _ => false,
        }
    }
    let (one, other) = (levels(one), levels(other));
    let is_hidden = |filter: &[&str], from: &[&str]| filter[0].starts_with('$') && is_wildcard(from[0]);
    !is_hidden(&one, &other) && !is_hidden(&other, &one) && from(&one, &other)
}

/// Whether `rule` matches whatever `filter` matches.
fn covers(rule: &str, filter: &str) -> bool {
    fn from(rule: &[&str], filter: &[&str]) -> bool {
        match (rule, filter) {
            (["#"], _) | ([], []) => true,
            (_, ["#"]) => false,
            ([a, rule @ ..], [b, filter @ ..]) if a == b || *a == "+" => from(rule, filter),
            _ => false,
        }
    }
    let (rule, filter) = (levels(rule), levels(filter));
    !(is_wildcard(rule[0]) && filter[0].starts_with('$')) && from(&rule, &filter)
}
