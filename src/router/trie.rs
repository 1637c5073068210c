//! The wildcard filters, as a tree of levels: one walk along a topic finds all that match it.
//!
//! Flat: nodes in one list, all edges in one table, levels interned. Knows filters as texts and hands out the number
//! stored for each; what the number stands for is the caller's. Nodes and levels nobody needs are taken out at once.

use super::hash::Keys;
use super::symbols::Symbols;
use crate::table::handles::{Handles, NONE};
use crate::table::Paged;

const ROOT: u32 = 0;
/// Stands for the level `+` where a symbol is expected.
const PLUS: u32 = NONE;

/// Wildcard filters (others work too) and a number for each.
pub(super) struct Trie {
    keys: Keys,
    nodes: Paged<Node>,
    /// First of the vacant nodes, chained by `parent`.
    vacant: u32,
    used: usize,
    filters: usize,
    edges: Handles,
    symbols: Symbols,
}

/// The nodes a walk is at, reused so that a warm walk allocates nothing.
///
/// A walk reaches each node at most once, as there is one path to it; so `nodes` bounds both lists and the work,
/// however filters such as `+/+/+/#` combine. Levels of a topic are bounded by `topic_levels_max`.
#[derive(Default)]
pub(super) struct Frontier {
    here: Vec<u32>,
    next: Vec<u32>,
}

struct Node {
    parent: u32,
    symbol: u32,
    /// The child for `+`.
    plus: u32,
    /// The number of the filter that ends here.
    filter: u32,
    /// The number of the filter that goes on from here with `#`.
    hash: u32,
    /// How many children the edge table has for this node.
    children: u32,
}

impl Trie {
    pub(super) fn new(keys: Keys) -> Trie {
        let symbols = Symbols::new(keys.clone());
        Trie {
            keys,
            nodes: only(Node::new(NONE, NONE)),
            vacant: NONE,
            used: 0,
            filters: 0,
            edges: Handles::default(),
            symbols,
        }
    }

    /// Frees what only levels that are gone have needed.
    pub(super) fn give_back(&mut self) {
        self.symbols.give_back();
    }

    /// No filter, no node beside the root, no edge and no level left.
    pub(super) fn is_empty(&self) -> bool {
        let root = &self.nodes[ROOT as usize];
        self.filters == 0 && self.used == 0 && root.is_bare() && self.edges.is_empty() && self.symbols.len() == 0
    }

