//! The normative statements of MQTT 3.1.1.

mod behaviour;
mod connect;
mod packets;

use self::behaviour::BEHAVIOUR;
use self::connect::CONNECT;
use self::packets::PACKETS;
use super::statement::Edition;

/// MQTT 3.1.1, OASIS Standard, 29 October 2014, in the numbers of its Appendix B. (Two of them are misprinted there:
/// 3.1.2-7 and 3.8.3-4.)
pub(super) const EDITION: Edition = Edition {
    title: "MQTT 3.1.1",
    address: "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
    prefix: "MQTT311-",
    sections: &[
        ("1.5", "Data representations"),
        ("2.2", "Fixed header"),
        ("2.3", "Variable header"),
        ("3.1", "CONNECT"),
        ("3.2", "CONNACK"),
        ("3.3", "PUBLISH"),
        ("3.6", "PUBREL"),
        ("3.8", "SUBSCRIBE"),
        ("3.9", "SUBACK"),
        ("3.10", "UNSUBSCRIBE"),
        ("3.12", "PINGREQ"),
        ("3.14", "DISCONNECT"),
        ("4.1", "Storing state"),
        ("4.3", "Quality of Service"),
        ("4.4", "Delivery retry"),
        ("4.5", "Message receipt"),
        ("4.6", "Message ordering"),
        ("4.7", "Topic Names and Topic Filters"),
        ("4.8", "Handling errors"),
        ("6.0", "WebSocket"),
        ("7.0", "Conformance"),
        ("7.1", "Conformance targets"),
    ],
    parts: &[CONNECT, PACKETS, BEHAVIOUR],
};
