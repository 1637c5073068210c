//! SCRAM-SHA-256 before CONNACK and again later [MQTT5-4.12].

use crate::script::check;

#[test]
fn mqtt5_4_12_0_2_a_client_that_proves_its_password_is_let_in_and_shown_that_we_know_it() {
    check(
        r#"scram alice=pencil
           acl user alice
           acl topic readwrite mine
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=_
           a nothing
           a: prove pencil
           a< connack sp=0 code=0 authentication_method=SCRAM-SHA-256 authentication_data=SIGNATURE ..
           a: subscribe id=1 mine q0 other q0
           a< suback id=1 codes=0,0x87
           a: publish mine "x"
           a< publish mine q0 "x""#,
    );
}

#[test]
fn mqtt5_4_12_0_5_the_method_is_repeated_and_no_other_packet_names_one() {
    check(
        r#"scram alice=pencil
           b: connect id=b clean
           b< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_
           a: connect clean authentication_method=SCRAM-SHA-256 authentication_data="y,a=alice,n=alice,r=abc"
           a< auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=_
           a: prove pencil
           a< connack sp=0 code=0 authentication_method=SCRAM-SHA-256 authentication_data=SIGNATURE assigned_client_id=_ ..
           b: publish t "x""#,
    );
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove wrong
           a< connack sp=0 code=0x86 reason_string="bad user name or password"
           a closed
           b: connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=mallory,r=abc"
           b< auth code=0x18 ..
           b: prove pencil
           b< connack sp=0 code=0x86 reason_string="bad user name or password"
           b closed
           metric connects_unauthenticated_total=2 connects_accepted_total=0"#,
    );
}

#[test]
fn messages_that_are_malformed_or_want_channel_binding_let_nobody_in() {
    for data in
        ["\"\"", "n,,", "\"n,,n=alice\"", "\"p=tls-exporter,,n=alice,r=abc\"", "*2000", "\"n,,n=alice,r=a\\x07\""]
    {
        check(&format!(
            r#"scram alice=pencil
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data={data}
               a< connack sp=0 code=0x86 ..
               a closed"#
        ));
    }
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256
           a< connack sp=0 code=0x86 ..
           a closed"#,
    );
    for data in ["\"\"", "x", "\"c=biws,r=abc,p=AAAA\"", "*5000"] {
        check(&format!(
            r#"scram alice=pencil
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
               a< auth code=0x18 ..
               a: auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data={data}
               a< connack sp=0 code=0x86 ..
               a closed"#
        ));
    }
}

#[test]
fn mqtt5_4_12_0_1_a_method_that_is_not_offered_is_refused() {
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-1 authentication_data="n,,n=alice,r=abc"
           a< connack sp=0 code=0x8c ..
           a closed
           b: connect id=b clean authentication_method=scram-sha-256 authentication_data="n,,n=alice,r=abc"
           b< connack sp=0 code=0x8c ..
           b closed"#,
    );
    check(
        r#"user alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< connack sp=0 code=0x8c ..
           a closed"#,
    );
}

#[test]
fn mqtt5_4_12_0_5_another_method_within_an_exchange_is_refused() {
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove pencil authentication_method=SCRAM-SHA-1
           a< connack sp=0 code=0x8c ..
           a closed"#,
    );
}

#[test]
fn mqtt5_4_12_0_3_an_auth_before_connack_has_reason_0x18_and_comes_once() {
    for order in ["prove pencil code=0", "prove pencil code=0x19", "raw f0 00"] {
        check(&format!(
            r#"scram alice=pencil
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
               a< auth code=0x18 ..
               a: {order}
               a< connack sp=0 code=0x82 ..
               a closed"#
        ));
    }
    // The second one comes before the first is answered, and neither lets in.
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc" &
           a: auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=x &
           a: auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=x
           a< auth code=0x18 ..
           a< connack sp=0 code=_ ..
           a closed
           metric connects_accepted_total=0"#,
    );
}

