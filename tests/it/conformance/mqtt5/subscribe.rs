//! SUBSCRIBE to AUTH.

use crate::conformance::statement::{server, Statement};

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-3.8.1-1",
        "The flags of SUBSCRIBE are 0010; others are malformed.",
        &["mqtt5_3_8_1_1_reserved_header_flags_are_malformed"],
    ),
    server("MQTT5-3.8.3-1", "Topic filters are valid text.", &["mqtt5_3_8_3_1_topic_filters_are_utf_8_without_null"]),
    server("MQTT5-3.8.3-2", "There is at least one filter with options.", &["mqtt5_3_8_3_2_a_payload_is_not_empty"]),
    server(
        "MQTT5-3.8.3-3",
        "With No Local a client does not get its own messages.",
        &["mqtt5_3_8_3_3_no_local_keeps_a_clients_own_messages_from_it"],
    ),
    server(
        "MQTT5-3.8.3-4",
        "No Local on a shared subscription is a protocol error.",
        &["mqtt5_3_8_3_4_no_local_on_a_shared_subscription_is_a_protocol_error"],
    ),
    server(
        "MQTT5-3.8.3-5",
        "Reserved bits of the options are 0; others are malformed.",
        &["mqtt5_3_8_3_5_reserved_subscription_options_are_refused"],
    ),
    server(
        "MQTT5-3.8.4-1",
        "SUBSCRIBE is answered with SUBACK.",
        &["mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order"],
    ),
    server(
        "MQTT5-3.8.4-2",
        "SUBACK has the identifier of SUBSCRIBE.",
        &["mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order"],
    ),
    server(
        "MQTT5-3.8.4-3",
        "A subscription to a filter that is there replaces it.",
        &[
            "mqtt5_3_8_4_3_a_subscription_is_replaced_by_one_to_the_same_filter",
            "mqtt5_3_3_4_4_a_replaced_subscription_has_its_new_identifier_or_none",
        ],
    ),
    server(
        "MQTT5-3.8.4-4",
        "A replacement with Retain Handling 0 sends retained messages again, and no message is lost by it.",
        &[
            "mqtt5_3_3_1_9_retain_handling_0_sends_them_each_time",
            "mqtt5_3_8_4_4_no_message_is_lost_while_a_subscription_is_replaced",
        ],
    ),
    server(
        "MQTT5-3.8.4-5",
        "Several filters are handled like several SUBSCRIBEs with one answer.",
        &["mqtt5_3_8_4_5_several_filters_are_several_subscriptions"],
    ),
    server(
        "MQTT5-3.8.4-6",
        "SUBACK has a code for each filter.",
        &[
            "mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order",
            "mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place",
        ],
    ),
    server(
        "MQTT5-3.8.4-7",
        "The code is the QoS that is granted, or why it is not.",
        &[
            "mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order",
            "subscriptions_max_refuses_one_more_and_lets_known_ones_be_replaced",
        ],
    ),
    server(
        "MQTT5-3.8.4-8",
        "Messages have the lower of the QoS published and granted.",
        &[
            "mqtt5_3_8_4_8_messages_have_the_lower_of_published_and_granted_qos",
            "mqtt5_3_8_4_8_a_retained_message_has_the_lower_of_both_qos",
        ],
    ),
    server(
        "MQTT5-3.9.2-1",
        "SUBACK has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place"],
    ),
    server(
        "MQTT5-3.9.2-2",
        "SUBACK has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place"],
    ),
    server(
        "MQTT5-3.9.3-1",
        "The codes of SUBACK are in the order of the filters.",
        &["mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place"],
    ),
    server(
        "MQTT5-3.9.3-2",
        "Each code of SUBACK is of its table.",
        &[
            "mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place",
            "subscriptions_max_refuses_one_more_and_lets_known_ones_be_replaced",
        ],
    ),
    server(
        "MQTT5-3.10.1-1",
        "The flags of UNSUBSCRIBE are 0010; others are malformed.",
        &["mqtt5_3_8_1_1_reserved_header_flags_are_malformed"],
    ),
    server(
        "MQTT5-3.10.3-1",
        "Its topic filters are valid text.",
        &["mqtt5_3_8_3_1_topic_filters_are_utf_8_without_null"],
    ),
    server("MQTT5-3.10.3-2", "There is at least one filter.", &["mqtt5_3_8_3_2_a_payload_is_not_empty"]),
    server(
        "MQTT5-3.10.4-1",
        "UNSUBSCRIBE ends the subscription whose filter is the same character by character.",
        &["mqtt5_3_10_4_1_unsubscribe_ends_just_the_subscription_to_that_very_filter"],
    ),
    server(
        "MQTT5-3.10.4-2",
        "No new message is added for it.",
        &[
            "mqtt5_3_10_4_1_unsubscribe_ends_just_the_subscription_to_that_very_filter",
            "mqtt5_3_10_4_2_no_retained_message_comes_behind_unsuback",
        ],
    ),
    server(
        "MQTT5-3.10.4-3",
        "Deliveries of QoS 1 and 2 that have begun are completed.",
        &["mqtt5_3_10_4_3_deliveries_that_have_begun_go_on_after_unsubscribe"],
    ),
    server(
        "MQTT5-3.10.4-4",
        "UNSUBSCRIBE is answered with UNSUBACK.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.10.4-5",
        "UNSUBACK has the identifier of UNSUBSCRIBE, and comes even if nothing was subscribed.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.10.4-6",
        "Several filters are handled like several UNSUBSCRIBEs with one answer.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.11.2-1",
        "UNSUBACK has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.11.2-2",
        "UNSUBACK has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.11.3-1",
        "The codes of UNSUBACK are in the order of the filters.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server(
        "MQTT5-3.11.3-2",
        "Each code of UNSUBACK is of its table.",
        &["mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order"],
    ),
    server("MQTT5-3.12.4-1", "PINGREQ is answered with PINGRESP.", &["mqtt5_3_12_4_1_pingreq_is_answered"]),
    server(
        "MQTT5-3.14.0-1",
        "A server sends DISCONNECT only behind a CONNACK that accepts.",
        &[
            "mqtt5_3_1_2_24_a_client_too_small_for_connack_is_refused",
            "mqtt5_3_1_0_1_anything_but_connect_first_is_closed_without_a_word",
            "mqtt5_3_1_4_a_connection_without_connect_is_closed_in_time",
        ],
    ),
    server(
        "MQTT5-3.14.1-1",
        "Reserved flags of DISCONNECT are 0; others are answered 0x81.",
        &["mqtt5_3_14_1_1_a_disconnect_with_reserved_flags_is_malformed"],
    ),
    server(
        "MQTT5-3.14.2-1",
        "DISCONNECT has a reason of its table.",
        &[
            "mqtt5_3_14_2_1_reasons_are_those_of_the_table",
            "mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused",
            "mqtt5_3_14_2_1_any_other_disconnect_publishes_the_will",
        ],
    ),
    server(
        "MQTT5-3.14.2-2",
        "A server's DISCONNECT has no Session Expiry Interval.",
        &["a_drain_names_another_server_with_0x9c", "mqtt5_3_14_2_3_a_reason_string_that_does_not_fit_is_left_out"],
    ),
    server(
        "MQTT5-3.14.2-3",
        "DISCONNECT has no Reason String that makes it too large.",
        &["mqtt5_3_14_2_3_a_reason_string_that_does_not_fit_is_left_out"],
    ),
    server(
        "MQTT5-3.14.2-4",
        "DISCONNECT has no User Property that makes it too large; here it never has one.",
        &["a_drain_names_another_server_with_0x9c"],
    ),
    server(
        "MQTT5-3.14.4-1",
        "Nothing is sent behind DISCONNECT.",
        &["mqtt5_3_14_4_1_nothing_comes_behind_a_goodbye", "mqtt5_3_14_4_1_no_suback_comes_behind_a_goodbye"],
    ),
    server(
        "MQTT5-3.14.4-2",
        "The connection is closed behind DISCONNECT.",
        &[
            "mqtt5_4_13_1_1_the_reason_reaches_the_client_before_the_end_of_the_stream",
            "mqtt5_4_13_2_1_a_client_that_does_not_read_its_goodbye_is_closed_in_time",
        ],
    ),
    server(
        "MQTT5-3.14.4-3",
        "DISCONNECT with 0x00 deletes the will.",
        &["mqtt5_3_14_4_3_a_normal_disconnect_deletes_the_will"],
    ),
    server(
        "MQTT5-3.15.1-1",
        "The flags of AUTH are 0; others are malformed.",
        &["mqtt5_3_15_1_1_an_auth_with_reserved_flags_is_malformed"],
    ),
    server(
        "MQTT5-3.15.2-1",
        "AUTH has a reason of its table.",
        &["auth_has_a_method_unless_it_has_no_body", "mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused"],
    ),
    server(
        "MQTT5-3.15.2-2",
        "AUTH has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_4_12_0_2_a_client_that_proves_its_password_is_let_in_and_shown_that_we_know_it"],
    ),
    server(
        "MQTT5-3.15.2-3",
        "AUTH has no User Property that makes it too large; here it never has one.",
        &["mqtt5_4_12_0_2_a_client_that_proves_its_password_is_let_in_and_shown_that_we_know_it"],
    ),
];
