//! Files that a hook puts on nodes and gets from them. Small ones travel with the call; local files are streamed as in
//! `clusterdock cp`, and data from a node is trusted no more than there.

use std::collections::BTreeMap;

use bytes::Bytes;
use clusterdock_plugin_wire::ops::{FileFacts, GetFile, GetFolder, PutFile, PutLocal};
use clusterdock_plugin_wire::{Contents, File, Result as HookResult};
use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt, stream};

use super::{HookCalls, hook_error};
use crate::archive::{self, OneFile, Owners, one_file, only_file};
use crate::cluster::Node;
use crate::engine::{Container, FileKind, Files};
use crate::error::{Error, Kind, Result};
use crate::execution::exec_call::RETURNED;
use crate::start::file_owner::{self, FileOwner};
use crate::transfer::Transfer;
use crate::transfer::side::Side;

impl HookCalls<'_> {
    pub(super) async fn put(&self, put: PutFile, payload: &[u8]) -> HookResult<()> {
        let failed = |node: &str, error: Error| not_put(&put.path, node, error);
        let owners = try_join_all(put.nodes.iter().map(|node| async {
            self.owner(node, &put.owner)
                .await
                .map_err(|error| failed(node, error))
        }));
        let owners = owners.await?;
        let mut archives = BTreeMap::new();
        for owner in &owners {
            if !archives.contains_key(owner) {
                let archive = one_file(&put.path, payload, put.mode, *owner)?;
                archives.insert(*owner, Bytes::from(archive));
            }
        }
        let sends = put.nodes.iter().zip(&owners).map(|(node, owner)| {
            let archive = archives[owner].clone();
            async {
                self.send(node, archive)
                    .await
                    .map_err(|error| failed(node, error))
            }
        });
        try_join_all(sends).await.map(drop)
    }

    /// Puts files into a node: all contents in one archive, and local files as streams.
    pub(in crate::start) async fn put_files(&self, node: &str, files: &[File]) -> Result<()> {
        let failed = |file: &File, error: Error| {
            error.context(format!("failed to put `{}` on node `{node}`", file.path))
        };
        let mut owners = BTreeMap::new();
        let mut entries = Vec::new();
        for file in files {
            if !owners.contains_key(&file.owner) {
                let owner = self.owner(node, &file.owner).await;
                owners.insert(&file.owner, owner.map_err(|error| failed(file, error))?);
            }
            let contents = file.contents.bytes().map_err(|error| {
                failed(
                    file,
                    Error::new(Kind::Usage, "invalid contents").cause(error),
                )
            })?;
            entries.push((file, owners[&file.owner], contents));
        }
        let contents = entries.iter().filter_map(|(file, owner, contents)| {
            let mode = file.mode.unwrap_or(0o644);
            Some((&*file.path, contents.as_deref()?, mode, *owner))
        });
        let archive = archive::files(contents)
            .map_err(|error| Error::new(Kind::Usage, "invalid file").cause(error))?;
        if entries.iter().any(|(.., contents)| contents.is_some()) {
            let sent = self.send(node, archive.into()).await;
            sent.map_err(|error| error.context(format!("failed to put files on node `{node}`")))?;
        }
        for file in files {
            let Contents::Local(local) = &file.contents else {
                continue;
            };
            let put = PutLocal {
                nodes: Vec::new(),
                local: local.clone(),
                path: file.path.clone(),
                mode: file.mode,
                owner: file.owner.clone(),
            };
            let sent = self.put_local_on(node, &put).await;
            sent.map_err(|error| failed(file, error))?;
        }
        Ok(())
    }

    async fn send(&self, node: &str, archive: Bytes) -> Result<()> {
        let pieces = stream::iter([Ok(archive)]).boxed();
        let id = self.container(node)?;
        Ok(self.guarded().put_archive(id, "/", pieces).await?)
    }

    pub(super) async fn put_local(&self, put: PutLocal) -> HookResult<()> {
        let puts = put.nodes.iter().map(|node| async {
            let sent = self.put_local_on(node, &put).await;
            sent.map_err(|error| not_put(&put.path, node, error))
        });
        // Each reads files on a separate thread, which is awaited.
        join_all(puts).await.into_iter().collect()
    }

    async fn put_local_on(&self, node: &str, put: &PutLocal) -> Result<()> {
        let owner = self.owner(node, &put.owner).await?;
        // The contents of the folder, not the folder itself.
        let contents = put.local.join(".");
        let local = if put.local.is_dir() {
            &contents
        } else {
            &put.local
        };
        let transfer = self.transfer(Owners::Given {
            owner,
            mode: put.mode,
        });
        transfer
            .put(local, &self.node(node)?, &put.path)
            .await
            .map(drop)
    }

    pub(super) async fn get_folder(&self, get: GetFolder) -> HookResult<()> {
        let GetFolder { node, path, local } = get;
        let got = async {
            let origin = self.node(&node)?;
            let not_created = |error| {
                Error::new(
                    Kind::Other,
                    format!("failed to create `{}`", local.display()),
                )
                .cause(error)
            };
            std::fs::create_dir_all(&local).map_err(not_created)?;
            let from = Side::Node(&origin, format!("{}/.", path.trim_end_matches('/')));
            self.transfer(Owners::OfDestination)
                .copy(&from, &Side::Local(local.clone()))
                .await
        };
        let failed = |error| {
            hook_error(error).context(format!("failed to get folder `{path}` from node `{node}`"))
        };
        got.await.map(drop).map_err(failed)
    }

    pub(super) async fn get(&self, get: GetFile) -> HookResult<(FileFacts, Vec<u8>)> {
        let GetFile { node, path } = get;
        let got = self.file(&node, &path).await;
        let failed =
            |error| hook_error(error).context(format!("failed to get `{path}` from node `{node}`"));
        let (
            path,
            OneFile {
                mode,
                owner,
                contents,
            },
        ) = got.map_err(failed)?;
        Ok((FileFacts { path, mode, owner }, contents))
    }

    /// A file and its own path; a link is followed.
    async fn file(&self, node: &str, path: &str) -> Result<(String, OneFile)> {
        let id = self.container(node)?;
        if let Some(file) = self.file_at(id, path).await? {
            return Ok((path.into(), file));
        }
        let target = match self.guarded().file(id, path).await? {
            Some(FileKind::Link(target)) => target,
            _ => path.into(),
        };
        let file = self.file_at(id, &target).await?;
        let file = file.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("the link `{path}` leads nowhere"))
        })?;
        Ok((target, file))
    }

    pub(super) async fn file_at(&self, id: &str, path: &str) -> Result<Option<OneFile>> {
        let mut pieces = self.guarded().get_archive(id, path).await?;
        let mut archive = Vec::new();
        while let Some(piece) = pieces.next().await {
            archive.extend_from_slice(&piece?);
            // An archive is only a little larger than its file.
            if archive.len() > RETURNED + (1 << 16) {
                return Err(Error::new(Kind::Other, "the file is longer than 16 MiB")
                    .hint("get the folder that it is in, which is not kept in memory"));
            }
        }
        only_file(&archive)
    }

    async fn owner(&self, node: &str, owner: &str) -> Result<(u32, u32)> {
        let owner = FileOwner::parse(owner);
        let passwd = if owner.needs_passwd() {
            self.text(node, file_owner::PASSWD).await?
        } else {
            String::new()
        };
        let groups = if owner.needs_groups() {
            self.text(node, file_owner::GROUP).await?
        } else {
            String::new()
        };
        owner.resolve(&passwd, &groups)
    }

    async fn text(&self, node: &str, path: &str) -> Result<String> {
        let (_, file) = self.file(node, path).await?;
        Ok(String::from_utf8_lossy(&file.contents).into_owned())
    }

    fn transfer(&self, owners: Owners) -> Transfer<'_> {
        Transfer {
            engine: self.engine,
            cancellation: self.cancellation,
            sink: self.sink,
            owners,
            follow: true,
        }
    }

    fn node(&self, fqdn: &str) -> Result<Node> {
        let container = Container {
            id: self.container(fqdn)?.into(),
            ..Container::default()
        };
        Ok(Node {
            fqdn: fqdn.into(),
            name: fqdn.into(),
            container,
            ..Node::default()
        })
    }

    pub(super) fn container(&self, node: &str) -> Result<&str> {
        let id = self.ids.get(node).map(String::as_str);
        id.ok_or_else(|| Error::new(Kind::NotFound, format!("no node `{node}` in this cluster")))
    }
}

fn not_put(path: &str, node: &str, error: Error) -> clusterdock_plugin_wire::Error {
    hook_error(error).context(format!("failed to put `{path}` on node `{node}`"))
}
