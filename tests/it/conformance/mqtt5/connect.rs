//! CONNECT and CONNACK.

use crate::conformance::statement::{client, server, Statement};

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-3.1.0-1",
        "The first packet of a client is CONNECT.",
        &["mqtt5_3_1_0_1_anything_but_connect_first_is_closed_without_a_word"],
    ),
    server(
        "MQTT5-3.1.0-2",
        "A second CONNECT is a protocol error.",
        &["mqtt5_3_1_0_2_a_second_connect_is_a_protocol_error"],
    ),
    server(
        "MQTT5-3.1.2-1",
        "The protocol name is MQTT; another may be answered 0x84 and is closed.",
        &[
            "names_and_levels_are_those_of_the_three_standards",
            "mqtt5_3_1_2_1_an_unknown_protocol_name_is_refused_in_the_oldest_form",
        ],
    ),
    server(
        "MQTT5-3.1.2-2",
        "A protocol version that is not served may be answered 0x84 and is closed.",
        &["mqtt5_3_1_2_2_an_unknown_protocol_level_is_refused"],
    ),
    server(
        "MQTT5-3.1.2-3",
        "The reserved CONNECT flag is 0.",
        &["mqtt5_3_1_2_3_the_reserved_connect_flag_is_malformed"],
    ),
    server(
        "MQTT5-3.1.2-4",
        "A clean start discards the session there was.",
        &["mqtt5_3_1_2_4_a_clean_start_discards_the_session"],
    ),
    server(
        "MQTT5-3.1.2-5",
        "Without a clean start the session goes on where it was.",
        &["mqtt5_3_1_2_5_a_session_is_resumed_with_subscriptions_and_messages"],
    ),
    server(
        "MQTT5-3.1.2-6",
        "Without a clean start and without a session a new one is made.",
        &["mqtt5_3_1_2_6_without_a_session_a_new_one_is_made"],
    ),
    server(
        "MQTT5-3.1.2-7",
        "A will is stored with the session.",
        &["mqtt5_3_1_2_7_a_will_belongs_to_the_session_and_is_published_once"],
    ),
    server(
        "MQTT5-3.1.2-8",
        "A will is published after its delay or with the session's end, unless deleted or taken back.",
        &[
            "mqtt5_3_1_2_8_a_will_is_published_when_the_connection_ends_without_goodbye",
            "mqtt5_3_1_2_8_a_will_is_published_when_the_session_ends_before_its_delay",
            "mqtt5_3_1_2_8_a_clean_start_ends_the_session_and_publishes_its_waiting_will",
            "mqtt5_3_1_3_2_2_a_delayed_will_waits",
            "a_will_goes_to_sessions_that_are_away_and_to_shared_subscriptions",
        ],
    ),
    server(
        "MQTT5-3.1.2-9",
        "With the will flag, will properties, topic and payload are there.",
        &["mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-10",
        "A will is deleted once it is published or DISCONNECT with 0x00 has come.",
        &[
            "mqtt5_3_1_2_7_a_will_belongs_to_the_session_and_is_published_once",
            "mqtt5_3_14_4_3_a_normal_disconnect_deletes_the_will",
        ],
    ),
    server(
        "MQTT5-3.1.2-11",
        "Without the will flag, will QoS is 0.",
        &["mqtt5_3_1_2_11_will_flags_without_a_will_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-12",
        "Will QoS is 0, 1 or 2.",
        &["mqtt5_3_1_2_12_a_will_of_qos_3_is_malformed", "mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain"],
    ),
    server(
        "MQTT5-3.1.2-13",
        "Without the will flag, will retain is 0.",
        &["mqtt5_3_1_2_11_will_flags_without_a_will_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-14",
        "A will without retain is not retained.",
        &["mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain"],
    ),
    server("MQTT5-3.1.2-15", "A will with retain is retained.", &["mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain"]),
    server(
        "MQTT5-3.1.2-16",
        "No user name without its flag.",
        &["mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-17",
        "A user name with its flag.",
        &["mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-18",
        "No password without its flag.",
        &["mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed"],
    ),
    server(
        "MQTT5-3.1.2-19",
        "A password with its flag.",
        &["mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed", "mqtt5_3_1_2_9_a_password_needs_no_user_name"],
    ),
    client("MQTT5-3.1.2-20", "A client with a keep alive sends PINGREQ when it has nothing else to send."),
    client("MQTT5-3.1.2-21", "A client uses the server's keep alive if it is given one."),
    server(
        "MQTT5-3.1.2-22",
        "Silence of one and a half keep alives ends the connection as if the network had failed.",
        &[
            "mqtt5_3_1_2_22_silence_of_one_and_a_half_keep_alives_ends_the_connection",
            "mqtt5_3_1_2_22_any_packet_is_a_sign_of_life_and_zero_asks_for_none",
            "mqtt5_3_1_2_22_a_client_that_fell_silent_is_treated_as_one_whose_network_failed",
        ],
    ),
    server(
        "MQTT5-3.1.2-23",
        "A session with an expiry interval above 0 is kept after its connection.",
        &[
            "mqtt5_3_1_2_23_a_session_lives_for_its_expiry_interval",
            "mqtt5_3_1_2_11_2_the_largest_interval_is_for_ever",
        ],
    ),
    server(
        "MQTT5-3.1.2-24",
        "No packet is larger than the client's Maximum Packet Size.",
        &[
            "mqtt5_3_1_2_24_a_packet_too_large_for_the_client_is_not_sent_and_counts_as_delivered",
            "mqtt5_3_1_2_24_a_packet_of_just_the_maximum_packet_size_is_sent",
            "mqtt5_3_1_2_24_a_client_too_small_for_connack_is_refused",
            "mqtt5_3_1_2_24_a_refusal_for_its_size_leaves_the_session_alone",
        ],
    ),
    server(
        "MQTT5-3.1.2-25",
        "A message too large to be sent counts as delivered.",
        &["mqtt5_3_1_2_24_a_packet_too_large_for_the_client_is_not_sent_and_counts_as_delivered"],
    ),
    server(
        "MQTT5-3.1.2-26",
        "Topic aliases stay within the client's Topic Alias Maximum.",
        &["mqtt5_3_1_2_26_topic_aliases_towards_a_client_stay_within_its_maximum"],
    ),
    server(
        "MQTT5-3.1.2-27",
        "No topic aliases to a client that allows none.",
        &["mqtt5_3_1_2_27_without_a_maximum_there_are_no_topic_aliases"],
    ),
    server(
        "MQTT5-3.1.2-28",
        "No Response Information to a client that does not ask for it.",
        &["mqtt5_3_1_2_28_response_information_is_given_to_who_asks_for_it"],
    ),
    server(
        "MQTT5-3.1.2-29",
        "Without Request Problem Information, reasons are explained in CONNACK and DISCONNECT at most.",
        &["mqtt5_3_1_2_29_problem_information_is_left_out_if_it_is_not_wanted"],
    ),
    server(
        "MQTT5-3.1.2-30",
        "A client that names an authentication method sends AUTH and DISCONNECT only until CONNACK; else it is refused.",
        &["mqtt5_3_1_2_30_nothing_but_auth_and_disconnect_comes_before_connack"],
    ),
    server(
        "MQTT5-3.1.3-1",
        "The fields of the payload come in their order.",
        &["mqtt5_3_1_3_1_all_fields_of_connect_are_read_in_their_order"],
    ),
    server(
        "MQTT5-3.1.3-2",
        "The client identifier tells sessions apart.",
        &["mqtt5_3_1_3_2_sessions_are_told_apart_by_the_whole_client_identifier"],
    ),
    server(
        "MQTT5-3.1.3-3",
        "The client identifier is there, first.",
        &[
            "mqtt5_3_1_4_1_a_connect_that_is_cut_short_or_too_long_is_refused",
            "mqtt5_3_1_3_1_all_fields_of_connect_are_read_in_their_order",
        ],
    ),
    server(
        "MQTT5-3.1.3-4",
        "The client identifier is valid text.",
        &["mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null"],
    ),
    server(
        "MQTT5-3.1.3-5",
        "Identifiers of 1 to 23 letters and digits are accepted.",
        &["mqtt5_3_1_3_5_client_identifiers_of_1_to_23_letters_and_digits_are_accepted"],
    ),
    server(
        "MQTT5-3.1.3-6",
        "An empty identifier, where it is accepted, is replaced by a unique one.",
        &["mqtt5_3_1_3_6_an_empty_client_identifier_is_replaced_by_a_new_one"],
    ),
    server(
        "MQTT5-3.1.3-7",
        "CONNACK tells the identifier that was assigned; it counts as the client's own.",
        &[
            "mqtt5_3_1_3_6_an_empty_client_identifier_is_replaced_by_a_new_one",
            "mqtt5_3_1_3_7_an_assigned_client_identifier_is_a_session_like_any_other",
        ],
    ),
    server(
        "MQTT5-3.1.3-8",
        "An identifier that is refused ends the connection.",
        &["mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null"],
    ),
    server(
        "MQTT5-3.1.3-9",
        "A client that is back before the will delay has passed takes its will back.",
        &[
            "mqtt5_3_1_3_9_a_client_that_is_back_in_time_takes_its_will_back",
            "mqtt5_3_1_4_3_a_takeover_publishes_a_will_without_delay_only",
        ],
    ),
    server(
        "MQTT5-3.1.3-10",
        "The will's user properties are published in their order.",
        &["mqtt5_3_1_3_2_a_will_carries_its_properties_in_order"],
    ),
    server(
        "MQTT5-3.1.3-11",
        "The will topic is valid text.",
        &["mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null", "mqtt5_3_1_3_11_a_will_topic_is_a_valid_topic_name"],
    ),
    server(
        "MQTT5-3.1.3-12",
        "The user name is valid text.",
        &["mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null"],
    ),
    server(
        "MQTT5-3.1.4-1",
        "A CONNECT that is not as it should be ends the connection.",
        &[
            "mqtt5_3_1_4_1_a_connect_that_is_not_well_formed_is_refused",
            "mqtt5_3_1_4_1_a_connect_that_is_cut_short_or_too_long_is_refused",
        ],
    ),
    server(
        "MQTT5-3.1.4-2",
        "A CONNECT that is refused for other reasons ends the connection.",
        &[
            "connections_max_refuses_one_more",
            "sessions_max_refuses_one_more_and_lets_known_ones_in",
            "topic_levels_max_and_topic_bytes_max_refuse_longer_topics",
            "a_server_that_is_ending_refuses_and_may_name_another",
        ],
    ),
    server(
        "MQTT5-3.1.4-3",
        "A client that connects again takes over: the earlier connection gets 0x8E and is closed.",
        &[
            "mqtt5_3_1_4_3_a_new_connection_takes_over_the_client_identifier",
            "mqtt5_3_1_4_3_a_taken_over_session_goes_on_at_the_new_connection",
        ],
    ),
    server(
        "MQTT5-3.1.4-4",
        "Clean start is done as asked.",
        &[
            "mqtt5_3_1_2_4_a_clean_start_discards_the_session",
            "mqtt5_3_2_2_2_session_present_says_whether_there_was_a_session",
        ],
    ),
    server(
        "MQTT5-3.1.4-5",
        "An accepted CONNECT is answered with CONNACK 0x00.",
        &["mqtt5_3_1_4_5_what_comes_right_behind_connect_is_answered_behind_connack"],
    ),
    server(
        "MQTT5-3.1.4-6",
        "Nothing behind a refused CONNECT is processed.",
        &["mqtt5_3_1_4_6_what_comes_behind_a_refused_connect_is_not_processed"],
    ),
    server(
        "MQTT5-3.2.0-1",
        "CONNACK 0x00 is the server's first packet but for AUTH.",
        &[
            "mqtt5_3_2_0_1_connack_is_the_first_packet",
            "mqtt5_3_1_4_5_what_comes_right_behind_connect_is_answered_behind_connack",
        ],
    ),
    server(
        "MQTT5-3.2.0-2",
        "There is one CONNACK in a connection.",
        &[
            "mqtt5_3_1_0_2_a_second_connect_is_a_protocol_error",
            "mqtt5_3_1_4_6_what_comes_behind_a_refused_connect_is_not_processed",
        ],
    ),
    server(
        "MQTT5-3.2.2-1",
        "Reserved CONNACK flags are 0.",
        &["what_is_wrong_with_a_connack_is_said", "mqtt5_3_2_2_2_session_present_says_whether_there_was_a_session"],
    ),
    server(
        "MQTT5-3.2.2-2",
        "After a clean start no session is present.",
        &["mqtt5_3_2_2_2_session_present_says_whether_there_was_a_session"],
    ),
    server(
        "MQTT5-3.2.2-3",
        "Otherwise CONNACK says whether there was a session.",
        &["mqtt5_3_2_2_2_session_present_says_whether_there_was_a_session"],
    ),
    client("MQTT5-3.2.2-4", "A client without a session that is told there is one closes."),
    client("MQTT5-3.2.2-5", "A client with a session that is told there is none discards it."),
    server(
        "MQTT5-3.2.2-6",
        "A refusal says that no session is present.",
        &["mqtt5_3_2_2_6_a_refusal_says_that_no_session_is_present_and_closes"],
    ),
    server(
        "MQTT5-3.2.2-7",
        "A refusal is followed by the end of the connection.",
        &[
            "mqtt5_3_2_2_6_a_refusal_says_that_no_session_is_present_and_closes",
            "mqtt5_3_1_4_1_a_connect_that_is_not_well_formed_is_refused",
        ],
    ),
    server("MQTT5-3.2.2-8", "CONNACK has a reason of its table.", &["mqtt5_3_2_2_8_reasons_are_those_of_the_table"]),
    server(
        "MQTT5-3.2.2-9",
        "A server that lacks QoS 1 or 2 says so in CONNACK; this one has both.",
        &["connack_says_what_the_server_takes_and_nothing_more", "mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets"],
    ),
    server(
        "MQTT5-3.2.2-10",
        "Subscriptions of every QoS are accepted.",
        &["mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order"],
    ),
    client("MQTT5-3.2.2-11", "A client keeps to the Maximum QoS it is told."),
    server(
        "MQTT5-3.2.2-12",
        "A will of a QoS the server lacks is refused; this one has all.",
        &["mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain"],
    ),
    server(
        "MQTT5-3.2.2-13",
        "A retained will is refused by a server without retained messages; this one has them.",
        &["mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain"],
    ),
    client("MQTT5-3.2.2-14", "A client that is told there are no retained messages sends none."),
    server(
        "MQTT5-3.2.2-15",
        "A client keeps to the server's Maximum Packet Size; else 0x95 and the end.",
        &["packet_bytes_max_ends_a_connection_that_sends_more"],
    ),
    server(
        "MQTT5-3.2.2-16",
        "An assigned identifier is told, and no other session has it.",
        &["mqtt5_3_1_3_6_an_empty_client_identifier_is_replaced_by_a_new_one"],
    ),
    server(
        "MQTT5-3.2.2-17",
        "A client keeps to the server's Topic Alias Maximum; else 0x94 and the end.",
        &["mqtt5_3_3_2_8_topic_aliases_outside_the_announced_range_are_refused"],
    ),
    server(
        "MQTT5-3.2.2-18",
        "A client sends no alias to a server that announces none.",
        &["mqtt5_3_3_2_8_topic_aliases_outside_the_announced_range_are_refused"],
    ),
    server(
        "MQTT5-3.2.2-19",
        "CONNACK has no Reason String that makes it too large.",
        &["mqtt5_3_2_2_19_a_reason_string_that_does_not_fit_is_left_out"],
    ),
    server(
        "MQTT5-3.2.2-20",
        "CONNACK has no User Property that makes it too large; here it never has one.",
        &["connack_says_what_the_server_takes_and_nothing_more"],
    ),
    client("MQTT5-3.2.2-21", "A client uses the Server Keep Alive."),
    server(
        "MQTT5-3.2.2-22",
        "Without a Server Keep Alive the client's holds.",
        &[
            "mqtt5_3_2_2_21_a_shorter_keep_alive_is_announced_and_holds",
            "mqtt5_3_1_2_22_silence_of_one_and_a_half_keep_alives_ends_the_connection",
        ],
    ),
];