#[test]
fn mqtt5_3_1_2_30_nothing_but_auth_and_disconnect_comes_before_connack() {
    for order in ["publish t \"x\"", "subscribe t", "pingreq", "connect id=a clean", "puback id=1"] {
        check(&format!(
            r#"scram alice=pencil
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
               a< auth code=0x18 ..
               a: {order}
               a< connack sp=0 code=0x82 ..
               a closed
               metric publish_received_total=0 protocol_errors_total=1"#
        ));
    }
    // Its first byte is enough: what it would be long is not waited for.
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: raw 30
           a< connack sp=0 code=0x82 ..
           a closed"#,
    );
}

#[test]
fn malformed_packets_before_connack_are_said_to_be_so() {
    for (bytes, code) in [
        ("f1 00", "0x81"),
        ("f0 8000", "0x81"),
        ("f0 01 18", "0x81"),
        ("f0 02 18 00", "0x82"),
        ("00 00", "0x81"),
        ("f0 ffffffff", "0x81"),
        ("e0 01 03", "0x81"),
    ] {
        check(&format!(
            r#"scram alice=pencil
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
               a< auth code=0x18 ..
               a: raw {bytes}
               a< connack sp=0 code={code} ..
               a closed
               metric protocol_errors_total=1 connects_accepted_total=0"#
        ));
    }
}

#[test]
fn a_client_may_leave_before_connack_in_any_way() {
    for order in ["disconnect", "disconnect code=4", "close", "cut"] {
        check(&format!(
            r#"scram alice=pencil
               w: connected id=w clean
               w: subscribed # q0
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc" will=t will.payload="x"
               a< auth code=0x18 ..
               a: {order}
               a closed
               w nothing"#
        ));
    }
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove pencil &
           a: cut"#,
    );
}

#[test]
fn an_exchange_takes_no_longer_than_a_connect_may() {
    check(
        r#"scram alice=pencil
           limits connect_timeout=5s
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           wait 4.9s
           a open
           wait 200ms
           a closed
           a gone
           metric connect_timeouts_total=1"#,
    );
}

#[test]
fn an_exchange_brings_no_more_bytes_than_a_connect_may() {
    // Room for the CONNECT and a proof, about 51 and 133 bytes, and for little more.
    let exchange = |order: &str| {
        format!(
            r#"scram alice=pencil
               limits connect_bytes_max=190
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
               a< auth code=0x18 ..
               a: {order}"#
        )
    };
    check(&format!("{}\na< connack sp=0 code=0 ..", exchange("prove pencil")));
    check(&format!("{}\na< connack sp=0 code=0x95 ..\na closed", exchange("prove pencil user.x=*100")));
    check(&format!("{}\na< connack sp=0 code=0x95 ..\na closed", exchange("raw f0 ff01")));
}

#[test]
fn exchanges_max_bounds_those_before_connack() {
    check(
        r#"scram alice=pencil
           limits exchanges_max=2
           shards 1
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           b: connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           b< auth code=0x18 ..
           c: connect id=c clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           c< connack sp=0 code=0x89 ..
           c closed
           a: prove pencil
           a< connack sp=0 code=0 ..
           d: connect id=d clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           d< auth code=0x18 ..
           d: prove pencil
           d< connack sp=0 code=0 .."#,
    );
}

#[test]
fn mqtt5_3_1_2_24_a_client_too_small_for_auth_is_refused() {
    check(
        r#"scram alice=pencil
           a: connect id=a clean maximum_packet_size=60 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< connack sp=0 code=0x83 ..
           a closed"#,
    );
}

#[test]
fn files_that_change_within_an_exchange_are_heeded() {
    check(
        r#"scram alice=pencil bob=b
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           b: connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=bob,r=abc"
           b< auth code=0x18 ..
           rules
           scram bob=b
           reload
           a: prove pencil
           a< connack sp=0 code=0x86 ..
           a closed
           b: prove b
           b< connack sp=0 code=0 .."#,
    );
}

#[test]
fn who_is_not_in_the_file_any_more_is_sent_away() {
    check(
        r#"scram alice=pencil bob=b
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove pencil
           a< connack sp=0 code=0 ..
           rules
           scram bob=b
           reload
           a< disconnect code=0x87 ..
           a closed
           metric sessions_revoked_total=1"#,
    );
}

