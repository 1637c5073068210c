//! The text of a password file, line by line, so that comments and order survive.

use crate::auth::user_of;

/// A name longer than this does not fit into CONNECT.
const USER_BYTES_MAX: usize = 65_535;

/// The lines of a file.
pub(super) struct Lines(Vec<String>);

impl Lines {
    pub(super) fn of(text: &str) -> Lines {
        Lines(text.lines().map(str::to_owned).collect())
    }

    /// The file, each line with its end.
    pub(super) fn text(&self) -> String {
        self.0.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// The users and what stands behind their colons.
    pub(super) fn users(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let of_line =
            |line: &String| user_of(line).ok().flatten().map(|(user, text)| (user.to_owned(), text.to_owned()));
        self.0.iter().filter_map(of_line)
    }

    pub(super) fn contains(&self, user: &str) -> bool {
        self.0.iter().any(|line| is_of(line, user))
    }

    /// Puts a user in the place where it is, or at the end.
    pub(super) fn set(&mut self, user: &str, hash: &str) {
        let line = format!("{user}:{hash}");
        match self.0.iter().position(|line| is_of(line, user)) {
            Some(at) => {
                self.0[at] = line;
                // A second line of the same user would make the file invalid.
                let mut index = 0;
                self.0.retain(|line| {
                    index += 1;
                    index - 1 <= at || !is_of(line, user)
                });
            }
            None => self.0.push(line),
        }
    }

    /// Takes out all lines of a user; answers whether there was one.
    pub(super) fn remove(&mut self, user: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|line| !is_of(line, user));
        self.0.len() < before
    }
}

/// Why a name cannot stand in a password file.
pub(super) fn user_error(user: &str) -> Option<&'static str> {
    if user.is_empty() {
        Some("it is empty; give a name")
    } else if user.contains(':') {
        Some("a name in a password file cannot have a colon; choose another")
    } else if user.starts_with('#') {
        Some("a line that begins with # is a comment; choose another name")
    } else if user.trim() != user || user.chars().any(char::is_control) {
        Some("a name cannot have control characters, nor blanks at its ends; choose another")
    } else if user.len() > USER_BYTES_MAX {
        Some("a name cannot have more than 65,535 bytes; choose another")
    } else {
        None
    }
}

fn is_of(line: &str, user: &str) -> bool {
    matches!(user_of(line), Ok(Some((known, _))) if known == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# people\nalice:1\n\nbob : 2\nalice:3\nnonsense\n";

    #[test]
    fn users_are_set_and_removed_and_the_rest_stays() {
        let mut lines = Lines::of(TEXT);
        assert!(lines.contains("bob") && !lines.contains("# people") && !lines.contains("nonsense"));
        lines.set("alice", "new");
        lines.set("carol", "4");
        assert_eq!(lines.text(), "# people\nalice:new\n\nbob : 2\nnonsense\ncarol:4\n");
        assert!(lines.remove("bob") && !lines.remove("bob"));
        assert_eq!(lines.text(), "# people\nalice:new\n\nnonsense\ncarol:4\n");
        let users: Vec<_> = lines.users().collect();
        assert_eq!(users, [("alice".to_owned(), "new".to_owned()), ("carol".to_owned(), "4".to_owned())]);
    }

    #[test]
    fn names_that_would_break_the_file_are_refused() {
        for user in ["", "a:b", "#a", " a", "a ", "a\nb", &"x".repeat(65_536)] {
            assert!(user_error(user).is_some(), "{user:?}");
        }
        for user in ["a", "a b", "a#", "é", "+", "a/b"] {
            assert_eq!(user_error(user), None, "{user:?}");
        }
    }
}
