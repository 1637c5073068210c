//! Behaviour, topics, errors and transport of 3.1.1.

use super::super::statement::{client, operator, server, Statement};

/// In the order of the standard.
pub(super) const BEHAVIOUR: &[Statement] = &[
    server(
        "MQTT311-4.1.0-1",
        "Session state is kept for the whole session.",
        &[
            "mqtt311_3_10_4_2_and_4_1_0_1_an_unsubscription_holds_for_the_session",
            "mqtt311_3_1_2_5_qos_1_and_2_are_kept_for_a_client_that_is_away",
            "mqtt311_4_1_0_1_an_operator_may_bound_how_long_sessions_last",
            "mqtt311_4_1_0_1_and_2_a_session_lasts_for_ever_or_as_long_as_its_connection",
        ],
    ),
    server(
        "MQTT311-4.1.0-2",
        "A session lasts at least as long as its connection.",
        &["mqtt311_4_1_0_1_and_2_a_session_lasts_for_ever_or_as_long_as_its_connection"],
    ),
    server(
        "MQTT311-4.3.1-1",
        "QoS 0: sent with QoS 0 and DUP 0.",
        &["mqtt311_3_3_1_2_and_4_3_1_1_qos_0_goes_out_with_qos_0_and_without_dup"],
    ),
    server(
        "MQTT311-4.3.2-1",
        "QoS 1, sending: an unused identifier, DUP 0, unacknowledged until PUBACK.",
        &["mqtt311_4_3_2_1_qos_1_goes_out_unacknowledged_until_puback"],
    ),
    server(
        "MQTT311-4.3.2-2",
        "QoS 1, receiving: PUBACK with the identifier; afterwards it stands for a new publication, whatever DUP says.",
        &["mqtt311_4_3_2_2_and_2_3_1_2_after_puback_the_identifier_is_new_whatever_dup_says"],
    ),
    server(
        "MQTT311-4.3.3-1",
        "QoS 2, sending: an unused identifier, DUP 0; PUBREL after PUBREC, and then no PUBLISH any more.",
        &[
            "mqtt311_4_3_3_1_publisher_and_subscriber_finish_independently",
            "mqtt311_4_3_3_1_qos_2_goes_out_in_two_steps",
        ],
    ),
    server(
        "MQTT311-4.3.3-2",
        "QoS 2, receiving: PUBREC each time, published once until PUBREL; PUBCOMP; then the identifier is new.",
        &[
            "mqtt311_4_3_3_2_an_open_qos_2_publication_outlives_the_connection",
            "mqtt311_4_3_3_2_qos_2_comes_in_once_until_it_is_released",
        ],
    ),
    server(
        "MQTT311-4.4.0-1",
        "After a reconnection unacknowledged PUBLISH and PUBREL are sent again with their identifiers.",
        &[
            "mqtt311_4_4_0_1_and_3_3_1_1_what_is_unacknowledged_is_sent_again_with_dup",
            "mqtt311_4_4_0_1_nothing_is_sent_again_on_the_same_connection",
        ],
    ),
    server(
        "MQTT311-4.5.0-1",
        "A message is put into the state of every session with a matching subscription.",
        &["mqtt311_3_3_5_2_and_4_5_0_1_a_message_reaches_every_matching_session"],
    ),
    server(
        "MQTT311-4.5.0-2",
        "A client acknowledges whatever it gets; the server does not mind which messages it wanted.",
        &["mqtt311_4_5_0_2_messages_nobody_wants_any_more_are_still_owed"],
    ),
    server(
        "MQTT311-4.6.0-1",
        "What is sent again keeps the order of the first time.",
        &["mqtt311_4_6_0_1_what_is_sent_again_keeps_its_order"],
    ),
    server(
        "MQTT311-4.6.0-2",
        "PUBACKs come in the order of the PUBLISHes.",
        &["mqtt311_4_6_0_2_and_3_acknowledgements_come_in_the_order_of_the_publications"],
    ),
    server(
        "MQTT311-4.6.0-3",
        "PUBRECs come in the order of the PUBLISHes.",
        &["mqtt311_4_6_0_2_and_3_acknowledgements_come_in_the_order_of_the_publications"],
    ),
    server(
        "MQTT311-4.6.0-4",
        "PUBRELs come in the order of the PUBRECs.",
        &["mqtt311_4_6_0_4_pubrels_come_in_the_order_of_the_pubrecs"],
    ),
    server(
        "MQTT311-4.6.0-5",
        "Every topic is ordered.",
        &["mqtt311_4_6_0_5_and_6_messages_of_one_publisher_keep_their_order"],
    ),
    server(
        "MQTT311-4.6.0-6",
        "Messages of one topic and QoS come in the order in which their publisher sent them.",
        &["mqtt311_4_6_0_5_and_6_messages_of_one_publisher_keep_their_order"],
    ),
    server(
        "MQTT311-4.7.1-1",
        "No wildcards in Topic Names.",
        &["mqtt311_3_3_2_2_and_4_7_1_1_a_wildcard_in_a_topic_name_closes_the_connection"],
    ),
    server(
        "MQTT311-4.7.1-2",
        "`#` stands alone in the last level.",
        &[
            "mqtt311_4_7_1_2_a_misplaced_multi_level_wildcard_closes_the_connection",
            "mqtt311_4_7_1_2_and_3_and_3_8_3_2_wildcards_match_as_the_standard_says",
        ],
    ),
    server(
        "MQTT311-4.7.1-3",
        "`+` stands alone in its level.",
        &[
            "mqtt311_4_7_1_2_and_3_and_3_8_3_2_wildcards_match_as_the_standard_says",
            "mqtt311_4_7_1_3_a_misplaced_single_level_wildcard_closes_the_connection",
        ],
    ),
    server(
        "MQTT311-4.7.2-1",
        "A leading wildcard does not match topics that begin with `$`.",
        &["mqtt311_4_7_2_1_a_leading_wildcard_does_not_match_dollar_topics"],
    ),
    server(
        "MQTT311-4.7.3-1",
        "Topic Names and Topic Filters are not empty.",
        &["mqtt311_4_7_3_1_an_empty_topic_or_filter_closes_the_connection"],
    ),
    server(
        "MQTT311-4.7.3-2",
        "Topic Names and Topic Filters do not contain U+0000.",
        &[
            "mqtt311_1_5_3_2_the_null_character_closes_the_connection",
            "mqtt311_4_7_3_2_to_4_topics_are_bytes_and_nothing_is_normalised",
        ],
    ),
    server(
        "MQTT311-4.7.3-3",
        "Topic Names and Topic Filters of up to 65,535 bytes are taken.",
        &[
            "mqtt311_4_7_3_2_to_4_topics_are_bytes_and_nothing_is_normalised",
            "mqtt311_4_7_3_3_topics_of_65_535_bytes_are_taken",
        ],
    ),
    server(
        "MQTT311-4.7.3-4",
        "Nothing is normalised when topics are matched.",
        &["mqtt311_4_7_3_2_to_4_topics_are_bytes_and_nothing_is_normalised"],
    ),
    server(
        "MQTT311-4.8.0-1",
        "A breach of the protocol closes the connection it came on.",
        &[
            "mqtt311_4_8_0_1_acknowledgements_of_the_wrong_kind_close_the_connection",
            "mqtt311_4_8_0_1_bodies_of_the_wrong_length_close_the_connection",
            "mqtt311_4_8_0_1_packets_of_servers_and_reserved_ones_close_the_connection",
        ],
    ),
    server(
        "MQTT311-4.8.0-2",
        "A transient error closes the connection it came on.",
        &[
            "beyond_topic_levels_max_a_publication_ends_the_connection_and_a_filter_is_refused",
            "mqtt311_4_8_0_2_what_is_too_large_for_us_closes_the_connection",
        ],
    ),
    operator(
        "MQTT311-6.0.0-1",
        "WebSocket: packets come in binary frames only.",
        "There is no WebSocket listener yet.",
    ),
    operator(
        "MQTT311-6.0.0-2",
        "WebSocket: packets and frames need not be aligned.",
        "There is no WebSocket listener yet.",
    ),
    client("MQTT311-6.0.0-3", "WebSocket: a client offers the subprotocol `mqtt`."),
    operator(
        "MQTT311-6.0.0-4",
        "WebSocket: the server answers with the subprotocol `mqtt`.",
        "There is no WebSocket listener yet.",
    ),
    operator(
        "MQTT311-7.0.0-1",
        "A server that also connects to servers conforms as a client, too.",
        "Corecast connects to no other server.",
    ),
    server(
        "MQTT311-7.0.0-2",
        "Nothing outside the standard is needed to interoperate.",
        &["mqtt311_3_1_4_4_an_accepted_connect_is_answered_with_return_code_0"],
    ),
    operator(
        "MQTT311-7.1.1-1",
        "The transport is an ordered, lossless, two-way stream of bytes.",
        "Listeners are TCP; the tests of the core have no sockets.",
    ),
];
