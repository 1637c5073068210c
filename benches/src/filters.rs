//! Tables of many filters, and topics that meet them.

use corecast::mqtt::{ProtocolVersion, QoS, TopicFilter};
use corecast::router::{Options, Router, SessionKey};

/// Topics that are asked for in turn: more than the caches of a core hold of a large table, so that a search pays for
/// its misses.
const TOPICS: u64 = 4096;

/// Filters of one session.
const PER_SESSION: u32 = 10;

/// Wildcards of the filters of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wildcards {
    /// None: a topic is its filter.
    None,
    /// A `+` for one level in the middle.
    Plus,
    /// A `#` for the last level.
    Hash,
    /// A third each of the others.
    Mixed,
    /// In every sixteenth filter elsewhere: fifteen shapes, all of which could match each topic.
    Shapes,
}

impl Wildcards {
    /// All five, with the name that results know them by.
    pub const ALL: [(Wildcards, &'static str); 5] = [
        (Wildcards::None, "exact"),
        (Wildcards::Plus, "plus"),
        (Wildcards::Hash, "hash"),
        (Wildcards::Mixed, "mixed"),
        (Wildcards::Shapes, "shapes"),
    ];

    /// One of its filters; without wildcards, a topic.
    pub fn filter(self, number: u32) -> String {
        let (site, device) = (number / 1000, number % 1000);
        match self {
            Wildcards::None => format!("site/{site}/device/{device}/temperature"),
            Wildcards::Plus => format!("site/{site}/+/{device}/temperature"),
            Wildcards::Hash => format!("site/{site}/device/{device}/#"),
            Wildcards::Mixed => [Wildcards::None, Wildcards::Plus, Wildcards::Hash][number as usize % 3].filter(number),
            Wildcards::Shapes => {
                let kind = number % 16;
                let level = |bit: u32, text| if (kind >> bit) & 1 == 0 { text } else { "+" };
                let end = match kind >> 2 {
                    0 => "temperature",
                    1 => "+",
                    2 => "temperature/#",
                    _ => "+/#",
                };
                format!("{}/{site}/{}/{device}/{end}", level(0, "site"), level(1, "device"))
            }
        }
    }
}

/// A router with so many different filters. Each topic of [`topics`] meets exactly one.
pub fn router(wildcards: Wildcards, filters: u32) -> Router {
    let mut router = Router::new(0, 1, 1);
    let options = Options { qos: QoS::AtMostOnce, no_local: false, retain_as_published: false };
    for number in 0..filters {
        let text = wildcards.filter(number);
        let filter = TopicFilter::parse(ProtocolVersion::V5, &text).expect("a valid filter");
        router.subscribe(SessionKey(number / PER_SESSION), filter, options, None);
    }
    assert_eq!(router.filter_count(), filters as usize, "no filter twice");
    router
}

/// Topics from all over a table of so many filters, in no order of the table.
pub fn topics(filters: u32) -> Vec<String> {
    // A stride without a divisor in common with the table's size visits every filter before one comes again.
    const STRIDE: u64 = 514_229;
    (0..TOPICS)
        .map(|step| u32::try_from(step * STRIDE % u64::from(filters)).expect("below the number of filters"))
        .map(|number| Wildcards::None.filter(number))
        .collect()
}
