//! What each listener goes by, as one value that is exchanged as a whole: all files, read at one time.

use std::sync::Arc;

use super::policy::Policy;

/// The policies of all listeners.
#[derive(Debug)]
pub struct Policies {
    /// Counts those of a process.
    pub generation: u64,
    /// By the number of the listener.
    of_listeners: Vec<Arc<Policy>>,
}

impl Policies {
    /// Puts those of all listeners together, the plain one first.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(generation: u64, of_listeners: Vec<Arc<Policy>>) -> Policies {
        assert!(!of_listeners.is_empty(), "the plain listener has a policy even if it does not listen");
        Policies { generation, of_listeners }
    }

    /// What a listener goes by.
    ///
    /// # Panics
    /// If there is no such listener.
    pub fn of(&self, listener: u16) -> &Arc<Policy> {
        &self.of_listeners[usize::from(listener)]
    }
}

/// The plain listener trusts everybody with everything.
impl Default for Policies {
    fn default() -> Policies {
        Policies::new(0, vec![Arc::default()])
    }
}
