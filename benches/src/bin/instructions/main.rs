//! Instructions per message of the pure hot path, counted by callgrind and held against budgets. `scripts/profile` runs
//! it; `docs/benches.md` explains it.

mod budgets;
mod counts;
mod loads;
mod report;

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{bail, Result};
use clap::{Args, Parser, Subcommand};
use corecast::runtime::CountingAllocator;

use self::budgets::Budgets;
use self::loads::{measure, ROWS};
use self::report::Report;

/// The broker's own: at QoS 1 and 2 a publication costs an allocation.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[derive(Parser)]
#[command(name = "instructions", about = "Instructions per message of the pure hot path; see scripts/profile")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the loads: under callgrind, which counts and writes one file a row
    Measure {
        /// All if none is named
        rows: Vec<String>,
    },
    /// Print what was counted
    Table {
        #[command(flatten)]
        counted: Counted,
        /// Budgets to print beside
        #[arg(long)]
        budgets: Option<PathBuf>,
    },
    /// Print what was counted, by function
    Functions {
        #[command(flatten)]
        counted: Counted,
        /// How many functions
        #[arg(long, default_value_t = 25)]
        lines: usize,
    },
    /// Print what was counted and fail if something does not fit its budget
    Check {
        #[command(flatten)]
        counted: Counted,
        #[command(flatten)]
        budgets: BudgetFile,
    },
    /// Print what was counted and make budgets of it
    Write {
        #[command(flatten)]
        counted: Counted,
        #[command(flatten)]
        budgets: BudgetFile,
    },
}

#[derive(Args)]
struct Counted {
    /// Where callgrind wrote, without the number of the row
    counts: PathBuf,
    /// What `measure` printed
    rows: PathBuf,
}

#[derive(Args)]
struct BudgetFile {
    /// The file
    #[arg(long)]
    budgets: PathBuf,
    /// Versions of compiler and callgrind, to be kept with the budgets
    #[arg(long)]
    tools: String,
}

fn main() -> ExitCode {
    match carry_out(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> Result<ExitCode> {
    match command {
        Command::Measure { rows } => {
            if let Some(unknown) = rows.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
                let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
                eprintln!("instructions: no row is called {unknown:?}; there are: {}", names.join(", "));
                return Ok(ExitCode::from(2));
            }
            measure(|name| rows.is_empty() || rows.iter().any(|row| row == name));
        }
        Command::Table { counted, budgets } => {
            let budgets = budgets.map(|path| Budgets::read(&path)).transpose()?;
            print(&counted.read()?.table(budgets.as_ref()))?;
        }
        Command::Functions { counted, lines } => print(&counted.read()?.functions(lines))?,
        Command::Check { counted, budgets } => check(&counted.read()?, &budgets)?,
        Command::Write { counted, budgets: BudgetFile { budgets: path, tools } } => {
            let report = counted.read()?;
            let budgets = Budgets::around(report.measured(), &tools);
            print(&report.table(Some(&budgets)))?;
            budgets.write(&path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A reader that has seen enough is no fault.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Counted {
    fn read(&self) -> Result<Report> {
        Report::read(&self.counts, &self.rows)
    }
}

/// Says what does not fit and what to do about it.
fn check(report: &Report, BudgetFile { budgets, tools }: &BudgetFile) -> Result<()> {
    let budgets = Budgets::read(budgets)?;
    print(&report.table(Some(&budgets)))?;
    let names: Vec<&str> = report.measured().map(|(name, _)| name).collect();
    let mut faults = report.faults(&budgets);
    faults.extend(budgets.others(&names).map(|name| format!("{name}: a budget and no such row")));
    if faults.is_empty() {
        return Ok(());
    }
    if budgets.written_with() != tools {
        faults.push(format!("the budgets were written with {}; this is {tools}", budgets.written_with()));
    }
    faults.push("where the instructions go: scripts/profile callgrind ROW".to_owned());
    faults.push("if it is meant to be so: scripts/profile instructions --write-budgets".to_owned());
    bail!("instructions and budgets do not fit:\n{}", faults.join("\n"))
}
