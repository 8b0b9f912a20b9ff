//! Changes bytes of ELF files, to test how the result is handled.

/// Replaces each occurrence of `from` by `to`, which has the same length.
///
/// # Panics
/// If there is none, since the test would check nothing.
pub fn patched(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the file keeps its layout");
    let (mut bytes, mut found) = (bytes.to_vec(), 0);
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(
        found > 0,
        "`{}` is not in the file",
        String::from_utf8_lossy(from)
    );
    bytes
}

/// The same file with all its code replaced by breakpoints.
pub fn with_damaged_text(bytes: &[u8]) -> Vec<u8> {
    const LOADED: u64 = 1;
    const EXECUTABLE: u64 = 1;
    let mut damaged = bytes.to_vec();
    let table = number(bytes, 32, 8);
    for segment in 0..number(bytes, 56, 2) {
        let at = table + segment * 56;
        if number(bytes, at, 4) == LOADED && number(bytes, at + 4, 4) & EXECUTABLE != 0 {
            let (offset, size) = (
                number(bytes, at + 8, 8) as usize,
                number(bytes, at + 32, 8) as usize,
            );
            damaged[offset..offset + size].fill(0xcc);
        }
    }
    assert_ne!(damaged, bytes, "the file has code");
    damaged
}

fn number(bytes: &[u8], at: u64, size: usize) -> u64 {
    let bytes = &bytes[at as usize..at as usize + size];
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
