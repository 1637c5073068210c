//! How many instructions each row may take: a file of the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A budget is this much above what was counted when it was written: other processors and C libraries choose other ways
/// to copy memory, and a compiler's next version reorders a little.
const ROOM: f64 = 1.05;

/// Below this share of its budget a row has become so much cheaper that part of it could be lost again unseen.
const FAR_BELOW: f64 = 0.90;

const WRITTEN_WITH: &str = "# written with: ";

/// Budgets by row.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Budgets {
    rows: BTreeMap<String, u64>,
    written_with: String,
}

/// How a row stands to its budget.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Fits,
    Over(u64),
    FarBelow(u64),
    /// It has none.
    Missing,
}

impl Budgets {
    /// Budgets with some room above what was counted.
    pub(crate) fn around<'a>(measured: impl Iterator<Item = (&'a str, f64)>, tools: &str) -> Budgets {
        let rows = measured.map(|(name, instructions)| (name.to_owned(), (instructions * ROOM).ceil() as u64));
        Budgets { rows: rows.collect(), written_with: tools.to_owned() }
    }

    pub(crate) fn read(path: &Path) -> Result<Budgets> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Budgets::parse(&text).with_context(|| path.display().to_string())
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.text()).with_context(|| path.display().to_string())
    }

    pub(crate) fn of(&self, row: &str) -> Option<u64> {
        self.rows.get(row).copied()
    }

    /// The tools whose figures these are.
    pub(crate) fn written_with(&self) -> &str {
        &self.written_with
    }

    pub(crate) fn judge(&self, row: &str, instructions: f64) -> Verdict {
        match self.of(row) {
            None => Verdict::Missing,
            Some(budget) if instructions > budget as f64 => Verdict::Over(budget),
            Some(budget) if instructions < budget as f64 * FAR_BELOW => Verdict::FarBelow(budget),
            Some(_) => Verdict::Fits,
        }
    }

    /// Rows with a budget that are not among `names`.
    pub(crate) fn others<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.rows.keys().map(String::as_str).filter(|row| !names.contains(row))
    }

    fn parse(text: &str) -> Result<Budgets> {
        let mut budgets = Budgets::default();
        for line in text.lines() {
            if let Some(tools) = line.strip_prefix(WRITTEN_WITH) {
                tools.clone_into(&mut budgets.written_with);
            } else if !line.starts_with('#') {
                let (name, budget) = line.split_once('\t').with_context(|| format!("{line:?} is no budget"))?;
                let budget = budget.parse().with_context(|| format!("{line:?} is no budget"))?;
                budgets.rows.insert(name.to_owned(), budget);
            }
        }
        Ok(budgets)
    }

    fn text(&self) -> String {
        let mut text = String::from("# Instructions per operation, at most. See docs/benches.md.\n");
        text.push_str("# Made by: scripts/profile instructions --write-budgets\n");
        let _ = writeln!(text, "{WRITTEN_WITH}{}", self.written_with);
        for (name, budget) in &self.rows {
            let _ = writeln!(text, "{name}\t{budget}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets() -> Budgets {
        Budgets::around([("one", 100.0), ("two", 10.1)].into_iter(), "tools 1.0")
    }

    #[test]
    fn what_was_counted_fits_and_what_has_changed_much_does_not() {
        let budgets = budgets();
        assert_eq!((budgets.of("one"), budgets.of("two"), budgets.of("three")), (Some(105), Some(11), None));
        assert_eq!(budgets.judge("one", 100.0), Verdict::Fits);
        assert_eq!(budgets.judge("one", 105.0), Verdict::Fits);
        assert_eq!(budgets.judge("one", 105.1), Verdict::Over(105));
        assert_eq!(budgets.judge("one", 94.6), Verdict::Fits);
        assert_eq!(budgets.judge("one", 94.4), Verdict::FarBelow(105));
        assert_eq!(budgets.judge("three", 1.0), Verdict::Missing);
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let text = budgets().text();
        assert_eq!(Budgets::parse(&text).expect("valid"), budgets());
        assert_eq!(budgets().written_with(), "tools 1.0");
        for line in ["one", "one\t", "one\tmany", "one\t-1", ""] {
            assert!(Budgets::parse(&format!("{text}{line}\n")).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_budget_without_its_row_is_named() {
        assert_eq!(budgets().others(&["two"]).collect::<Vec<&str>>(), ["one"]);
    }
}
