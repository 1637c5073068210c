//! Topic Names and Filters, and who gets a publication: beside the rules as they stand in the standard.

use std::collections::BTreeSet;
use std::str;

use corecast::mqtt::{self, ProtocolVersion, QoS, TopicFilter, TopicName};
use corecast::router::{Options, Route, Router, SessionKey};

use crate::oracle::{is_filter, is_name, matches, shared};

/// Lines: each is tried as a name and as a filter; `-N` takes the filter of line N away again.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let lines: Vec<&str> = text.split('\n').collect();
    for line in &lines {
        validity(line);
    }
    routing(&lines);
}

fn validity(text: &str) {
    assert_eq!(TopicName::parse(text).is_ok(), is_name(text), "{text:?} as a name");
    let levels = text.split('/').count();
    assert!(TopicName::parse(text).is_ok_and(|name| name.level_count() == levels) || !is_name(text));
    for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let is_share = version == ProtocolVersion::V5 && text.starts_with("$share/");
        let is_valid = if is_share { shared(text).is_some() } else { is_filter(text) };
        let Ok(filter) = TopicFilter::parse(version, text) else {
            assert!(!is_valid, "{text:?} is a filter of {version:?}");
            continue;
        };
        assert!(is_valid, "{text:?} is no filter of {version:?}");
        assert_eq!((filter.as_str(), filter.level_count()), (text, levels));
        assert_eq!(filter.has_wildcard(), text.split('/').any(|level| matches!(level, "+" | "#")));
        let parts = filter.share().map(|share| (share.name, share.filter.as_str()));
        assert_eq!(parts, is_share.then(|| shared(text)).flatten());
    }
}

/// A session for each line that is a filter; every line that is a name is published to after each change.
fn routing(lines: &[&str]) {
    let mut router = Router::new(0, 1, 7);
    let mut subscribed: BTreeSet<(usize, &str)> = BTreeSet::new();
    for (index, line) in lines.iter().enumerate().take(60) {
        let gone = line.strip_prefix('-').and_then(|number| number.parse::<usize>().ok());
        if let Some(gone) = gone.filter(|gone| subscribed.iter().any(|(known, _)| known == gone)) {
            assert!(router.unsubscribe(session(gone), lines[gone]).is_some());
            assert!(router.unsubscribe(session(gone), lines[gone]).is_none());
            subscribed.retain(|(known, _)| *known != gone);
        } else if let Ok(filter) = TopicFilter::parse(ProtocolVersion::V3_1_1, line) {
            let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false };
            assert!(router.subscribe(session(index), filter, options, None).is_new);
            subscribed.insert((index, line));
        }
    }
    for line in lines.iter().take(60) {
        publish(&mut router, &subscribed, line);
    }
    for (index, filter) in subscribed {
        assert!(router.unsubscribe(session(index), filter).is_some());
    }
    assert!(router.is_empty());
}

fn publish(router: &mut Router, subscribed: &BTreeSet<(usize, &str)>, topic: &str) {
    let Ok(name) = TopicName::parse(topic) else { return };
    let mut route = Route::default();
    router.route(name, None, &mut route);
    let found: BTreeSet<SessionKey> = route.receivers().iter().map(|receiver| receiver.session).collect();
    assert_eq!(found.len(), route.receivers().len(), "each once");
    let is_told = |filter: &str| {
        assert_eq!(mqtt::matches(filter, topic), matches(filter, topic), "{filter:?} {topic:?}");
        matches(filter, topic)
    };
    let expected = subscribed.iter().filter(|(_, filter)| is_told(filter)).map(|(index, _)| session(*index)).collect();
    assert_eq!(found, expected, "{topic:?}");
}

fn session(index: usize) -> SessionKey {
    SessionKey(u32::try_from(index).expect("few lines"))
}
