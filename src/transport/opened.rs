//! Bytes that have been through the filters, on their way to the broker.

/// Bytes copied at once. Larger copies glibc leaves to `rep movsb`, from 4 or 8 KiB on. Where that was measured (AMD EPYC) it was
/// so much slower than a loop that a third of the time TLS took went there.
const COPY_BYTES: usize = 4000;

/// What is opened stays where it was decrypted if that is possible; then something that was only for the filter is in front.
#[derive(Debug, Default)]
pub struct Opened {
    bytes: Vec<u8>,
    start: usize,
}

/// Bytes that needed no filter, or have been through.
impl From<Vec<u8>> for Opened {
    fn from(bytes: Vec<u8>) -> Opened {
        Opened { bytes, start: 0 }
    }
}

impl Opened {
    /// Nothing yet, to be in memory that was used before.
    pub fn reusing(mut bytes: Vec<u8>) -> Opened {
        bytes.clear();
        Opened { bytes, start: 0 }
    }

    /// What has come.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// The memory, with where in it begins what has come.
    pub fn into_parts(self) -> (Vec<u8>, usize) {
        (self.bytes, self.start)
    }

    /// Appends.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        append(&mut self.bytes, bytes);
    }

    /// Appends `bytes[start..]`, by taking the memory if nothing is here yet; answers memory that is not needed.
    pub(crate) fn take(&mut self, bytes: Vec<u8>, start: usize) -> Vec<u8> {
        if self.is_empty() {
            let before = std::mem::replace(self, Opened { bytes, start });
            return before.bytes;
        }
        self.push(&bytes[start..]);
        bytes
    }
}

/// Appends in pieces that are copied fast (see [`COPY_BYTES`]).
pub(super) fn append(into: &mut Vec<u8>, bytes: &[u8]) {
    into.reserve(bytes.len());
    for piece in bytes.chunks(COPY_BYTES) {
        into.extend_from_slice(piece);
    }
}
