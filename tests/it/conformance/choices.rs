//! What the broker does where a standard allows several things.

use super::statement::Choice;

/// The choices, in the order of the document.
pub(super) const CHOICES: &[Choice] = &[
    Choice {
        clause: "MQTT311 3.1.2.1",
        says: "A CONNECT with another protocol name is answered with return code 1 and closed.",
        shown_by: &["mqtt311_3_1_2_1_another_protocol_is_not_served"],
    },
    Choice {
        clause: "MQTT311 3.1.2.10",
        says: "Bytes of a packet that is under way count as a sign of life, so that a large packet may take longer than the keep alive.",
        shown_by: &["bytes_of_a_packet_under_way_are_a_sign_of_life"],
    },
    Choice {
        clause: "MQTT311 3.1.3.1",
        says: "Client identifiers of up to 65,535 bytes and of any characters are accepted, in 3.1 too, which wants at most 23 characters.",
        shown_by: &["mqtt311_3_1_3_5_longer_identifiers_and_other_characters_are_accepted_too", "mqtt31_identifiers_of_1_to_23_characters_and_longer_ones_are_accepted"],
    },
    Choice {
        clause: "MQTT311 3.1.3.1",
        says: "An empty client identifier is accepted with Clean Session 1.",
        shown_by: &["mqtt311_3_1_3_6_an_empty_identifier_becomes_one_of_its_own"],
    },
    Choice {
        clause: "MQTT311 3.3.5",
        says: "Overlapping subscriptions bring one copy.",
        shown_by: &["mqtt311_3_3_5_1_overlapping_subscriptions_bring_one_copy_with_the_highest_qos"],
    },
    Choice {
        clause: "MQTT311 4.1",
        says: "A session with Clean Session 0 is kept for ever, or as long as `session_expiry_interval_max` says.",
        shown_by: &["mqtt311_4_1_0_1_and_2_a_session_lasts_for_ever_or_as_long_as_its_connection", "mqtt311_4_1_0_1_an_operator_may_bound_how_long_sessions_last"],
    },
    Choice {
        clause: "MQTT311 4.3.1",
        says: "QoS 0 is not kept for a client that is away.",
        shown_by: &["mqtt311_3_1_2_5_qos_1_and_2_are_kept_for_a_client_that_is_away"],
    },
    Choice {
        clause: "MQTT311 4.4",
        says: "Nothing is sent again on the same connection.",
        shown_by: &["mqtt311_4_4_0_1_nothing_is_sent_again_on_the_same_connection"],
    },
    Choice {
        clause: "MQTT311 4.8",
        says: "Acknowledgements of identifiers that are not in use are forgiven.",
        shown_by: &["acknowledgements_of_nothing_are_forgiven"],
    },
];
