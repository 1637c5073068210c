//! PUBLISH.

use crate::conformance::statement::{client, server, Statement};

pub(super) const STATEMENTS: &[Statement] = &[
    server(
        "MQTT5-3.3.1-1",
        "A PUBLISH that is sent again has DUP.",
        &["mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup"],
    ),
    server(
        "MQTT5-3.3.1-2",
        "A QoS 0 PUBLISH has no DUP.",
        &["mqtt5_3_3_1_2_a_qos_0_publish_with_dup_is_refused", "mqtt5_4_3_1_1_qos_0_is_sent_once_without_identifier"],
    ),
    server(
        "MQTT5-3.3.1-3",
        "DUP of the publisher is not passed on.",
        &["mqtt5_3_3_1_3_dup_of_the_publisher_is_not_passed_on"],
    ),
    server("MQTT5-3.3.1-4", "There is no QoS 3.", &["mqtt5_3_3_1_4_a_publish_with_qos_3_is_malformed"]),
    server(
        "MQTT5-3.3.1-5",
        "A message with RETAIN replaces the retained message of its topic.",
        &["mqtt5_3_3_1_5_a_retained_message_is_stored_and_replaced"],
    ),
    server(
        "MQTT5-3.3.1-6",
        "One without payload is delivered and deletes the retained message.",
        &["mqtt5_3_3_1_6_an_empty_retained_message_deletes_and_is_delivered"],
    ),
    server(
        "MQTT5-3.3.1-7",
        "One without payload is not stored.",
        &["mqtt5_3_3_1_6_an_empty_retained_message_deletes_and_is_delivered"],
    ),
    server(
        "MQTT5-3.3.1-8",
        "A message without RETAIN changes nothing that is retained.",
        &["mqtt5_3_3_1_8_a_message_without_retain_leaves_the_retained_one_alone"],
    ),
    server(
        "MQTT5-3.3.1-9",
        "Retain Handling 0: retained messages come with each SUBSCRIBE.",
        &[
            "mqtt5_3_3_1_9_retain_handling_0_sends_them_each_time",
            "many_retained_messages_reach_a_subscriber_with_a_small_receive_maximum",
        ],
    ),
    server(
        "MQTT5-3.3.1-10",
        "Retain Handling 1: they come if the subscription is new.",
        &["mqtt5_3_3_1_10_retain_handling_1_sends_them_to_a_new_subscription_only"],
    ),
    server("MQTT5-3.3.1-11", "Retain Handling 2: they do not come.", &["mqtt5_3_3_1_11_retain_handling_2_sends_none"]),
    server(
        "MQTT5-3.3.1-12",
        "Without Retain As Published, messages are passed on without RETAIN.",
        &["mqtt5_3_3_1_12_retain_is_passed_on_only_if_the_subscription_asks_for_it"],
    ),
    server(
        "MQTT5-3.3.1-13",
        "With it, RETAIN is as the publisher set it.",
        &[
            "mqtt5_3_3_1_12_retain_is_passed_on_only_if_the_subscription_asks_for_it",
            "mqtt5_4_8_2_retain_as_published_holds_for_shared_subscriptions",
        ],
    ),
    server(
        "MQTT5-3.3.2-1",
        "The topic name comes first and is valid text.",
        &["mqtt5_3_3_2_1_a_topic_name_is_utf_8_without_null"],
    ),
    server("MQTT5-3.3.2-2", "A topic name has no wildcards.", &["mqtt5_3_3_2_2_a_topic_name_has_no_wildcards"]),
    server(
        "MQTT5-3.3.2-3",
        "What is sent to a subscriber matches its filter.",
        &[
            "mqtt5_4_7_1_1_the_multi_level_wildcard_matches_its_parent_and_all_below",
            "mqtt5_4_7_1_2_the_single_level_wildcard_matches_one_level",
            "a_message_for_a_member_on_another_core_is_not_mistaken_for_the_one_before_it",
        ],
    ),
    server(
        "MQTT5-3.3.2-4",
        "The Payload Format Indicator is passed on.",
        &[
            "mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order",
            "mqtt5_3_3_2_4_properties_of_value_zero_and_empty_ones_are_passed_on_too",
        ],
    ),
    server(
        "MQTT5-3.3.2-5",
        "A message that has expired before its delivery began is not delivered.",
        &[
            "mqtt5_3_3_2_5_a_message_that_expired_in_the_queue_is_not_delivered",
            "mqtt5_3_3_2_5_messages_that_expired_in_a_full_queue_make_room",
            "mqtt5_3_3_2_3_a_retained_message_expires",
        ],
    ),
    server(
        "MQTT5-3.3.2-6",
        "The expiry interval that is passed on is what is left of it.",
        &[
            "mqtt5_3_3_2_6_the_expiry_interval_sent_on_is_what_is_left",
            "mqtt5_3_3_2_6_the_expiry_interval_passed_on_is_what_is_left",
        ],
    ),
    server(
        "MQTT5-3.3.2-7",
        "Topic aliases do not outlive their connection.",
        &["mqtt5_3_3_2_7_topic_aliases_do_not_outlive_the_connection"],
    ),
    server(
        "MQTT5-3.3.2-8",
        "There is no topic alias 0.",
        &["mqtt5_3_3_2_8_topic_aliases_outside_the_announced_range_are_refused"],
    ),
    server(
        "MQTT5-3.3.2-9",
        "A client's aliases stay within the server's maximum.",
        &[
            "mqtt5_3_3_2_9_an_alias_above_the_maximum_is_refused",
            "mqtt5_3_3_2_8_topic_aliases_outside_the_announced_range_are_refused",
        ],
    ),
    client("MQTT5-3.3.2-10", "A client accepts all aliases within its maximum."),
    server(
        "MQTT5-3.3.2-11",
        "A server's aliases stay within the client's maximum.",
        &[
            "mqtt5_3_1_2_26_topic_aliases_towards_a_client_stay_within_its_maximum",
            "topic_alias_out_max_holds_whatever_the_client_allows",
        ],
    ),
    server(
        "MQTT5-3.3.2-12",
        "A server accepts all aliases within its maximum.",
        &[
            "mqtt5_3_3_2_12_all_announced_topic_aliases_are_accepted",
            "mqtt5_3_3_2_12_an_alias_can_be_defined_used_and_defined_anew",
        ],
    ),
    server("MQTT5-3.3.2-13", "A Response Topic is valid text.", &["mqtt5_3_3_2_14_a_response_topic_is_a_topic_name"]),
    server(
        "MQTT5-3.3.2-14",
        "A Response Topic has no wildcards.",
        &["mqtt5_3_3_2_14_a_response_topic_is_a_topic_name"],
    ),
    server(
        "MQTT5-3.3.2-15",
        "The Response Topic is passed on.",
        &["mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order"],
    ),
    server(
        "MQTT5-3.3.2-16",
        "Correlation Data is passed on.",
        &["mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order"],
    ),
    server(
        "MQTT5-3.3.2-17",
        "User Properties are passed on.",
        &["mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order"],
    ),
    server(
        "MQTT5-3.3.2-18",
        "User Properties keep their order.",
        &[
            "mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order",
            "what_is_not_forwarded_is_skipped_and_the_order_kept",
        ],
    ),
    server("MQTT5-3.3.2-19", "The Content Type is valid text.", &["mqtt5_3_3_2_14_a_response_topic_is_a_topic_name"]),
    server(
        "MQTT5-3.3.2-20",
        "The Content Type is passed on.",
        &["mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order"],
    ),
    server(
        "MQTT5-3.3.4-1",
        "A PUBLISH is answered as its QoS asks.",
        &[
            "mqtt5_4_3_1_1_qos_0_is_sent_once_without_identifier",
            "mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier",
            "mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets",
        ],
    ),
    server(
        "MQTT5-3.3.4-2",
        "Where subscriptions overlap, the highest of their QoS holds.",
        &["mqtt5_3_3_4_2_one_copy_with_the_highest_qos_and_all_subscription_identifiers"],
    ),
    server(
        "MQTT5-3.3.4-3",
        "Subscription Identifiers of overlapping subscriptions are sent along.",
        &[
            "mqtt5_3_3_4_2_one_copy_with_the_highest_qos_and_all_subscription_identifiers",
            "mqtt5_3_3_4_3_a_subscription_identifier_comes_with_queued_and_retained_messages_too",
        ],
    ),
    server(
        "MQTT5-3.3.4-4",
        "A single copy carries all of them.",
        &[
            "mqtt5_3_3_4_2_one_copy_with_the_highest_qos_and_all_subscription_identifiers",
            "mqtt5_3_3_4_4_a_replaced_subscription_has_its_new_identifier_or_none",
        ],
    ),
    server(
        "MQTT5-3.3.4-5",
        "Of several copies each carries its own; only a shared subscription makes a second copy here.",
        &["mqtt5_4_8_2_a_client_may_have_a_plain_and_a_shared_subscription"],
    ),
    server(
        "MQTT5-3.3.4-6",
        "A client's PUBLISH has no Subscription Identifier.",
        &["mqtt5_3_3_4_6_a_client_sends_no_subscription_identifier"],
    ),
    server(
        "MQTT5-3.3.4-7",
        "A client keeps to the server's Receive Maximum; else 0x93 and the end.",
        &[
            "mqtt5_3_3_4_7_more_qos_2_publications_than_the_announced_receive_maximum_are_refused",
            "mqtt5_3_3_4_7_qos_1_publications_are_acknowledged_at_once_and_never_too_many",
        ],
    ),
    client("MQTT5-3.3.4-8", "A client delays nothing but PUBLISH for the Receive Maximum."),
    server(
        "MQTT5-3.3.4-9",
        "A server keeps to the client's Receive Maximum.",
        &[
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
            "mqtt5_3_3_4_9_redelivery_respects_the_receive_maximum_of_the_new_connection",
        ],
    ),
    server(
        "MQTT5-3.3.4-10",
        "A server delays nothing but PUBLISH for the Receive Maximum.",
        &[
            "mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged",
            "mqtt5_3_3_4_10_pubrel_is_not_withheld_by_the_receive_maximum",
        ],
    ),
    server(
        "MQTT5-3.4.2-1",
        "PUBACK has a reason of its table.",
        &[
            "mqtt5_3_4_2_1_reasons_are_those_of_the_packets_table",
            "mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused",
            "mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10",
        ],
    ),
    server(
        "MQTT5-3.4.2-2",
        "PUBACK has no Reason String that makes it too large; here it never has one.",
        &[
            "mqtt5_3_1_2_29_problem_information_is_left_out_if_it_is_not_wanted",
            "mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10",
        ],
    ),
    server(
        "MQTT5-3.4.2-3",
        "PUBACK has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10"],
    ),
    server(
        "MQTT5-3.5.2-1",
        "PUBREC has a reason of its table.",
        &[
            "mqtt5_3_4_2_1_reasons_are_those_of_the_packets_table",
            "mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10",
            "mqtt5_4_3_3_9_a_refused_qos_2_publish_frees_its_identifier",
        ],
    ),
    server(
        "MQTT5-3.5.2-2",
        "PUBREC has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10"],
    ),
    server(
        "MQTT5-3.5.2-3",
        "PUBREC has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10"],
    ),
    server(
        "MQTT5-3.6.1-1",
        "The flags of PUBREL are 0010; others are malformed.",
        &["mqtt5_3_6_1_1_a_pubrel_with_other_flags_is_malformed"],
    ),
    server(
        "MQTT5-3.6.2-1",
        "PUBREL has a reason of its table.",
        &[
            "mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven",
            "mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused",
        ],
    ),
    server(
        "MQTT5-3.6.2-2",
        "PUBREL has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven"],
    ),
    server(
        "MQTT5-3.6.2-3",
        "PUBREL has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven"],
    ),
    server(
        "MQTT5-3.7.2-1",
        "PUBCOMP has a reason of its table.",
        &[
            "mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven",
            "mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused",
        ],
    ),
    server(
        "MQTT5-3.7.2-2",
        "PUBCOMP has no Reason String that makes it too large; here it never has one.",
        &["mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven"],
    ),
    server(
        "MQTT5-3.7.2-3",
        "PUBCOMP has no User Property that makes it too large; here it never has one.",
        &["mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven"],
    ),
];
