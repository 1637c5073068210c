//! What the broker does where a standard allows several things.

use super::statement::Choice;

/// The choices, in the order of the document.
pub(super) const CHOICES: &[Choice] = &[];
