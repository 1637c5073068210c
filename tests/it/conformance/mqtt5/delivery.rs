//! Sections 4.1 to 4.6: sessions, delivery, order.

use crate::conformance::statement::{client, operator, server, Statement};

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-4.1.0-1",
        "A session is kept while its connection is open.",
        &["mqtt5_4_1_0_1_a_session_does_not_end_while_connected"],
    ),
    server(
        "MQTT5-4.1.0-2",
        "A session ends when its interval has passed after its connection.",
        &[
            "mqtt5_4_1_0_2_a_session_ends_when_its_interval_has_passed",
            "mqtt5_3_1_2_11_2_without_an_interval_a_session_ends_with_its_connection",
            "mqtt5_3_14_2_2_2_disconnect_may_change_the_interval",
        ],
    ),
    operator(
        "MQTT5-4.2.0-1",
        "There is a transport that carries an ordered, lossless stream of bytes both ways.",
        "TCP, which the core does not see: its connections are simulated",
    ),
    server(
        "MQTT5-4.3.1-1",
        "QoS 0 is sent with QoS 0 and without DUP.",
        &["mqtt5_4_3_1_1_qos_0_is_sent_once_without_identifier"],
    ),
    server(
        "MQTT5-4.3.2-1",
        "A new QoS 1 message gets a free identifier.",
        &["mqtt5_2_2_1_4_identifiers_start_at_1_and_go_up"],
    ),
    server(
        "MQTT5-4.3.2-2",
        "It is first sent with QoS 1 and without DUP.",
        &["mqtt5_2_2_1_4_identifiers_start_at_1_and_go_up", "mqtt5_3_3_1_3_dup_of_the_publisher_is_not_passed_on"],
    ),
    server(
        "MQTT5-4.3.2-3",
        "It is unacknowledged until PUBACK.",
        &[
            "mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup",
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
        ],
    ),
    server(
        "MQTT5-4.3.2-4",
        "A QoS 1 message that was taken is answered with PUBACK and its identifier.",
        &["mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier"],
    ),
    server(
        "MQTT5-4.3.2-5",
        "After PUBACK the same identifier is a new message, whatever DUP says.",
        &["mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier"],
    ),
    server(
        "MQTT5-4.3.3-1",
        "A new QoS 2 message gets a free identifier.",
        &["mqtt5_2_2_1_4_identifiers_start_at_1_and_go_up"],
    ),
    server(
        "MQTT5-4.3.3-2",
        "It is first sent with QoS 2 and without DUP.",
        &["mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets"],
    ),
    server(
        "MQTT5-4.3.3-3",
        "It is unacknowledged until PUBREC.",
        &["mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup"],
    ),
    server(
        "MQTT5-4.3.3-4",
        "A PUBREC that accepts is answered with PUBREL and the same identifier.",
        &["mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets"],
    ),
    server(
        "MQTT5-4.3.3-5",
        "PUBREL is unacknowledged until PUBCOMP.",
        &["mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup"],
    ),
    server(
        "MQTT5-4.3.3-6",
        "The message is not sent again after PUBREL.",
        &["mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup"],
    ),
    server(
        "MQTT5-4.3.3-7",
        "A message that was sent does not expire.",
        &["mqtt5_4_3_3_7_a_message_that_was_sent_does_not_expire"],
    ),
    server(
        "MQTT5-4.3.3-8",
        "A QoS 2 message that was taken is answered with PUBREC and its identifier.",
        &["mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets"],
    ),
    server(
        "MQTT5-4.3.3-9",
        "After a PUBREC that refuses, the same identifier is a new message.",
        &["mqtt5_4_3_3_9_a_refused_qos_2_publish_frees_its_identifier"],
    ),
    server(
        "MQTT5-4.3.3-10",
        "Until PUBREL the same identifier is answered with PUBREC and not delivered again.",
        &[
            "mqtt5_4_3_3_10_a_repeated_qos_2_publish_is_acknowledged_and_not_delivered_again",
            "mqtt5_4_3_3_10_a_qos_2_publish_repeated_on_a_new_connection_is_not_delivered_again",
        ],
    ),
    server(
        "MQTT5-4.3.3-11",
        "PUBREL is answered with PUBCOMP and the same identifier.",
        &[
            "mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets",
            "mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven",
        ],
    ),
    server(
        "MQTT5-4.3.3-12",
        "After PUBCOMP the same identifier is a new message.",
        &["mqtt5_4_3_3_10_a_repeated_qos_2_publish_is_acknowledged_and_not_delivered_again"],
    ),
    server(
        "MQTT5-4.3.3-13",
        "The exchange goes on even if the message has expired.",
        &["mqtt5_4_3_3_13_a_message_that_expired_is_still_acknowledged"],
    ),
    server(
        "MQTT5-4.4.0-1",
        "Unacknowledged PUBLISHes and PUBRELs are sent again on a new connection, and only then.",
        &[
            "mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup",
            "mqtt5_4_4_0_1_a_new_connection_sends_again_in_order_with_dup",
        ],
    ),
    server(
        "MQTT5-4.4.0-2",
        "A message that was refused by PUBACK or PUBREC is not sent again.",
        &["mqtt5_4_4_0_2_a_message_the_client_refused_is_not_sent_again"],
    ),
    server(
        "MQTT5-4.5.0-1",
        "A message that was taken is added to every session that wants it.",
        &[
            "mqtt5_4_5_0_1_a_message_goes_to_every_session_that_wants_it",
            "a_message_published_behind_suback_reaches_the_subscriber_whatever_the_core",
        ],
    ),
    client("MQTT5-4.5.0-2", "A client acknowledges whatever it gets."),
    server(
        "MQTT5-4.6.0-1",
        "Messages are sent again in the order in which they were first sent.",
        &[
            "mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup",
            "mqtt5_4_6_0_5_messages_of_one_topic_and_qos_come_in_order_whether_live_or_queued",
        ],
    ),
    server(
        "MQTT5-4.6.0-2",
        "PUBACKs are in the order of their PUBLISHes.",
        &["mqtt5_4_6_0_2_acknowledgements_come_in_the_order_of_the_publications"],
    ),
    server(
        "MQTT5-4.6.0-3",
        "PUBRECs are in the order of their PUBLISHes.",
        &["mqtt5_4_6_0_2_acknowledgements_come_in_the_order_of_the_publications"],
    ),
    server(
        "MQTT5-4.6.0-4",
        "PUBRELs are in the order of their PUBRECs.",
        &["mqtt5_4_6_0_4_pubrels_come_in_the_order_of_the_pubrecs"],
    ),
    server(
        "MQTT5-4.6.0-5",
        "Messages of one client, topic and QoS are delivered in their order.",
        &["mqtt5_4_6_0_5_messages_of_one_topic_and_qos_come_in_order_whether_live_or_queued"],
    ),
    server(
        "MQTT5-4.6.0-6",
        "That holds for every topic and all subscriptions that are not shared.",
        &[
            "mqtt5_4_6_0_5_messages_of_one_topic_and_qos_come_in_order_whether_live_or_queued",
            "mqtt5_4_6_0_2_acknowledgements_come_in_the_order_of_the_publications",
        ],
    ),
];
