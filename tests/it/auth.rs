//! Who is let in and what clients may, with the answers of each version.

use crate::script::check;

#[test]
fn the_right_password_lets_in_and_anything_else_does_not() {
    check(
        r#"user alice=secret bob=other
           a: connected id=a clean username=alice password="secret"
           b: connect id=b clean username=alice password="wrong"
           b< connack sp=0 code=0x86 reason_string="bad user name or password"
           b closed
           c: connect id=c clean username=nobody password="secret"
           c< connack sp=0 code=0x86 reason_string="bad user name or password"
           c closed
           d: connect id=d clean username=alice
           d< connack sp=0 code=0x86 ..
           d closed
           a: publish t "x"
           metric connects_unauthenticated_total=3"#,
    );
}

/// Scripts show return codes as the reason codes they stand for.
#[test]
fn mqtt311_3_2_2_3_bad_credentials_are_return_code_4_and_no_name_is_5() {
    check(
        r#"user alice=secret
           closed
           a: connected v=4 id=a clean username=alice password="secret"
           b: connect v=4 id=b clean username=alice password="wrong"
           b< connack sp=0 code=0x86
           b closed
           c: connect v=4 id=c clean
           c< connack sp=0 code=0x87
           c closed
           d: connect id=d clean
           d< connack sp=0 code=0x87 ..
           d closed"#,
    );
}

#[test]
fn anonymous_clients_are_let_in_beside_users_if_that_is_said() {
    check(
        r#"user alice=secret
           a: connected v=any id=a clean
           b: connect id=b clean username=alice password="wrong"
           b< connack sp=0 code=0x86 ..
           b closed"#,
    );
}

#[test]
fn what_comes_behind_connect_waits_for_the_answer() {
    check(
        r#"user alice=secret
           s: connected id=s clean
           s: subscribed # q1
           a: connect id=a clean username=alice password="secret" &
           a: publish t/1 q1 id=1 "early" &
           a: subscribe id=2 x q0 &
           a: pingreq
           a< connack sp=0 code=0 ..
           a< puback id=1
           a<* suback id=2 codes=0
           a<* pingresp
           s< publish t/1 q1 id=1 "early""#,
    );
}

#[test]
fn a_client_identifier_that_is_made_up_is_the_one_that_was_asked_about() {
    check(
        r#"user alice=secret
           acl pattern readwrite own/%c
           a: connected clean username=alice password="secret"
           a: publish other/x q1 id=1 "x"
           a< puback id=1 code=0x87"#,
    );
}

#[test]
fn who_goes_away_or_is_late_leaves_nothing_behind() {
    check(
        r#"user alice=secret
           limits connect_timeout=5s
           a: connect id=a clean username=alice password="secret" &
           a: cut
           b: connect id=b clean username=alice password="wrong" &
           b: close
           wait 10s"#,
    );
}

#[test]
fn mqtt5_3_4_2_1_a_publication_that_is_not_allowed_is_refused_where_that_can_be_said() {
    check(
        r#"acl topic read #
           acl topic write yes
           s: connected id=s clean
           s: subscribed # q2
           a: connected id=a clean
           a: publish no q1 id=1 "x"
           a< puback id=1 code=0x87
           a: publish no q2 id=2 "x"
           a< pubrec id=2 code=0x87
           a: publish no "x"
           a: publish no q1 id=1 "x" retain
           a< puback id=1 code=0x87
           a: publish yes q1 id=3 "y"
           a< puback id=3
           s< publish yes q1 id=1 "y"
           retained
           metric publish_denied_total=4"#,
    );
}

#[test]
fn before_5_0_a_publication_that_is_not_allowed_is_acknowledged_and_dropped() {
    check(
        r#"acl topic read #
           acl topic write yes
           s: connected v=4 id=s clean
           s: subscribed # q2
           a: connected v=4 id=a clean
           a: publish no q1 id=1 "x"
           a< puback id=1
           a: publish no q2 id=2 "x"
           a< pubrec id=2
           a: pubrel id=2
           a< pubcomp id=2
           a: publish yes q1 id=3 "y"
           a< puback id=3
           s< publish yes q1 id=1 "y"
           metric publish_denied_total=2"#,
    );
}

#[test]
fn a_topic_alias_does_not_get_around_the_rules() {
    check(
        r#"acl topic read #
           acl topic write yes
           s: connected id=s clean
           s: subscribed # q0
           a: connected id=a clean
           a: publish no topic_alias=1 "x"
           a: publish "" topic_alias=1 "x"
           a: publish yes "y"
           a: publish "" topic_alias=1 "x"
           a: publish no "x"
           a: publish yes "z"
           s< publish yes q0 "y"
           s< publish yes q0 "z"
           metric publish_denied_total=4"#,
    );
}

#[test]
fn mqtt5_3_9_3_subscriptions_that_can_bring_nothing_are_refused() {
    check(
        r#"acl topic read a/#
           acl topic deny a/secret
           a: connected id=a clean
           a: subscribe id=1 a/b q1 b q0 a/secret q0 # q2 $share/g/b q0 $share/g/a q0
           a< suback id=1 codes=1,0x87,0x87,2,0x87,0
           b: connected v=4 id=b clean
           b: subscribe id=1 a/b q1 b q0
           b< suback id=1 codes=1,0x80
           metric subscriptions_denied_total=4"#,
    );
}

