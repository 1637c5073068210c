//! Rules as a tree of topic levels.
//!
//! A walk reaches each node at most once, so its cost is bounded by the rules, not by the topic. It goes down as deep as
//! the deepest rule, and that has at most `LEVELS_MAX` levels: that is why it may call itself.

use super::rules::Access;

/// Levels a rule may have, as in mosquitto.
pub(super) const LEVELS_MAX: usize = 200;

/// Filters and what each says.
#[derive(Default)]
pub(super) struct Tree {
    root: Node,
}

#[derive(Default)]
struct Node {
    /// Sorted by level, neither `+` nor `#` among them.
    children: Vec<(Box<str>, Node)>,
    plus: Option<Box<Node>>,
    /// Of the filter that ends here.
    here: Access,
    /// Of the filter that goes on with `#`.
    below: Access,
}

impl Tree {
    /// Adds a valid filter.
    pub(super) fn insert(&mut self, filter: &str, access: Access) {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    node.below = node.below.and(access);
                    return;
                }
                "+" => node.plus.get_or_insert_default(),
                _ => node.child_mut(level),
            };
        }
        node.here = node.here.and(access);
    }

    /// All that is said of a topic.
    pub(super) fn access(&self, topic: &str) -> Access {
        match topic.strip_prefix('$') {
            // No leading wildcard speaks of it [MQTT5-4.7.2-1] [MQTT311-4.7.2-1].
            Some(_) => {
                let (level, rest) = cut(topic);
                self.root.child(level).map_or(Access::NONE, |child| child.access(rest))
            }
            None => self.root.access(Some(topic)),
        }
    }

    /// Whether a filter allows reading something that `filter` matches, too.
    pub(super) fn overlaps(&self, filter: &str) -> bool {
        let (level, rest) = cut(filter);
        if level.starts_with('$') {
            return self.root.child(level).is_some_and(|child| child.overlaps(rest));
        }
        if matches!(level, "+" | "#") {
            let is_hidden = |(level, _): &&(Box<str>, Node)| level.starts_with('$');
            let mut children = self.root.children.iter().filter(|child| !is_hidden(child)).map(|(_, child)| child);
            let mut all = children.by_ref().chain(self.root.plus.as_deref());
            return self.root.below.allows_reading()
                || match level {
                    "#" => all.any(Node::reads_anything),
                    _ => all.any(|child| child.overlaps(rest)),
                };
        }
        self.root.overlaps(Some(filter))
    }

    /// Whether one filter denies all that `filter` matches.
    pub(super) fn denies_all_of(&self, filter: &str) -> bool {
        let (level, rest) = cut(filter);
        match level.starts_with('$') {
            true => self.root.child(level).is_some_and(|child| child.denies_all_of(rest)),
            false => self.root.denies_all_of(Some(filter)),
        }
    }

    /// Every filter with what it says.
    pub(super) fn each(&self, tell: &mut impl FnMut(&str, Access)) {
        self.root.each(&mut String::new(), true, tell);
    }
}

impl Access {
    fn allows_reading(self) -> bool {
        self.allows(Access::READ)
    }
}

impl Node {
    #[inline]
    fn child(&self, level: &str) -> Option<&Node> {
        let at = self.children.binary_search_by(|(known, _)| (**known).cmp(level)).ok()?;
        self.children.get(at).map(|(_, child)| child)
    }

    fn child_mut(&mut self, level: &str) -> &mut Node {
        let at = match self.children.binary_search_by(|(known, _)| (**known).cmp(level)) {
            Ok(at) => at,
            Err(at) => {
                self.children.insert(at, (Box::from(level), Node::default()));
                at
            }
        };
        &mut self.children[at].1
    }

    /// `rest` is what is left of the topic; `None` at its end.
    fn access(&self, rest: Option<&str>) -> Access {
        // `#` speaks of the level above it, too.
        let mut access = self.below;
        let Some(rest) = rest else { return access.and(self.here) };
        let (level, rest) = cut(rest);
        if let Some(child) = self.child(level) {
            access = access.and(child.access(rest));
        }
        if let Some(plus) = &self.plus {
            access = access.and(plus.access(rest));
        }
        access
    }

    fn overlaps(&self, rest: Option<&str>) -> bool {
        if self.below.allows_reading() {
            return true;
        }
        let Some(rest) = rest else { return self.here.allows_reading() };
        let (level, rest) = cut(rest);
        let mut plus = self.plus.as_deref().into_iter();
        match level {
            "#" => self.reads_anything(),
            "+" => self.children.iter().map(|(_, child)| child).chain(plus).any(|child| child.overlaps(rest)),
            _ => self.child(level).is_some_and(|child| child.overlaps(rest)) || plus.any(|child| child.overlaps(rest)),
        }
    }

    fn reads_anything(&self) -> bool {
        let is_read = self.here.allows_reading() || self.below.allows_reading();
        is_read
            || self.children.iter().any(|(_, child)| child.reads_anything())
            || self.plus.as_deref().is_some_and(Node::reads_anything)
    }

