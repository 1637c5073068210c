//! `docs/configuration.md` and the help of the flags, made from the rows.

use super::options::{Config, Row, OPTIONS, SECTIONS};

const INTRODUCTION: &str = "\
# Configuration

This file is made from the table in `src/config/options.rs`; a test refuses it when it is out of date. To write it anew:
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
        text.push_str("| key | value | allowed | default | meaning |\n|---|---|---|---|---|\n");
        for row in OPTIONS.iter().filter(|row| row.section == *section) {
            text.push_str(&line(row));
        }
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

fn line(row: &Row) -> String {
    let flag = if row.flag.is_empty() { String::new() } else { format!(" Flag: `{}`.", row.flag) };
    let default = match (row.show)(&Config::default()) {
        Some(default) => format!("`{default}`"),
        None => "unset".to_owned(),
    };
    let allowed = row.allowed().unwrap_or_default();
    format!("| `{}` | {} | {allowed} | {default} | {}{flag} |\n", row.key, row.kind, row.help.trim())
}

fn default_of(row: &Row, before: &str) -> String {
    (row.show)(&Config::default()).map_or_else(String::new, |default| format!("{before}{default}"))
}
