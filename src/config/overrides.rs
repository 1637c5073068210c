//! What a listener may say of its clients in place of `[limits]`.

use super::listener::Listener;
use crate::limits::Limits;

impl Listener {
    /// The bounds for its clients: those of all, but for what it says itself. Connections are counted where they come in, so
    /// of those bounds nothing is in here.
    pub fn limits(&self, all: &Limits) -> Limits {
        Limits {
            packet_bytes_max: self.packet_bytes_max.unwrap_or(all.packet_bytes_max),
            messages_per_s: self.messages_per_s.unwrap_or(all.messages_per_s),
            bytes_per_s: self.bytes_per_s.unwrap_or(all.bytes_per_s),
            inflight_messages_max: self.inflight_messages_max.unwrap_or(all.inflight_messages_max),
            queue_messages_max: self.queue_messages_max.unwrap_or(all.queue_messages_max),
            subscriptions_max: self.subscriptions_max.unwrap_or(all.subscriptions_max),
            connect_timeout: self.connect_timeout.unwrap_or(all.connect_timeout),
            ..all.clone()
        }
    }

    /// What it says that makes no sense beside the bounds of all, if anything: the key to look at, and a sentence.
    pub(crate) fn contradicts(&self, all: &Limits) -> Option<(&'static str, String)> {
        let packet_bytes_max = usize::try_from(self.packet_bytes_max?).unwrap_or(usize::MAX);
        for (key, bytes) in [("queue_bytes_max", all.queue_bytes_max), ("outbox_bytes_max", all.outbox_bytes_max)] {
            if bytes < packet_bytes_max {
                let reason = format!(
                    "{packet_bytes_max} is more than limits.{key} = {bytes}, so that the largest packet could never be \
                     delivered; lower it to {bytes} or raise limits.{key}"
                );
                return Some(("packet_bytes_max", reason));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_listener_does_not_say_is_as_for_all() {
        let all = Limits { messages_per_s: 5, ..Limits::default() };
        assert_eq!(Listener::default().limits(&all), all);
        let listener = Listener { messages_per_s: Some(0), packet_bytes_max: Some(4096), ..Listener::default() };
        assert_eq!(listener.limits(&all), Limits { packet_bytes_max: 4096, ..Limits::default() });
    }

    #[test]
    fn a_packet_that_could_never_be_delivered_is_a_contradiction() {
        let listener = Listener { packet_bytes_max: Some(4096), ..Listener::default() };
        assert_eq!(listener.contradicts(&Limits::default()), None);
        let all = Limits { outbox_bytes_max: 4095, ..Limits::default() };
        let (key, reason) = listener.contradicts(&all).expect("it does not fit");
        assert!(key == "packet_bytes_max" && reason.contains("limits.outbox_bytes_max = 4095"), "{reason}");
    }
}
