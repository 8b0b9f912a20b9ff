//! Keys on a node: those of root and of sshd in a volume, and links to them in their usual places.

use std::io;
use std::path::Path;

use super::key_pair::Pair;
use crate::archive::writer::Writer;
use crate::archive::{Entry, EntryKind};
use crate::plan::node_keys::{
    AUTHORIZED, FOLDER, HOST_KEY, HOST_KEY_PUBLIC, IDENTITY, KNOWN_HOSTS, kept_at,
};

/// A tar with a node's keys, to be extracted at its root.
pub(super) fn archive(pair: &Pair, host: &Pair, known_hosts: &str) -> io::Result<Vec<u8>> {
    let now = jiff::Timestamp::now().as_second();
    let mut tar = Vec::new();
    let mut writer = Writer::new(&mut tar);
    let mut add = |path: &str, kind: EntryKind, mode: u32, contents: &str| {
        let path = Path::new(path.trim_start_matches('/'));
        let entry = Entry {
            path: path.into(),
            kind,
            mode,
            owner: (0, 0),
            modified: now,
            attributes: Vec::new(),
        };
        writer.entry(path, &entry)?;
        writer.contents(contents.as_bytes())
    };
    let public = |pair: &Pair| format!("{}\n", pair.public);
    // An existing folder keeps its other files; sshd refuses one that others can write to.
    add("/root/.ssh", EntryKind::Folder, 0o700, "")?;
    // All users may read the host keys.
    add(FOLDER, EntryKind::Folder, 0o755, "")?;
    for (path, mode, contents) in [
        (IDENTITY, 0o600, &pair.private),
        (AUTHORIZED, 0o600, &public(pair)),
        (HOST_KEY, 0o600, &host.private),
        (HOST_KEY_PUBLIC, 0o644, &public(host)),
        (KNOWN_HOSTS, 0o644, &known_hosts.to_string()),
    ] {
        let kept = kept_at(path);
        add(
            &kept,
            EntryKind::File(contents.len() as u64),
            mode,
            contents,
        )?;
        add(path, EntryKind::Link(kept.into()), 0o777, "")?;
    }
    writer.finish()?;
    drop(writer);
    Ok(tar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_belong_to_root() {
        let (pair, host) = (
            Pair::generate("lab").unwrap(),
            Pair::generate("a.net").unwrap(),
        );
        let archive = archive(&pair, &host, "a.net ssh-ed25519 AAAA\n").unwrap();
        let mut archive = tar::Archive::new(&archive[..]);
        let entry = |entry: io::Result<tar::Entry<'_, _>>| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let link = entry
                .link_name()
                .unwrap()
                .map_or(String::new(), |link| format!(" to {}", link.display()));
            format!(
                "{} {:o}{link}",
                entry.path().unwrap().display(),
                header.mode().unwrap()
            )
        };
        let entries: Vec<String> = archive.entries().unwrap().map(entry).collect();
        let expected = [
            "root/.ssh/ 700",
            "var/lib/clusterdock/ssh/ 755",
            "var/lib/clusterdock/ssh/id_ed25519 600",
            "root/.ssh/id_ed25519 777 to /var/lib/clusterdock/ssh/id_ed25519",
            "var/lib/clusterdock/ssh/authorized_keys 600",
            "root/.ssh/authorized_keys 777 to /var/lib/clusterdock/ssh/authorized_keys",
            "var/lib/clusterdock/ssh/ssh_host_ed25519_key 600",
            "etc/ssh/ssh_host_ed25519_key 777 to /var/lib/clusterdock/ssh/ssh_host_ed25519_key",
            "var/lib/clusterdock/ssh/ssh_host_ed25519_key.pub 644",
            "etc/ssh/ssh_host_ed25519_key.pub 777 to /var/lib/clusterdock/ssh/ssh_host_ed25519_key.pub",
            "var/lib/clusterdock/ssh/ssh_known_hosts 644",
            "etc/ssh/ssh_known_hosts 777 to /var/lib/clusterdock/ssh/ssh_known_hosts",
        ];
        assert_eq!(entries, expected);
    }
}
