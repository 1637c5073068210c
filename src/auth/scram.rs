//! SCRAM-SHA-256 [RFC 5802, RFC 7677], the side of the server, without channel binding.
//!
//! What is stored lets a server check a client, not be one. One exchange costs a few microseconds: the many rounds are the
//! client's.

use std::collections::HashMap;
use std::num::NonZeroU32;

use ring::digest::{digest, Context, SHA256};
use ring::{hmac, pbkdf2};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::base64::{decode, encode};
use super::fault::{lines_of, shown, FileFault};
use super::password::user_of;

/// The name of the method in CONNECT and AUTH.
pub const SCRAM_METHOD: &str = "SCRAM-SHA-256";

/// Rounds of a new verifier: what RFC 7677 asks for at least.
pub const SCRAM_ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
const ITERATIONS_MAX: u32 = 10_000_000;
const KEY_BYTES: usize = 32;
/// Bytes of salt of a new verifier.
pub const SCRAM_SALT_BYTES: usize = 16;
/// Bytes of the longest salt that is taken.
const SALT_BYTES_MAX: usize = 256;
/// A message longer than this is nobody's: it bounds names and nonces, too.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes of a proof with what stands before it.
const PROOF_BYTES_MAX: usize = 48;

/// Users and what their passwords can be checked with.
pub struct ScramFile {
    users: HashMap<Box<str>, Verifier>,
    /// For what users who do not exist are told: it stays the same as long as the file does.
    secret: hmac::Key,
    /// Rounds and bytes of salt of each user: one who does not exist is told those of one who does.
    looks: Vec<(NonZeroU32, usize)>,
}

/// What is kept of one password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    salt: Box<[u8]>,
    iterations: NonZeroU32,
    stored_key: [u8; KEY_BYTES],
    server_key: [u8; KEY_BYTES],
}

/// An exchange between the two messages of a client.
pub struct Exchange {
    username: String,
    verifier: Verifier,
    is_known: bool,
    /// What the client must send back before its proof: `c=...,r=...`.
    expected: String,
    /// Both first messages, as they are signed.
    first_messages: String,
}

/// Why an exchange has failed. The client is told the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[allow(missing_docs)]
pub enum ScramError {
    #[error("a message is malformed")]
    Malformed,
    #[error("the client asks for channel binding, which there is none of")]
    ChannelBinding,
    #[error("the user is unknown or the proof is wrong")]
    Proof,
    #[error("it is another user than before")]
    OtherUser,
}

