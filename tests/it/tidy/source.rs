//! One file of the house as the rules see it: its path, its text, and its code without comments and literals.

use std::ops::Range;

/// A source file; `path` is relative to the repository and written with `/`.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The text with every comment, string and character blanked out, so that a rule finds code only. Bytes and lines
    /// are where they were.
    pub(super) code: String,
    test_regions: Vec<Range<usize>>,
}

/// A name brought in by a `use`, such as `crate::router::Route`; a glob ends in `*`.
pub(super) struct Import {
    pub(super) at: usize,
    pub(super) path: Vec<String>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let code = blank(text);
        let is_test = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let test_regions = if is_test { std::iter::once(0..code.len()).collect() } else { test_regions(&code) };
        Source { path: path.to_owned(), text: text.to_owned(), code, test_regions }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// What a rule says about a byte of this file.
    pub(super) fn fault(&self, at: usize, rule: &str) -> String {
        format!("{}:{}: {rule}", self.path, self.line(at))
    }

    pub(super) fn is_test(&self, at: usize) -> bool {
        self.test_regions.iter().any(|region| region.contains(&at))
    }

    /// Where `word` stands in the code with no letter, digit or underscore beside it.
    pub(super) fn words(&self, word: &str) -> Vec<usize> {
        let bytes = self.code.as_bytes();
        let starts_plain = |at: usize| at == 0 || !is_name_byte(bytes[at - 1]) || !is_name_byte(word.as_bytes()[0]);
        let ends_plain = |at: usize| bytes.get(at + word.len()).is_none_or(|byte| !is_name_byte(*byte));
        let found = self.code.match_indices(word).map(|(at, _)| at);
        found.filter(|&at| starts_plain(at) && ends_plain(at)).collect()
    }

    /// From the `use` to the semicolon, for each `use` that begins a line.
    pub(super) fn use_statements(&self) -> Vec<Range<usize>> {
        let begins_statement = |&at: &usize| {
            let line = self.code[..at].rsplit('\n').next().unwrap_or("").trim();
            line.is_empty() || line == "pub" || (line.starts_with("pub(") && line.ends_with(')'))
        };
        let starts = self.words("use").into_iter().filter(begins_statement);
        starts.map(|at| at..self.code[at..].find(';').map_or(self.code.len(), |length| at + length)).collect()
    }

    /// Every name every `use` brings in.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for statement in self.use_statements() {
            let at = statement.start;
            let tree: String = self.code[statement].chars().skip("use".len()).collect();
            let mut paths = Vec::new();
            expand(&[], tree.trim(), &mut paths);
            imports.extend(paths.into_iter().map(|path| Import { at, path }));
        }
        imports
    }

    /// Name, place and number of lines of every function with a body.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut functions = Vec::new();
        for at in self.words("fn") {
            let rest = &self.code[at + "fn".len()..];
            let name: String = rest.trim_start().chars().take_while(|letter| is_name(*letter)).collect();
            // A type such as `fn(u8) -> u8` has no name.
            if name.is_empty() {
                continue;
            }
            if let Some(body) = body_of(&self.code, at) {
                let end = closing(&self.code, body);
                functions.push((name, at, self.line(end) - self.line(at) + 1));
            }
        }
        functions
    }
}

