//! The words of the command line, as clap reads them.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::config::flag_help;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nMQTT 3.1, 3.1.1 and 5.0");

const EXAMPLES: &str = "\
Examples:
  corecast                                   listen on 127.0.0.1:1883, one shard for each CPU
  corecast -c FILE --bind 0.0.0.0:1883 -v    listen for the whole network (FILE says who may come), log each connection
  corecast -c /etc/corecast.toml             take the options from a file
  corecast -c corecast.toml --cores 0,2,4-7  ... but run on these CPUs
  corecast check -c corecast.toml            say what is wrong with a file, or what it changes
  corecast passwd create users               make a password file
  corecast passwd add users alice            ... with a user; the password is asked for

Exit codes: 0 stopped by SIGTERM or SIGINT, 2 bad configuration or flags, 1 anything else.
Every option of the file: docs/configuration.md";

/// Corecast: an MQTT broker, thread per core on io_uring
///
/// Without a command it serves, so that the options of `serve` may be given at once.
#[derive(Debug, Parser)]
#[command(name = "corecast", version = VERSION, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the broker (also what happens without a command)
    Serve(ServeArguments),
    /// Check a configuration file and print what differs from the defaults
    Check(CheckArguments),
    /// Create a password file, and add, change, delete or upgrade its users
    #[command(subcommand)]
    Passwd(PasswdCommand),
}

/// Passwords are asked for twice at a terminal, or read as the first line of standard input.
#[derive(Debug, Subcommand)]
pub(crate) enum PasswdCommand {
    /// Make a file without users, readable by its owner alone
    Create {
        /// The file to make; it must not exist
        file: PathBuf,
    },
    /// Add a user
    Add {
        /// The password file
        file: PathBuf,
        /// The new user
        user: String,
        #[command(flatten)]
        hash: HashArguments,
    },
    /// Change the password of a user
    Change {
        /// The password file
        file: PathBuf,
        /// A user of it
        user: String,
        #[command(flatten)]
        hash: HashArguments,
    },
    /// Delete a user
    Delete {
        /// The password file
        file: PathBuf,
        /// A user of it
        user: String,
    },
    /// Hash the passwords of a file that are there in plain text (user:password), and name the users with old hashes
    Upgrade {
        /// The password file
        file: PathBuf,
        #[command(flatten)]
        hash: HashArguments,
    },
    /// Add or change many users: standard input has lines user:password
    Batch {
        /// The password file
        file: PathBuf,
        #[command(flatten)]
        hash: HashArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HashArguments {
    /// How the password is hashed
    #[arg(long, value_enum, default_value_t = HashName::Argon2id)]
    pub(crate) kind: HashName,

    /// Rounds of pbkdf2 (210,000 if not given) or scram (4,096)
    #[arg(long, value_name = "N")]
    pub(crate) iterations: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HashName {
    /// $argon2id$, for Corecast and mosquitto from 2.1 on
    Argon2id,
    /// $7$, for mosquitto from 2.0 on
    Pbkdf2,
    /// $6$, for older mosquittos; weak
    Sha512,
    /// For the file of users of SCRAM-SHA-256 (MQTT 5.0)
    Scram,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ServeArguments {
    /// Read the options from this TOML file; flags replace what it says
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[arg(long, value_name = "ADDR:PORT", action = ArgAction::Append, help = format!("Repeatable. {}", flag_help("--bind")))]
    pub(crate) bind: Vec<String>,

    #[arg(long, value_name = "LIST", help = flag_help("--cores"))]
    pub(crate) cores: Option<String>,

    #[arg(long, value_name = "N", help = flag_help("--shards"))]
    pub(crate) shards: Option<String>,

    /// Log more: -v the life of each connection (debug), -vv everything (trace)
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[arg(long, value_name = "FORMAT", help = flag_help("--log-format"))]
    pub(crate) log_format: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The TOML file to check
    #[arg(short, long, value_name = "FILE", required_unless_present = "print_docs")]
    pub(crate) config: Option<PathBuf>,

    /// Print docs/configuration.md as it should be
    #[arg(long, hide = true)]
    pub(crate) print_docs: bool,
}

impl ServeArguments {
    /// The flags that stand for options of the configuration, each with the words given.
    pub(crate) fn of_options(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |word: &Option<String>| word.iter().cloned().collect::<Vec<_>>();
        let flags = [
            ("--bind", self.bind.clone()),
            ("--cores", one(&self.cores)),
            ("--shards", one(&self.shards)),
            ("--log-format", one(&self.log_format)),
        ];
        flags.into_iter().filter(|(_, words)| !words.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_shows_every_flag_with_its_default_and_ends_in_examples() {
        let help = Arguments::command().render_long_help().to_string();
        for text in
            ["--bind", "--cores", "--shards", "--log-format", "[\"127.0.0.1:1883\"]", "serve", "check", "passwd"]
        {
            assert!(help.contains(text), "{text} is missing in:\n{help}");
        }
        assert!(help.trim_end().ends_with("docs/configuration.md"), "{help}");
        assert!(!help.contains("print-docs"), "{help}");
    }

    #[test]
    fn serving_needs_no_command() {
        let plain = Arguments::try_parse_from(["corecast", "--bind", "[::]:1", "--bind", "[::]:2", "-vv"]).unwrap();
        assert!(plain.command.is_none());
        assert_eq!((plain.serve.bind.len(), plain.serve.verbose), (2, 2));
        let named = Arguments::try_parse_from(["corecast", "serve", "--shards", "2"]).unwrap();
        assert!(matches!(named.command, Some(Command::Serve(serve)) if serve.shards.as_deref() == Some("2")));
        for wrong in [&["corecast", "-v", "serve"][..], &["corecast", "--nonsense"], &["corecast", "check"]] {
            assert!(Arguments::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
