//! Files in containers, as the engine shows them: modes are Go's.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use hyper::Response;
use serde::Deserialize;

use super::super::{Archive, EngineError, EngineResult, Fault, FileKind, Files};
use super::Docker;
use super::fault::{is_wordless, unreachable_by};

const FOLDER: u32 = 1 << 31;
const LINK: u32 = 1 << 27;
/// Device, pipe, socket, character device, irregular.
const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

/// The header with the file's properties.
const HEADER: &str = "x-docker-container-path-stat";

#[async_trait]
impl Files for Docker {
    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>> {
        let options = query::ContainerArchiveInfoOptions { path: path.into() };
        let look = self.client.get_container_archive_info(id, options);
        match self.call(look).await {
            Ok(seen) => Ok(Some(kind(seen))),
            Err(error) if error.is_not_found() => Ok(None),
            // The answer to a HEAD request has no message, but the same GET request has one.
            Err(error) if is_wordless(&error) => match self.get_archive(id, path).await {
                Err(error) if error.message.contains("not a directory") => Ok(None),
                Err(error) => Err(error),
                Ok(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn put_archive(&self, id: &str, path: &str, tar: Archive) -> EngineResult<()> {
        let options = query::UploadToContainerOptions {
            path: path.into(),
            no_overwrite_dir_non_dir: Some("true".into()),
            ..Default::default()
        };
        let upload = self.client.upload_to_container(id, options, tar);
        self.call(upload).await
    }

    async fn get_archive(
        &self,
        id: &str,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        let options = query::DownloadFromContainerOptions { path: path.into() };
        let open = self.client.download_from_container(id, options);
        // The status line shows whether anything exists at that path.
        let opened = self.call(open).await?;
        let pieces = opened.into_body().into_data_stream();
        Ok(pieces.map_err(|error| unreachable_by(&error)).boxed())
    }
}

/// The engine's description of a file.
#[derive(Debug, Deserialize)]
pub(super) struct PathStat {
    mode: u32,
    #[serde(rename = "linkTarget", default)]
    link_target: String,
}

impl PathStat {
    pub(super) fn of_answer<B>(response: &Response<B>) -> EngineResult<PathStat> {
        let header = response.headers().get(HEADER);
        let stat =
            header.and_then(|value| serde_json::from_slice(&STANDARD.decode(value).ok()?).ok());
        stat.ok_or_else(|| {
            EngineError::new(
                Fault::Other,
                "the engine's answer does not describe the file",
            )
        })
    }
}

fn kind(seen: PathStat) -> FileKind {
    match seen.mode {
        mode if mode & FOLDER != 0 => FileKind::Folder,
        mode if mode & LINK != 0 => FileKind::Link(seen.link_target),
        mode if mode & SPECIAL != 0 => FileKind::Special,
        _ => FileKind::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_modes_of_go_are_decoded() {
        let kind_of = |mode: u32| {
            kind(PathStat {
                mode,
                link_target: "/b".into(),
            })
        };
        // Docker 20.10's modes of a folder, a setuid file, a link, a pipe and a device.
        assert_eq!(kind_of(2147484141), FileKind::Folder);
        assert_eq!(kind_of(8389101), FileKind::File);
        assert_eq!(kind_of(134218239), FileKind::Link("/b".into()));
        assert_eq!(kind_of(33554852), FileKind::Special);
        assert_eq!(kind_of(69206454), FileKind::Special);
    }
}
