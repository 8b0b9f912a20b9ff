//! Keys as a node has them: root's, and those of its sshd.

use super::pair::Pair;
use crate::archive::write::Writer;
use crate::archive::{Entry, EntryKind};
use crate::plan::keys::{AUTHORIZED, HOST_KEY, HOST_KEY_PUBLIC, IDENTITY, KNOWN_HOSTS};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A tar with a node's keys, to be unpacked at its root.
pub(super) fn archive(pair: &Pair, host: &Pair, known_hosts: &str) -> io::Result<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut tar = Vec::new();
    let mut writer = Writer::new(&mut tar);
    let mut add = |path: &str, kind: EntryKind, mode: u32, contents: &str| {
        let path = Path::new(path.trim_start_matches('/'));
        let entry = Entry { path: path.into(), kind, mode, owner: (0, 0), modified: now, attributes: Vec::new() };
        writer.entry(path, &entry)?;
        writer.contents(contents.as_bytes())
    };
    let public = |pair: &Pair| format!("{}\n", pair.public);
    // One that is there keeps what else it has; sshd uses none that others may write to.
    add("/root/.ssh", EntryKind::Folder, 0o700, "")?;
    for (path, mode, contents) in [
        (IDENTITY, 0o600, &pair.private),
        (AUTHORIZED, 0o600, &public(pair)),
        (HOST_KEY, 0o600, &host.private),
        (HOST_KEY_PUBLIC, 0o644, &public(host)),
        (KNOWN_HOSTS, 0o644, &known_hosts.to_string()),
    ] {
        add(path, EntryKind::File(contents.len() as u64), mode, contents)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(tar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_roots_alone() {
        let (pair, host) = (Pair::make("lab").unwrap(), Pair::make("a.net").unwrap());
        let archive = archive(&pair, &host, "a.net ssh-ed25519 AAAA\n").unwrap();
        let mut archive = tar::Archive::new(&archive[..]);
        let entry = |entry: io::Result<tar::Entry<'_, _>>| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            format!("{} {:o}", entry.path().unwrap().display(), header.mode().unwrap())
        };
        let entries: Vec<String> = archive.entries().unwrap().map(entry).collect();
        let expected = [
            "root/.ssh/ 700",
            "root/.ssh/id_ed25519 600",
            "root/.ssh/authorized_keys 600",
            "etc/ssh/ssh_host_ed25519_key 600",
            "etc/ssh/ssh_host_ed25519_key.pub 644",
            "etc/ssh/ssh_known_hosts 644",
        ];
        assert_eq!(entries, expected);
    }
}