#[test]
fn mqtt5_4_12_1_a_client_authenticates_again_while_the_rest_goes_on() {
    check(
        r#"scram alice=pencil
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove pencil
           a< connack sp=0 code=0 ..
           a: subscribed t q1
           a: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=def"
           a< auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=_
           a: publish t q1 id=1 "x"
           a<* puback id=1
           a<* publish t q1 id=1 "x"
           a: puback id=1 &
           a: pingreq
           a< pingresp
           a: prove pencil
           a< auth code=0 authentication_method=SCRAM-SHA-256 authentication_data=SIGNATURE
           a: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=ghi"
           a< auth code=0x18 ..
           a: prove pencil
           a< auth code=0 ..
           a: pingreq
           a< pingresp
           metric reauthentications_refused_total=0"#,
    );
}

#[test]
fn mqtt5_4_12_1_2_who_fails_to_authenticate_again_is_parted_from() {
    let again = |second: &str, order: &str, code: &str| {
        check(&format!(
            r#"scram alice=pencil bob=b
               w: connected id=w clean
               w: subscribed # q0
               a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc" will=t will.payload="x"
               a< auth code=0x18 ..
               a: prove pencil
               a< connack sp=0 code=0 ..
               {second}
               a: {order}
               a< disconnect code={code} ..
               a closed
               w< publish t q0 "x""#
        ));
    };
    let begin = |name: &str| {
        format!(
            "a: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n={name},r=x\"\n a< auth code=0x18 .."
        )
    };
    again(&begin("alice"), "prove wrong", "0x87");
    // Another user, with that one's own password.
    again(&begin("bob"), "prove b", "0x87");
    again(&begin("mallory"), "prove pencil", "0x87");
    again("", "auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data=x", "0x87");
    again("", "auth code=0x19 authentication_method=SCRAM-SHA-256", "0x87");
    // Another method [MQTT5-4.12.1-1].
    again("", "auth code=0x19 authentication_method=SCRAM-SHA-1 authentication_data=\"n,,n=alice,r=x\"", "0x8c");
    again(&begin("alice"), "prove pencil authentication_method=other", "0x8c");
    // Out of turn.
    again("", "auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=x", "0x82");
    again("", "auth code=0 authentication_method=SCRAM-SHA-256", "0x82");
    again("", "raw f0 00", "0x82");
    again(
        &begin("alice"),
        "auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n=alice,r=x\"",
        "0x82",
    );
    again(&begin("alice"), "prove pencil code=0", "0x82");
}

#[test]
fn mqtt5_4_12_0_7_who_came_with_a_password_sends_no_auth() {
    check(
        r#"scram alice=pencil
           user alice=pencil
           a: connected id=a clean username=alice password="pencil"
           a: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< disconnect code=0x82 ..
           a closed"#,
    );
}

#[test]
fn a_session_of_scram_belongs_to_its_user() {
    check(
        r#"scram alice=pencil
           user alice=pencil bob=b
           a: connect id=c session_expiry=100 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           a: prove pencil
           a< connack sp=0 code=0 ..
           a: close
           a: connect id=c session_expiry=100 username=alice password="pencil"
           a< connack sp=1 code=0 ..
           // It has come without a method this time.
           a: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< disconnect code=0x82 ..
           b: connect id=c session_expiry=100 username=bob password="b"
           b< connack sp=0 code=0 .."#,
    );
}

#[test]
fn a_drain_and_a_takeover_end_an_exchange() {
    check(
        r#"scram alice=pencil
           no_epilogue
           a: connect id=a clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           a< auth code=0x18 ..
           b: connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           b< auth code=0x18 ..
           b: prove pencil
           b< connack sp=0 code=0 ..
           b: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           b< auth code=0x18 ..
           drain
           a closed
           b< disconnect code=0x8b ..
           b closed
           drained"#,
    );
    check(
        r#"scram alice=pencil
           b: connect id=b clean authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           b< auth code=0x18 ..
           b: prove pencil
           b< connack sp=0 code=0 ..
           b: auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data="n,,n=alice,r=abc"
           b< auth code=0x18 ..
           c: connected id=b clean
           b< disconnect code=0x8e ..
           b closed"#,
    );
}