/// The opening brace of the function at `at`; `None` if it is only declared.
fn body_of(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, byte) in code.as_bytes()[at..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(at + offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`, or the end of the code.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return open + offset,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn test_regions(code: &str) -> Vec<Range<usize>> {
    let attributes = code.match_indices("#[cfg(test)]").map(|(at, _)| at);
    attributes.filter_map(|at| body_of(code, at + "#[cfg(test)]".len()).map(|body| at..closing(code, body))).collect()
}

/// `a::{b, c::*}` becomes `a::b` and `a::c::*`; `x as y` counts as `x`.
fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let Some((head, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or("");
        let segments = name.split("::").map(|segment| segment.trim().to_owned());
        let path: Vec<String> = prefix.iter().cloned().chain(segments.filter(|segment| !segment.is_empty())).collect();
        if path.len() > prefix.len() {
            paths.push(path);
        }
        return;
    };
    let head = head.split("::").map(|segment| segment.trim().to_owned()).filter(|segment| !segment.is_empty());
    let prefix: Vec<String> = prefix.iter().cloned().chain(head).collect();
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut depth = 0usize;
    let mut start = 0;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &group[start..], paths);
}

/// Replaces comments and literals by blanks of the same number of bytes.
fn blank(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = end_of_literal(&letters, at);
        if end == at {
            code.push(letters[at]);
            at += 1;
            continue;
        }
        for &letter in &letters[at..end] {
            match letter {
                '\n' => code.push('\n'),
                letter => code.extend(std::iter::repeat_n(' ', letter.len_utf8())),
            }
        }
        at = end;
    }
    code
}

/// Where the comment, string or character that begins at `at` ends; `at` itself if none begins there.
fn end_of_literal(letters: &[char], at: usize) -> usize {
    let letter = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let find = |from: usize, wanted: &dyn Fn(usize) -> bool| {
        (from..letters.len()).find(|&index| wanted(index)).unwrap_or(letters.len())
    };
    let after_name = at > 0 && is_name(letters[at - 1]);
    match (letter(at), letter(at + 1)) {
        ('/', '/') => find(at, &|index| letter(index) == '\n'),
        ('/', '*') => end_of_block_comment(letters, at),
        ('"', _) => end_of_string(letters, at + 1),
        ('b' | 'c', '"') if !after_name => end_of_string(letters, at + 2),
        ('b' | 'c', 'r') if !after_name => end_of_raw_string(letters, at, at + 2),
        ('r', '"' | '#') if !after_name => end_of_raw_string(letters, at, at + 1),
        ('\'', '\\') => (find(at + 3, &|index| letter(index) == '\'') + 1).min(letters.len()),
        // Anything else behind a quote is a lifetime.
        ('\'', _) if letter(at + 2) == '\'' => at + 3,
        _ => at,
    }
}

fn end_of_block_comment(letters: &[char], at: usize) -> usize {
    let mut depth = 0usize;
    let mut index = at;
    while index + 1 < letters.len() {
        match (letters[index], letters[index + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') if depth == 1 => return index + 2,
            ('*', '/') => depth -= 1,
            _ => {
                index += 1;
                continue;
            }
        }
        index += 2;
    }
    letters.len()
}

fn end_of_string(letters: &[char], mut index: usize) -> usize {
    while index < letters.len() {
        match letters[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    letters.len()
}

/// `hashes` is where the number signs may begin; with no quote behind them it is no string (`r#type`).
fn end_of_raw_string(letters: &[char], at: usize, hashes: usize) -> usize {
    let count = letters[hashes..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(hashes + count) != Some(&'"') {
        return at;
    }
    let body = hashes + count + 1;
    let closes = |&index: &usize| {
        letters[index] == '"'
            && letters[index + 1..].iter().take(count).filter(|letter| **letter == '#').count() == count
    };
    (body..letters.len()).find(closes).map_or(letters.len(), |index| index + 1 + count)
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"b\\\"{\") }", "f(      ) }"),
            ("f(b\"{\", r#\"\"}\"#)", "f(    ,        )"),
            ("'{' '\\'' '\\u{7b}' &'a b", "                  &'a b"),
            ("\"é\" r#type", "     r#type"),
            ("for\"x\"", "for   "),
        ] {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn imports_are_expanded() {
        let text = "use crate::{a::{b, c as d}, e::*};\npub(crate) use x::y;\nlet z = \"use p::q;\"; use_it();\n";
        let imports = Source::new("src/x.rs", text).imports();
        let paths: Vec<String> = imports.iter().map(|import| import.path.join("::")).collect();
        assert_eq!(paths, ["crate::a::b", "crate::a::c", "crate::e::*", "x::y"]);
    }

    #[test]
    fn functions_are_measured_from_their_name_to_their_last_brace() {
        let text = "fn a(x: [u8; 4]) -> fn(u8) {\n  \"}\";\n}\ntrait T {\n  fn b();\n  fn c() {}\n}\n";
        let functions = Source::new("src/x.rs", text).functions();
        let found: Vec<(&str, usize)> = functions.iter().map(|(name, _, lines)| (name.as_str(), *lines)).collect();
        assert_eq!(found, [("a", 3), ("c", 1)]);
    }

    #[test]
    fn what_is_below_cfg_test_is_test_code() {
        let source = Source::new("src/x.rs", "a\n#[cfg(test)]\nmod tests {\n  b\n}\nc\n");
        let is_test = |word: &str| source.is_test(source.words(word)[0]);
        assert_eq!((is_test("a"), is_test("b"), is_test("c")), (false, true, false));
    }
}
