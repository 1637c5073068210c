//! Copies that are fast.

/// Bytes copied at once. Larger copies glibc leaves to `rep movsb`, from 4 or 8 KiB on. Where that was measured (AMD EPYC) it was
/// so much slower than a loop that a third of the time TLS took went there.
const COPY_BYTES: usize = 4000;

/// Appends in pieces that are copied fast (see [`COPY_BYTES`]).
pub(crate) fn append(into: &mut Vec<u8>, bytes: &[u8]) {
    into.reserve(bytes.len());
    for piece in bytes.chunks(COPY_BYTES) {
        into.extend_from_slice(piece);
    }
}
