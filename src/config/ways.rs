//! How clients may show who they are, and what does not make sense of it together.

use super::listener::Listener;
use super::options::Auth;
use super::value::{quoted, Datum, Fault, Setting, Value, Wrong};

/// One way for a client to show who it is, of those that `[auth]` can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthWay {
    /// A password of a file.
    Password,
    /// A token in the place of the password.
    Jwt,
    /// A service that is asked about name and password.
    Http,
    /// The enhanced authentication of MQTT 5.0.
    Scram,
}

/// Each way with its word and the key of `[auth]` that it needs.
const WAYS: [(AuthWay, &str, &str); 4] = [
    (AuthWay::Password, "password", "password_file"),
    (AuthWay::Jwt, "jwt", "jwt_key_file"),
    (AuthWay::Http, "http", "http_url"),
    (AuthWay::Scram, "scram", "scram_file"),
];

/// Some of the ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthWays(Vec<AuthWay>);

impl AuthWays {
    /// Whether a way is one of them.
    pub fn contains(&self, way: AuthWay) -> bool {
        self.0.contains(&way)
    }
}

impl Setting for AuthWays {
    const KIND: &'static str = "a list of \"password\", \"jwt\", \"http\" and \"scram\"";
    const EXAMPLE: &'static str = "[\"password\", \"jwt\"]";

    fn measure(_value: &Value<'_>) -> Option<f64> {
        None
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let Datum::List(values) = &value.datum else { return Err(Fault::new(value, Wrong::Kind)) };
        let mut ways = Vec::new();
        for value in values {
            let Datum::Text(word) = value.datum else { return Err(Fault::new(value, Wrong::Kind)) };
            let Some((way, ..)) = WAYS.iter().find(|(_, known, _)| *known == word) else {
                let words = WAYS.map(|(_, word, _)| quoted(word)).join(", ");
                return Err(Fault::new(value, Wrong::Because(format!("there is no such way; there are {words}"))));
            };
            if ways.contains(way) {
                return Err(Fault::new(value, Wrong::Because("it is listed twice; remove one".to_owned())));
            }
            ways.push(*way);
        }
        Ok(AuthWays(ways))
    }

    fn show(&self) -> Option<String> {
        let words = self.0.iter().filter_map(|way| WAYS.iter().find(|(known, ..)| known == way));
        Some(format!("[{}]", words.map(|(_, word, _)| quoted(word)).collect::<Vec<_>>().join(", ")))
    }
}

/// What does not make sense of `[auth]` and a listener together, if anything: the listener's key, and a sentence.
pub(crate) fn contradiction(auth: &Auth, listener: &Listener) -> Option<(&'static str, String)> {
    let ways = listener.auth.as_ref()?;
    if listener.password_file.is_some() && !ways.contains(AuthWay::Password) {
        let what = "it says nothing while auth leaves \"password\" out; add that to auth or remove password_file";
        return Some(("password_file", what.to_owned()));
    }
    for (way, word, key) in WAYS {
        let is_offered = match way {
            AuthWay::Password => auth.password_file.is_some() || listener.password_file.is_some(),
            AuthWay::Jwt => auth.jwt_key_file.is_some(),
            AuthWay::Http => auth.http_url.is_some(),
            AuthWay::Scram => auth.scram_file.is_some(),
        };
        if ways.contains(way) && !is_offered {
            let word = quoted(word);
            return Some(("auth", format!("{word} is not there to be offered; set auth.{key} or remove {word}")));
        }
    }
    None
}

/// What is wrong with the address of a service, if anything.
pub(crate) fn url_fault(url: &str) -> Option<&'static str> {
    const MEND: &str = "it is no address of a web server; write one such as https://auth.example.org/mqtt";
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else { return Some(MEND) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    // A colon within brackets is one of an address of IPv6.
    let (host, port) = match host_port.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (host_port, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let is_host = !host.is_empty() && (host.starts_with('[') == host.ends_with(']'));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_port || !is_host || !is_plain).then_some(MEND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_words_of_a_list_each_once() {
        let read = |words: &[&'static str]| {
            let values = words.iter().map(|word| Value { at: 0, datum: Datum::Text(word) }).collect();
            AuthWays::read(&Value { at: 0, datum: Datum::List(values) })
        };
        let ways = read(&["jwt", "password"]).unwrap();
        assert!(ways.contains(AuthWay::Jwt) && ways.contains(AuthWay::Password));
        assert!(!ways.contains(AuthWay::Http) && !ways.contains(AuthWay::Scram));
        assert_eq!(ways.show().as_deref(), Some("[\"jwt\", \"password\"]"));
        assert_eq!(read(&[]).map(|ways| ways.show()), Ok(Some("[]".to_owned())));
        assert!(read(&["jwt", "jwt"]).is_err() && read(&["certificate"]).is_err());
        assert!(AuthWays::read(&Value { at: 0, datum: Datum::Text("jwt") }).is_err());
    }

    #[test]
    fn an_address_of_a_service_has_a_scheme_and_a_host() {
        for good in ["http://a", "https://a.b:8443/c?d=e", "http://[::1]:80/x", "http://u:p@h/", "http://127.0.0.1:1"] {
            assert_eq!(url_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://:80/",
            "http://a:99999/",
            "http://a:/",
            "http://a b/",
            "http://[::1/",
        ] {
            assert!(url_fault(bad).is_some(), "{bad}");
        }
    }
}
