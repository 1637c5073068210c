//! One password hash in each of mosquitto's three forms.

use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::digest::{Context, SHA512};
use ring::pbkdf2::{derive, PBKDF2_HMAC_SHA512};
use subtle::ConstantTimeEq;

use super::base64::{decode, encode, encode_bare};

/// Bytes of a digest we make; mosquitto's are as long.
const DIGEST_BYTES: usize = 64;
/// What one check may cost at most: a slip of the pen in a file must not stop the workers.
const ITERATIONS_MAX: u32 = 10_000_000;
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 100;
const LANES_MAX: u32 = 16;

/// How a password is hashed and how dear that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// `$6$`: one pass of SHA-512 over password and salt.
    Sha512,
    /// `$7$`: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 {
        /// How often.
        iterations: NonZeroU32,
    },
    /// `$argon2id$`.
    Argon2id {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes, walked one after the other here.
        lanes: u32,
    },
}

/// A stored password: how it was hashed, with what salt, to what.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    kind: HashKind,
    salt: Box<[u8]>,
    digest: Box<[u8]>,
}

impl HashKind {
    /// What `corecast passwd` writes if nothing else is asked for, and the cost mosquitto takes for it.
    pub const ARGON2ID: HashKind = HashKind::Argon2id { memory_kib: 47_104, passes: 1, lanes: 1 };

    /// Bytes of salt for a new hash.
    pub const fn salt_bytes(self) -> usize {
        match self {
            HashKind::Sha512 | HashKind::Pbkdf2 { .. } => 12,
            HashKind::Argon2id { .. } => 64,
        }
    }
}

impl PasswordHash {
    /// Hashes a password. Takes from 2 us (`$6$`) to 70 ms (argon2id).
    pub fn make(kind: HashKind, password: &[u8], salt: &[u8]) -> PasswordHash {
        let mut digest = vec![0; DIGEST_BYTES].into_boxed_slice();
        fill(kind, password, salt, &mut digest);
        PasswordHash { kind, salt: Box::from(salt), digest }
    }

    /// A hash that no password has, as dear as one that some password has.
    pub(super) fn of_nobody(kind: HashKind, digest_bytes: usize) -> PasswordHash {
        PasswordHash { kind, salt: vec![0; kind.salt_bytes()].into(), digest: vec![0; digest_bytes].into() }
    }

    /// Reads what stands behind the colon.
    ///
    /// # Errors
    /// What is wrong; never shows the hash.
    pub fn parse(text: &str) -> Result<PasswordHash, &'static str> {
        let mut fields = text.split('$');
        if text.is_empty() || fields.next() != Some("") {
            return Err("the password is not hashed; run corecast passwd upgrade on the file");
        }
        let (kind, digest_bytes) = match fields.next() {
            Some("6") => (HashKind::Sha512, DIGEST_BYTES..=DIGEST_BYTES),
            Some("7") => (HashKind::Pbkdf2 { iterations: iterations(fields.next())? }, DIGEST_BYTES..=DIGEST_BYTES),
            Some("argon2id") => (argon2id(fields.next(), fields.next())?, 16..=DIGEST_BYTES),
            _ => return Err("the kind of hash is unknown; it is $6$, $7$ or $argon2id$"),
        };
        let (Some(salt), Some(digest), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err("the hash is not complete; set the password anew");
        };
        let (Some(salt), Some(digest)) = (decode(salt), decode(digest)) else {
            return Err("salt or hash is no base64; set the password anew");
        };
        let salt_bytes_min = if matches!(kind, HashKind::Argon2id { .. }) { 8 } else { 1 };
        if salt.len() < salt_bytes_min || !digest_bytes.contains(&digest.len()) {
            return Err("salt or hash has a wrong length; set the password anew");
        }
        Ok(PasswordHash { kind, salt: salt.into(), digest: digest.into() })
    }

    /// Whether it is the hash of this password; the comparison takes as long whether it is or not.
    pub fn verify(&self, password: &[u8]) -> bool {
        let mut digest = vec![0; self.digest.len()];
        fill(self.kind, password, &self.salt, &mut digest);
        digest.ct_eq(&self.digest).into()
    }

    /// How it was made.
    pub fn kind(&self) -> HashKind {
        self.kind
    }

    pub(super) fn digest_bytes(&self) -> usize {
        self.digest.len()
    }

    /// The text behind the colon.
    pub fn text(&self) -> String {
        match self.kind {
            HashKind::Sha512 => format!("$6${}${}", encode(&self.salt), encode(&self.digest)),
            HashKind::Pbkdf2 { iterations } => {
                format!("$7${iterations}${}${}", encode(&self.salt), encode(&self.digest))
            }
            HashKind::Argon2id { memory_kib, passes, lanes } => {
                let (salt, digest) = (encode_bare(&self.salt), encode_bare(&self.digest));
                format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}")
            }
        }
    }
}

fn iterations(field: Option<&str>) -> Result<NonZeroU32, &'static str> {
    let iterations = field.and_then(|field| field.parse().ok()).and_then(NonZeroU32::new);
    iterations
        .filter(|count| count.get() <= ITERATIONS_MAX)
        .ok_or("the iterations of $7$ are no number from 1 to 10,000,000; set the password anew")
}

fn argon2id(version: Option<&str>, costs: Option<&str>) -> Result<HashKind, &'static str> {
    const WRONG: &str =
        "the costs of $argon2id$ are not v=19$m=...,t=...,p=... within m 1,048,576, t 100, p 16; set the \
                         password anew";
    if version != Some("v=19") {
        return Err(WRONG);
    }
    let mut costs = costs.unwrap_or("").split(',');
    let mut next = |name: &str| costs.next().and_then(|cost| cost.strip_prefix(name)?.parse::<u32>().ok());
    let (Some(memory_kib), Some(passes), Some(lanes)) = (next("m="), next("t="), next("p=")) else { return Err(WRONG) };
    let is_bounded = costs.next().is_none()
        && (1..=PASSES_MAX).contains(&passes)
        && (1..=LANES_MAX).contains(&lanes)
        && (8 * lanes..=MEMORY_KIB_MAX).contains(&memory_kib);
    is_bounded.then_some(HashKind::Argon2id { memory_kib, passes, lanes }).ok_or(WRONG)
}

fn fill(kind: HashKind, password: &[u8], salt: &[u8], out: &mut [u8]) {
    match kind {
        HashKind::Sha512 => {
            let mut context = Context::new(&SHA512);
            context.update(password);
            context.update(salt);
            out.copy_from_slice(context.finish().as_ref());
        }
        HashKind::Pbkdf2 { iterations } => derive(PBKDF2_HMAC_SHA512, iterations, salt, password, out),
        HashKind::Argon2id { memory_kib, passes, lanes } => {
            let params = Params::new(memory_kib, passes, lanes, Some(out.len())).expect("the costs are within bounds");
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(password, salt, out).expect("salt and output have lengths it takes");
        }
    }
}
