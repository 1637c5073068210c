//! Topic aliases of one connection, both ways [MQTT5-3.3.2-8].

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use ahash::RandomState;

/// Topics no longer than this are not worth an alias: the property costs three bytes itself.
const WORTHWHILE_TOPIC_BYTES: usize = 4;

/// What a client did wrong with an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasFault {
    /// Above the maximum we announced [MQTT5-3.3.2-9].
    TooLarge,
    /// No topic came with it and none had come before.
    Unknown,
}

/// Aliases the client has defined. Owns memory only once one is.
#[derive(Debug, Default)]
pub struct InboundAliases {
    topics: Vec<Option<Arc<str>>>,
}

impl InboundAliases {
    /// Defines `alias` if a topic comes with it; answers the topic it stands for. `maximum` is what CONNACK said.
    ///
    /// # Errors
    /// The alias is above `maximum`, or stands for nothing yet.
    pub fn resolve(&mut self, topic: &str, alias: NonZeroU16, maximum: u16) -> Result<Arc<str>, AliasFault> {
        if alias.get() > maximum {
            return Err(AliasFault::TooLarge);
        }
        let index = usize::from(alias.get()) - 1;
        if topic.is_empty() {
            return self.topics.get(index).cloned().flatten().ok_or(AliasFault::Unknown);
        }
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        let slot = &mut self.topics[index];
        match slot {
            Some(known) if **known == *topic => Ok(known.clone()),
            Some(_) | None => Ok(slot.insert(topic.into()).clone()),
        }
    }
}

/// How to name a topic towards the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By its name.
    Name,
    /// By its name, with an alias that stands for it from now on.
    Define(NonZeroU16),
    /// By an alias the client knows.
    Alias(NonZeroU16),
}

/// Aliases we have defined towards the client: the first topics get them.
#[derive(Debug)]
pub struct OutboundAliases {
    topics: HashMap<Box<str>, NonZeroU16, RandomState>,
    maximum: u16,
}

impl OutboundAliases {
    /// At most `maximum` aliases.
    pub fn new(maximum: u16, seed: u64) -> OutboundAliases {
        let hasher = RandomState::with_seeds(seed, !seed, seed.rotate_left(32), !seed.rotate_left(32));
        OutboundAliases { topics: HashMap::with_hasher(hasher), maximum }
    }

    /// How to name `topic` in a packet that is certain to be sent.
    pub fn name(&mut self, topic: &str) -> Naming {
        if topic.len() < WORTHWHILE_TOPIC_BYTES {
            return Naming::Name;
        }
        if let Some(alias) = self.topics.get(topic) {
            return Naming::Alias(*alias);
        }
        let next = u16::try_from(self.topics.len() + 1).ok().and_then(NonZeroU16::new);
        match next {
            Some(alias) if alias.get() <= self.maximum => {
                self.topics.insert(topic.into(), alias);
                Naming::Define(alias)
            }
            Some(_) | None => Naming::Name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(value: u16) -> NonZeroU16 {
        NonZeroU16::new(value).expect("not zero")
    }

    #[test]
    fn mqtt5_3_3_2_12_an_alias_can_be_defined_used_and_defined_anew() {
        let mut aliases = InboundAliases::default();
        assert_eq!(aliases.resolve("", alias(2), 4), Err(AliasFault::Unknown));
        assert_eq!(aliases.resolve("a/b", alias(2), 4).as_deref(), Ok("a/b"));
        assert_eq!(aliases.resolve("", alias(2), 4).as_deref(), Ok("a/b"));
        assert_eq!(aliases.resolve("c", alias(2), 4).as_deref(), Ok("c"));
        assert_eq!(aliases.resolve("", alias(2), 4).as_deref(), Ok("c"));
        assert_eq!(aliases.resolve("", alias(1), 4), Err(AliasFault::Unknown));
    }

    #[test]
    fn mqtt5_3_3_2_9_an_alias_above_the_maximum_is_refused() {
        assert_eq!(InboundAliases::default().resolve("a", alias(5), 4), Err(AliasFault::TooLarge));
    }

    #[test]
    fn the_first_topics_get_aliases_and_the_rest_go_by_name() {
        let mut aliases = OutboundAliases::new(1, 7);
        assert_eq!(aliases.name("a/b"), Naming::Name);
        assert_eq!(aliases.name("topic/1"), Naming::Define(alias(1)));
        assert_eq!(aliases.name("topic/1"), Naming::Alias(alias(1)));
        assert_eq!(aliases.name("topic/2"), Naming::Name);
    }
}
