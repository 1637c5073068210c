//! Who a client is and what it may: credentials to a [`Grant`], a grant to yes or no.
//!
//! Files come as bytes with a name for messages, instants as arguments. Must not know sockets, threads, clocks, nor packets
//! other than CONNECT and AUTH.

mod acl;
mod base64;
mod claim;
mod der;
mod desk;
mod fault;
mod grant;
mod hash;
mod jwt;
mod jwt_key;
mod lately;
mod password;
mod policies;
mod policy;
mod rules;
mod scram;
mod throttle;
mod tree;
mod verdict;

pub use self::acl::Acl;
pub use self::desk::{Desk, DeskOptions};
pub use self::fault::FileFault;
pub use self::grant::{Attempt, Credentials, Grant, Refusal, Way};
pub use self::hash::{HashKind, PasswordHash};
pub use self::jwt::{is_token, verify_token, JwtChecks, JwtError, Token};
pub use self::jwt_key::JwtKeys;
pub use self::password::{user_of, PasswordFile};
pub use self::policies::Policies;
pub use self::policy::{Ask, Judgement, Policy};
pub use self::rules::{Access, Rules};
pub use self::scram::{Exchange, ScramError, ScramFile, Verifier, SCRAM_ITERATIONS, SCRAM_METHOD, SCRAM_SALT_BYTES};
pub use self::throttle::{shorten, Throttle};
pub use self::verdict::{question_of, Verdict};
