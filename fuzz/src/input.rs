//! How the bytes of one try are divided among what a target needs.

/// Stands between the parts of an input: never part of UTF-8, so that no text has to be escaped.
const SEPARATOR: u8 = 0xFF;

/// Choices from the front of an input; zero once they are used up.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        byte
    }

    /// So many bytes, or as many as there are left.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}

/// The parts of an input, which nothing but `0xFF` divides. Those that are missing are empty.
pub(crate) fn parts<const COUNT: usize>(bytes: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = bytes.splitn(COUNT, |byte| *byte == SEPARATOR);
    [(); COUNT].map(|()| parts.next().unwrap_or_default())
}

/// The pieces of bytes that arrive cut by choice: each byte of `cuts` is the length of a piece, the last one goes on.
pub(crate) fn pieces<'a>(bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    let mut cuts = cuts.iter().copied().cycle();
    while !rest.is_empty() {
        let length = usize::from(cuts.next().unwrap_or(u8::MAX)).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