impl Verifier {
    /// Makes one of a password.
    pub fn make(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Verifier {
        let mut salted = [0; KEY_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, &mut salted);
        let stored_key = hash(&mac(&salted, b"Client Key"));
        Verifier { salt: Box::from(salt), iterations, stored_key, server_key: mac(&salted, b"Server Key") }
    }

    /// As PostgreSQL writes it: `SCRAM-SHA-256$4096:salt$stored key:server key`.
    pub fn text(&self) -> String {
        let (salt, stored, server) = (encode(&self.salt), encode(&self.stored_key), encode(&self.server_key));
        format!("{SCRAM_METHOD}${}:{salt}${stored}:{server}", self.iterations)
    }

    fn parse(text: &str) -> Option<Verifier> {
        let mut fields = text.split('$');
        let (SCRAM_METHOD, Some(cost), Some(keys), None) =
            (fields.next()?, fields.next(), fields.next(), fields.next())
        else {
            return None;
        };
        let (iterations, salt) = cost.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let key = |text: &str| <[u8; KEY_BYTES]>::try_from(decode(text)?).ok();
        Some(Verifier {
            salt: decode(salt).filter(|salt| (1..=SALT_BYTES_MAX).contains(&salt.len()))?.into(),
            iterations: iterations.parse().ok().filter(|count: &NonZeroU32| count.get() <= ITERATIONS_MAX)?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }
}

impl ScramFile {
    /// Reads a file of lines `user:verifier`; `file` is its name for messages.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<ScramFile, FileFault> {
        let (mut users, mut looks) = (HashMap::new(), Vec::new());
        // Of what nobody but the server knows, so that the salt of an unknown user outlives a restart.
        let mut secret = Context::new(&SHA256);
        for (number, line) in lines_of(file, bytes)? {
            let fault = |text: String| FileFault::new(file, number, text);
            let Some((user, text)) = user_of(line).map_err(|text| fault(text.to_owned()))? else { continue };
            let verifier = Verifier::parse(text).ok_or_else(|| {
                let user = shown(user);
                fault(format!("user {user}: it is no SCRAM verifier; write one with corecast passwd --kind scram"))
            })?;
            secret.update(&verifier.stored_key);
            secret.update(&verifier.server_key);
            looks.push((verifier.iterations, verifier.salt.len()));
            if users.insert(Box::from(user), verifier).is_some() {
                let user = shown(user);
                return Err(fault(format!("user {user} is there twice; delete one with corecast passwd delete")));
            }
        }
        if looks.is_empty() {
            looks.push((SCRAM_ITERATIONS, SCRAM_SALT_BYTES));
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.finish().as_ref());
        Ok(ScramFile { users, secret, looks })
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Takes the first message of a client, answers with ours. `nonce` is printable, without commas, and never used twice.
    ///
    /// # Errors
    /// The message is malformed or asks for channel binding. That a user is unknown is not said here.
    pub fn begin(&self, message: &[u8], nonce: &str) -> Result<(Exchange, Vec<u8>), ScramError> {
        let message = std::str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ScramError::Malformed);
        }
        let (binding, rest) = message.split_once(',').ok_or(ScramError::Malformed)?;
        match binding {
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(ScramError::ChannelBinding),
            _ => return Err(ScramError::Malformed),
        }
        let (authorization, bare) = rest.split_once(',').ok_or(ScramError::Malformed)?;
        let mut fields = bare.split(',');
        let username = fields.next().and_then(|field| field.strip_prefix("n=")).ok_or(ScramError::Malformed)?;
        let theirs = fields.next().and_then(|field| field.strip_prefix("r=")).ok_or(ScramError::Malformed)?;
        let username = unescaped(username).ok_or(ScramError::Malformed)?;
        // To act for somebody else is not offered.
        let is_self = authorization.is_empty()
            || authorization.strip_prefix("a=").and_then(unescaped).is_some_and(|name| name == username);
        // What a nonce may consist of; the comma has ended it already.
        let is_printable = theirs.bytes().all(|byte| byte.is_ascii_graphic());
        if theirs.is_empty() || !is_printable || username.is_empty() || !is_self {
            return Err(ScramError::Malformed);
        }
        // Made for everybody, so that its time does not tell for whom it is needed.
        let nobody = self.nobody(&username);
        let known = self.users.get(username.as_str());
        let verifier = known.cloned().unwrap_or(nobody);
        let answer = format!("r={theirs}{nonce},s={},i={}", encode(&verifier.salt), verifier.iterations);
        let header = encode(format!("{binding},{authorization},").as_bytes());
        let exchange = Exchange {
            expected: format!("c={header},r={theirs}{nonce}"),
            first_messages: format!("{bare},{answer}"),
            is_known: known.is_some(),
            username,
            verifier,
        };
        Ok((exchange, answer.into_bytes()))
    }

    /// Whether there is such a user.
    pub fn knows(&self, username: &str) -> bool {
        self.users.contains_key(username)
    }

    /// What an unknown user is told: always the same for the same name, with rounds and a salt as another user has, and no
    /// key fits.
    fn nobody(&self, username: &str) -> Verifier {
        let block = |count: u8| {
            let mut context = hmac::Context::with_key(&self.secret);
            context.update(&[count]);
            context.update(username.as_bytes());
            context.sign()
        };
        let choice = usize::from_le_bytes(*block(0).as_ref().first_chunk().expect("a tag of SHA-256 has 32 bytes"));
        let (iterations, salt_bytes) = self.looks[choice % self.looks.len()];
        let mut salt = Vec::with_capacity(salt_bytes);
        let mut count = 0;
        while salt.len() < salt_bytes {
            count += 1;
            salt.extend(block(count).as_ref().iter().take(salt_bytes - salt.len()));
        }
        Verifier { salt: salt.into(), iterations, stored_key: [0; KEY_BYTES], server_key: [0; KEY_BYTES] }
    }
}

impl Exchange {
    /// Who the client says it is.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Takes the last message of the client: answers who it is, and our proof that we know it.
    ///
    /// # Errors
    /// The proof is wrong or the user unknown, in the same time.
    pub fn finish(self, message: &[u8]) -> Result<(String, Vec<u8>), ScramError> {
        if message.len() > self.expected.len() + PROOF_BYTES_MAX {
            return Err(ScramError::Malformed);
        }
        let message = std::str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let proof = decode(proof).and_then(|proof| <[u8; KEY_BYTES]>::try_from(proof).ok());
        let proof = proof.ok_or(ScramError::Malformed)?;
        if without_proof != self.expected {
            return Err(ScramError::Malformed);
        }
        let signed = format!("{},{without_proof}", self.first_messages);
        let signature = mac(&self.verifier.stored_key, signed.as_bytes());
        let mut client_key = proof;
        client_key.iter_mut().zip(signature).for_each(|(byte, mask)| *byte ^= mask);
        let is_right = bool::from(hash(&client_key).ct_eq(&self.verifier.stored_key));
        if !is_right || !self.is_known {
            return Err(ScramError::Proof);
        }
        let answer = format!("v={}", encode(&mac(&self.verifier.server_key, signed.as_bytes())));
        Ok((self.username, answer.into_bytes()))
    }
}

/// A name with `=2C` for a comma and `=3D` for an equals sign.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) =
            if let Some(rest) = part.strip_prefix("2C") { (',', rest) } else { ('=', part.strip_prefix("3D")?) };
        text.push(sign);
        text.push_str(rest);
    }
    Some(text)
}

