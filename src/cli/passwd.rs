//! `corecast passwd`: the users of a password file.
//!
//! A password is typed twice at a terminal, without an echo, or comes as a line of standard input; it is never a word of the
//! command line, where every process of the machine could read it. Lines this command does not understand stay as they are.

mod lines;
mod source;
mod store;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use self::lines::{user_error, Lines};
use self::source::{typed_or_read, whole_input, SourceError};
use self::store::{load, save, StoreError};
use super::arguments::{HashArguments, HashName, PasswdCommand};
use crate::auth::{user_of, HashKind, PasswordHash, Verifier, SCRAM_ITERATIONS, SCRAM_SALT_BYTES};

/// What is widely advised for PBKDF2 with SHA-512; about 60 ms.
const PBKDF2_ITERATIONS: NonZeroU32 = NonZeroU32::new(210_000).unwrap();
/// More than this is a slip of the pen.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes a password of CONNECT can have.
const PASSWORD_BYTES_MAX: usize = 65_535;

/// What keeps the command from doing what it is asked for.
#[derive(Debug, Error)]
pub(crate) enum PasswdError {
    #[error("user {0:?}: {1}")]
    User(String, &'static str),
    #[error("{}: user {user:?} is there already; change the password with corecast passwd change", file.display())]
    Exists { file: PathBuf, user: String },
    #[error("{}: there is no user {user:?}; add it with corecast passwd add", file.display())]
    Missing { file: PathBuf, user: String },
    #[error("{0}")]
    Password(&'static str),
    #[error("standard input, line {0}: {1}")]
    Batch(usize, String),
    #[error("--iterations: {0}")]
    Iterations(&'static str),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no random numbers")]
    Random,
}

/// How passwords are to be hashed.
#[derive(Clone, Copy)]
enum Recipe {
    Hash(HashKind),
    Scram { iterations: NonZeroU32 },
}

/// Does what is asked and answers what there is to say of it.
pub(crate) fn passwd(command: &PasswdCommand) -> Result<String, PasswdError> {
    match command {
        PasswdCommand::Create { file } => {
            save(file, "", true)?;
            Ok(format!("{}: made, with no user\n", file.display()))
        }
        PasswdCommand::Add { file, user, hash } => set(file, user, hash, false),
        PasswdCommand::Change { file, user, hash } => set(file, user, hash, true),
        PasswdCommand::Delete { file, user } => {
            let mut lines = Lines::of(&load(file)?);
            if !lines.remove(user) {
                return Err(missing(file, user));
            }
            save(file, &lines.text(), false)?;
            Ok(format!("{}: user {user:?} is deleted\n", file.display()))
        }
        PasswdCommand::Upgrade { file, hash } => upgrade(file, hash),
        PasswdCommand::Batch { file, hash } => batch(file, hash),
    }
}

/// Adds a user or changes its password, and asks for the password last: whatever else is wrong is said before.
fn set(file: &Path, user: &str, hash: &HashArguments, must_exist: bool) -> Result<String, PasswdError> {
    let recipe = recipe_of(hash)?;
    check_user(user)?;
    let mut lines = Lines::of(&load(file)?);
    match (lines.contains(user), must_exist) {
        (true, false) => return Err(PasswdError::Exists { file: file.to_owned(), user: user.to_owned() }),
        (false, true) => return Err(missing(file, user)),
        _ => {}
    }
    let password = typed_or_read()?;
    lines.set(user, &hashed(recipe, &password)?);
    save(file, &lines.text(), false)?;
    let done = if must_exist { "has a new password" } else { "is added" };
    Ok(format!("{}: user {user:?} {done}\n", file.display()))
}

/// Hashes what is not hashed. A hash cannot be turned into another kind without its password, so old ones are named.
fn upgrade(file: &Path, hash: &HashArguments) -> Result<String, PasswdError> {
    let recipe = recipe_of(hash)?;
    let mut lines = Lines::of(&load(file)?);
    let plain: Vec<(String, String)> = lines.users().filter(|(_, text)| !is_hash(text)).collect();
    let old: Vec<String> = lines
        .users()
        .filter(|(_, text)| text.starts_with("$6$") || text.starts_with("$7$"))
        .map(|(user, _)| format!("{user:?}"))
        .collect();
    for (user, password) in &plain {
        check_user(user)?;
        lines.set(user, &hashed(recipe, password)?);
    }
    if !plain.is_empty() {
        save(file, &lines.text(), false)?;
    }
    let mut said = format!("{}: {} passwords hashed\n", file.display(), plain.len());
    if !old.is_empty() {
        said.push_str(&format!(
            "{}: {} users have an older kind of hash, which only their password can replace (corecast passwd change): {}\n",
            file.display(),
            old.len(),
            old.join(", ")
        ));
    }
    Ok(said)
}

/// Adds or changes the users of lines `user:password` from standard input; all of them or none.
fn batch(file: &Path, hash: &HashArguments) -> Result<String, PasswdError> {
    let recipe = recipe_of(hash)?;
    let mut lines = Lines::of(&load(file)?);
    let input = whole_input()?;
    let mut count = 0;
    for (number, line) in (1..).zip(input.lines()) {
        let at = |text: &str| PasswdError::Batch(number, text.to_owned());
        let Some((user, password)) = line.split_once(':') else {
            match user_of(line) {
                Ok(None) => continue,
                _ => return Err(at("it has no colon; write user:password")),
            }
        };
        if line.starts_with('#') {
            continue;
        }
        user_error(user).map_or(Ok(()), |text| Err(at(&format!("user {user:?}: {text}"))))?;
        lines.set(user, &hashed(recipe, password).map_err(|error| at(&error.to_string()))?);
        count += 1;
    }
    save(file, &lines.text(), false)?;
    Ok(format!("{}: {count} passwords set\n", file.display()))
}

fn recipe_of(hash: &HashArguments) -> Result<Recipe, PasswdError> {
    let asked = match hash.iterations {
        None => None,
        Some(count) => Some(
            NonZeroU32::new(count)
                .filter(|count| count.get() <= ITERATIONS_MAX)
                .ok_or(PasswdError::Iterations("give a number from 1 to 10,000,000"))?,
        ),
    };
    Ok(match hash.kind {
        HashName::Pbkdf2 => Recipe::Hash(HashKind::Pbkdf2 { iterations: asked.unwrap_or(PBKDF2_ITERATIONS) }),
        HashName::Scram => Recipe::Scram { iterations: asked.unwrap_or(SCRAM_ITERATIONS) },
        HashName::Argon2id | HashName::Sha512 if asked.is_some() => {
            return Err(PasswdError::Iterations("only --kind pbkdf2 and scram have them"))
        }
        HashName::Argon2id => Recipe::Hash(HashKind::ARGON2ID),
        HashName::Sha512 => Recipe::Hash(HashKind::Sha512),
    })
}

fn hashed(recipe: Recipe, password: &str) -> Result<String, PasswdError> {
    if password.is_empty() {
        return Err(PasswdError::Password("the password is empty; give one"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswdError::Password("the password has more than 65,535 bytes, which no client can send"));
    }
    match recipe {
        Recipe::Hash(kind) => Ok(PasswordHash::make(kind, password.as_bytes(), &salt(kind.salt_bytes())?).text()),
        // Clients prepare other characters each in its own way (SASLprep), and we do not.
        Recipe::Scram { .. } if !password.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            Err(PasswdError::Password("a password for SCRAM has to be of ASCII characters; choose another"))
        }
        Recipe::Scram { iterations } => {
            Ok(Verifier::make(password.as_bytes(), &salt(SCRAM_SALT_BYTES)?, iterations).text())
        }
    }
}

fn salt(bytes: usize) -> Result<Vec<u8>, PasswdError> {
    let mut salt = vec![0; bytes];
    SystemRandom::new().fill(&mut salt).map_err(|_| PasswdError::Random)?;
    Ok(salt)
}

/// A plain password may begin with a dollar sign, but not like one of the kinds of hashes.
fn is_hash(text: &str) -> bool {
    ["$6$", "$7$", "$argon2id$", "SCRAM-SHA-256$"].iter().any(|start| text.starts_with(start))
}

fn check_user(user: &str) -> Result<(), PasswdError> {
    user_error(user).map_or(Ok(()), |text| Err(PasswdError::User(user.to_owned(), text)))
}

fn missing(file: &Path, user: &str) -> PasswdError {
    PasswdError::Missing { file: file.to_owned(), user: user.to_owned() }
}
