//! `corecast check`: the files a configuration names.

use std::fs::{set_permissions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use corecast::auth::{HashKind, PasswordHash};

use crate::wire::program::{file, Outcome, Program};
use crate::wire::secrets::Secrets;

fn check(name: &str, text: &str) -> Outcome {
    let config = file(&format!("{name}.toml"), text);
    Program::run(&["check", "-c", config.to_str().expect("it is text")]).ends()
}

fn secret(name: &str, text: &str, mode: u32) -> String {
    let path = file(name, text);
    set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
    path.to_str().expect("it is text").to_owned()
}

#[test]
fn each_broken_file_of_users_and_rules_is_named_with_line_and_remedy() {
    for (key, text, said) in [
        (
            "password_file",
            "# users\nalice:topsecret\n",
            ":2: user \"alice\": the password is not hashed; run corecast passwd upgrade",
        ),
        (
            "scram_file",
            "\nalice:$6$a$b\n",
            ":2: user \"alice\": it is no SCRAM verifier; write one with corecast passwd --kind scram",
        ),
        ("acl_file", "user a\n\ntopic raed #\n", ":3: \"raed\" is no access; write topic read"),
        ("jwt_key_file", "short\n", ":1: "),
    ] {
        let path = secret(&format!("check-{key}"), text, 0o600);
        let config = format!("[auth]\n{key} = {path:?}\n");
        let outcome = check(&format!("check-{key}"), &config);
        outcome.is_refusal(2, &[&format!("check-{key}.toml: key 'auth.{key}': {path}{said}")]);
        assert!(!outcome.errors[0].contains("topsecret"), "{outcome:#?}");
        let missing = check("check-missing", &format!("[auth]\n{key} = '/no/such/file'\n"));
        missing.is_refusal(2, &[&format!("key 'auth.{key}': /no/such/file does not exist; put the file there")]);
    }
    for (key, text) in [("password_file", "alice:plain\n"), ("acl_file", "nonsense\n")] {
        let path = secret(&format!("check-own-{key}"), text, 0o600);
        let config =
            format!("[[listener]]\nbind = ['127.0.0.1:1']\n[[listener]]\nbind = ['127.0.0.1:2']\n{key} = {path:?}\n");
        check("check-own", &config).is_refusal(2, &[&format!("listener 2: key '{key}': {path}:1: ")]);
    }
}

#[test]
fn an_address_that_is_no_web_server_is_named_with_its_place() {
    let outcome = check("check-url", "[auth]\n\nhttp_url = 'ldap://x'\n");
    outcome.is_refusal(
        2,
        &["check-url.toml:3:12: key 'auth.http_url': \"ldap://x\": it is no address of a web server; write one such"],
    );
    assert_eq!(check("check-url-good", "[auth]\nhttp_url = 'https://auth.example.org/mqtt'\n").code, Some(0));
}

#[test]
fn listeners_and_auth_that_contradict_each_other_are_told_what_to_change() {
    for (listener, said) in [
        (
            "auth = ['jwt']",
            "4:8: key 'listener.auth': \"jwt\" is not there to be offered; set auth.jwt_key_file or remove \"jwt\"",
        ),
        (
            "auth = ['password', 'ldap']",
            "4:21: key 'listener.auth': \"ldap\": there is no such way; there are \"password\"",
        ),
        ("auth = 'password'", "4:8: key 'listener.auth': \"password\" is not a list of"),
        ("auth = []\npassword_file = 'x'", "5:17: key 'listener.password_file': it says nothing while auth leaves"),
    ] {
        let config = format!("[auth]\n[[listener]]\nbind = ['127.0.0.1:1']\n{listener}\n");
        check("check-ways", &config).is_refusal(2, &[said]);
    }
}

#[test]
fn secrets_that_everybody_can_read_are_warned_of() {
    let hash = PasswordHash::make(HashKind::Sha512, b"x", b"salt").text();
    let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth/jwt/p256.pem");
    let secrets = Secrets::new();
    set_permissions(secrets.path("server.key"), Permissions::from_mode(0o604)).expect("it is ours");
    let passwords = secret("exposed-users", &format!("alice:{hash}\n"), 0o644);
    let own = secret("hidden-users", &format!("alice:{hash}\n"), 0o640);
    let token = secret("exposed-secret", &"s".repeat(40), 0o666);
    let acl = secret("exposed-acl", "topic read a\n", 0o644);
    let listener = format!(
        "[[listener]]\nbind = ['127.0.0.1:2']\npassword_file = {own:?}\ncertificate = {:?}\nkey = {:?}\n",
        secrets.path("server.pem"),
        secrets.path("server.key")
    );
    let config =
        format!("[auth]\npassword_file = {passwords:?}\nacl_file = {acl:?}\njwt_key_file = {token:?}\n{listener}");
    let outcome = check("exposed", &config);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let warnings: Vec<&str> = outcome.output.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 3, "{outcome:#?}");
    for (path, mode) in [(&passwords, "0644"), (&token, "0666"), (&secrets.path("server.key"), "0604")] {
        let said = format!("warning: {path} holds secrets and can be read by every user of this host (mode {mode}); run chmod o-rwx {path}");
        assert!(warnings.contains(&said.as_str()), "{said} is not in {warnings:#?}");
    }
    let quiet = check("exposed-public", &format!("[auth]\njwt_key_file = {:?}\n", public));
    assert!(quiet.code == Some(0) && !quiet.output.contains("warning"), "a public key is no secret: {quiet:#?}");
    let path = file("exposed-serve.toml", &format!("[auth]\npassword_file = {passwords:?}\n"));
    let mut program = Program::run(&["-c", path.to_str().unwrap(), "--bind", "127.0.0.1:0", "--shards", "1"]);
    assert!(program.says("holds secrets and can be read by every user").contains("WARN"));
    program.listens();
}
