//! The words of the script language: how a line is cut, and when what was heard is what was expected.

use std::fmt;

/// One word of a line: `name`, `name=value` or `"text"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Empty for quoted text without a name.
    pub(crate) name: String,
    pub(crate) value: Option<Vec<u8>>,
}

impl Word {
    pub(crate) fn bare(name: &str) -> Word {
        Word { name: name.into(), value: None }
    }

    pub(crate) fn text(value: &[u8]) -> Word {
        Word { name: String::new(), value: Some(value.into()) }
    }

    pub(crate) fn pair(name: &str, value: impl AsRef<[u8]>) -> Word {
        Word { name: name.into(), value: Some(value.as_ref().into()) }
    }

    /// The value as text; the name of a word without one.
    pub(crate) fn value_str(&self) -> &str {
        let value = self.value.as_deref().unwrap_or(self.name.as_bytes());
        std::str::from_utf8(value).expect("a script's text is UTF-8 here")
    }

    /// The value as a number, decimal or 0x hexadecimal.
    pub(crate) fn number<T: TryFrom<u64>>(&self) -> T {
        let number = number(self.value_str()).unwrap_or_else(|| panic!("`{self}` wants a number"));
        T::try_from(number).unwrap_or_else(|_| panic!("`{self}` is too large"))
    }

    /// Whether `heard` is meant. `_` stands for any value, numbers may be written either way.
    fn accepts(&self, heard: &Word) -> bool {
        if self.name != heard.name {
            return false;
        }
        match (&self.value, &heard.value) {
            (None, None) => true,
            (Some(wanted), Some(value)) => {
                wanted == b"_" && !self.name.is_empty() || wanted == value || same_numbers(wanted, value)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = &self.value else { return formatter.write_str(&self.name) };
        if !self.name.is_empty() && self.name != "topic" {
            write!(formatter, "{}=", self.name)?;
        }
        if value.len() > 64 && value.iter().all(|byte| *byte == b'x') {
            return write!(formatter, "*{}", value.len());
        }
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=');
        if !self.name.is_empty() && !value.is_empty() && value.iter().all(is_plain) {
            return formatter.write_str(&String::from_utf8_lossy(value));
        }
        write!(formatter, "\"{}\"", value.escape_ascii())
    }
}

/// A packet or an order: a verb and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) verb: String,
    pub(crate) words: Vec<Word>,
}

impl Words {
    pub(crate) fn new(verb: &str) -> Words {
        Words { verb: verb.into(), words: Vec::new() }
    }

    pub(crate) fn parse(text: &str) -> Words {
        let mut words = cut(text);
        assert!(!words.is_empty(), "a line without a verb");
        let verb = words.remove(0).name;
        if verb == "publish" {
            // The topic is the first word, with quotes or without.
            let topic = words.first_mut().expect("a topic");
            let name = std::mem::replace(&mut topic.name, "topic".into());
            assert!(topic.value.is_none() || name.is_empty(), "a topic with `=` needs quotes");
            topic.value.get_or_insert(name.into());
        }
        Words { verb, words }
    }

    pub(crate) fn push(&mut self, word: Word) {
        self.words.push(word);
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether `heard` is what these words expect: the same verb and each word once, in any order but that of words with
    /// one name; `..` allows further words.
    pub(crate) fn accepts(&self, heard: &Words) -> bool {
        if self.verb != heard.verb {
            return false;
        }
        let mut left: Vec<&Word> = heard.words.iter().collect();
        for wanted in self.words.iter().filter(|word| word.name != "..") {
            let Some(at) = left.iter().position(|word| word.name == wanted.name && wanted.accepts(word)) else {
                return false;
            };
            if left[..at].iter().any(|earlier| earlier.name == wanted.name && !wanted.name.is_empty()) {
                return false;
            }
            left.remove(at);
        }
        left.is_empty() || self.has("..")
    }
}

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.verb)?;
        self.words.iter().try_for_each(|word| write!(formatter, " {word}"))
    }
}

/// A number, decimal or 0x hexadecimal.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Compares lists of numbers: `codes=1,0x80` is `codes=1,128`.
fn same_numbers(wanted: &[u8], value: &[u8]) -> bool {
    let read = |text: &[u8]| -> Option<Vec<u64>> { std::str::from_utf8(text).ok()?.split(',').map(number).collect() };
    read(wanted).is_some_and(|wanted| Some(wanted) == read(value))
}

/// Cuts a line at its spaces. `"..."` is one piece and may hold `\n`, `\r`, `\t`, `\0`, `\\`, `\"` and `\x41`;
/// `*1000` is a text of 1000 times the letter x.
fn cut(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '"', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = if after.starts_with('"') && name.is_empty() {
            let (value, after) = quoted(after);
            (Some(value), after)
        } else if let Some(after) = after.strip_prefix('=') {
            let (value, after) = if after.starts_with('"') {
                quoted(after)
            } else {
                let end = after.find(' ').unwrap_or(after.len());
                (repeated(&after[..end]).unwrap_or_else(|| after[..end].into()), &after[end..])
            };
            (Some(value), after)
        } else {
            (repeated(name), after)
        };
        assert!(after.is_empty() || after.starts_with(' '), "a space is missing before `{after}`");
        let name = if value.is_some() && name.starts_with('*') { "" } else { name };
        words.push(Word { name: name.into(), value });
        rest = after.trim_start();
    }
    words
}

fn repeated(text: &str) -> Option<Vec<u8>> {
    let count = text.strip_prefix('*')?.parse().ok()?;
    Some(vec![b'x'; count])
}

fn quoted(text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (bytes, &text[at + 1..]),
            '\\' => match characters.next().expect("something behind a backslash").1 {
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                '0' => bytes.push(0),
                'x' => {
                    let digits: String = characters.by_ref().take(2).map(|(_, digit)| digit).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
                }
                other => bytes.extend(other.to_string().bytes()),
            },
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    panic!("a quote is not closed: {text}")
}

#[test]
fn words_are_cut_and_compared_as_the_language_says() {
    let heard = Words::parse(r#"publish "t/1" q1 id=7 "a\"\x00b" user.k=v user.k="w x""#);
    assert_eq!(heard.words.len(), 6);
    assert_eq!(heard.to_string(), r#"publish t/1 q1 id=7 "a\"\x00b" user.k=v user.k="w x""#);
    for (expected, accepted) in [
        (r#"publish t/1 id=_ q1 "a\"\0b" user.k=v user.k="w x""#, true),
        (r#"publish t/1 .."#, true),
        (r#"publish t/1"#, false),
        (r#"publish "t/1" id=0x7 .."#, true),
        (r#"publish "t/1" id=8 .."#, false),
        (r#"publish t/1 user.k="w x" user.k=v .."#, false),
        (r#"puback .."#, false),
    ] {
        assert_eq!(Words::parse(expected).accepts(&heard), accepted, "{expected}");
    }
    assert!(Words::parse("suback codes=1,0x80").accepts(&Words::parse("suback codes=1,128")));
    assert_eq!(Words::parse("publish t *3").words[1], Word::text(b"xxx"));
}
