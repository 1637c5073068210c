//! Sections 4.7 to 4.13 and chapter 6: topics, shared subscriptions, flow control, authentication, errors, WebSocket.

use crate::conformance::statement::{client, operator, server, Statement};

const NO_WEBSOCKET: &str = "the broker does not listen for WebSocket connections";

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-4.7.0-1",
        "Wildcards are for filters, not for names.",
        &["mqtt5_3_3_2_2_a_topic_name_has_no_wildcards", "mqtt5_3_1_3_11_a_will_topic_is_a_valid_topic_name"],
    ),
    server(
        "MQTT5-4.7.1-1",
        "# is the whole last level.",
        &[
            "mqtt5_4_7_1_1_misplaced_wildcards_are_refused",
            "mqtt5_4_7_1_1_the_multi_level_wildcard_matches_its_parent_and_all_below",
        ],
    ),
    server(
        "MQTT5-4.7.1-2",
        "+ is a whole level.",
        &["mqtt5_4_7_1_1_misplaced_wildcards_are_refused", "mqtt5_4_7_1_2_the_single_level_wildcard_matches_one_level"],
    ),
    server(
        "MQTT5-4.7.2-1",
        "A leading wildcard does not match a topic that begins with $.",
        &[
            "mqtt5_4_7_2_1_a_leading_wildcard_does_not_match_a_dollar_topic",
            "mqtt5_4_7_2_1_retained_dollar_topics_are_not_found_by_a_leading_wildcard",
        ],
    ),
    server(
        "MQTT5-4.7.3-1",
        "Names and filters have at least one character.",
        &["mqtt5_4_7_3_1_a_topic_name_has_a_character_or_an_alias", "mqtt5_4_7_1_1_misplaced_wildcards_are_refused"],
    ),
    server(
        "MQTT5-4.7.3-2",
        "Names and filters have no U+0000.",
        &["mqtt5_3_3_2_1_a_topic_name_is_utf_8_without_null", "mqtt5_3_8_3_1_topic_filters_are_utf_8_without_null"],
    ),
    server(
        "MQTT5-4.7.3-3",
        "Names and filters have at most 65,535 bytes.",
        &["mqtt5_4_7_3_3_topics_have_up_to_65535_bytes", "names_are_refused_for_wildcards_null_and_length_only"],
    ),
    server(
        "MQTT5-4.7.3-4",
        "Topics are compared as they are, without normalization.",
        &["mqtt5_4_7_3_4_topics_are_compared_as_they_are"],
    ),
    server(
        "MQTT5-4.8.2-1",
        "A shared subscription is $share/, a name of at least one character, ...",
        &[
            "mqtt5_4_8_2_1_shared_subscriptions_have_a_name_and_a_filter",
            "mqtt5_4_8_2_1_a_share_name_and_a_filter_are_needed",
            "mqtt5_4_8_2_1_other_dollar_filters_are_not_shared",
        ],
    ),
    server(
        "MQTT5-4.8.2-2",
        "... without / + #, then / and a filter.",
        &["mqtt5_4_8_2_1_a_share_name_and_a_filter_are_needed"],
    ),
    server(
        "MQTT5-4.8.2-3",
        "The QoS granted to the chosen member holds.",
        &["mqtt5_4_8_2_3_the_qos_granted_to_the_chosen_member_holds"],
    ),
    server(
        "MQTT5-4.8.2-4",
        "A QoS 2 delivery that has begun is completed with its member.",
        &["mqtt5_4_8_2_4_a_qos_2_message_is_completed_with_the_member_that_has_begun_it"],
    ),
    server(
        "MQTT5-4.8.2-5",
        "If that member's session ends, nobody else gets the message.",
        &["mqtt5_4_8_2_5_a_qos_2_message_that_was_sent_is_not_given_to_another_member"],
    ),
    server(
        "MQTT5-4.8.2-6",
        "A message its member refused is given to nobody else.",
        &["mqtt5_4_8_2_6_a_message_a_member_refused_is_given_to_nobody_else"],
    ),
    server(
        "MQTT5-4.9.0-1",
        "The send quota begins at the Receive Maximum or below, not at zero.",
        &[
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
            "inflight_messages_max_holds_whatever_the_client_allows",
        ],
    ),
    server(
        "MQTT5-4.9.0-2",
        "A quota of zero holds back QoS 1 and 2.",
        &[
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
            "mqtt5_3_3_4_9_redelivery_respects_the_receive_maximum_of_the_new_connection",
        ],
    ),
    server(
        "MQTT5-4.9.0-3",
        "A quota of zero holds back nothing else.",
        &[
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
            "mqtt5_3_3_4_10_pubrel_is_not_withheld_by_the_receive_maximum",
        ],
    ),
    server(
        "MQTT5-4.12.0-1",
        "A method the server does not have may be answered 0x8C, and ends the connection.",
        &[
            "mqtt5_4_12_0_1_an_authentication_method_is_refused",
            "mqtt5_4_12_0_1_a_method_that_is_not_offered_is_refused",
        ],
    ),
    server(
        "MQTT5-4.12.0-2",
        "A server's AUTH during CONNECT has reason 0x18.",
        &["mqtt5_4_12_0_2_a_client_that_proves_its_password_is_let_in_and_shown_that_we_know_it"],
    ),
    client("MQTT5-4.12.0-3", "A client answers it with reason 0x18."),
    server(
        "MQTT5-4.12.0-4",
        "A refused authentication may be answered, and ends the connection.",
        &[
            "mqtt5_4_12_0_1_an_authentication_method_is_refused",
            "a_wrong_password_and_an_unknown_user_get_the_same_answer",
        ],
    ),
    server(
        "MQTT5-4.12.0-5",
        "AUTH and CONNACK repeat the method of CONNECT.",
        &[
            "mqtt5_4_12_0_5_the_method_is_repeated_and_no_other_packet_names_one",
            "mqtt5_4_12_0_5_another_method_within_an_exchange_is_refused",
        ],
    ),
    server(
        "MQTT5-4.12.0-6",
        "Without a method in CONNECT there is no AUTH and no method in CONNACK.",
        &[
            "connack_says_what_the_server_takes_and_nothing_more",
            "mqtt5_4_12_0_5_the_method_is_repeated_and_no_other_packet_names_one",
        ],
    ),
    server(
        "MQTT5-4.12.0-7",
        "Without a method in CONNECT a client sends no AUTH; else it is a protocol error.",
        &[
            "mqtt5_4_12_0_7_auth_without_a_method_in_connect_is_a_protocol_error",
            "mqtt5_4_12_0_7_who_came_with_a_password_sends_no_auth",
        ],
    ),
    client("MQTT5-4.12.1-1", "A client authenticates again with the method of its CONNECT."),
    server(
        "MQTT5-4.12.1-2",
        "If that fails, the connection ends.",
        &["mqtt5_4_12_1_2_who_fails_to_authenticate_again_is_parted_from"],
    ),
    server(
        "MQTT5-4.13.1-1",
        "A malformed packet or protocol error ends the connection.",
        &[
            "mqtt5_2_2_2_1_a_packet_that_ends_early_or_late_is_malformed",
            "mqtt5_2_2_2_2_unknown_misplaced_and_repeated_properties_are_refused",
            "packets_only_servers_send_are_a_protocol_error",
            "an_acknowledgement_of_the_wrong_kind_is_a_protocol_error",
            "mqtt5_4_13_1_1_the_reason_reaches_the_client_before_the_end_of_the_stream",
        ],
    ),
    server(
        "MQTT5-4.13.2-1",
        "A reason of 0x80 or more in CONNACK or DISCONNECT ends the connection, whether it is sent or not.",
        &[
            "mqtt5_4_13_2_1_a_client_that_does_not_read_its_goodbye_is_closed_in_time",
            "mqtt5_3_2_2_19_a_reason_string_that_does_not_fit_is_left_out",
        ],
    ),
    operator("MQTT5-6.0.0-1", "Packets come in binary frames; others end the connection.", NO_WEBSOCKET),
    operator("MQTT5-6.0.0-2", "Packets need not begin where frames do.", NO_WEBSOCKET),
    client("MQTT5-6.0.0-3", "A client offers the subprotocol mqtt."),
    operator("MQTT5-6.0.0-4", "The server selects the subprotocol mqtt.", NO_WEBSOCKET),
];
