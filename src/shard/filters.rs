//! What the filters of one session come to: how many bytes, and how many of them one publication can match.
//!
//! A topic matches at most one filter of a *shape*, which is where its wildcards are and how many levels it has: all other
//! levels have to be those of the topic. So a bound of the shapes a session has is a bound of what one publication can cost for
//! it, whoever publishes and whatever else the session is subscribed to. A group of shared subscriptions has shapes of its
//! own, because it gets the message once more, and exact filters count there.

use std::collections::BTreeMap;

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::mqtt::TopicFilter;

/// The sums over the filters of one session.
#[derive(Debug, Default)]
pub(crate) struct FilterSums {
    bytes: usize,
    /// How many filters there are of each shape; those that match one topic have none, and often there are no others.
    // Boxed for the sake of those that have none.
    #[allow(clippy::box_collection)]
    shapes: Option<Box<BTreeMap<Box<[u8]>, usize>>>,
}

/// Which bound a filter is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    Bytes,
    Shapes,
}

impl Beyond {
    /// Counts a refusal.
    pub(crate) fn count(self, metrics: &mut Metrics) {
        match self {
            Beyond::Bytes => metrics.filter_bytes_refused_total += 1,
            Beyond::Shapes => metrics.filter_shapes_refused_total += 1,
        }
    }
}

impl FilterSums {
    /// Whether another filter would be too much.
    pub(crate) fn refusal(&self, filter: TopicFilter<'_>, limits: &Limits) -> Option<Beyond> {
        if self.bytes + filter.as_str().len() > limits.filter_bytes_max {
            return Some(Beyond::Bytes);
        }
        let shapes = self.shapes.as_deref();
        if shapes.map_or(0, BTreeMap::len) < limits.filter_shapes_max {
            return None;
        }
        let is_new = |shape: Vec<u8>| shapes.is_none_or(|shapes| !shapes.contains_key(&*shape));
        shape(filter).is_some_and(is_new).then_some(Beyond::Shapes)
    }

    /// Adds a filter that is new.
    pub(crate) fn add(&mut self, filter: TopicFilter<'_>) {
        self.bytes += filter.as_str().len();
        if let Some(shape) = shape(filter) {
            *self.shapes.get_or_insert_default().entry(shape.into()).or_default() += 1;
        }
    }

    /// Takes a filter out that was added.
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>) {
        self.bytes -= filter.as_str().len();
        let (Some(shape), Some(shapes)) = (shape(filter), &mut self.shapes) else { return };
        if let Some(count) = shapes.get_mut(&*shape) {
            *count -= 1;
            if *count == 0 {
                shapes.remove(&*shape);
            }
        }
        if shapes.is_empty() {
            self.shapes = None;
        }
    }
}

/// A byte for each level behind the group's name; none for a filter that matches one topic and is not shared.
fn shape(filter: TopicFilter<'_>) -> Option<Vec<u8>> {
    let (group, text) = match filter.share() {
        Some(share) => (share.name, share.filter.as_str()),
        None => ("", filter.as_str()),
    };
    if group.is_empty() && !text.contains(['+', '#']) {
        return None;
    }
    // No name has a zero in it.
    let mut shape = [group.as_bytes(), b"\0"].concat();
    shape.extend(text.split('/').map(|level| match level {
        "+" => b'+',
        "#" => b'#',
        _ => b'/',
    }));
    Some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::ProtocolVersion;

    fn filter(text: &str) -> TopicFilter<'_> {
        TopicFilter::parse(ProtocolVersion::V5, text).expect("valid")
    }

    fn limits(filter_shapes_max: usize) -> Limits {
        Limits { filter_shapes_max, filter_bytes_max: 40, ..Limits::default() }
    }

    #[test]
    fn filters_of_one_shape_count_once_and_exact_ones_do_not() {
        let mut sums = FilterSums::default();
        for text in ["a/+", "b/+", "exact", "x/y"] {
            assert_eq!(sums.refusal(filter(text), &limits(1)), None, "{text}");
            sums.add(filter(text));
        }
        for text in ["+/a", "a/+/c", "#", "a/#", "$share/g/a"] {
            assert_eq!(sums.refusal(filter(text), &limits(1)), Some(Beyond::Shapes), "{text}");
            assert_eq!(sums.refusal(filter(text), &limits(2)), None, "{text}");
        }
        sums.remove(filter("a/+"));
        assert_eq!(sums.refusal(filter("#"), &limits(1)), Some(Beyond::Shapes), "the other one is still there");
        sums.remove(filter("b/+"));
        assert_eq!(sums.refusal(filter("#"), &limits(1)), None);
        assert!(sums.shapes.is_none());
    }

    #[test]
    fn each_group_has_shapes_of_its_own() {
        let mut sums = FilterSums::default();
        sums.add(filter("$share/g/a"));
        assert_eq!(sums.refusal(filter("$share/g/b"), &limits(1)), None);
        assert_eq!(sums.refusal(filter("$share/h/a"), &limits(1)), Some(Beyond::Shapes));
        assert_eq!(sums.refusal(filter("a"), &limits(1)), None);
    }

    #[test]
    fn bytes_are_those_of_the_whole_filters() {
        let mut sums = FilterSums::default();
        sums.add(filter("$share/group/thirty/bytes/long"));
        assert_eq!(sums.refusal(filter("ten/bytes."), &limits(9)), None);
        assert_eq!(sums.refusal(filter("ten/bytes.."), &limits(9)), Some(Beyond::Bytes));
        sums.remove(filter("$share/group/thirty/bytes/long"));
        assert_eq!(sums.bytes, 0);
    }
}
