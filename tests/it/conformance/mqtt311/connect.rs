//! Data, format, CONNECT and CONNACK of 3.1.1.

use super::super::statement::{client, server, Statement};

/// In the order of the standard.
pub(super) const CONNECT: &[Statement] = &[
    server(
        "MQTT311-1.5.3-1",
        "Ill-formed UTF-8 in a string closes the connection.",
        &["mqtt311_1_5_3_1_strings_that_are_not_utf_8_close_the_connection"],
    ),
    server(
        "MQTT311-1.5.3-2",
        "U+0000 in a string closes the connection.",
        &["mqtt311_1_5_3_2_the_null_character_closes_the_connection"],
    ),
    server(
        "MQTT311-1.5.3-3",
        "A byte order mark in a string stays where it is, as U+FEFF.",
        &["mqtt311_1_5_3_3_a_byte_order_mark_is_a_character_like_others"],
    ),
    server(
        "MQTT311-2.2.2-1",
        "Reserved flags of the fixed header have their fixed values in what we send.",
        &[
            "mqtt311_4_3_3_1_qos_2_goes_out_in_two_steps",
            "mqtt311_4_4_0_1_and_3_3_1_1_what_is_unacknowledged_is_sent_again_with_dup",
        ],
    ),
    server(
        "MQTT311-2.2.2-2",
        "Other values in what we receive close the connection.",
        &["mqtt311_2_2_2_2_wrong_flags_of_the_fixed_header_close_the_connection"],
    ),
    server(
        "MQTT311-2.3.1-1",
        "SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have an identifier, never 0.",
        &["mqtt311_2_3_1_1_the_identifier_zero_closes_the_connection"],
    ),
    server(
        "MQTT311-2.3.1-2",
        "A client takes an identifier that is not in use; a server reads one that has become free as new.",
        &["mqtt311_4_3_2_2_and_2_3_1_2_after_puback_the_identifier_is_new_whatever_dup_says"],
    ),
    server(
        "MQTT311-2.3.1-3",
        "What is sent again has the identifier it had; the acknowledgement frees it.",
        &[
            "mqtt311_2_3_1_3_and_4_identifiers_are_free_once_acknowledged",
            "mqtt311_2_3_1_4_an_identifier_in_use_is_left_out_when_they_wrap",
        ],
    ),
    server(
        "MQTT311-2.3.1-4",
        "The same goes for what a server publishes above QoS 0.",
        &[
            "mqtt311_2_3_1_3_and_4_identifiers_are_free_once_acknowledged",
            "mqtt311_2_3_1_4_an_identifier_in_use_is_left_out_when_they_wrap",
        ],
    ),
    server("MQTT311-2.3.1-5", "PUBLISH with QoS 0 has no identifier.", &["mqtt311_2_3_1_5_qos_0_has_no_identifier"]),
    server(
        "MQTT311-2.3.1-6",
        "PUBACK, PUBREC and PUBREL repeat the identifier of the PUBLISH.",
        &["mqtt311_2_3_1_6_acknowledgements_repeat_the_identifier"],
    ),
    server(
        "MQTT311-2.3.1-7",
        "SUBACK and UNSUBACK repeat the identifier of what they answer.",
        &["mqtt311_3_8_4_1_and_2_suback_answers_with_the_identifier"],
    ),
    server(
        "MQTT311-3.1.0-1",
        "The first packet of a client is CONNECT; anything else closes the connection.",
        &[
            "mqtt311_3_1_0_1_nothing_of_a_first_packet_that_is_not_connect_is_done",
            "mqtt311_3_1_0_1_the_first_packet_is_connect",
        ],
    ),
    server(
        "MQTT311-3.1.0-2",
        "A second CONNECT closes the connection.",
        &["mqtt311_3_1_0_2_a_second_connect_closes_the_connection"],
    ),
    server(
        "MQTT311-3.1.2-1",
        "A CONNECT of another protocol is not processed as this one.",
        &["mqtt311_3_1_2_1_another_protocol_is_not_served"],
    ),
    server(
        "MQTT311-3.1.2-2",
        "An unknown protocol level is answered with return code 1, then closed.",
        &["mqtt311_3_1_2_2_an_unknown_level_is_answered_with_return_code_1"],
    ),
    server(
        "MQTT311-3.1.2-3",
        "The reserved connect flag closes the connection.",
        &["mqtt311_3_1_2_3_the_reserved_connect_flag_closes_the_connection"],
    ),
    server(
        "MQTT311-3.1.2-4",
        "Clean Session 0 goes on with the stored session, or begins one that will be stored.",
        &["mqtt311_3_1_2_4_clean_session_0_goes_on_where_it_was"],
    ),
    server(
        "MQTT311-3.1.2-5",
        "What matches a stored session's subscriptions at QoS 1 and 2 is kept while its client is away.",
        &["mqtt311_3_1_2_5_qos_1_and_2_are_kept_for_a_client_that_is_away"],
    ),
    server(
        "MQTT311-3.1.2-6",
        "Clean Session 1 throws the old session away and leaves none behind.",
        &[
            "mqtt311_3_1_2_6_clean_session_1_leaves_no_session_behind",
            "mqtt311_3_1_2_6_clean_session_1_throws_the_old_session_away",
        ],
    ),
    server(
        "MQTT311-3.1.2-7",
        "Retained messages outlive every session.",
        &["mqtt311_3_1_2_7_retained_messages_outlive_sessions"],
    ),
    server(
        "MQTT311-3.1.2-8",
        "The will is published when the connection ends without DISCONNECT.",
        &[
            "mqtt311_3_1_2_8_a_client_may_hear_its_own_will_later",
            "mqtt311_3_1_2_8_the_will_is_published_when_the_connection_ends_without_disconnect",
            "mqtt311_3_1_2_8_the_will_of_a_stored_session_is_published_too",
        ],
    ),
    server(
        "MQTT311-3.1.2-9",
        "With the Will Flag the payload holds will topic and message, and both will fields count.",
        &[
            "mqtt311_3_1_2_9_the_will_has_the_qos_that_connect_said",
            "mqtt311_3_1_2_9_with_the_will_flag_topic_and_message_must_be_there",
        ],
    ),
    server(
        "MQTT311-3.1.2-10",
        "The will is gone once it was published or DISCONNECT came.",
        &[
            "mqtt311_3_1_2_10_and_3_14_4_3_disconnect_throws_the_will_away",
            "mqtt311_3_1_2_10_each_connect_brings_its_own_will",
            "mqtt311_3_1_2_10_the_will_is_published_once",
        ],
    ),
    server(
        "MQTT311-3.1.2-11",
        "Without the Will Flag the will fields are zero and the payload holds no will.",
        &["mqtt311_3_1_2_11_without_the_will_flag_there_is_no_will_in_the_payload"],
    ),
    server(
        "MQTT311-3.1.2-12",
        "Without the Will Flag nothing is published at the end.",
        &["mqtt311_3_1_2_12_without_the_will_flag_nothing_is_published"],
    ),
    server(
        "MQTT311-3.1.2-13",
        "Without the Will Flag Will QoS is 0.",
        &["mqtt311_3_1_2_13_without_the_will_flag_will_qos_must_be_0"],
    ),
    server(
        "MQTT311-3.1.2-14",
        "With the Will Flag Will QoS is 0, 1 or 2.",
        &["mqtt311_3_1_2_14_will_qos_3_closes_the_connection"],
    ),
    server(
        "MQTT311-3.1.2-15",
        "Without the Will Flag Will Retain is 0.",
        &["mqtt311_3_1_2_15_without_the_will_flag_will_retain_must_be_0"],
    ),
    server(
        "MQTT311-3.1.2-16",
        "Will Retain 0: the will is published as not retained.",
        &["mqtt311_3_1_2_16_a_will_that_is_not_retained_is_not"],
    ),
    server(
        "MQTT311-3.1.2-17",
        "Will Retain 1: the will is published as retained.",
        &["mqtt311_3_1_2_17_a_retained_will_is_retained"],
    ),
    server(
        "MQTT311-3.1.2-18",
        "Without its flag there is no user name in the payload.",
        &["mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so"],
    ),
    server(
        "MQTT311-3.1.2-19",
        "With its flag there is a user name in the payload.",
        &["mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so"],
    ),
    server(
        "MQTT311-3.1.2-20",
        "Without its flag there is no password in the payload.",
        &["mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so"],
    ),
    server(
        "MQTT311-3.1.2-21",
        "With its flag there is a password in the payload.",
        &["mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so"],
    ),
    server(
        "MQTT311-3.1.2-22",
        "No password flag without the user name flag.",
        &["mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so"],
    ),
    client("MQTT311-3.1.2-23", "A client shows at least once per keep alive that it is there; PINGREQ will do."),
    server(
        "MQTT311-3.1.2-24",
        "Nothing for one and a half keep alives: the connection is cut.",
        &[
            "keep_alive_max_s_does_not_bind_3_x",
            "mqtt311_3_1_2_24_every_packet_counts_from_when_it_came",
            "mqtt311_3_1_2_24_keep_alive_0_means_never",
            "mqtt311_3_1_2_24_silence_for_one_and_a_half_keep_alives_cuts_the_connection",
            "mqtt311_3_1_2_24_what_the_server_sends_does_not_count",
        ],
    ),
    server(
        "MQTT311-3.1.3-1",
        "The payload fields stand in one order: client identifier, will topic, will message, user name, password.",
        &["mqtt311_3_1_3_1_the_fields_are_read_in_their_order"],
    ),
    server(
        "MQTT311-3.1.3-2",
        "The client identifier names the session.",
        &["mqtt311_3_1_3_2_the_identifier_names_the_session"],
    ),
    server(
        "MQTT311-3.1.3-3",
        "The client identifier is always there and comes first.",
        &["mqtt311_3_1_3_3_the_client_identifier_is_always_there"],
    ),
    server(
        "MQTT311-3.1.3-4",
        "The client identifier is UTF-8.",
        &["mqtt311_3_1_3_4_10_11_identifier_will_topic_and_user_name_are_utf_8"],
    ),
    server(
        "MQTT311-3.1.3-5",
        "Identifiers of 1 to 23 letters and digits are accepted.",
        &[
            "mqtt311_3_1_3_5_identifiers_of_1_to_23_letters_and_digits_are_accepted",
            "mqtt311_3_1_3_5_longer_identifiers_and_other_characters_are_accepted_too",
        ],
    ),
    server(
        "MQTT311-3.1.3-6",
        "An empty identifier, if it is accepted, is replaced by one nobody else has.",
        &["mqtt311_3_1_3_6_an_empty_identifier_becomes_one_of_its_own"],
    ),
    server(
        "MQTT311-3.1.3-7",
        "An empty identifier comes with Clean Session 1.",
        &["mqtt311_3_1_3_8_an_empty_identifier_without_clean_session_is_refused_with_return_code_2"],
    ),
    server(
        "MQTT311-3.1.3-8",
        "An empty identifier with Clean Session 0 is answered with return code 2, then closed.",
        &["mqtt311_3_1_3_8_an_empty_identifier_without_clean_session_is_refused_with_return_code_2"],
    ),
    server(
        "MQTT311-3.1.3-9",
        "A refused identifier is answered with return code 2, then closed.",
        &[
            "mqtt311_3_1_3_8_an_empty_identifier_without_clean_session_is_refused_with_return_code_2",
            "mqtt311_3_1_3_9_a_refused_will_is_not_published",
        ],
    ),
    server(
        "MQTT311-3.1.3-10",
        "The will topic is UTF-8.",
        &["mqtt311_3_1_3_4_10_11_identifier_will_topic_and_user_name_are_utf_8"],
    ),
    server(
        "MQTT311-3.1.3-11",
        "The user name is UTF-8.",
        &["mqtt311_3_1_3_4_10_11_identifier_will_topic_and_user_name_are_utf_8"],
    ),
    server(
        "MQTT311-3.1.4-1",
        "A CONNECT that breaks the rules is closed without CONNACK.",
        &["mqtt311_3_1_4_1_a_malformed_connect_is_closed_without_connack"],
    ),
    server(
        "MQTT311-3.1.4-2",
        "A client identifier that is connected already: the older connection is closed.",
        &[
            "a_takeover_crosses_versions_both_ways",
            "mqtt311_3_1_4_2_a_client_that_connects_again_cuts_its_older_connection",
            "mqtt311_3_1_4_2_a_takeover_keeps_what_the_session_is_owed",
            "mqtt311_3_1_4_2_many_connections_with_one_identifier_leave_one",
        ],
    ),
    server(
        "MQTT311-3.1.4-3",
        "Clean Session is obeyed at every CONNECT.",
        &["mqtt311_3_1_4_3_each_connect_decides_anew"],
    ),
    server(
        "MQTT311-3.1.4-4",
        "An accepted CONNECT is answered by CONNACK with return code 0.",
        &["mqtt311_3_1_4_4_an_accepted_connect_is_answered_with_return_code_0"],
    ),
    server(
        "MQTT311-3.1.4-5",
        "Nothing behind a refused CONNECT is processed.",
        &["mqtt311_3_1_4_5_nothing_behind_a_refused_connect_is_done"],
    ),
    server(
        "MQTT311-3.2.0-1",
        "CONNACK is the first packet of the server.",
        &["mqtt311_3_2_0_1_connack_comes_before_all_else"],
    ),
    server(
        "MQTT311-3.2.2-1",
        "Clean Session 1: no session is present.",
        &["mqtt311_3_2_2_1_with_clean_session_no_session_is_present"],
    ),
    server(
        "MQTT311-3.2.2-2",
        "Clean Session 0 with a stored session: it is present, without one it is not.",
        &["mqtt311_3_2_2_2_and_3_session_present_tells_whether_there_is_one"],
    ),
    server(
        "MQTT311-3.2.2-3",
        "No stored session: none is present.",
        &["mqtt311_3_2_2_2_and_3_session_present_tells_whether_there_is_one"],
    ),
    server(
        "MQTT311-3.2.2-4",
        "A refusing CONNACK says that no session is present.",
        &["mqtt311_3_2_2_4_and_5_a_refusal_says_no_session_and_closes"],
    ),
    server(
        "MQTT311-3.2.2-5",
        "A refusing CONNACK is followed by the end of the connection.",
        &["mqtt311_3_2_2_4_and_5_a_refusal_says_no_session_and_closes"],
    ),
    server(
        "MQTT311-3.2.2-6",
        "No return code fits: the connection is closed without CONNACK.",
        &["mqtt311_3_1_4_1_a_malformed_connect_is_closed_without_connack"],
    ),
];
