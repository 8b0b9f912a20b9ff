//! Mutations of a corpus, reproducible by their seed: what libFuzzer does, without a compiler that counts branches.

use fastrand::Rng;

/// Pieces that parsers treat specially.
const PIECES: [&[u8]; 16] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"../",
    b"/",
    b"**",
    b"!",
    b"[",
    b"{",
    b"\"",
    b"\n",
    b"=",
    b"\xef\xbb\xbf",
    b"9223372036854775808",
    b"\x1b[2J",
];

/// The longest input: enough for every structure that is parsed.
const LONGEST: usize = 1 << 16;

/// Runs a target on this many mutations of its corpus.
///
/// # Panics
/// The corpus is empty, or the target panics.
pub fn run(target: fn(&[u8]), corpus: &[Vec<u8>], seed: u64, executions: u64) {
    assert!(!corpus.is_empty(), "there is nothing to mutate");
    let mut random = Rng::with_seed(seed);
    for _ in 0..executions {
        let mut input = corpus[random.usize(..corpus.len())].clone();
        for _ in 0..random.usize(1..8) {
            mutate(&mut input, corpus, &mut random);
        }
        input.truncate(LONGEST);
        target(&input);
    }
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Rng) {
    if input.is_empty() {
        input.push(random.u8(..));
        return;
    }
    let at = random.usize(..input.len());
    let length = random.usize(1..=16).min(input.len() - at);
    match random.u8(..8) {
        0 => input[at] ^= 1 << random.u8(..8),
        1 => input[at] = random.u8(..),
        2 => input.truncate(at),
        3 => drop(input.drain(at..at + length)),
        4 => {
            let again = input[at..at + length].to_vec();
            drop(input.splice(at..at, again));
        }
        5 => overwrite(input, at, PIECES[random.usize(..PIECES.len())]),
        6 => drop(input.splice(at..at, PIECES[random.usize(..PIECES.len())].iter().copied())),
        _ => {
            let other = &corpus[random.usize(..corpus.len())];
            let from = random.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

fn overwrite(input: &mut [u8], at: usize, piece: &[u8]) {
    let length = piece.len().min(input.len() - at);
    input[at..at + length].copy_from_slice(&piece[..length]);
}
