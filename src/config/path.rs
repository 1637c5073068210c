//! Files, and who may use them.

use super::value::{quoted, Datum, Fault, Setting, Value, Wrong};

/// One file or several, as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<String>);

impl Paths {
    /// The files in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Setting for Paths {
    const KIND: &'static str = "a file, or a list of files";
    const COUNTS: &'static str = "files";
    const EXAMPLE: &'static str = "\"/etc/corecast/server.pem\"";

    fn measure(value: &Value<'_>) -> Option<f64> {
        match &value.datum {
            Datum::List(values) => Some(values.len() as f64),
            _ => None,
        }
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let one = std::slice::from_ref(value);
        let values = match &value.datum {
            Datum::List(values) => values.as_slice(),
            _ => one,
        };
        let paths: Result<Vec<String>, Fault> = values.iter().map(read_path).collect();
        paths.map(Paths)
    }

    fn show(&self) -> Option<String> {
        match self.0.as_slice() {
            [] => None,
            [one] => Some(quoted(one)),
            several => Some(format!("[{}]", several.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", "))),
        }
    }
}

fn read_path(value: &Value<'_>) -> Result<String, Fault> {
    match value.datum {
        Datum::Text("") => Err(Fault::new(value, Wrong::Because("it names no file".to_owned()))),
        Datum::Text(_) => String::read(value),
        _ => Err(Fault::new(value, Wrong::Kind)),
    }
}

/// Who may read and write a file: the permission bits of Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Setting for Mode {
    const KIND: &'static str = "permissions as octal digits in a text";
    const EXAMPLE: &'static str = "\"0660\"";

    fn measure(_value: &Value<'_>) -> Option<f64> {
        None
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let Datum::Text(text) = value.datum else { return Err(Fault::new(value, Wrong::Kind)) };
        let is_octal = text.len() >= 3 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
        mode.map(Mode).ok_or_else(|| Fault::new(value, Wrong::Kind))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&format!("{:04o}", self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_texts() {
        let mode = |text| Mode::read(&Value { at: 0, datum: Datum::Text(text) });
        assert_eq!((mode("0660"), mode("777")), (Ok(Mode(0o660)), Ok(Mode(0o777))));
        for wrong in ["", "66", "0x1ff", "1777", "+660", "0668", "99999999999999999999"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
        assert!(Mode::read(&Value { at: 0, datum: Datum::Integer(660) }).is_err(), "decimal by mistake");
    }

    #[test]
    fn one_file_needs_no_list() {
        let paths = |datum| Paths::read(&Value { at: 0, datum }).map(|paths| paths.as_slice().to_vec());
        let text = |text| Value { at: 0, datum: Datum::Text(text) };
        assert_eq!(paths(Datum::Text("a")), Ok(vec!["a".to_owned()]));
        assert_eq!(paths(Datum::List(vec![text("a"), text("b")])), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert!(paths(Datum::Text("")).is_err() && paths(Datum::Integer(1)).is_err());
    }
}