    fn denies_all_of(&self, rest: Option<&str>) -> bool {
        if self.below.denies() {
            return true;
        }
        let Some(rest) = rest else { return self.here.denies() };
        let (level, rest) = cut(rest);
        let by_plus = || self.plus.as_deref().is_some_and(|plus| plus.denies_all_of(rest));
        match level {
            "#" => false,
            "+" => by_plus(),
            _ => self.child(level).is_some_and(|child| child.denies_all_of(rest)) || by_plus(),
        }
    }

    fn each(&self, path: &mut String, is_root: bool, tell: &mut impl FnMut(&str, Access)) {
        let length = path.len();
        let with = |path: &mut String, level: &str| {
            if !is_root {
                path.push('/');
            }
            path.push_str(level);
        };
        if !is_root && self.here != Access::NONE {
            tell(path, self.here);
        }
        if self.below != Access::NONE {
            with(path, "#");
            tell(path, self.below);
            path.truncate(length);
        }
        let plus = self.plus.as_deref().map(|plus| ("+", plus));
        for (level, child) in self.children.iter().map(|(level, child)| (&**level, child)).chain(plus) {
            with(path, level);
            child.each(path, false, tell);
            path.truncate(length);
        }
    }
}

/// The first level of a topic or filter and what follows it.
#[inline]
fn cut(text: &str) -> (&str, Option<&str>) {
    // Levels are short: going byte by byte costs less than a search made for long texts.
    match text.bytes().position(|byte| byte == b'/').and_then(|at| text.split_at_checked(at)) {
        Some((level, rest)) => (level, rest.get(1..)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::matches;

    fn level() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]", Just("+".to_owned()), Just(String::new()), Just("$x".to_owned())]
    }

    fn filter() -> impl Strategy<Value = String> {
        let levels = prop::collection::vec(level(), 1..4);
        (levels, any::<bool>()).prop_map(|(levels, is_open)| {
            let text = levels.join("/");
            match (is_open, text.as_str()) {
                (true, "") => "#".to_owned(),
                (true, _) => format!("{text}/#"),
                (false, "") => "a".to_owned(),
                (false, _) => text,
            }
        })
    }

    fn topic() -> impl Strategy<Value = String> {
        let level = prop_oneof!["[ab]", Just(String::new()), Just("$x".to_owned())];
        prop::collection::vec(level, 1..5).prop_map(|levels| levels.join("/")).prop_filter("a topic", |t| !t.is_empty())
    }

    fn access() -> impl Strategy<Value = Access> {
        prop::sample::select(vec![Access::READ, Access::WRITE, Access::READ_WRITE, Access::DENY])
    }

    fn tree_of(rules: &[(String, Access)]) -> Tree {
        let mut tree = Tree::default();
        rules.iter().for_each(|(filter, access)| tree.insert(filter, *access));
        tree
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_walk_finds_what_comparing_with_each_rule_finds(
            rules in prop::collection::vec((filter(), access()), 0..8), topic in topic()
        ) {
            let naive = rules.iter().filter(|(filter, _)| matches(filter, &topic));
            let naive = naive.fold(Access::NONE, |all, (_, access)| all.and(*access));
            prop_assert_eq!(tree_of(&rules).access(&topic), naive);
        }

        #[test]
        fn a_subscription_is_refused_only_if_it_brings_nothing(
            rules in prop::collection::vec((filter(), access()), 0..6), wanted in filter(),
            topics in prop::collection::vec(topic(), 40)
        ) {
            let tree = tree_of(&rules);
            let may = tree.overlaps(&wanted) && !tree.denies_all_of(&wanted);
            for topic in topics.iter().filter(|topic| matches(&wanted, topic)) {
                prop_assert!(may || !tree.access(topic).allows(Access::READ), "{} by {}", topic, wanted);
            }
        }

        #[test]
        fn a_tree_tells_the_rules_it_is_made_of(rules in prop::collection::vec((filter(), access()), 0..8)) {
            let mut told = Vec::new();
            tree_of(&rules).each(&mut |filter, access| told.push((filter.to_owned(), access)));
            prop_assert!(told.iter().all(|(filter, _)| rules.iter().any(|rule| rule.0 == *filter)));
            for (filter, access) in &rules {
                let of_filter = told.iter().find(|(known, _)| known == filter);
                prop_assert!(of_filter.is_some_and(|(_, all)| all.and(*access) == *all), "{}", filter);
            }
        }
    }

    #[test]
    fn overlaps_are_found_level_by_level() {
        for (rule, wanted, expected) in [
            ("a/+/c", "#", true),
            ("a/+/c", "a/b/+", true),
            ("a/+/c", "+/b/c/#", true),
            ("a/+/c", "a/b", false),
            ("a/#", "a", true),
            ("a/#", "+", true),
            ("a", "a/#", true),
            ("a", "a/+", false),
            ("$x/a", "#", false),
            ("$x/a", "+/a", false),
            ("$x/a", "$x/#", true),
            ("#", "$x/#", false),
            ("+/a", "$x/a", false),
        ] {
            let mut tree = Tree::default();
            tree.insert(rule, Access::READ);
            assert_eq!(tree.overlaps(wanted), expected, "{rule} {wanted}");
        }
    }
}
