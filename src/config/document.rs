//! `docs/configuration.md` and the help of the flags, made from the rows.

use super::listener::{Listener, LISTENER_OPTIONS, SECTION};
use super::options::{Config, OPTIONS, SECTIONS};
use super::row::Row;

/// The head of a table of options.
const HEAD: &str = "| key | value | allowed | default | meaning |\n|---|---|---|---|---|\n";

const LISTENERS: &str = "\
One table for each listener beside the plain one of `[listen]`: over TLS, behind a proxy, on a unix socket.

```toml
[[listener]]                        # TLS on port 8883 of every address
certificate = \"/etc/corecast/server.pem\"
key = \"/etc/corecast/server.key\"

[[listener]]                        # TLS with client certificates on port 8884
certificate = \"/etc/corecast/server.pem\"
key = \"/etc/corecast/server.key\"
client_ca = \"/etc/corecast/clients.pem\"
client_certificate = \"required\"
identity = \"cn\"

[[listener]]                        # only for this host, with users of its own
unix = \"/run/corecast/mqtt.sock\"
password_file = \"/etc/corecast/local-users\"
```

The files of certificates are read again on SIGHUP and within seconds of a change, without an end to any connection; one
that is wrong then is named in the log, and what was read before stays. Who is let in is said by `[auth]`, and by `allow_anonymous`,
`auth`, `password_file` and `acl_file` where a listener has them; docs/security.md has an example.
";

const INTRODUCTION: &str = "\
# Configuration

This file is made from the tables in `src/config/options.rs` and `listener.rs`; a test refuses it when it is out of date. To write it anew:
`cargo run -- check --print-docs > docs/configuration.md`.

Corecast runs without a configuration. With one, it is a TOML file given by `-c`:

```toml
[listen]
bind = [\"0.0.0.0:1883\", \"[::]:1883\"]

[shards]
cores = \"0,2,4-7\"

[limits]
queue_messages_max = 1_000
connect_timeout = 2.5
```

`corecast check -c FILE` reads such a file, says what is wrong with it or prints what differs from the defaults, and
starts nothing. A key that does not exist, a value of the wrong kind or out of range is refused in one line that names
file, line, column, key, value and what is allowed; the exit code is 2. What is given by a flag replaces what the file
says.
";

/// The text of `docs/configuration.md`.
pub fn documentation() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (section, about) in SECTIONS {
        text.push_str(&format!("\n## [{section}]\n\n{}\n\n", about.trim()));
        text.push_str(HEAD);
        for row in OPTIONS.iter().filter(|row| row.section == *section) {
            text.push_str(&line(row, &Config::default()));
        }
    }
    text.push_str(&format!("\n## [[{SECTION}]]\n\n{LISTENERS}\n"));
    text.push_str(HEAD);
    for row in LISTENER_OPTIONS {
        text.push_str(&line(row, &Listener::default()));
    }
    text
}

/// The help of a flag that says what an option says.
///
/// # Panics
/// If no option has this flag.
pub fn flag_help(flag: &str) -> String {
    let row = OPTIONS.iter().find(|row| row.flag == flag && !flag.is_empty()).expect("the flag of an option");
    let help = row.help.trim().replace('`', "");
    let allowed = row.allowed().map_or_else(|| row.kind.to_owned(), |allowed| format!("{}, {allowed}", row.kind));
    format!("{help} [{}.{}: {allowed}{}]", row.section, row.key, default_of(row, "; default "))
}

fn line<T: Default>(row: &Row<T>, default: &T) -> String {
    let flag = if row.flag.is_empty() { String::new() } else { format!(" Flag: `{}`.", row.flag) };
    let default = match (row.show)(default) {
        Some(default) => format!("`{default}`"),
        None => "unset".to_owned(),
    };
    let allowed = row.allowed().unwrap_or_default();
    format!("| `{}` | {} | {allowed} | {default} | {}{flag} |\n", row.key, row.kind, row.help.trim())
}

fn default_of(row: &Row<Config>, before: &str) -> String {
    (row.show)(&Config::default()).map_or_else(String::new, |default| format!("{before}{default}"))
}
