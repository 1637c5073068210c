//! Makes `docs/conformance.md` of the statements.

use std::fmt::Write;

use super::statement::{Choice, Edition, Obligation, Statement};

const INTRODUCTION: &str = "\
# Conformance

<!-- Made from tests/it/conformance by `CORECAST_WRITE_DOCS=1 cargo test --test it conformance`. Do not edit. -->

Every normative statement of the MQTT standards, in our own words, with the tests that show that Corecast keeps it.
`cargo test` fails if a statement that binds a server has no test, if a test named here does not exist, or if this page
is out of date. Most tests run on a simulated world of 1, 2, 3 and 8 cores; those named after a statement carry its
number.
";

/// The whole document.
pub(super) fn render(editions: &[Edition], choices: &[Choice]) -> String {
    let mut text = String::from(INTRODUCTION);
    line(&mut text, "\n## Choices\n");
    line(&mut text, "Where a standard allows several things, this is what Corecast does.\n");
    line(&mut text, "| Clause | Choice | Tests |\n| --- | --- | --- |");
    for choice in choices {
        row(&mut text, choice.clause, choice.says, &tests(choice.shown_by));
    }
    for edition in editions {
        render_edition(&mut text, edition);
    }
    text
}

fn render_edition(text: &mut String, edition: &Edition) {
    let statements: Vec<&Statement> = edition.statements().collect();
    let count = |wanted: fn(&Obligation) -> bool| statements.iter().filter(|row| wanted(&row.obligation)).count();
    let server = count(|obligation| matches!(obligation, Obligation::Server));
    let client = count(|obligation| matches!(obligation, Obligation::ClientOnly));
    let operator = count(|obligation| matches!(obligation, Obligation::Operator(_)));
    line(text, &format!("\n## {}\n", edition.title));
    line(text, &format!("The standard: <{}>.", edition.address));
    let total = statements.len();
    line(
        text,
        &format!(
            "{total} statements: {server} bind a server and are tested, {client} bind clients only, {operator} cannot \
             be seen here."
        ),
    );
    for (number, title) in edition.sections {
        let rows: Vec<_> = statements.iter().filter(|statement| statement.section() == *number).collect();
        if rows.is_empty() {
            continue;
        }
        line(text, &format!("\n### {number} {title}\n"));
        line(text, "| Statement | What it asks for | Tests |\n| --- | --- | --- |");
        for statement in rows {
            let shown = match statement.obligation {
                Obligation::Server => tests(statement.shown_by),
                Obligation::ClientOnly => "binds clients only".to_owned(),
                Obligation::Operator(why) => why.to_owned(),
            };
            row(text, statement.id, statement.says, &shown);
        }
    }
}

fn tests(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join("<br>")
}

fn row(text: &mut String, first: &str, second: &str, third: &str) {
    let second = second.replace('|', "\\|");
    line(text, &format!("| {first} | {second} | {third} |"));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}
