//! What is asked at CONNECT and what is answered.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use super::rules::Rules;
use super::scram::ScramError;

/// What a CONNECT says of who it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its client identifier, made up or not.
    pub client_id: Box<str>,
    /// Username.
    pub username: Option<Box<str>>,
    /// Password.
    pub password: Option<Box<[u8]>>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The listener it has come to.
    pub listener: u16,
}

/// What a client has shown of who it is by enhanced authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its client identifier, made up or not.
    pub client_id: Box<str>,
    /// Who it says it is, as far as that could be understood.
    pub username: Option<Box<str>>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// What is wrong with what it has shown, if anything.
    pub error: Option<ScramError>,
}

/// How a client has shown who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// It has not.
    #[default]
    Anonymous,
    /// By a password of the file.
    Password,
    /// By SCRAM.
    Scram,
    /// By a certificate.
    Certificate,
    /// By a token.
    Token,
    /// A service has let it in.
    Service,
}

/// Who a client is and what it may.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// How it was let in.
    pub way: Way,
    /// Its name, verified; `None` for an anonymous client.
    pub username: Option<Box<str>>,
    /// Whose user that is: the number of a listener with a password file of its own, or 0 for everybody else's.
    pub realm: u16,
    /// What it may; `None`: everything.
    pub rules: Option<Rules>,
    /// When its connection ends, in seconds since 1970.
    pub expires_unix_s: Option<u64>,
    /// What its token or the service has said, if they said something: new files leave it as it is.
    pub own_rules: Option<Rules>,
}

impl Grant {
    /// Who this is, among the users of all realms; `None` for an anonymous client.
    pub fn owner(&self) -> Option<(&str, u16)> {
        self.username.as_deref().map(|username| (username, self.realm))
    }
}

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// It has no name, and such are not let in.
    #[error("anonymous clients are not allowed")]
    AnonymousNotAllowed,
    /// The user is unknown, or the password or token wrong.
    #[error("bad user name or password")]
    BadCredentials,
    /// Its address has failed too often.
    #[error("too many failures from this address")]
    TooManyFailures,
    /// Who would know cannot be asked.
    #[error("the authentication service does not answer")]
    Unavailable,
    /// Too many wait to be checked.
    #[error("too many clients wait to be authenticated")]
    Busy,
    /// It wants to show who it is in a way that is not offered where it has come to.
    #[error("the authentication method is not offered")]
    MethodNotOffered,
}

/// Never shows a password.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = (&self.client_id, &self.username, &self.address);
        write!(formatter, "Credentials{fields:?}")
    }
}