#[test]
fn deliveries_are_checked_one_by_one() {
    check(
        r#"acl topic readwrite #
           acl topic deny secret/#
           acl user boss
           acl topic readwrite #
           user boss=b
           a: connected id=a clean
           a: subscribed # q1
           b: connected id=b clean username=boss password="b"
           b: publish secret/x "s"
           b: publish secret/y q1 id=1 "s" retain
           b< puback id=1
           b: publish open q1 id=2 "o"
           b< puback id=2
           a< publish open q1 id=1 "o"
           c: connected id=c clean
           c: subscribed # q1
           c nothing
           d: connected id=d clean username=boss password="b"
           d: subscribed # q0
           d< publish secret/y q0 "s" retain"#,
    );
}

#[test]
fn a_will_is_published_only_where_its_client_may() {
    check(
        r#"acl topic read #
           acl topic write yes
           s: connected id=s clean
           s: subscribed # q0
           a: connected id=a clean will=no will.payload="x"
           b: connected id=b clean will=yes will.payload="y"
           a: cut
           b: cut
           s< publish yes q0 "y""#,
    );
}

#[test]
fn a_session_belongs_to_its_user() {
    check(
        r#"user alice=a bob=b
           a: connected id=c session_expiry=100 username=alice password="a"
           a: subscribed t q1
           a: close
           p: connected id=p clean
           p: publish t q1 id=1 "for alice"
           p< puback id=1
           b: connect id=c session_expiry=100 username=bob password="b"
           b< connack sp=0 code=0 ..
           b nothing"#,
    );
}

#[test]
fn new_rules_hold_at_once_for_those_who_are_there() {
    check(
        r#"user alice=a bob=b
           acl topic readwrite #
           acl user alice
           acl topic readwrite #
           acl user bob
           acl topic readwrite #
           a: connected id=a clean username=alice password="a"
           a: subscribed # q1
           b: connected id=b session_expiry=100 username=bob password="b"
           b: publish t "1"
           a< publish t q0 "1"
           b: publish t "2"
           a< publish t q0 "2"
           rules
           user alice=a
           acl user alice
           acl topic read other
           acl topic write #
           reload
           b< disconnect code=0x87 ..
           b closed
           a: publish t q1 id=1 "3"
           a< puback id=1
           a: publish other q1 id=2 "4"
           a<* publish other q1 id=1 "4"
           a< puback id=2
           a: puback id=1
           metric sessions_revoked_total=1
           b: connect id=b session_expiry=100 username=bob password="b"
           b< connack sp=0 code=0x86 ..
           b closed"#,
    );
}

#[test]
fn a_topic_that_is_known_is_asked_for_again_under_new_rules() {
    check(
        r#"turn_units 1
           acl topic readwrite #
           s: connected id=s clean
           s: subscribed # q0
           a: connected id=a clean
           a: publish t "1"
           a: publish t "2"
           s< publish t q0 "1"
           s< publish t q0 "2"
           rules
           acl topic read #
           reload
           a: publish t "3"
           a: publish t "4"
           s nothing
           metric publish_denied_total=2"#,
    );
}

#[test]
fn a_connection_ends_when_what_let_it_in_expires() {
    check(
        r#"user alice=secret
           lifetime 30s
           a: connected id=a clean username=alice password="secret" keep_alive=20
           wait 25s
           a: pingreq
           a< pingresp
           wait 6s
           a< disconnect code=0xa0 ..
           a closed
           metric grants_expired_total=1"#,
    );
}

/// Publications in a row are asked about once, and delivered in a row, too.
#[test]
fn publications_in_a_row_are_checked_like_single_ones() {
    check(
        r#"acl topic readwrite open
           acl topic write secret
           acl user boss
           acl topic readwrite #
           user boss=b
           s: connected id=s clean
           s: subscribed # q0
           b: connected id=b clean username=boss password="b"
           b: subscribed # q0
           a: connected id=a clean
           a: publish secret "1" &
           a: publish secret "2" &
           a: publish secret "3" &
           a: publish open "4" &
           a: publish open "5" &
           a: publish closed "6" &
           a: publish closed "7" &
           a: publish open "8"
           b< publish secret q0 "1"
           b< publish secret q0 "2"
           b< publish secret q0 "3"
           b< publish open q0 "4"
           b< publish open q0 "5"
           b< publish open q0 "8"
           s< publish open q0 "4"
           s< publish open q0 "5"
           s< publish open q0 "8"
           metric deliveries_denied_total=3
           metric publish_denied_total=2"#,
    );
}

#[test]
fn what_waits_in_a_queue_is_asked_about_again_when_it_leaves() {
    check(
        r#"acl topic readwrite #
           a: connected id=a session_expiry=100
           a: subscribed # q1
           a: close
           p: connected id=p clean
           p: publish secret q1 id=1 "1"
           p< puback id=1
           p: publish open q1 id=2 "2"
           p< puback id=2
           rules
           acl topic readwrite open
           reload
           a: connect id=a session_expiry=100
           a< connack sp=1 code=0 ..
           a< publish open q1 id=1 "2""#,
    );
}
