//! What the standards ask for, and the tests that show it: data, a checker, and the document made of both.
//!
//! `CORECAST_WRITE_DOCS=1 cargo test --test it conformance` writes `docs/conformance.md` anew.

mod choices;
mod document;
mod mqtt311;
mod mqtt5;
mod statement;

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string, write};
use std::path::{Path, PathBuf};

use self::choices::CHOICES;
use self::document::render;
use self::statement::{Edition, Obligation};

/// The standards, oldest last.
const EDITIONS: &[Edition] = &[mqtt5::EDITION, mqtt311::EDITION];

#[test]
fn every_normative_statement_is_shown_by_a_test_that_exists() {
    let known = test_names();
    let mut faults = Vec::new();
    for edition in EDITIONS {
        check_order(edition, &mut faults);
        for statement in edition.statements() {
            let id = statement.id;
            match statement.obligation {
                Obligation::Server if statement.shown_by.is_empty() => faults.push(format!("{id} has no test")),
                Obligation::Server => {}
                Obligation::ClientOnly | Obligation::Operator(_) if statement.shown_by.is_empty() => {}
                Obligation::ClientOnly | Obligation::Operator(_) => faults.push(format!("{id} has a test")),
            }
            faults.extend(missing(&known, statement.shown_by).map(|name| format!("{id}: no test is named {name}")));
        }
    }
    for choice in CHOICES {
        faults.extend(missing(&known, choice.shown_by).map(|name| format!("{}: no test {name}", choice.clause)));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_conformance_document_is_what_the_statements_make() {
    let path = root().join("docs/conformance.md");
    let text = render(EDITIONS, CHOICES);
    if std::env::var_os("CORECAST_WRITE_DOCS").is_some() {
        write(&path, &text).expect("docs can be written");
    }
    let written = read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/conformance.md is out of date: run with CORECAST_WRITE_DOCS=1");
}

#[test]
fn every_statement_the_sources_cite_exists() {
    let known: BTreeSet<&str> = EDITIONS.iter().flat_map(Edition::statements).map(|statement| statement.id).collect();
    let mut faults = Vec::new();
    for_each_source(&root().join("src"), &mut |path, text| {
        for citation in text.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(citation, _)| citation) {
            let is_statement = EDITIONS.iter().any(|edition| {
                let number = citation.strip_prefix(edition.prefix).unwrap_or_default();
                number.contains('-') && number.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte))
            });
            if is_statement && !known.contains(citation) {
                faults.push(format!("{}: there is no {citation}", path.display()));
            }
        }
    });
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Ids begin with the edition's prefix, stand in a known section, are sorted and unique.
fn check_order(edition: &Edition, faults: &mut Vec<String>) {
    let mut last = Vec::new();
    for statement in edition.statements() {
        if !statement.id.starts_with(edition.prefix) {
            faults.push(format!("{} is not of {}", statement.id, edition.title));
        }
        if !edition.sections.iter().any(|(number, _)| *number == statement.section()) {
            faults.push(format!("{} is in no known section", statement.id));
        }
        let order = statement.order();
        if order <= last {
            faults.push(format!("{} is out of order", statement.id));
        }
        last = order;
    }
}

fn missing<'a>(known: &'a BTreeSet<String>, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(|name| !known.contains(*name))
}

/// The names of all functions marked `#[test]`.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests/it"] {
        for_each_source(&root().join(folder), &mut |_, text| {
            for (at, _) in text.match_indices("#[test]") {
                let name = text[at..].split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                names.extend(name.map(|(name, _)| name.trim().to_owned()));
            }
        });
    }
    names
}

fn for_each_source(folder: &Path, show: &mut impl FnMut(&Path, &str)) {
    for entry in read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("a folder that was opened can be read").path();
        if path.is_dir() {
            for_each_source(&path, show);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            show(&path, &read_to_string(&path).expect("a source is text"));
        }
    }
}

/// Cargo sets it for the run too, so that the check follows a checkout that has moved.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
