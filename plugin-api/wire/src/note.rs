//! The ELF note `.note.clusterdock`, with which a library describes itself before any of it runs: its identity, and the
//! text of its manifest. It is built at compile time and can be read with ELF tools (`readelf -n`). Hosts rely on this
//! format: fields may be added to the identity, nothing else may change.

use serde::{Deserialize, Serialize};

/// The owner of both notes.
pub const OWNER: &str = "clusterdock";
/// The type of the note that holds an [`Identity`] as JSON.
pub const TYPE_IDENTITY: u32 = 1;
/// The type of the note that holds the manifest.
pub const TYPE_MANIFEST: u32 = 2;
/// The version of this format. A host refuses any other.
pub const SCHEMA: u32 = 1;

/// The name of a plugin and how it was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// [`SCHEMA`] of the plugin-api it was built with.
    pub schema: u32,
    /// The name of the crate.
    pub name: String,
    /// The version of the crate.
    pub version: String,
    /// The version of plugin-api.
    pub api: String,
    /// The version of abi_stable.
    pub abi_stable: String,
    /// The output of `rustc --version`.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
}

/// The bytes of the section. Notes are aligned to four bytes.
#[repr(C, align(4))]
pub struct Note<const N: usize>([u8; N]);

/// How many bytes [`note`] needs.
pub const fn length(identity: &[&str], manifest: &str) -> usize {
    2 * HEADER + padded(joined(identity)) + padded(manifest.len())
}

/// The section, from the pieces of the identity's JSON and the manifest; `N` is their [`length`].
pub const fn note<const N: usize>(identity: &[&str], manifest: &str) -> Note<N> {
    let mut bytes = [0; N];
    let size = joined(identity);
    bytes = header(bytes, 0, size, TYPE_IDENTITY);
    let mut at = HEADER;
    let mut piece = 0;
    while piece < identity.len() {
        bytes = put(bytes, at, identity[piece].as_bytes());
        at += identity[piece].len();
        piece += 1;
    }
    let second = HEADER + padded(size);
    bytes = header(bytes, second, manifest.len(), TYPE_MANIFEST);
    Note(put(bytes, second + HEADER, manifest.as_bytes()))
}

/// Three numbers of four bytes, and the owner with its zero, which fills a multiple of four.
const HEADER: usize = 12 + OWNER.len() + 1;

const fn header<const N: usize>(bytes: [u8; N], at: usize, size: usize, kind: u32) -> [u8; N] {
    let bytes = put(bytes, at, &(OWNER.len() as u32 + 1).to_ne_bytes());
    let bytes = put(bytes, at + 4, &(size as u32).to_ne_bytes());
    let bytes = put(bytes, at + 8, &kind.to_ne_bytes());
    put(bytes, at + 12, OWNER.as_bytes())
}

const fn put<const N: usize>(mut bytes: [u8; N], at: usize, piece: &[u8]) -> [u8; N] {
    let mut i = 0;
    while i < piece.len() {
        bytes[at + i] = piece[i];
        i += 1;
    }
    bytes
}

const fn joined(pieces: &[&str]) -> usize {
    let mut size = 0;
    let mut piece = 0;
    while piece < pieces.len() {
        size += pieces[piece].len();
        piece += 1;
    }
    size
}

const fn padded(size: usize) -> usize {
    size.div_ceil(4) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notes_are_adjacent_and_padded_to_four_bytes() {
        const IDENTITY: &[&str] = &["{\"a\":", "1}"];
        let Note(bytes) = note::<{ length(IDENTITY, "x = 1") }>(IDENTITY, "x = 1");
        let mut expected = Vec::new();
        for (kind, text) in [(1u32, "{\"a\":1}"), (2, "x = 1")] {
            expected.extend(12u32.to_ne_bytes());
            expected.extend((text.len() as u32).to_ne_bytes());
            expected.extend(kind.to_ne_bytes());
            expected.extend(b"clusterdock\0");
            expected.extend(text.as_bytes());
            expected.resize(expected.len().div_ceil(4) * 4, 0);
        }
        assert_eq!(bytes.to_vec(), expected);
    }
}
