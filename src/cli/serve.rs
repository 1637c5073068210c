//! `corecast serve`: file and flags to one configuration.

use super::arguments::ServeArguments;
use super::failure::Failure;
use super::file::load;
use super::log::level_of_flag;
use crate::config::Config;

/// What file and flags say together: flags win.
pub(crate) fn config_of(arguments: &ServeArguments) -> Result<Config, Failure> {
    let mut config = match &arguments.config {
        Some(path) => load(path)?,
        None => Config::default(),
    };
    for (flag, words) in arguments.of_options() {
        config.set_flag(flag, &words)?;
    }
    if let Some(level) = level_of_flag(arguments.verbose) {
        config.log.level = level;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{LogFormat, LogLevel};

    #[test]
    fn flags_become_options() {
        let arguments = ServeArguments {
            bind: vec!["0.0.0.0:1883".to_owned(), "[::1]:1884".to_owned()],
            cores: Some("0,2-3".to_owned()),
            shards: Some("64".to_owned()),
            verbose: 1,
            log_format: Some("json".to_owned()),
            config: None,
        };
        let config = config_of(&arguments).unwrap();
        assert_eq!(config.listen.bind.len(), 2);
        assert_eq!(config.shards.cores.as_ref().map(|cores| cores.as_slice()), Some(&[0, 2, 3][..]));
        assert_eq!(config.shards.count, Some(64));
        assert_eq!((config.log.level, config.log.format), (LogLevel::Debug, LogFormat::Json));
        assert_eq!(config_of(&ServeArguments::default()).unwrap(), Config::default());
    }

    #[test]
    fn a_wrong_flag_names_itself_and_the_allowed_range() {
        let shards = |text: &str| ServeArguments { shards: Some(text.to_owned()), ..ServeArguments::default() };
        for (arguments, line) in [
            (shards("65"), "--shards: 65 is out of range; give 1 to 64 shards"),
            (shards("0"), "--shards: 0 is out of range; give 1 to 64 shards"),
            (
                ServeArguments { cores: Some("0,0".to_owned()), ..ServeArguments::default() },
                "--cores: \"0,0\": CPU 0 is named twice; name each once",
            ),
            (
                ServeArguments { bind: vec!["1883".to_owned()], ..ServeArguments::default() },
                "--bind: \"1883\": it is no IP address with a port; write one such as 0.0.0.0:1883, [::]:1883 or *:1883",
            ),
        ] {
            let failure = config_of(&arguments).unwrap_err();
            assert_eq!((failure.to_string().as_str(), failure.exit_code()), (line, 2));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let path = PathBuf::from("no/such/file.toml");
        let failure = config_of(&ServeArguments { config: Some(path), ..ServeArguments::default() }).unwrap_err();
        assert!(failure.to_string().starts_with("no/such/file.toml: cannot be read: "), "{failure}");
        assert_eq!(failure.exit_code(), 2);
    }
}