    /// Stores `number` for a filter that has none.
    pub(super) fn insert(&mut self, filter: &str, number: u32) {
        self.filters += 1;
        let mut node = ROOT;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    self.nodes[node as usize].hash = number;
                    return;
                }
                "+" => self.plus_child(node),
                _ => self.child(node, level),
            };
        }
        self.nodes[node as usize].filter = number;
    }

    /// The number stored for `filter`.
    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        let (node, ends_in_hash) = self.find_node(filter)?;
        let node = &self.nodes[node as usize];
        some(if ends_in_hash { node.hash } else { node.filter })
    }

    /// Takes `filter` out, and what nodes and levels it alone needed.
    pub(super) fn remove(&mut self, filter: &str) -> Option<u32> {
        let (at, ends_in_hash) = self.find_node(filter)?;
        let node = &mut self.nodes[at as usize];
        let slot = if ends_in_hash { &mut node.hash } else { &mut node.filter };
        let number = some(std::mem::replace(slot, NONE))?;
        self.filters -= 1;
        self.prune(at);
        Some(number)
    }

    /// Appends the numbers of all filters that match `topic`, each once, in an order that depends on the filters only.
    #[inline]
    pub(super) fn walk(&self, topic: &str, frontier: &mut Frontier, found: &mut Vec<u32>) {
        if self.filters > 0 {
            self.walk_levels(topic, frontier, found);
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let nodes = self.nodes.heap_bytes();
        nodes + self.edges.heap_bytes() + self.symbols.heap_bytes()
    }

    fn walk_levels(&self, topic: &str, frontier: &mut Frontier, found: &mut Vec<u32>) {
        let Frontier { here, next } = frontier;
        here.clear();
        here.push(ROOT);
        // [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]: a leading wildcard does not match a topic that begins with `$`.
        let mut hidden = topic.starts_with('$');
        // By bytes: the searcher for characters is a third of the instructions of a walk.
        for level in topic.as_bytes().split(|byte| *byte == b'/') {
            next.clear();
            // Looked up only if a node has children by name, once for all of them.
            let mut symbol = None;
            for &at in here.iter() {
                let node = &self.nodes[at as usize];
                if !hidden {
                    push(found, node.hash);
                    push(next, node.plus);
                }
                if node.children > 0 {
                    if let Some(symbol) = *symbol.get_or_insert_with(|| self.symbols.find(level)) {
                        next.extend(self.edge(at, symbol));
                    }
                }
            }
            hidden = false;
            std::mem::swap(here, next);
            if here.is_empty() {
                return;
            }
        }
        for &at in here.iter() {
            let node = &self.nodes[at as usize];
            push(found, node.filter);
            // `sport/#` matches `sport` too.
            push(found, node.hash);
        }
    }

    fn find_node(&self, filter: &str) -> Option<(u32, bool)> {
        let mut node = ROOT;
        for level in filter.split('/') {
            node = match level {
                "#" => return Some((node, true)),
                "+" => some(self.nodes[node as usize].plus)?,
                _ => self.edge(node, self.symbols.find(level.as_bytes())?)?,
            };
        }
        Some((node, false))
    }

    #[inline]
    fn edge(&self, node: u32, symbol: u32) -> Option<u32> {
        self.edges.find(self.keys.edge(node, symbol), |child| {
            self.nodes.get(child as usize).is_some_and(|child| child.parent == node && child.symbol == symbol)
        })
    }

    fn plus_child(&mut self, parent: u32) -> u32 {
        if let Some(child) = some(self.nodes[parent as usize].plus) {
            return child;
        }
        let child = self.add_node(parent, PLUS);
        self.nodes[parent as usize].plus = child;
        child
    }

    fn child(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(child) = self.symbols.find(level.as_bytes()).and_then(|symbol| self.edge(parent, symbol)) {
            return child;
        }
        let symbol = self.symbols.acquire(level);
        let child = self.add_node(parent, symbol);
        self.edges.insert(self.keys.edge(parent, symbol), child);
        self.nodes[parent as usize].children += 1;
        child
    }

    fn add_node(&mut self, parent: u32, symbol: u32) -> u32 {
        self.used += 1;
        let node = Node::new(parent, symbol);
        if let Some(at) = some(self.vacant) {
            let place = &mut self.nodes[at as usize];
            self.vacant = place.parent;
            *place = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("memory ends before four thousand million nodes")
    }

    /// Removes `at` and its ancestors as far as nothing needs them.
    fn prune(&mut self, mut at: u32) {
        while at != ROOT && self.nodes[at as usize].is_bare() {
            let Node { parent, symbol, .. } = self.nodes[at as usize];
            if symbol == PLUS {
                self.nodes[parent as usize].plus = NONE;
            } else {
                let was_known = self.edges.remove(self.keys.edge(parent, symbol), at);
                assert!(was_known, "only what was inserted is removed");
                self.nodes[parent as usize].children -= 1;
                self.symbols.release(symbol);
            }
            self.nodes[at as usize].parent = self.vacant;
            self.vacant = at;
            self.used -= 1;
            at = parent;
        }
        if self.used == 0 {
            // The root stays as it is: `#` hangs on it.
            let root = std::mem::replace(&mut self.nodes[ROOT as usize], Node::new(NONE, NONE));
            self.nodes = only(root);
            self.vacant = NONE;
        }
    }
}

fn only(root: Node) -> Paged<Node> {
    let mut nodes = Paged::default();
    nodes.push(root);
    nodes
}

impl Node {
    fn new(parent: u32, symbol: u32) -> Node {
        Node { parent, symbol, plus: NONE, filter: NONE, hash: NONE, children: 0 }
    }

    fn is_bare(&self) -> bool {
        self.plus == NONE && self.filter == NONE && self.hash == NONE && self.children == 0
    }
}

#[inline]
fn some(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

#[inline]
fn push(list: &mut Vec<u32>, number: u32) {
    if number != NONE {
        list.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [&str; 14] =
        ["#", "+", "/", "+/+", "/+", "a/#", "a/+", "a/+/#", "a/+/c", "$a/#", "$a/+", "+/b/#", "a//#", "+/+/+/+/#"];

    fn filled(keys: Keys) -> Trie {
        let mut trie = Trie::new(keys);
        for (number, filter) in (0..).zip(FILTERS) {
            trie.insert(filter, number);
        }
        trie
    }

    fn check(topic: &str, expected: &[&str]) {
        for keys in [Keys::new(5), Keys::weak(5, 2)] {
            let mut found = Vec::new();
            filled(keys).walk(topic, &mut Frontier::default(), &mut found);
            let mut found: Vec<&str> = found.iter().map(|&number| FILTERS[number as usize]).collect();
            let mut expected = expected.to_vec();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{topic}");
        }
    }

    #[test]
    fn a_topic_finds_all_filters_that_match_it() {
        check("a", &["#", "+", "a/#"]);
        check("a/b", &["#", "+/+", "a/#", "a/+", "a/+/#", "+/b/#"]);
        check("a/b/c", &["#", "a/#", "a/+/#", "a/+/c", "+/b/#"]);
        check("/", &["#", "/", "+/+", "/+"]);
        check("a/", &["#", "+/+", "a/#", "a/+", "a/+/#", "a//#"]);
        check("x/y/z/w", &["#", "+/+/+/+/#"]);
        check("x/y/z", &["#"]);
    }

    #[test]
    fn mqtt5_4_7_2_1_a_leading_wildcard_does_not_match_a_dollar_topic() {
        check("$a", &["$a/#"]);
        check("$a/b", &["$a/#", "$a/+"]);
        check("$b", &[]);
    }

    #[test]
    fn removing_all_leaves_no_node_edge_or_level() {
        for keys in [Keys::new(5), Keys::weak(5, 1)] {
            let mut trie = filled(keys);
            for (number, filter) in (0..).zip(FILTERS) {
                assert!(!trie.is_empty());
                assert_eq!(trie.find(filter), Some(number));
                assert_eq!(trie.remove(filter), Some(number));
                assert_eq!((trie.find(filter), trie.remove(filter)), (None, None));
            }
            assert!(trie.is_empty());
            assert_eq!((trie.nodes.len(), trie.vacant), (1, NONE));
        }
    }

    #[test]
    fn a_topic_of_65535_bytes_all_levels_is_walked_without_recursion() {
        let topic = "/".repeat(65_535);
        let mut trie = Trie::new(Keys::new(1));
        let filter = format!("{}#", "+/".repeat(32_767));
        trie.insert(&filter, 1);
        let mut found = Vec::new();
        trie.walk(&topic, &mut Frontier::default(), &mut found);
        assert_eq!(found, [1]);
        trie.remove(&filter);
        assert!(trie.is_empty());
    }
}
