//! Chapters 1 and 2.

use crate::conformance::statement::{server, Statement};

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-1.5.4-1",
        "Text is well-formed UTF-8 without surrogates.",
        &[
            "strings_are_utf8_without_null",
            "mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null",
            "mqtt5_3_3_2_1_a_topic_name_is_utf_8_without_null",
            "mqtt5_1_5_4_characters_of_every_length_and_control_characters_are_allowed",
        ],
    ),
    server(
        "MQTT5-1.5.4-2",
        "Text has no U+0000.",
        &[
            "strings_are_utf8_without_null",
            "mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null",
            "mqtt5_3_8_3_1_topic_filters_are_utf_8_without_null",
        ],
    ),
    server(
        "MQTT5-1.5.4-3",
        "U+FEFF is a character like any other wherever it stands.",
        &[
            "mqtt5_1_5_4_3_a_byte_order_mark_is_a_character_like_any_other",
            "client_identifiers_of_any_length_and_character_are_accepted",
        ],
    ),
    server(
        "MQTT5-1.5.5-1",
        "A Variable Byte Integer takes no more bytes than it needs.",
        &[
            "mqtt5_1_5_5_1_overlong_and_endless_variable_byte_integers_are_refused",
            "mqtt5_1_5_5_1_an_overlong_remaining_length_is_seen",
            "mqtt5_1_5_5_1_a_variable_byte_integer_has_no_byte_too_many",
            "mqtt5_3_1_4_1_a_connect_that_is_cut_short_or_too_long_is_refused",
        ],
    ),
    server(
        "MQTT5-1.5.7-1",
        "Both halves of a string pair are valid text.",
        &["mqtt5_1_5_7_1_both_strings_of_a_user_property_are_utf_8_without_null"],
    ),
    server(
        "MQTT5-2.1.3-1",
        "Reserved flag bits have the value the standard lists; others are malformed.",
        &[
            "mqtt5_2_1_3_1_reserved_flags_are_checked_per_version",
            "mqtt5_2_1_3_1_reserved_flags_and_packet_types_are_malformed",
        ],
    ),
    server(
        "MQTT5-2.2.1-2",
        "A QoS 0 PUBLISH has no Packet Identifier.",
        &[
            "qos_0_has_no_packet_identifier",
            "mqtt5_2_2_1_2_a_qos_0_publish_has_no_packet_identifier",
            "mqtt5_4_3_1_1_qos_0_is_sent_once_without_identifier",
        ],
    ),
    server(
        "MQTT5-2.2.1-3",
        "A client's SUBSCRIBE, UNSUBSCRIBE and QoS 1 and 2 PUBLISH have an identifier that is not zero and free.",
        &[
            "mqtt5_2_2_1_3_a_packet_identifier_is_not_zero",
            "mqtt5_2_2_1_3_a_publish_has_a_packet_identifier_that_is_not_zero",
            "mqtt5_2_2_1_3_a_subscribe_has_a_packet_identifier_that_is_not_zero",
        ],
    ),
    server(
        "MQTT5-2.2.1-4",
        "A server's new QoS 1 and 2 PUBLISH has an identifier that is not zero and free.",
        &[
            "mqtt5_2_2_1_4_identifiers_start_at_1_and_go_up",
            "mqtt5_2_2_1_3_identifiers_start_at_one_and_skip_those_in_use_after_the_wrap",
            "an_identifier_from_before_the_wrap_is_never_given_twice",
        ],
    ),
    server(
        "MQTT5-2.2.1-5",
        "PUBACK, PUBREC, PUBREL and PUBCOMP carry the identifier of their PUBLISH.",
        &[
            "mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier",
            "mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets",
        ],
    ),
    server(
        "MQTT5-2.2.1-6",
        "SUBACK and UNSUBACK carry the identifier of what they answer.",
        &[
            "mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order",
            "mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order",
        ],
    ),
    server(
        "MQTT5-2.2.2-1",
        "Where there are no properties, their length is there and zero.",
        &["mqtt5_2_2_2_1_a_packet_that_ends_early_or_late_is_malformed", "each_version_reads_and_writes_its_own_form"],
    ),
];