fn mac(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    *tag.as_ref().first_chunk().expect("a tag of SHA-256 has 32 bytes")
}

fn hash(message: &[u8]) -> [u8; KEY_BYTES] {
    *digest(&SHA256, message).as_ref().first_chunk().expect("a hash of SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    /// The user of the example in RFC 7677, 3.
    fn file() -> ScramFile {
        let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::make(b"pencil", &salt, SCRAM_ITERATIONS).text();
        ScramFile::parse("scram", format!("# users\nuser:{verifier}\n").as_bytes()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7677_succeeds() {
        let (exchange, answer) = file().begin(CLIENT_FIRST.as_bytes(), NONCE).unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), SERVER_FIRST);
        let (username, answer) = exchange.finish(CLIENT_FINAL.as_bytes()).unwrap();
        assert_eq!((username.as_str(), String::from_utf8(answer).unwrap().as_str()), ("user", SERVER_FINAL));
    }

    #[test]
    fn a_wrong_proof_and_an_unknown_user_look_alike() {
        let file = file();
        let wrong = CLIENT_FINAL.replace("p=dHzb", "p=dHzc");
        let (exchange, _) = file.begin(CLIENT_FIRST.as_bytes(), NONCE).unwrap();
        assert_eq!(exchange.finish(wrong.as_bytes()).err(), Some(ScramError::Proof));
        let unknown = CLIENT_FIRST.replace("n=user", "n=nobody");
        let (exchange, answer) = file.begin(unknown.as_bytes(), NONCE).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!((answer.len(), &answer[answer.len() - 7..]), (SERVER_FIRST.len(), ",i=4096"));
        assert_eq!(exchange.finish(CLIENT_FINAL.as_bytes()).err(), Some(ScramError::Proof));
        // The salt of one who does not exist is always the same, and another's is another.
        let salt = |name: &str| {
            let message = format!("n,,n={name},r=a");
            String::from_utf8(file.begin(message.as_bytes(), NONCE).unwrap().1).unwrap()
        };
        assert_eq!(salt("nobody"), salt("nobody"));
        assert_ne!(salt("nobody"), salt("nobody2"));
        // Its stored key is all zeros: whoever sends the proof for that has not got in either.
        let (exchange, _) = file.begin(unknown.as_bytes(), NONCE).unwrap();
        assert!(!exchange.is_known);
    }

    #[test]
    fn who_does_not_exist_looks_like_one_of_those_who_do() {
        let verifier =
            |salt: usize, iterations| Verifier::make(b"p", &vec![7; salt], NonZeroU32::new(iterations).unwrap()).text();
        let file = format!("a:{}\nb:{}\n", verifier(12, 5), verifier(100, 6));
        let file = ScramFile::parse("scram", file.as_bytes()).unwrap();
        let mut seen = [0, 0];
        for number in 0..100 {
            let nobody = file.nobody(&format!("nobody{number}"));
            let look = (nobody.iterations.get(), nobody.salt.len());
            let which = [(5, 12), (6, 100)].iter().position(|known| *known == look);
            seen[which.unwrap_or_else(|| panic!("nobody has {look:?}"))] += 1;
        }
        assert!(seen[0] > 20 && seen[1] > 20, "{seen:?}");
        assert_eq!((file.len(), file.is_empty()), (2, false));
    }

    #[test]
    fn malformed_messages_are_refused() {
        let file = file();
        for (message, error) in [
            ("", ScramError::Malformed),
            ("n,,", ScramError::Malformed),
            ("n,,n=user", ScramError::Malformed),
            ("n,,n=user,r=", ScramError::Malformed),
            ("n,,n=,r=abc", ScramError::Malformed),
            ("n,,m=ext,n=user,r=abc", ScramError::Malformed),
            ("n,,n=us=er,r=abc", ScramError::Malformed),
            ("n,a=root,n=user,r=abc", ScramError::Malformed),
            ("x,,n=user,r=abc", ScramError::Malformed),
            ("n,,n=user,r=a\tb", ScramError::Malformed),
            ("n,,n=user,r=a\u{e9}b", ScramError::Malformed),
            ("p=tls-unique,,n=user,r=abc", ScramError::ChannelBinding),
        ] {
            assert_eq!(file.begin(message.as_bytes(), NONCE).err(), Some(error), "{message}");
        }
        assert!(file.begin(b"y,a=user,n=user,r=abc,x=extension", NONCE).is_ok());
        assert!(file.begin(format!("n,,n={},r=a", "x".repeat(2000)).as_bytes(), NONCE).is_err());
        for wrong in ["", "c=biws", "c=biws,r=x,p=AAAA", &CLIENT_FINAL.replace("biws", "eSws"), "c=biws,r=rOp,p=!"] {
            let (exchange, _) = file.begin(CLIENT_FIRST.as_bytes(), NONCE).unwrap();
            assert_eq!(exchange.finish(wrong.as_bytes()).err(), Some(ScramError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn names_with_commas_and_equals_signs_are_understood() {
        assert_eq!(unescaped("a=2Cb=3Dc").as_deref(), Some("a,b=c"));
        assert_eq!((unescaped("a=2cb"), unescaped("a=")), (None, None));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        let good = Verifier::make(b"p", b"salt", NonZeroU32::MIN).text();
        for (line, text) in [
            ("a:$6$a$b".to_owned(), "user \"a\": it is no SCRAM verifier; write one with corecast passwd"),
            (format!("a:{good}x"), "no SCRAM verifier"),
            (good.replace("$1:", "$0:").replace("SCRAM", "a:SCRAM"), "no SCRAM verifier"),
            ("nothing".to_owned(), "no colon"),
            (format!("b:{good}"), "user \"b\" is there twice"),
        ] {
            let fault = ScramFile::parse("s.txt", format!("b:{good}\n{line}\n").as_bytes()).err();
            let fault = fault.unwrap_or_else(|| panic!("{line} is accepted")).to_string();
            assert!(fault.starts_with("s.txt:2: ") && fault.contains(text), "{fault}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_messages_are_answered_or_refused(first in "[ny],,(n=)?[a=2C]{0,5},(r=)?[a-z,=]{0,9}", last in any::<Vec<u8>>()) {
            if let Ok((exchange, _)) = file().begin(first.as_bytes(), NONCE) {
                prop_assert!(exchange.finish(&last).is_err());
            }
            let _ = file().begin(&last, NONCE);
            let _ = ScramFile::parse("s", &last);
        }
    }
}
