//! `corecast passwd`: what it writes and what it refuses. What mosquitto makes of its files: `tests/clients/mosquitto.py`.

use std::fs::{metadata, read_to_string, remove_file, set_permissions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use corecast::auth::{PasswordFile, ScramFile};

use crate::wire::program::{file, Outcome, Program};

/// Runs `corecast passwd` with `words` behind a file, and `input` as its standard input.
fn passwd(command: &str, path: &Path, words: &[&str], input: &str) -> Outcome {
    let path = path.to_str().expect("it is text");
    let words = [&["passwd", command, path], words].concat();
    Program::run_with_input(&words, input).ends()
}

#[track_caller]
fn done(outcome: &Outcome, text: &str) {
    assert_eq!((outcome.code, outcome.errors.len()), (Some(0), 0), "{outcome:#?}");
    assert!(outcome.output.contains(text), "{outcome:#?}");
}

fn fresh(name: &str) -> PathBuf {
    let path = file(name, "");
    remove_file(&path).expect("it has just been written");
    path
}

fn users(path: &Path) -> PasswordFile {
    let text = read_to_string(path).expect("the program has written it");
    PasswordFile::parse("users", text.as_bytes()).expect("the program writes valid files")
}

#[test]
fn users_are_added_changed_and_deleted() {
    let path = fresh("passwd-life");
    done(&passwd("create", &path, &[], ""), "made, with no user");
    assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    done(&passwd("add", &path, &["alice"], "first\n"), "user \"alice\" is added");
    assert!(read_to_string(&path).unwrap().starts_with("alice:$argon2id$v=19$m=47104,t=1,p=1$"));
    done(&passwd("add", &path, &["bob", "--kind", "sha512"], "secret"), "user \"bob\" is added");
    done(&passwd("change", &path, &["alice", "--kind", "pbkdf2", "--iterations", "101"], "second\r\n"), "new password");
    let file = users(&path);
    assert!(file.verify("alice", b"second") && !file.verify("alice", b"first") && file.verify("bob", b"secret"));
    done(&passwd("delete", &path, &["bob"], ""), "user \"bob\" is deleted");
    assert_eq!(users(&path).len(), 1);
    assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn salts_are_new_each_time() {
    let path = file("passwd-salts", "");
    for user in ["a", "b"] {
        done(&passwd("add", &path, &[user, "--kind", "sha512"], "same\n"), "is added");
    }
    let text = read_to_string(&path).unwrap();
    let hashes: Vec<&str> = text.lines().filter_map(|line| line.split_once(':')).map(|(_, hash)| hash).collect();
    assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{hashes:?}");
}

#[test]
fn plain_passwords_are_hashed_and_old_hashes_named() {
    let path = file("passwd-upgrade", "# people\nold:$6$AAAA$BBBB\nalice:plain\nbob:with:colon\n");
    set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    let outcome = passwd("upgrade", &path, &["--kind", "pbkdf2", "--iterations", "10"], "");
    done(&outcome, "2 passwords hashed");
    done(&outcome, "1 users have an older kind of hash");
    let text = read_to_string(&path).unwrap();
    assert!(text.starts_with("# people\nold:$6$AAAA$BBBB\nalice:$7$10$"), "{text}");
    let file = PasswordFile::parse("users", text.replace("old:$6$AAAA$BBBB\n", "").as_bytes()).unwrap();
    assert!(file.verify("alice", b"plain") && file.verify("bob", b"with:colon"));
    assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o640, "others read it no more");
}

#[test]
fn many_users_come_from_standard_input_or_none() {
    let path = file("passwd-batch", "");
    let outcome = passwd("batch", &path, &["--kind", "sha512"], "# a list\nalice:one\n\nbob:two\nalice:three\n");
    done(&outcome, "3 passwords set");
    let file = users(&path);
    assert!(file.len() == 2 && file.verify("alice", b"three") && file.verify("bob", b"two"));
    let before = read_to_string(&path).unwrap();
    for (input, text) in
        [("carol:x\nnothing\n", "line 2: it has no colon"), ("carol:x\ndave:\n", "line 2: the password")]
    {
        passwd("batch", &path, &["--kind", "sha512"], input).is_refusal(1, &[text]);
        assert_eq!(read_to_string(&path).unwrap(), before);
    }
}

#[test]
fn mistakes_are_named_in_one_line() {
    let path = file("passwd-wrong", "alice:$6$AAAA$BBBB\n");
    let here = path.to_str().unwrap();
    passwd("add", &path, &["alice"], "x\n").is_refusal(1, &[here, "is there already", "passwd change"]);
    passwd("change", &path, &["bob"], "x\n").is_refusal(1, &[here, "no user \"bob\"", "passwd add"]);
    passwd("delete", &path, &["bob"], "").is_refusal(1, &[here, "no user \"bob\""]);
    passwd("create", &path, &[], "").is_refusal(1, &[here, "exists already"]);
    passwd("add", &path, &["a:b"], "x\n").is_refusal(1, &["colon"]);
    passwd("add", &path, &["bob"], "").is_refusal(1, &["standard input has no line"]);
    passwd("add", &path, &["bob"], "\n").is_refusal(1, &["the password is empty"]);
    passwd("add", &path, &["bob", "--iterations", "5"], "x\n").is_refusal(2, &["--iterations", "pbkdf2"]);
    passwd("add", &path, &["bob", "--kind", "scram"], "ü\n").is_refusal(1, &["ASCII"]);
    let missing = fresh("passwd-missing");
    passwd("add", &missing, &["bob"], "x\n").is_refusal(1, &["does not exist", "passwd create"]);
    assert_eq!(read_to_string(&path).unwrap(), "alice:$6$AAAA$BBBB\n", "nothing of this has changed it");
}

#[test]
fn verifiers_for_scram_are_written() {
    let path = file("passwd-scram", "");
    done(&passwd("add", &path, &["alice", "--kind", "scram"], "pencil\n"), "is added");
    let text = read_to_string(&path).unwrap();
    assert!(text.starts_with("alice:SCRAM-SHA-256$4096:"), "{text}");
    assert!(ScramFile::parse("users", text.as_bytes()).is_ok());
}
