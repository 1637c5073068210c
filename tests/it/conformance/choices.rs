//! What the broker does where a standard allows several things.

use super::statement::Choice;

const fn choice(clause: &'static str, says: &'static str, shown_by: &'static [&'static str]) -> Choice {
    Choice { clause, says, shown_by }
}

/// The choices, in the order of the document.
pub(super) const CHOICES: &[Choice] = &[
    choice(
        "all",
        "Where nothing says who is let in, user name and password are not asked about, and not believed.",
        &["mqtt5_3_1_2_9_a_password_needs_no_user_name"],
    ),
    choice(
        "MQTT5 3.1.0",
        "A connection whose first packet is not CONNECT is closed without a word.",
        &["mqtt5_3_1_0_1_anything_but_connect_first_is_closed_without_a_word"],
    ),
    choice(
        "MQTT5 3.1.2.1, 3.1.2.2",
        "A name or version that is not served is answered 0x84, in the form of 3.1.1 if need be.",
        &[
            "mqtt5_3_1_2_1_an_unknown_protocol_name_is_refused_in_the_oldest_form",
            "mqtt5_3_1_2_2_an_unknown_protocol_level_is_refused",
        ],
    ),
    choice(
        "MQTT5 3.1.2.5",
        "A server that ends in good order publishes no wills.",
        &["a_server_that_ends_publishes_no_wills"],
    ),
    choice(
        "MQTT5 3.1.2.10, 3.2.2.3.14",
        "A keep alive above the operator's bound, or none, is lowered to it by Server Keep Alive.",
        &["mqtt5_3_2_2_21_a_shorter_keep_alive_is_announced_and_holds"],
    ),
    choice(
        "MQTT5 3.1.2.11.2, 3.2.2.3.2",
        "A session expiry interval above the operator's bound is lowered to it.",
        &["a_session_expiry_interval_above_the_bound_is_lowered_and_told"],
    ),
    choice(
        "MQTT5 3.1.2.11.4",
        "A client whose Maximum Packet Size is below what CONNACK needs is refused with 0x83.",
        &["mqtt5_3_1_2_24_a_client_too_small_for_connack_is_refused"],
    ),
    choice(
        "MQTT5 3.1.2.11.7",
        "Without Request Problem Information no reason is explained at all.",
        &["mqtt5_3_1_2_29_problem_information_is_left_out_if_it_is_not_wanted"],
    ),
    choice(
        "MQTT5 3.1.3.1",
        "Client identifiers may have up to 65,535 bytes of any characters; an empty one is replaced.",
        &[
            "client_identifiers_of_any_length_and_character_are_accepted",
            "mqtt5_3_1_3_6_an_empty_client_identifier_is_replaced_by_a_new_one",
        ],
    ),
    choice(
        "MQTT5 3.1.4",
        "Packets may follow CONNECT before CONNACK has come.",
        &["mqtt5_3_1_4_5_what_comes_right_behind_connect_is_answered_behind_connack"],
    ),
    choice(
        "MQTT5 4.12",
        "SCRAM-SHA-256 is the one method, if it has users; its first message stands in CONNECT.",
        &[
            "mqtt5_4_12_0_2_a_client_that_proves_its_password_is_let_in_and_shown_that_we_know_it",
            "messages_that_are_malformed_or_want_channel_binding_let_nobody_in",
        ],
    ),
    choice(
        "MQTT5 3.2.2.3",
        "All optional features are served; CONNACK always states Receive Maximum and Maximum Packet Size.",
        &["connack_says_what_the_server_takes_and_nothing_more"],
    ),
    choice(
        "MQTT5 3.3.1.3",
        "A retained message without room is refused with 0x97, or delivered only where none can be told.",
        &[
            "retained_messages_max_refuses_who_can_be_told_and_delivers_the_rest",
            "retained_bytes_max_counts_topic_properties_and_payload",
        ],
    ),
    choice(
        "MQTT5 3.3.2.3.2",
        "A payload is not checked against its format indicator.",
        &["a_payload_is_not_held_against_its_format_indicator"],
    ),
    choice(
        "MQTT5 3.3.4",
        "Overlapping subscriptions of one client get one copy; a shared subscription gets its own.",
        &[
            "mqtt5_3_3_4_2_one_copy_with_the_highest_qos_and_all_subscription_identifiers",
            "mqtt5_4_8_2_a_client_may_have_a_plain_and_a_shared_subscription",
        ],
    ),
    choice(
        "MQTT5 3.4.2.1, 3.5.2.1",
        "A publication nobody wants is acknowledged with 0x10.",
        &["mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10"],
    ),
    choice(
        "MQTT5 3.8.4",
        "SUBACK, and the retained messages after it, wait until every core knows of the subscription.",
        &["a_message_published_behind_suback_reaches_the_subscriber_whatever_the_core"],
    ),
    choice(
        "MQTT5 3.8.4, 4.7.1",
        "An invalid topic filter ends the connection with 0x8F, an invalid topic name with 0x90.",
        &[
            "mqtt5_4_7_1_1_misplaced_wildcards_are_refused",
            "mqtt5_3_3_2_2_a_topic_name_has_no_wildcards",
            "mqtt5_4_8_2_1_a_share_name_and_a_filter_are_needed",
        ],
    ),
    choice(
        "MQTT5 3.14.4",
        "Behind the last packet the server half-closes, goes on reading for a while, then closes.",
        &[
            "mqtt5_4_13_1_1_the_reason_reaches_the_client_before_the_end_of_the_stream",
            "mqtt5_4_13_2_1_a_client_that_does_not_read_its_goodbye_is_closed_in_time",
        ],
    ),
    choice(
        "MQTT5 4.1",
        "QoS 0 messages are not kept for a client that is away.",
        &["qos_0_messages_are_not_kept_for_an_absent_client"],
    ),
    choice(
        "MQTT5 4.1",
        "A session goes on when its client comes back with another version of the protocol.",
        &["a_session_is_resumed_by_a_client_of_another_version"],
    ),
    choice(
        "MQTT5 4.3.2, 4.3.3",
        "Unknown identifiers are answered 0x92 or ignored; the wrong kind of packet is a protocol error.",
        &[
            "mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven",
            "an_acknowledgement_of_the_wrong_kind_is_a_protocol_error",
        ],
    ),
    choice(
        "MQTT5 4.8.2",
        "Connected members are chosen first; what an ended session leaves unsent or QoS 1 goes to another.",
        &[
            "mqtt5_4_8_2_connected_members_are_chosen_before_absent_ones",
            "mqtt5_4_8_2_a_qos_1_message_goes_to_another_member_when_its_session_ends",
        ],
    ),
    choice(
        "MQTT5 4.11",
        "A server that ends says 0x8B and refuses with 0x88; both are 0x9C if it can name another.",
        &[
            "a_drain_says_goodbye_with_0x8b_and_takes_nobody_new",
            "a_drain_names_another_server_with_0x9c",
            "a_server_that_is_ending_refuses_and_may_name_another",
        ],
    ),
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
