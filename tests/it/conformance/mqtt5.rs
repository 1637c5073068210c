//! The normative statements of MQTT 5.0, numbered as in its Appendix B.

mod behaviour;
mod connect;
mod delivery;
mod format;
mod publish;
mod subscribe;

use super::statement::Edition;

/// MQTT 5.0, OASIS Standard, 7 March 2019.
pub(super) const EDITION: Edition = Edition {
    title: "MQTT 5.0",
    address: "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
    prefix: "MQTT5-",
    sections: &[
        ("1.5", "Data representation"),
        ("2.1", "Structure of a packet"),
        ("2.2", "Variable header"),
        ("3.1", "CONNECT"),
        ("3.2", "CONNACK"),
        ("3.3", "PUBLISH"),
        ("3.4", "PUBACK"),
        ("3.5", "PUBREC"),
        ("3.6", "PUBREL"),
        ("3.7", "PUBCOMP"),
        ("3.8", "SUBSCRIBE"),
        ("3.9", "SUBACK"),
        ("3.10", "UNSUBSCRIBE"),
        ("3.11", "UNSUBACK"),
        ("3.12", "PINGREQ"),
        ("3.14", "DISCONNECT"),
        ("3.15", "AUTH"),
        ("4.1", "Session state"),
        ("4.2", "Network connections"),
        ("4.3", "Quality of Service"),
        ("4.4", "Redelivery"),
        ("4.5", "Receipt of messages"),
        ("4.6", "Order of messages"),
        ("4.7", "Topic names and topic filters"),
        ("4.8", "Subscriptions"),
        ("4.9", "Flow control"),
        ("4.12", "Enhanced authentication"),
        ("4.13", "Errors"),
        ("6.0", "WebSocket"),
    ],
    parts: &[
        format::STATEMENTS,
        connect::STATEMENTS,
        publish::STATEMENTS,
        subscribe::STATEMENTS,
        delivery::STATEMENTS,
        behaviour::STATEMENTS,
    ],
};
