//! One row per counter. A shard owns its counters as plain integers; whoever reports them adds up the shards.

/// Declares the counters once: the field, its doc comment, its name and its help come from the same row.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident,)+) => {
        /// What one shard has counted since it started. Counters only grow, gauges (`*_now`) move both ways.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Metrics {
            $($(#[doc = $help])+ pub $name: u64,)+
        }

        impl Metrics {
            /// Every row as (name, value, help), in the order of this file.
            pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
                [$((stringify!($name), self.$name, concat!($($help),+).trim_ascii()),)+].into_iter()
            }

            /// Adds another shard's rows to these. Retained messages are the same ones on every shard, so of them it is
            /// the greater number.
            pub fn add(&mut self, other: &Metrics) {
                let retained_now = self.retained_now.max(other.retained_now);
                $(self.$name = self.$name.wrapping_add(other.$name);)+
                self.retained_now = retained_now;
            }
        }
    };
}

counters! {
    /// Network connections this shard has now, whether they have sent CONNECT or not.
    connections_now,
    /// Sessions of this shard now, connected or not.
    sessions_now,
    /// Retained messages known to this shard now (every shard knows all).
    retained_now,
    /// CONNECT packets that were accepted.
    connects_accepted_total,
    /// CONNECT packets that were refused, for whatever reason.
    connects_refused_total,
    /// Those of them that were larger than a CONNECT may be.
    connects_too_large_total,
    /// Those of them that were refused for what they said of who they are.
    connects_unauthenticated_total,
    /// Connections ended because their clients could not show again who they are.
    reauthentications_refused_total,
    /// Connections ended because what let them in (a token) had expired.
    grants_expired_total,
    /// Sessions ended because new rules would not let their clients in.
    sessions_revoked_total,
    /// Publications not made because their client may not publish to the topic.
    publish_denied_total,
    /// Subscriptions refused because their client may read nothing of them.
    subscriptions_denied_total,
    /// Messages not given to a subscriber because it may not read the topic.
    deliveries_denied_total,
    /// Sockets handed to the home shard of their client id.
    connections_moved_total,
    /// Connections closed because the connection limit of the process was reached.
    connections_over_limit_total,
    /// Connections that did not send CONNECT, or finish an exchange of AUTH behind it, in time.
    connect_timeouts_total,
    /// Connections closed because nothing came for one and a half keep alives.
    keep_alive_timeouts_total,
    /// Connections taken over by a newer one with the same client id.
    takeovers_total,
    /// Connections closed for bytes that are not MQTT or break its rules.
    protocol_errors_total,
    /// Sessions ended by their expiry interval.
    sessions_expired_total,
    /// CONNECT packets refused because the shard has as many sessions as it may.
    sessions_refused_total,
    /// PUBLISH packets received.
    publish_received_total,
    /// Payload bytes of PUBLISH packets received.
    publish_received_payload_bytes_total,
    /// Publications with so many receivers on a shard that they got them in several turns.
    publish_cut_total,
    /// PUBLISH packets written to outboxes.
    publish_sent_total,
    /// Wills published.
    wills_published_total,
    /// QoS 0 messages dropped because the receiver's outbox was full.
    dropped_outbox_full_total,
    /// QoS 1 and 2 messages dropped because the receiver's queue had its number of messages.
    dropped_queue_messages_total,
    /// QoS 1 and 2 messages dropped because the receiver's queue had its number of bytes.
    dropped_queue_bytes_total,
    /// Messages dropped because they expired before they could be sent.
    dropped_expired_total,
    /// Messages not sent because they are larger than the receiver's Maximum Packet Size.
    dropped_too_large_total,
    /// Messages to a shared subscription dropped because no member was left.
    dropped_no_member_total,
    /// Retained messages not stored because the number or bytes of retained messages reached the limit.
    retained_refused_total,
    /// Subscriptions refused because the client has as many as it may.
    subscriptions_refused_total,
    /// CONNECT packets refused because their user has as many connections as it may.
    user_connections_refused_total,
    /// Subscriptions refused because the client's user has as many as it may.
    user_subscriptions_refused_total,
    /// Subscriptions refused because the client's filters have as many bytes as they may.
    filter_bytes_refused_total,
    /// Subscriptions refused because the client's filters have as many shapes as they may.
    filter_shapes_refused_total,
    /// Publications and subscriptions refused for a topic with too many levels or bytes.
    topics_refused_total,
    /// Times a socket was not read for a while because its client did not take what we had for it.
    slow_consumer_pauses_total,
    /// Times a socket was not read for a while because its client had sent more than it may.
    fast_publisher_pauses_total,
    /// Times a socket was not read for a while because its user's clients had sent more than they may.
    fast_user_pauses_total,
    /// Times a socket was not read for a moment because its client published while memory was short.
    memory_pauses_total,
    /// QoS 0 messages dropped because memory was short and the receiver slow.
    dropped_memory_total,
    /// QoS 1 and 2 publications refused because memory was short.
    publish_refused_memory_total,
    /// CONNECT packets refused because memory was short.
    connects_refused_memory_total,
    /// Subscriptions refused because memory was short.
    subscriptions_refused_memory_total,
    /// Connections ended because memory was short and they held most of it.
    disconnected_memory_total,
    /// Publications mailed to other shards.
    mail_publish_sent_total,
    /// Publications taken from other shards.
    mail_publish_received_total,
}

