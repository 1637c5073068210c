//! What one client may, compiled: a question is answered from memory, whatever number of rules there is.

use std::fmt;
use std::sync::Arc;

use ahash::{HashMap, RandomState};

use super::tree::{Tree, LEVELS_MAX};
use crate::mqtt::TopicFilter;

/// What a rule allows or denies, and what all rules together say of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Nothing is said.
    pub const NONE: Access = Access(0);
    /// To be told of publications.
    pub const READ: Access = Access(1);
    /// To publish.
    pub const WRITE: Access = Access(2);
    /// Both.
    pub const READ_WRITE: Access = Access(3);
    /// Neither, whatever else is said.
    pub const DENY: Access = Access(4);

    /// What both say.
    pub(super) const fn and(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// Whether `wanted` is allowed and nothing denied.
    pub(super) const fn allows(self, wanted: Access) -> bool {
        self.0 & wanted.0 != 0 && self.0 & Access::DENY.0 == 0
    }

    pub(super) const fn denies(self) -> bool {
        self.0 & Access::DENY.0 != 0
    }
}

/// Rules that hold together, such as those of one user of the file.
pub(super) struct RuleSet {
    /// Topics that have a rule of their own, each with all that the set says of it: one comparison answers for these.
    exact: HashMap<Box<str>, Access>,
    tree: Tree,
    has_wildcards: bool,
}

/// What one client may. Cheap to make where the file has no patterns, then it is the set of its user.
#[derive(Clone)]
pub struct Rules {
    shared: Arc<RuleSet>,
    own: Option<Arc<RuleSet>>,
}

impl RuleSet {
    pub(super) fn new<'a>(rules: impl IntoIterator<Item = (&'a str, Access)>) -> RuleSet {
        // The keys are the operator's, so no client can choose them to collide.
        let mut exact = HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        let mut tree = Tree::default();
        let mut has_wildcards = false;
        for (filter, access) in rules {
            tree.insert(filter, access);
            if filter.contains(['+', '#']) {
                has_wildcards = true;
            } else {
                exact.insert(Box::from(filter), Access::NONE);
            }
        }
        for (topic, access) in &mut exact {
            *access = tree.access(topic);
        }
        RuleSet { exact, tree, has_wildcards }
    }

    #[inline]
    fn access(&self, topic: &str) -> Access {
        match self.exact.get(topic) {
            Some(access) => *access,
            None if self.has_wildcards => self.tree.access(topic),
            None => Access::NONE,
        }
    }
}

impl Rules {
    pub(super) fn new(shared: Arc<RuleSet>, own: Option<RuleSet>) -> Rules {
        Rules { shared, own: own.map(Arc::new) }
    }

    /// Whether a rule may have this filter: it has not more levels than a walk should be deep.
    pub(super) fn takes(filter: TopicFilter<'_>) -> bool {
        filter.level_count() <= LEVELS_MAX
    }

    /// Rules made of filters alone, none of which has more levels than a rule may have.
    pub fn of<'a>(rules: impl IntoIterator<Item = (&'a str, Access)>) -> Rules {
        Rules::new(Arc::new(RuleSet::new(rules)), None)
    }

    /// These rules, and what a token says: its allowances take the place of these, whose denials hold.
    pub(super) fn with_denials_of(self, file: &Rules) -> Rules {
        let mut denials = Vec::new();
        for set in [Some(&file.shared), file.own.as_ref()].into_iter().flatten() {
            set.tree.each(&mut |filter, access| {
                if access.denies() {
                    denials.push(filter.to_owned());
                }
            });
        }
        let own = RuleSet::new(denials.iter().map(|filter| (filter.as_str(), Access::DENY)));
        Rules { shared: self.shared, own: Some(Arc::new(own)) }
    }

    /// Whether a publication to `topic` may be made.
    #[inline]
    pub fn may_write(&self, topic: &str) -> bool {
        self.access(topic).allows(Access::WRITE)
    }

    /// Whether a publication to `topic` may be told.
    #[inline]
    pub fn may_read(&self, topic: &str) -> bool {
        self.access(topic).allows(Access::READ)
    }

    /// Whether a subscription to `filter` (without `$share/name/`) can bring anything: something of it may be read, and it
    /// is not denied as a whole. What it brings is asked for each topic.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        let sets = || [Some(&self.shared), self.own.as_ref()].into_iter().flatten();
        sets().any(|set| set.tree.overlaps(filter)) && !sets().any(|set| set.tree.denies_all_of(filter))
    }

    #[inline]
    fn access(&self, topic: &str) -> Access {
        let access = self.shared.access(topic);
        match &self.own {
            Some(own) => access.and(own.access(topic)),
            None => access,
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rules").field("has_own", &self.own.is_some()).finish_non_exhaustive()
    }
}
