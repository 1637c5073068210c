//! `corecast check`: is this configuration valid, and what does it change?

use super::arguments::CheckArguments;
use super::failure::Failure;
use super::file::load;
use crate::config::documentation;

/// What `corecast check` prints.
pub(crate) fn check(arguments: &CheckArguments) -> Result<String, Failure> {
    if arguments.print_docs {
        return Ok(documentation());
    }
    let path = arguments.config.as_ref().expect("clap asks for it");
    let config = load(path)?;
    let mut text = format!("{}: ok\n", path.display());
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
        let made = check(&CheckArguments { config: None, print_docs: true }).unwrap();
        let pairs = written.lines().zip(made.lines()).enumerate();
        let different = pairs.filter(|(_, (written, made))| written != made).map(|(index, _)| index + 1).next();
        assert!(
            written == made,
            "docs/configuration.md is out of date (line {different:?}); write it anew from \
             `cargo run -- check --print-docs`"
        );
    }
}
