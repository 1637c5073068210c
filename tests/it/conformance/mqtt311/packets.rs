//! The other packets of 3.1.1.

use super::super::statement::{operator, server, Statement};

/// In the order of the standard.
pub(super) const PACKETS: &[Statement] = &[
    server(
        "MQTT311-3.3.1-1",
        "What is sent again has DUP.",
        &["mqtt311_4_4_0_1_and_3_3_1_1_what_is_unacknowledged_is_sent_again_with_dup"],
    ),
    server(
        "MQTT311-3.3.1-2",
        "DUP is 0 with QoS 0.",
        &[
            "mqtt311_3_3_1_2_and_4_3_1_1_qos_0_goes_out_with_qos_0_and_without_dup",
            "mqtt311_3_3_1_2_dup_with_qos_0_closes_the_connection",
        ],
    ),
    server("MQTT311-3.3.1-3", "DUP of what came is not passed on.", &["mqtt311_3_3_1_3_dup_is_not_passed_on"]),
    server("MQTT311-3.3.1-4", "QoS 3 closes the connection.", &["mqtt311_3_3_1_4_qos_3_closes_the_connection"]),
    server(
        "MQTT311-3.3.1-5",
        "RETAIN 1 stores message and QoS for later subscribers.",
        &["mqtt311_3_3_1_5_and_6_a_new_subscriber_gets_the_last_retained_message"],
    ),
    server(
        "MQTT311-3.3.1-6",
        "A new subscription gets the last retained message of each matching topic.",
        &[
            "mqtt311_3_3_1_5_and_6_a_new_subscriber_gets_the_last_retained_message",
            "mqtt311_3_3_1_6_each_matching_topic_has_its_own",
            "mqtt311_3_3_1_6_six_hundred_retained_messages_all_come",
        ],
    ),
    server(
        "MQTT311-3.3.1-7",
        "RETAIN 1 with QoS 0 replaces what was retained.",
        &["mqtt311_3_3_1_7_a_retained_qos_0_message_replaces_what_was_there"],
    ),
    server(
        "MQTT311-3.3.1-8",
        "What is sent because of a new subscription has RETAIN 1.",
        &["mqtt311_3_3_1_8_and_9_retain_is_set_for_new_subscriptions_only"],
    ),
    server(
        "MQTT311-3.3.1-9",
        "What is sent because of an established subscription has RETAIN 0.",
        &[
            "mqtt311_3_3_1_8_and_9_retain_is_set_for_new_subscriptions_only",
            "mqtt311_3_3_1_9_a_retained_message_that_was_queued_has_retain_0",
        ],
    ),
    server(
        "MQTT311-3.3.1-10",
        "An empty retained message is delivered and deletes what was retained.",
        &["mqtt311_3_3_1_10_and_11_an_empty_message_is_delivered_and_deletes"],
    ),
    server(
        "MQTT311-3.3.1-11",
        "An empty message is not stored.",
        &["mqtt311_3_3_1_10_and_11_an_empty_message_is_delivered_and_deletes"],
    ),
    server(
        "MQTT311-3.3.1-12",
        "RETAIN 0 stores nothing and deletes nothing.",
        &["mqtt311_3_3_1_12_a_message_without_retain_changes_nothing"],
    ),
    server(
        "MQTT311-3.3.2-1",
        "The Topic Name comes first in PUBLISH and is UTF-8.",
        &[
            "mqtt311_1_5_3_1_strings_that_are_not_utf_8_close_the_connection",
            "mqtt311_3_3_2_1_the_topic_name_comes_first_and_whole",
        ],
    ),
    server(
        "MQTT311-3.3.2-2",
        "No wildcards in a Topic Name.",
        &["mqtt311_3_3_2_2_and_4_7_1_1_a_wildcard_in_a_topic_name_closes_the_connection"],
    ),
    server(
        "MQTT311-3.3.2-3",
        "What a subscriber gets has a topic that matches its filter.",
        &["mqtt311_3_3_2_3_a_subscriber_gets_matching_topics_only"],
    ),
    server(
        "MQTT311-3.3.4-1",
        "QoS 0 is answered by nothing, QoS 1 by PUBACK, QoS 2 by PUBREC.",
        &["mqtt311_3_3_4_1_each_qos_has_its_answer"],
    ),
    server(
        "MQTT311-3.3.5-1",
        "Overlapping subscriptions: the message comes with the highest QoS among them.",
        &[
            "mqtt311_3_3_5_1_overlapping_subscriptions_bring_one_copy_with_the_highest_qos",
            "mqtt311_3_8_4_6_and_3_3_5_1_the_lower_qos_wins_and_among_subscriptions_the_higher",
        ],
    ),
    operator(
        "MQTT311-3.3.5-2",
        "A publication that is not allowed is acknowledged as usual, or the connection is closed.",
        "There is no authorisation yet: every publication is allowed.",
    ),
    server(
        "MQTT311-3.6.1-1",
        "PUBREL with other flags than 0010 closes the connection.",
        &["mqtt311_3_6_1_1_pubrel_with_other_flags_closes_the_connection"],
    ),
    server(
        "MQTT311-3.8.1-1",
        "SUBSCRIBE with other flags than 0010 closes the connection.",
        &["mqtt311_3_8_1_1_subscribe_with_other_flags_closes_the_connection"],
    ),
    server(
        "MQTT311-3.8.3-1",
        "Topic Filters of SUBSCRIBE are UTF-8.",
        &["mqtt311_1_5_3_1_strings_that_are_not_utf_8_close_the_connection"],
    ),
    server(
        "MQTT311-3.8.3-2",
        "Wildcards in filters are supported, or refused.",
        &["mqtt311_4_7_1_2_and_3_and_3_8_3_2_wildcards_match_as_the_standard_says"],
    ),
    server(
        "MQTT311-3.8.3-3",
        "SUBSCRIBE without a filter breaks the protocol.",
        &["mqtt311_3_8_3_3_subscribe_without_a_filter_closes_the_connection"],
    ),
    server(
        "MQTT311-3.8.3-4",
        "Reserved bits or QoS 3 beside a filter close the connection.",
        &[
            "mqtt311_3_8_3_4_nothing_of_a_subscribe_with_an_error_is_done",
            "mqtt311_3_8_3_4_reserved_bits_and_qos_3_beside_a_filter_close_the_connection",
        ],
    ),
    server(
        "MQTT311-3.8.4-1",
        "SUBSCRIBE is answered by SUBACK.",
        &["mqtt311_3_8_4_1_and_2_suback_answers_with_the_identifier"],
    ),
    server(
        "MQTT311-3.8.4-2",
        "SUBACK has the identifier of its SUBSCRIBE.",
        &["mqtt311_3_8_4_1_and_2_suback_answers_with_the_identifier"],
    ),
    server(
        "MQTT311-3.8.4-3",
        "The same filter again replaces the subscription, sends retained messages again and interrupts nothing.",
        &[
            "mqtt311_3_8_4_3_replacing_a_subscription_does_not_interrupt_the_flow",
            "mqtt311_3_8_4_3_the_same_filter_again_replaces_the_subscription",
        ],
    ),
    server(
        "MQTT311-3.8.4-4",
        "Several filters are handled like several SUBSCRIBEs with one answer.",
        &["mqtt311_3_8_4_4_several_filters_are_like_several_subscribes"],
    ),
    server(
        "MQTT311-3.8.4-5",
        "SUBACK has one code per filter: the granted QoS, or failure.",
        &["mqtt311_3_8_4_5_and_3_9_3_1_there_is_one_code_per_filter_in_their_order"],
    ),
    server(
        "MQTT311-3.8.4-6",
        "A message comes with the lower of its own and the granted QoS.",
        &["mqtt311_3_8_4_6_and_3_3_5_1_the_lower_qos_wins_and_among_subscriptions_the_higher"],
    ),
    server(
        "MQTT311-3.9.3-1",
        "The codes of SUBACK stand in the order of the filters.",
        &["mqtt311_3_8_4_5_and_3_9_3_1_there_is_one_code_per_filter_in_their_order"],
    ),
    server(
        "MQTT311-3.9.3-2",
        "SUBACK knows 0, 1, 2 and 0x80.",
        &[
            "at_subscriptions_max_one_more_is_refused_and_the_old_ones_may_change",
            "mqtt311_3_9_3_2_a_refused_filter_is_answered_with_0x80_and_the_others_hold",
        ],
    ),
    server(
        "MQTT311-3.10.1-1",
        "UNSUBSCRIBE with other flags than 0010 closes the connection.",
        &["mqtt311_3_10_1_1_unsubscribe_with_other_flags_closes_the_connection"],
    ),
    server(
        "MQTT311-3.10.3-1",
        "Topic Filters of UNSUBSCRIBE are UTF-8.",
        &["mqtt311_1_5_3_1_strings_that_are_not_utf_8_close_the_connection"],
    ),
    server(
        "MQTT311-3.10.3-2",
        "UNSUBSCRIBE without a filter breaks the protocol.",
        &["mqtt311_3_10_3_2_unsubscribe_without_a_filter_closes_the_connection"],
    ),
    server(
        "MQTT311-3.10.4-1",
        "A filter is deleted if it is the same, character by character.",
        &[
            "mqtt311_3_10_4_1_a_filter_is_deleted_if_it_is_the_same_to_the_character",
            "mqtt311_3_10_4_2_and_4_1_0_1_an_unsubscription_holds_for_the_session",
        ],
    ),
    server(
        "MQTT311-3.10.4-2",
        "A deleted subscription brings no new message.",
        &["mqtt311_3_10_4_2_and_4_1_0_1_an_unsubscription_holds_for_the_session"],
    ),
    server(
        "MQTT311-3.10.4-3",
        "QoS 1 and 2 deliveries that had begun are completed.",
        &["mqtt311_3_10_4_3_deliveries_that_had_begun_are_completed"],
    ),
    server(
        "MQTT311-3.10.4-4",
        "UNSUBSCRIBE is answered by UNSUBACK with its identifier.",
        &["mqtt311_3_10_4_4_to_6_unsuback_comes_once_whatever_was_deleted"],
    ),
    server(
        "MQTT311-3.10.4-5",
        "It is answered even if nothing was deleted.",
        &["mqtt311_3_10_4_4_to_6_unsuback_comes_once_whatever_was_deleted"],
    ),
    server(
        "MQTT311-3.10.4-6",
        "Several filters are handled like several UNSUBSCRIBEs with one answer.",
        &["mqtt311_3_10_4_4_to_6_unsuback_comes_once_whatever_was_deleted"],
    ),
    server("MQTT311-3.12.4-1", "PINGREQ is answered by PINGRESP.", &["mqtt311_3_12_4_1_pingreq_is_answered"]),
    server(
        "MQTT311-3.14.1-1",
        "DISCONNECT with reserved bits closes the connection as a breach.",
        &["mqtt311_3_14_1_1_disconnect_with_reserved_bits_is_a_breach"],
    ),
    server(
        "MQTT311-3.14.4-1",
        "After its DISCONNECT a client closes the connection; if it does not, the server does.",
        &["mqtt311_3_14_4_1_and_2_disconnect_ends_the_connection"],
    ),
    server(
        "MQTT311-3.14.4-2",
        "After its DISCONNECT a client sends nothing; if it does, nothing is read.",
        &["mqtt311_3_14_4_1_and_2_disconnect_ends_the_connection"],
    ),
    server(
        "MQTT311-3.14.4-3",
        "DISCONNECT throws the will away.",
        &["mqtt311_3_1_2_10_and_3_14_4_3_disconnect_throws_the_will_away"],
    ),
];
