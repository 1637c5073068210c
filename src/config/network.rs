//! Networks, as operators write them: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::value::{count_of, quoted, Datum, Fault, Setting, Value, Wrong};

/// The addresses that begin like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether an address is of this network. An IPv4 address that comes written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Reads one; nothing if it is none.
    pub(crate) fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
        (prefix_bits <= bits).then_some(Network { address, prefix_bits })
    }
}

impl Display for Network {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Setting for Vec<Network> {
    const KIND: &'static str = "a list of addresses or networks";
    const COUNTS: &'static str = "networks";

    fn measure(value: &Value<'_>) -> Option<f64> {
        count_of(value)
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let Datum::List(values) = &value.datum else { return Err(Fault::new(value, Wrong::Kind)) };
        let read = |value: &Value<'_>| {
            let network = match value.datum {
                Datum::Text(text) => Network::parse(text),
                _ => None,
            };
            let mend = "it is no address or network; write one such as 192.0.2.1 or 10.0.0.0/8";
            network.ok_or_else(|| Fault::new(value, Wrong::Because(mend.to_owned())))
        };
        values.iter().map(read).collect()
    }

    fn show(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().map(|network| quoted(&network.to_string())).collect();
        Some(format!("[{}]", entries.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "127.0.0.1"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
        ] {
            let network = Network::parse(network).expect("a network");
            let holds = |text: &str| network.contains(text.parse().expect("an address"));
            assert!(holds(inside) && !holds(outside), "{network} {inside} {outside}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "host"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
