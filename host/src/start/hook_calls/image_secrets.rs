//! Keeps ssh keys out of images that a hook commits from nodes: the cluster's, and host keys that the node generated.

use super::HookCalls;
use crate::archive::OneFile;
use crate::engine::{FileKind, Files};
use crate::error::{Error, Kind, Result};
use crate::plan::node_keys::{FILES, FOLDER, HOST_KEY, IDENTITY, kept_at};

/// The kinds of host keys that `ssh-keygen -A` generates, or did in older versions.
const HOST_KEY_KINDS: [&str; 4] = ["ed25519", "ecdsa", "rsa", "dsa"];

/// Part of the first line of a private key, of any kind and in any format.
const PRIVATE: &[u8] = b"PRIVATE KEY-----";

impl HookCalls<'_> {
    /// Refuses to commit a node that has ssh keys among its own files.
    pub(super) async fn check_keys(&self, node: &str) -> Result<()> {
        let id = self.container(node)?;
        self.check_clusters_keys(node, id).await?;
        self.check_host_keys(node, id).await
    }

    /// The cluster's keys are in a volume, which is never part of an image; but a program may have replaced a link to one by
    /// a file, as `sed -i` does.
    async fn check_clusters_keys(&self, node: &str, id: &str) -> Result<()> {
        let engine = self.guarded();
        let kind = async |path: &str| engine.file(id, path).await;
        if kind(FOLDER).await?.is_none() {
            return Ok(());
        }
        let mut own_files = Vec::new();
        for path in FILES {
            if kind(path).await? == Some(FileKind::File) {
                own_files.push(path);
            }
        }
        if own_files.is_empty() {
            return Ok(());
        }
        let mut secrets = Vec::new();
        for path in FILES {
            // The volume belongs to the node: keys that were removed there are no longer secret.
            if kind(&kept_at(path)).await? == Some(FileKind::File) {
                secrets.extend(secrets_of(path, &self.contents(id, &kept_at(path)).await?));
            }
        }
        for path in own_files {
            let contents = self.contents(id, path).await?;
            if secrets.iter().any(|secret| contains(&contents, secret)) {
                return Err(would_have_keys(node)
                    .cause(format!(
                        "`{path}` was a link to `{}`, and is now a file",
                        kept_at(path)
                    ))
                    .hint(format!(
                        "remove `{path}` first, or replace it by the link again"
                    )));
            }
        }
        Ok(())
    }

    /// Many images let each node generate host keys when it starts (`ssh-keygen -A`). In an image, all its nodes would have
    /// them, and everybody who has the image could impersonate one of these.
    async fn check_host_keys(&self, node: &str, id: &str) -> Result<()> {
        let engine = self.guarded();
        for kind in HOST_KEY_KINDS {
            let path = format!("/etc/ssh/ssh_host_{kind}_key");
            if engine.file(id, &path).await? == Some(FileKind::File)
                && contains(&self.contents(id, &path).await?, PRIVATE)
            {
                return Err(would_have_keys(node)
                    .cause(format!("`{path}` is a private host key"))
                    .hint("remove `/etc/ssh/ssh_host_*` first"));
            }
        }
        Ok(())
    }

    async fn contents(&self, id: &str, path: &str) -> Result<Vec<u8>> {
        Ok(self
            .file_at(id, path)
            .await?
            .map(|OneFile { contents, .. }| contents)
            .unwrap_or_default())
    }
}

fn would_have_keys(node: &str) -> Error {
    let message = format!("an image of node `{node}` would have its ssh keys");
    Error::new(Kind::Conflict, message)
}

/// What identifies a file's contents elsewhere: a private key as a whole, since all keys of a type begin alike, and
/// each line of other files.
fn secrets_of(path: &str, contents: &[u8]) -> Vec<Vec<u8>> {
    let is_private = [IDENTITY, HOST_KEY].contains(&path);
    let parts = contents.split(|byte| *byte == b'\n' && !is_private);
    parts
        .map(|part| part.trim_ascii().to_vec())
        .filter(|part| !part.is_empty())
        .collect()
}

fn contains(contents: &[u8], secret: &[u8]) -> bool {
    contents
        .windows(secret.len())
        .any(|window| window == secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::node_keys::AUTHORIZED;

    #[test]
    fn private_keys_and_public_key_lines_are_recognised() {
        let private = secrets_of(IDENTITY, b"-----BEGIN\nsame\nown\n-----END\n");
        assert!(
            private
                .iter()
                .any(|secret| contains(b"# mine\n-----BEGIN\nsame\nown\n-----END\n", secret))
        );
        assert!(
            !private
                .iter()
                .any(|secret| contains(b"-----BEGIN\nsame\nother\n-----END\n", secret))
        );
        let public = secrets_of(AUTHORIZED, b"ssh-ed25519 A lab\n\nssh-ed25519 B me\n");
        assert!(
            public
                .iter()
                .any(|secret| contains(b"x\nssh-ed25519 B me", secret))
        );
        assert!(
            !public
                .iter()
                .any(|secret| contains(b"ssh-ed25519 C lab\n", secret))
        );
    }
}
