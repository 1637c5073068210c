//! One file of callgrind: instructions by function.
//!
//! Of the format only this is needed: `fn=(7) name` begins the lines of a function, later `fn=(7)` alone; `calls=` is
//! followed by one line with the cost of what was called; any other line that begins with a place has the cost at this
//! place last; `totals:` is the sum of all.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};

/// Instructions of each function, without what it calls.
#[derive(Debug)]
pub(crate) struct Counts {
    by_function: HashMap<String, u64>,
    total: u64,
}

impl Counts {
    pub(crate) fn read(path: &Path) -> Result<Counts> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Counts::parse(&text).with_context(|| path.display().to_string())
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The most expensive first.
    pub(crate) fn by_function(&self) -> Vec<(&str, u64)> {
        let mut functions: Vec<(&str, u64)> =
            self.by_function.iter().map(|(name, cost)| (name.as_str(), *cost)).collect();
        functions.sort_by_key(|(name, cost)| (u64::MAX - cost, *name));
        functions
    }

    fn parse(text: &str) -> Result<Counts> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut counts = Counts { by_function: HashMap::new(), total: 0 };
        let mut function = "";
        let mut of_callee = false;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=").or(line.strip_prefix("cfn=")) {
                let (key, name) = name.split_once(' ').unwrap_or((name, ""));
                if !name.is_empty() {
                    names.insert(key, name);
                }
                if !line.starts_with('c') {
                    function = names.get(key).with_context(|| format!("{line:?} names no function"))?;
                }
            } else if line.starts_with("calls=") {
                of_callee = true;
            } else if let Some(total) = line.strip_prefix("totals:") {
                counts.total = total.trim().parse().with_context(|| format!("{line:?} is no sum"))?;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.rsplit(' ').next().unwrap_or_default();
                let cost: u64 = cost.parse().with_context(|| format!("{line:?} is no cost"))?;
                if !of_callee {
                    *counts.by_function.entry(function.to_owned()).or_default() += cost;
                }
                of_callee = false;
            }
        }
        let sum: u64 = counts.by_function.values().sum();
        ensure!(sum == counts.total && sum > 0, "functions have {sum} instructions, all together {}", counts.total);
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: 1\npositions: line\nevents: Ir\nsummary: 60\n\nob=(1) program\nfl=(1) a.rs\n\
        fn=(1) outer\n10 5\nfi=(2) b.rs\n+2 7\ncfn=(2) inner\ncalls=2 20\n* 40\n* 1\n\nfl=(2)\nfn=(2)\n20 40\n\n\
        fn=(1)\n-3 7\ntotals: 60\n";

    #[test]
    fn costs_go_to_the_function_they_were_spent_in() {
        let counts = Counts::parse(FILE).expect("valid");
        assert_eq!(counts.total(), 60);
        assert_eq!(counts.by_function(), [("inner", 40), ("outer", 20)]);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        for (from, to) in [("totals: 60", "totals: 61"), ("10 5", "10 x"), ("fn=(2)\n", "fn=(3)\n")] {
            let error = Counts::parse(&FILE.replace(from, to));
            assert!(error.is_err(), "{from} -> {to}: {error:?}");
        }
        assert!(Counts::parse("totals: 0\n").is_err());
    }
}
