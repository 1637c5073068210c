//! `corecast check`: is this configuration valid, and what does it change?

use super::arguments::CheckArguments;
use super::failure::Failure;
use super::file::load;
use crate::config::{documentation, Config};

/// What `corecast check` prints. `examine` looks at the files the configuration names and answers
/// warnings.
pub(crate) fn check(
    arguments: &CheckArguments,
    examine: impl FnOnce(&Config) -> anyhow::Result<Vec<String>>,
) -> Result<String, Failure> {
    if arguments.print_docs {
        return Ok(documentation());
    }
    let path = arguments.config.as_ref().expect("clap asks for it");
    let config = load(path)?;
    let named = |error: anyhow::Error| Failure::Named(error.context(path.display().to_string()));
    let warnings = examine(&config).map_err(named)?;
    let mut text = format!("{}: ok\n", path.display());
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for line in config.changed() {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_up_to_date() {
        let written = include_str!("../../docs/configuration.md");
        let made = check(&CheckArguments { config: None, print_docs: true }, |_| Ok(Vec::new())).unwrap();
        let pairs = written.lines().zip(made.lines()).enumerate();
        let different = pairs.filter(|(_, (written, made))| written != made).map(|(index, _)| index + 1).next();
        assert!(
            written == made,
            "docs/configuration.md is out of date (line {different:?}); write it anew from \
             `cargo run -- check --print-docs`"
        );
    }
}
