//! Blocks of clusters in a hosts file. The file is bytes, since other lines need not be UTF-8.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const BEGIN: &[u8] = b"# clusterdock: nodes of cluster ";
const END: &[u8] = b"# clusterdock: end of cluster ";
/// Between a cluster's name and its engine's id.
const ON_ENGINE: &str = " on engine ";
/// Marks a block before which the file had no line end, so that removing the block restores that.
const NO_LINE_END: &[u8] = b" (no line end before)";

/// The owner of a block. Two engines may have clusters of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockOwner<'a> {
    pub(super) cluster: &'a str,
    pub(super) engine: &'a str,
}

impl BlockOwner<'_> {
    fn text(self) -> String {
        format!("{}{ON_ENGINE}{}", self.cluster, self.engine)
    }
}

/// A block's place in a file, from its first line to after its last one.
struct Block {
    start: usize,
    end: usize,
    /// Whether it has the mark for a missing line end.
    marked: bool,
}

/// The file with a block at its end.
pub(super) fn with(text: &[u8], owner: BlockOwner<'_>, nodes: &[(Ipv4Addr, String)]) -> Vec<u8> {
    let (line_end, mark): (&[u8], &[u8]) = if text.is_empty() || text.ends_with(b"\n") {
        (b"", b"")
    } else {
        (b"\n", NO_LINE_END)
    };
    let lines: String = nodes
        .iter()
        .map(|(address, fqdn)| format!("{address} {fqdn}\n"))
        .collect();
    let owner = owner.text();
    [
        text,
        line_end,
        BEGIN,
        owner.as_bytes(),
        mark,
        b"\n",
        lines.as_bytes(),
        END,
        owner.as_bytes(),
        b"\n",
    ]
    .concat()
}

/// The file without the lines of nodes, each with its cluster, and without blocks that have no lines left.
pub(super) fn without_nodes(text: &[u8], engine: &str, nodes: &[(String, String)]) -> Vec<u8> {
    let clusters: BTreeSet<&str> = nodes.iter().map(|(cluster, _)| cluster.as_str()).collect();
    clusters.into_iter().fold(text.to_vec(), |text, cluster| {
        let owner = BlockOwner { cluster, engine };
        let Some(Block { start, end, .. }) = find(&text, owner) else {
            return text;
        };
        let is_removed = |line: &&[u8]| {
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let fqdn = words.nth(1).unwrap_or_default();
            nodes
                .iter()
                .any(|(of, node)| of == cluster && node.as_bytes() == fqdn)
        };
        let kept: Vec<&[u8]> = lines(&text[start..end])
            .filter(|line| !is_removed(line))
            .collect();
        match kept.len() {
            // Only its first and last line.
            2 => without(&text, owner),
            _ => [&text[..start], &kept.concat(), &text[end..]].concat(),
        }
    })
}

/// The file without a block.
pub(super) fn without(text: &[u8], owner: BlockOwner<'_>) -> Vec<u8> {
    let Some(Block { start, end, marked }) = find(text, owner) else {
        return text.to_vec();
    };
    let (before, after) = (&text[..start], &text[end..]);
    match (marked, after.starts_with(BEGIN)) {
        (false, _) => [before, after].concat(),
        // The next block inherits the mark.
        (true, true) => {
            let line_end = after
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(after.len());
            [before, &after[..line_end], NO_LINE_END, &after[line_end..]].concat()
        }
        (true, false) if after.is_empty() => before.strip_suffix(b"\n").unwrap_or(before).to_vec(),
        (true, false) => [before, after].concat(),
    }
}

/// The owners of the blocks in the file.
pub(super) fn owners(text: &[u8]) -> impl Iterator<Item = BlockOwner<'_>> {
    lines(text).filter_map(|line| {
        let (owner, _) = first_line(line)?;
        let (cluster, engine) = std::str::from_utf8(owner).ok()?.rsplit_once(ON_ENGINE)?;
        Some(BlockOwner { cluster, engine })
    })
}

/// The names that lines of the file have, each with the cluster whose block has its first line.
pub(super) fn known<'a>(
    text: &[u8],
    names: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, Option<String>> {
    let names: BTreeSet<&str> = names.collect();
    let mut known = BTreeMap::new();
    let mut cluster = None;
    for line in lines(text) {
        if let Some(owner) = owners(line).next() {
            cluster = Some(owner.cluster.to_string());
        } else if line.starts_with(END) {
            cluster = None;
        }
        let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let words = entry.split(u8::is_ascii_whitespace).skip(1);
        for name in words.filter_map(|word| std::str::from_utf8(word).ok()) {
            if names.contains(name) && !known.contains_key(name) {
                known.insert(name.to_string(), cluster.clone());
            }
        }
    }
    known
}

fn find(text: &[u8], owner: BlockOwner<'_>) -> Option<Block> {
    let owner = owner.text();
    let mut begun = None;
    let mut position = 0;
    for line in lines(text) {
        if let Some((of, marked)) = first_line(line)
            && of == owner.as_bytes()
        {
            begun = Some((position, marked));
        }
        position += line.len();
        if let Some((start, marked)) = begun
            && line.trim_ascii_end().strip_prefix(END) == Some(owner.as_bytes())
        {
            return Some(Block {
                start,
                end: position,
                marked,
            });
        }
    }
    None
}

/// The owner of the block that begins with a line, and whether it has the mark.
fn first_line(line: &[u8]) -> Option<(&[u8], bool)> {
    let owner = line.trim_ascii_end().strip_prefix(BEGIN)?;
    Some(match owner.strip_suffix(NO_LINE_END) {
        Some(owner) => (owner, true),
        None => (owner, false),
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}