impl Metrics {
    /// How often something was refused or dropped that an operator may want to mend and that has no log line of its own:
    /// grows whenever one of [`Metrics::loss_rows`] does.
    pub fn losses(&self) -> u64 {
        self.connections_over_limit_total
            + self.connects_too_large_total
            + self.sessions_refused_total
            + self.dropped_outbox_full_total
            + self.dropped_queue_messages_total
            + self.dropped_queue_bytes_total
            + self.dropped_expired_total
            + self.dropped_too_large_total
            + self.dropped_no_member_total
            + self.retained_refused_total
            + self.subscriptions_refused_total
            + self.user_connections_refused_total
            + self.user_subscriptions_refused_total
            + self.filter_bytes_refused_total
            + self.filter_shapes_refused_total
            + self.topics_refused_total
            + self.dropped_memory_total
            + self.publish_refused_memory_total
            + self.connects_refused_memory_total
            + self.subscriptions_refused_memory_total
            + self.disconnected_memory_total
    }

    /// The rows that [`Metrics::losses`] adds up.
    pub fn loss_rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        const OTHERS: [&str; 14] = [
            "connections_over_limit_total",
            "connects_too_large_total",
            "sessions_refused_total",
            "retained_refused_total",
            "subscriptions_refused_total",
            "user_connections_refused_total",
            "user_subscriptions_refused_total",
            "filter_bytes_refused_total",
            "filter_shapes_refused_total",
            "topics_refused_total",
            "publish_refused_memory_total",
            "connects_refused_memory_total",
            "subscriptions_refused_memory_total",
            "disconnected_memory_total",
        ];
        self.rows()
            .filter(|(name, ..)| name.starts_with("dropped_") || OTHERS.contains(name))
            .map(|(name, value, _)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_name_value_and_help() {
        let mut metrics = Metrics { takeovers_total: 3, retained_now: 8, ..Metrics::default() };
        metrics.add(&Metrics { takeovers_total: 4, retained_now: 7, ..Metrics::default() });
        assert_eq!(metrics.retained_now, 8, "both know the same ones");
        let (_, value, help) = metrics.rows().find(|row| row.0 == "takeovers_total").expect("the row is there");
        assert_eq!(value, 7);
        assert_eq!(help, "Connections taken over by a newer one with the same client id.");
    }

    #[test]
    fn losses_add_up_their_rows() {
        let mut metrics = Metrics::default();
        let before = metrics.loss_rows().count();
        metrics.dropped_no_member_total = 3;
        metrics.topics_refused_total = 4;
        metrics.takeovers_total = 5;
        assert_eq!(metrics.losses(), 7);
        assert_eq!(metrics.loss_rows().map(|(_, value)| value).sum::<u64>(), 7);
        assert_eq!(before, 21, "as many as are added up");
    }

    #[test]
    fn names_end_in_a_unit() {
        for (name, _, _) in Metrics::default().rows() {
            assert!(name.ends_with("_total") || name.ends_with("_now"), "{name}");
        }
    }
}
