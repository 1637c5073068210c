//! What a token or a service says that a client may.

use serde_json::Value;

use super::rules::{Access, Rules};
use crate::mqtt::{ProtocolVersion, TopicFilter};

/// Rules one client may bring along.
const RULES_MAX: usize = 1000;

/// `{"pub": [...], "sub": [...], "deny": [...]}`, each part a list of topic filters, each optional. `None`: it is something
/// else.
pub(super) fn rules_of_claim(claim: &Value) -> Option<Rules> {
    let mut rules = Vec::new();
    for (part, filters) in claim.as_object()? {
        let access = match part.as_str() {
            "pub" => Access::WRITE,
            "sub" => Access::READ,
            "deny" => Access::DENY,
            _ => return None,
        };
        for filter in filters.as_array()? {
            let filter = TopicFilter::parse(ProtocolVersion::V3_1_1, filter.as_str()?).ok()?;
            if rules.len() == RULES_MAX || !Rules::takes(filter) {
                return None;
            }
            rules.push((filter.as_str(), access));
        }
    }
    Some(Rules::of(rules))
}
