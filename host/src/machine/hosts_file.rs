//! The machine's /etc/hosts: one marked block a cluster, so that its nodes can be reached by name from here. Nothing
//! else in the file is touched, and what was added is taken away to the last byte.
//!
//! The file is written in place, not replaced: in containers it is a mount, which cannot be. A lock on the file itself
//! keeps all clusterdocks of the machine apart, whatever config directory they have.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::path::Path;

const BEGIN: &str = "# clusterdock: nodes of cluster ";
const END: &str = "# clusterdock: end of cluster ";
/// Marks that the file had no line end before its first block, so that it has none again in the end.
const NO_LINE_END: &str = " (no line end before)";

/// Puts a cluster's block into the file, in place of an older one of that name.
///
/// # Errors
/// The file cannot be read or written.
pub fn add(path: &Path, cluster: &str, nodes: &[(Ipv4Addr, String)]) -> io::Result<()> {
    change(path, |text| with_block(&without_block(text, cluster), cluster, nodes))
}

/// Takes nodes, each with its cluster, out of the file; a block goes with its last node. A file without them is not
/// written, and need not be writable.
///
/// # Errors
/// The file cannot be read or written.
pub fn remove(path: &Path, nodes: &[(String, String)]) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.lock_shared()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    drop(file);
    if without_nodes(&text, nodes) == text {
        return Ok(());
    }
    change(path, |text| without_nodes(text, nodes))
}

fn change(path: &Path, change: impl FnOnce(&str) -> String) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let changed = change(&text);
    if changed == text {
        return Ok(());
    }
    file.rewind()?;
    file.write_all(changed.as_bytes())?;
    file.set_len(changed.len() as u64)
}

fn with_block(text: &str, cluster: &str, nodes: &[(Ipv4Addr, String)]) -> String {
    let (line_end, mark) = match text.is_empty() || text.ends_with('\n') {
        true => ("", ""),
        false => ("\n", NO_LINE_END),
    };
    let lines: String = nodes.iter().map(|(address, fqdn)| format!("{address} {fqdn}\n")).collect();
    format!("{text}{line_end}{BEGIN}{cluster}{mark}\n{lines}{END}{cluster}\n")
}

fn without_nodes(text: &str, nodes: &[(String, String)]) -> String {
    let clusters: BTreeSet<&str> = nodes.iter().map(|(cluster, _)| cluster.as_str()).collect();
    clusters.into_iter().fold(text.to_string(), |text, cluster| {
        let Some((start, end, _)) = block(&text, cluster) else { return text };
        let goes = |line: &str| {
            let fqdn = line.split_whitespace().nth(1).unwrap_or_default();
            nodes.iter().any(|(of, node)| of == cluster && node == fqdn)
        };
        let kept: String = text[start..end].split_inclusive('\n').filter(|line| !goes(line)).collect();
        match kept.lines().count() {
            // Its first line and its last.
            2 => without_block(&text, cluster),
            _ => format!("{}{kept}{}", &text[..start], &text[end..]),
        }
    })
}

fn without_block(text: &str, cluster: &str) -> String {
    let Some((start, end, marked)) = block(text, cluster) else { return text.to_string() };
    let (before, after) = (&text[..start], &text[end..]);
    match (marked, next_block(after)) {
        (false, _) => format!("{before}{after}"),
        // The next block inherits the mark.
        (true, Some(line_end)) => format!("{before}{}{NO_LINE_END}{}", &after[..line_end], &after[line_end..]),
        (true, None) if after.is_empty() => before.strip_suffix('\n').unwrap_or(before).to_string(),
        (true, None) => format!("{before}{after}"),
    }
}

/// Where a cluster's block begins and ends, and whether it has the mark.
fn block(text: &str, cluster: &str) -> Option<(usize, usize, bool)> {
    let mut start = None;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if let Some(name) = bare.strip_prefix(BEGIN)
            && name.strip_suffix(NO_LINE_END).unwrap_or(name) == cluster
        {
            start = Some((position, name.ends_with(NO_LINE_END)));
        }
        position += line.len();
        if let Some((start, marked)) = start
            && bare.strip_prefix(END) == Some(cluster)
        {
            return Some((start, position, marked));
        }
    }
    None
}

/// The end of the line with which a block begins, when one follows at once.
fn next_block(after: &str) -> Option<usize> {
    after.starts_with(BEGIN).then(|| after.find('\n').unwrap_or(after.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn nodes(last: u8) -> Vec<(Ipv4Addr, String)> {
        vec![(Ipv4Addr::new(10, 1, 2, last), format!("node-{last}.cluster"))]
    }

    fn of(cluster: &str, last: u8) -> (String, String) {
        (cluster.into(), format!("node-{last}.cluster"))
    }

    #[test]
    fn a_block_goes_with_its_last_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "").unwrap();
        add(&path, "a", &[nodes(1), nodes(2)].concat()).unwrap();
        remove(&path, &[of("a", 1), of("b", 2)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("node-2.cluster") && !text.contains("node-1.cluster"), "{text}");
        remove(&path, &[of("a", 2)]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_block_comes_and_goes_and_nothing_else_changes() {
        for before in ["127.0.0.1 localhost\n", "127.0.0.1 localhost", "", "\n\n"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hosts");
            std::fs::write(&path, before).unwrap();
            add(&path, "a", &nodes(1)).unwrap();
            add(&path, "b", &nodes(2)).unwrap();
            add(&path, "a", &nodes(3)).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains("10.1.2.3 node-3.cluster\n") && !text.contains("node-1.cluster"), "{text}");
            remove(&path, &[of("b", 2), of("b", 3)]).unwrap();
            remove(&path, &[of("a", 3), of("never", 1)]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        }
    }

    #[test]
    fn twenty_at_once_leave_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let before = "127.0.0.1 localhost\n# mine";
        std::fs::write(&path, before).unwrap();
        thread::scope(|scope| {
            for number in 0..20 {
                let path = &path;
                scope.spawn(move || {
                    let cluster = format!("cluster-{number}");
                    for _ in 0..20 {
                        add(path, &cluster, &nodes(number)).unwrap();
                        remove(path, &[of(&cluster, number)]).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }
}
