//! One normative statement of a standard, and what shows that the broker keeps it.

/// A normative statement. The words are ours: the standard's own are to be looked up by the number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// The edition and the standard's number: `MQTT5-3.1.2-22`.
    pub(crate) id: &'static str,
    /// What it asks for, in one line.
    pub(crate) says: &'static str,
    /// Whom it binds.
    pub(crate) obligation: Obligation,
    /// Names of the tests that show it; a statement that binds the broker has at least one.
    pub(crate) shown_by: &'static [&'static str],
}

/// Whom a statement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obligation {
    /// The broker.
    Server,
    /// Clients only: nothing of it can be seen at the broker.
    ClientOnly,
    /// Nothing a test of the core can show; the text says why.
    Operator(&'static str),
}

/// A choice made where a standard allows several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// Where the standards leave it open, as in `MQTT5 3.1.3.1`.
    pub(crate) clause: &'static str,
    /// What the broker does.
    pub(crate) says: &'static str,
    /// Names of the tests that show it.
    pub(crate) shown_by: &'static [&'static str],
}

/// One standard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edition {
    /// Its name, for the heading.
    pub(crate) title: &'static str,
    /// Where to read it.
    pub(crate) address: &'static str,
    /// What its ids begin with: `MQTT5-`.
    pub(crate) prefix: &'static str,
    /// Its sections, as (`3.1`, title).
    pub(crate) sections: &'static [(&'static str, &'static str)],
    /// Its statements, sorted, in as many parts as there are files.
    pub(crate) parts: &'static [&'static [Statement]],
}

impl Edition {
    /// All statements, in order.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &'static Statement> + use<'_> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

impl Statement {
    /// The section it stands in: `3.1` for `MQTT5-3.1.2-22`.
    pub(crate) fn section(&self) -> &'static str {
        let number = self.number();
        let end = number.match_indices('.').nth(1).map_or(number.len(), |(at, _)| at);
        &number[..end]
    }

    /// Its number as numbers, for sorting.
    pub(crate) fn order(&self) -> Vec<u32> {
        self.number().split(['.', '-']).map(|part| part.parse().expect("a statement's number is numbers")).collect()
    }

    fn number(&self) -> &'static str {
        self.id.split_once('-').expect("an id is the edition and a number").1
    }
}

/// A statement that binds the broker.
pub(crate) const fn server(id: &'static str, says: &'static str, shown_by: &'static [&'static str]) -> Statement {
    Statement { id, says, obligation: Obligation::Server, shown_by }
}

/// A statement that binds clients only.
pub(crate) const fn client(id: &'static str, says: &'static str) -> Statement {
    Statement { id, says, obligation: Obligation::ClientOnly, shown_by: &[] }
}

/// A statement no test of the core can show, and why.
pub(crate) const fn operator(id: &'static str, says: &'static str, why: &'static str) -> Statement {
    Statement { id, says, obligation: Obligation::Operator(why), shown_by: &[] }
}
