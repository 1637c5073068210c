//! The levels of wildcard filters, each text kept once and named by a small number.

use super::hash::Keys;
use crate::table::handles::Handles;
use crate::table::Table;

/// Interned levels, counted: the last release forgets the text.
pub(super) struct Symbols {
    keys: Keys,
    symbols: Table<Symbol>,
    by_text: Handles,
}

struct Symbol {
    text: Text,
    uses: u32,
}

/// A level, in place if it is short, as nearly all are: looking at it then costs no second step into memory.
enum Text {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<[u8]>),
}

/// What fits beside a pointer and its length without making a symbol larger than 32 bytes.
const SHORT_MAX: usize = 22;

impl Symbols {
    pub(super) fn new(keys: Keys) -> Symbols {
        Symbols { keys, symbols: Table::default(), by_text: Handles::default() }
    }

    /// Frees what only levels that are gone have needed.
    pub(super) fn give_back(&mut self) {
        self.symbols.give_back();
    }

    pub(super) fn len(&self) -> usize {
        self.symbols.len()
    }

    /// The number of `level`, if any filter uses it.
    #[inline]
    pub(super) fn find(&self, level: &[u8]) -> Option<u32> {
        self.find_hashed(self.keys.bytes(level), level)
    }

    /// The number of `level`, used once more than before.
    pub(super) fn acquire(&mut self, level: &str) -> u32 {
        let hash = self.keys.text(level);
        if let Some(symbol) = self.find_hashed(hash, level.as_bytes()) {
            self.symbols[symbol as usize].uses += 1;
            return symbol;
        }
        let symbol = self.symbols.insert(Symbol { text: Text::new(level), uses: 1 }) as u32;
        self.by_text.insert(hash, symbol);
        symbol
    }

    /// Gives back what [`Symbols::acquire`] gave.
    pub(super) fn release(&mut self, symbol: u32) {
        let found = &mut self.symbols[symbol as usize];
        found.uses -= 1;
        if found.uses == 0 {
            let gone = self.symbols.remove(symbol as usize).expect("it is used");
            let was_known = self.by_text.remove(self.keys.bytes(gone.text.as_bytes()), symbol);
            assert!(was_known, "only what was inserted is removed");
            if self.symbols.is_empty() {
                self.symbols = Table::default();
            }
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.symbols.iter().map(|symbol| symbol.text.heap_bytes()).sum();
        self.symbols.heap_bytes() + texts + self.by_text.heap_bytes()
    }

    #[inline]
    fn find_hashed(&self, hash: u64, level: &[u8]) -> Option<u32> {
        self.by_text
            .find(hash, |symbol| self.symbols.get(symbol as usize).is_some_and(|found| found.text.as_bytes() == level))
    }
}

impl Text {
    fn new(level: &str) -> Text {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..level.len()) {
            Some(place) => {
                place.copy_from_slice(level.as_bytes());
                Text::Short { len: level.len() as u8, bytes }
            }
            None => Text::Long(level.as_bytes().into()),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Short { len, bytes } => &bytes[..usize::from(*len)],
            Text::Long(bytes) => bytes,
        }
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        match self {
            Text::Short { .. } => 0,
            Text::Long(bytes) => bytes.len(),
        }
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
            assert_eq!((symbols.find(b"a"), symbols.find(b"b"), symbols.find(b"")), (Some(a), Some(b), Some(empty)));
            symbols.release(a);
            assert_eq!((symbols.find(b"a"), symbols.find(b"b")), (None, Some(b)));
            symbols.release(b);
            symbols.release(empty);
            assert!(symbols.len() == 0 && symbols.by_text.is_empty());
        }
    }

    #[test]
    fn a_symbol_is_half_a_cache_line() {
        assert_eq!(std::mem::size_of::<Option<Symbol>>(), 32);
    }

    #[test]
    fn texts_of_all_lengths_are_told_apart() {
        let mut symbols = Symbols::new(Keys::weak(1, 1));
        let texts: Vec<String> = (0..3 * SHORT_MAX).map(|len| "x".repeat(len)).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| symbols.acquire(text)).collect();
        for (text, &number) in texts.iter().zip(&numbers) {
            assert_eq!(symbols.find(text.as_bytes()), Some(number), "{}", text.len());
        }
        assert_eq!(symbols.find(b"y"), None);
    }
}
