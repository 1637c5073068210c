//! What callgrind has counted, as a table beside the budgets.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

use crate::budgets::{Budgets, Verdict};
use crate::counts::Counts;

/// The rows that were run, with what was counted for each.
pub(crate) struct Report {
    rows: Vec<Counted>,
}

/// One row.
struct Counted {
    name: String,
    operations: u64,
    counts: Counts,
}

impl Counted {
    fn per_operation(&self, instructions: u64) -> f64 {
        instructions as f64 / self.operations as f64
    }
}

impl Report {
    /// Reads what `measure` printed and the file that callgrind wrote for each row, in the same order.
    pub(crate) fn read(counts: &Path, rows: &Path) -> Result<Report> {
        let text = fs::read_to_string(rows).with_context(|| rows.display().to_string())?;
        let mut report = Report { rows: Vec::new() };
        for (line, number) in text.lines().zip(1..) {
            let (name, operations) = line.split_once('\t').with_context(|| format!("{line:?} is no row"))?;
            let operations = operations.parse().with_context(|| format!("{line:?} is no row"))?;
            let counts = Counts::read(&numbered(counts, number))?;
            report.rows.push(Counted { name: name.to_owned(), operations, counts });
        }
        ensure!(!report.rows.is_empty(), "{} names no row", rows.display());
        Ok(report)
    }

    /// The table, with budgets if there are any.
    pub(crate) fn table(&self, budgets: Option<&Budgets>) -> String {
        let mut text = format!("{:<36} {:>16} {:>8}\n", "per operation", "instructions", "budget");
        for row in &self.rows {
            let measured = row.per_operation(row.counts.total());
            let budget = budgets.and_then(|budgets| budgets.of(&row.name));
            let budget = budget.map_or("-".to_owned(), |budget| budget.to_string());
            let _ = writeln!(text, "{:<36} {measured:>16.1} {budget:>8}", row.name);
        }
        text
    }

    /// The functions that cost most, each without what it calls.
    pub(crate) fn functions(&self, lines: usize) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let total = row.counts.total();
            let _ = writeln!(text, "{}: {:.1} instructions per operation", row.name, row.per_operation(total));
            for (function, instructions) in row.counts.by_function().into_iter().take(lines) {
                let share = 100.0 * instructions as f64 / total as f64;
                let _ = writeln!(text, "{:>10.1} {share:>5.1} %  {function}", row.per_operation(instructions));
            }
        }
        text
    }

    /// What does not fit its budget, a line each.
    pub(crate) fn faults(&self, budgets: &Budgets) -> Vec<String> {
        let judge = |row: &Counted| {
            let measured = row.per_operation(row.counts.total());
            let fault = match budgets.judge(&row.name, measured) {
                Verdict::Fits => return None,
                Verdict::Missing => "it has no budget".to_owned(),
                Verdict::Over(budget) => format!("over its budget of {budget}"),
                Verdict::FarBelow(budget) => {
                    format!("so far below its budget of {budget} that what was won could be lost again unseen")
                }
            };
            Some(format!("{}: {measured:.1} instructions per operation, {fault}", row.name))
        };
        self.rows.iter().filter_map(judge).collect()
    }

    /// Names of the rows and their instructions per operation.
    pub(crate) fn measured(&self) -> impl Iterator<Item = (&str, f64)> {
        self.rows.iter().map(|row| (row.name.as_str(), row.per_operation(row.counts.total())))
    }
}

/// `counts` becomes `counts.3`, as callgrind names its third file.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
