//! The levels of wildcard filters, each text kept once and named by a small number.

use slab::Slab;

use super::hash::Keys;
use super::table::Table;

/// Interned levels, counted: the last release forgets the text.
pub(super) struct Symbols {
    keys: Keys,
    symbols: Slab<Symbol>,
    by_text: Table,
}

struct Symbol {
    text: Box<str>,
    uses: u32,
}

impl Symbols {
    pub(super) fn new(keys: Keys) -> Symbols {
        Symbols { keys, symbols: Slab::new(), by_text: Table::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.symbols.len()
    }

    /// The number of `level`, if any filter uses it.
    #[inline]
    pub(super) fn find(&self, level: &str) -> Option<u32> {
        self.find_hashed(self.keys.text(level), level)
    }

    /// The number of `level`, used once more than before.
    pub(super) fn acquire(&mut self, level: &str) -> u32 {
        let hash = self.keys.text(level);
        if let Some(symbol) = self.find_hashed(hash, level) {
            self.symbols[symbol as usize].uses += 1;
            return symbol;
        }
        grow_by_quarter(&mut self.symbols);
        let symbol = self.symbols.insert(Symbol { text: level.into(), uses: 1 }) as u32;
        self.by_text.insert(hash, symbol);
        symbol
    }

    /// Gives back what [`Symbols::acquire`] gave.
    pub(super) fn release(&mut self, symbol: u32) {
        let found = &mut self.symbols[symbol as usize];
        found.uses -= 1;
        if found.uses == 0 {
            let gone = self.symbols.remove(symbol as usize);
            self.by_text.remove(self.keys.text(&gone.text), symbol);
            if self.symbols.is_empty() {
                self.symbols = Slab::new();
            }
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.symbols.iter().map(|(_, symbol)| symbol.text.len()).sum();
        self.symbols.capacity() * std::mem::size_of::<Symbol>() + texts + self.by_text.heap_bytes()
    }

    #[inline]
    fn find_hashed(&self, hash: u64, level: &str) -> Option<u32> {
        self.by_text.find(hash, |symbol| self.symbols.get(symbol as usize).is_some_and(|found| *found.text == *level))
    }
}

/// Makes room for one more. Doubling would leave up to half of a large table unused; a quarter bounds the waste at 20 %
/// and keeps the cost of an insertion constant over many.
pub(super) fn grow_by_quarter<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact((slab.len() / 4).max(4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_until_its_last_use_ends() {
        for keys in [Keys::new(1), Keys::weak(1, 1)] {
            let mut symbols = Symbols::new(keys);
            let a = symbols.acquire("a");
            let b = symbols.acquire("b");
            let empty = symbols.acquire("");
            assert_eq!(symbols.acquire("a"), a);
            symbols.release(a);
            assert_eq!((symbols.find("a"), symbols.find("b"), symbols.find("")), (Some(a), Some(b), Some(empty)));
            symbols.release(a);
            assert_eq!((symbols.find("a"), symbols.find("b")), (None, Some(b)));
            symbols.release(b);
            symbols.release(empty);
            assert!(symbols.len() == 0 && symbols.by_text.is_empty());
        }
    }

    #[test]
    fn a_symbol_costs_no_tag_beside_its_text() {
        assert_eq!(std::mem::size_of::<Symbol>(), 24);
    }
}
