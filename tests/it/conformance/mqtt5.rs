//! The normative statements of MQTT 5.0.

use super::statement::Edition;

/// MQTT 5.0, OASIS Standard, 7 March 2019.
pub(super) const EDITION: Edition = Edition {
    title: "MQTT 5.0",
    address: "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
    prefix: "MQTT5-",
    sections: &[],
    parts: &[],
};
