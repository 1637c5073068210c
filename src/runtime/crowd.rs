//! Whether so many connections are being opened that a core waits for several of them at a time.
//!
//! A connection is accepted, brings CONNECT, gets CONNACK. Each step takes a core some microseconds and wakes it if it
//! sleeps, which takes longer, and takes the time of a client on the same host, too. While a crowd comes, a core that has
//! done all there was rests where nobody wakes it, and then does what has come meanwhile at once.

use std::time::Duration;

/// So many on their way to CONNACK are a crowd. Of fewer, all may be waiting for us before they do anything else.
const CROWD: usize = 16;
/// How long the others are waited for; the kernel may make it 50 us more. Longer wakes hardly less often.
const REST: Duration = Duration::from_micros(100);

/// The connections of one core that are on their way to CONNACK.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    count: usize,
    /// So many of them have been waited for in vain: they may be there to do nothing, and are not waited for again.
    standing: usize,
    /// Something has happened since the core rested.
    moves: bool,
}

impl Crowd {
    /// A connection was opened.
    pub(super) fn enter(&mut self) {
        self.count += 1;
        self.moves = true;
    }

    /// One was let in.
    pub(super) fn pass(&mut self) {
        // It may be one of those: when all have passed nobody stands. If it was not, there is a rest in vain after many.
        self.standing = self.standing.saturating_sub(1);
        self.moves = true;
        self.leave();
    }

    /// One is here no more.
    pub(super) fn leave(&mut self) {
        self.count -= 1;
        self.standing = self.standing.min(self.count);
    }

    /// How long a core that has nothing else to do had better rest.
    pub(super) fn rest(&self) -> Option<Duration> {
        (self.moves && self.count - self.standing >= CROWD).then_some(REST)
    }

    /// The core has rested; `in_vain` if nothing has come meanwhile.
    pub(super) fn rested(&mut self, in_vain: bool) {
        self.moves = false;
        if in_vain {
            self.standing = self.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(count: usize) -> Crowd {
        let mut crowd = Crowd::default();
        (0..count).for_each(|_| crowd.enter());
        crowd
    }

    #[test]
    fn a_crowd_is_waited_for_and_a_few_are_not() {
        assert_eq!(Crowd::default().rest(), None);
        assert_eq!(crowd(CROWD - 1).rest(), None);
        assert_eq!(crowd(CROWD).rest(), Some(REST));
    }

    #[test]
    fn a_crowd_that_stands_still_is_waited_for_once() {
        let mut crowd = crowd(1000);
        crowd.rested(true);
        assert_eq!(crowd.rest(), None, "whoever opens connections and says nothing keeps no core awake");
        crowd.leave();
        assert_eq!(crowd.rest(), None, "nor does one that gives up");
        for _ in 0..CROWD - 1 {
            crowd.enter();
            crowd.pass();
            crowd.enter();
        }
        assert_eq!(crowd.rest(), Some(REST), "those who pass may have been some of them");
    }

    #[test]
    fn a_crowd_that_comes_on_is_waited_for_again() {
        let mut crowd = crowd(CROWD + 1);
        crowd.rested(false);
        assert_eq!(crowd.rest(), None, "nothing has come of it yet");
        crowd.pass();
        assert_eq!(crowd.rest(), Some(REST), "the next CONNECT is near");
    }

    #[test]
    fn few_beside_many_that_stand_still_are_seldom_waited_for() {
        let mut crowd = crowd(1000);
        crowd.rested(true);
        let mut rests = 0;
        for _ in 0..10 * CROWD {
            crowd.enter();
            if crowd.rest().is_some() {
                rests += 1;
                crowd.rested(true);
            }
            crowd.pass();
        }
        assert!(rests <= 10, "{rests}");
    }

    #[test]
    fn whoever_is_through_or_gone_belongs_to_it_no_more() {
        let mut crowd = crowd(CROWD + 1);
        crowd.pass();
        assert_eq!(crowd.rest(), Some(REST));
        crowd.leave();
        assert_eq!(crowd.rest(), None);
    }
}
