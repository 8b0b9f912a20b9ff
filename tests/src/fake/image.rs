//! Images: present, imported, pulled, pushed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use clusterdock::engine::{
    BuildSpec, Credentials, EngineError, EngineResult, Fault, Image, ImageProgress, ListedImage,
    Login,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::FakeEngine;
use super::state::Holdings;

/// The first bytes of gzip data.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An image, and its references.
#[derive(Clone)]
pub(super) struct HeldImage {
    pub(super) image: Image,
    pub(super) references: BTreeSet<String>,
}

impl FakeEngine {
    /// Makes a registry reachable that has this image, besides earlier ones; before that, no registry is reachable.
    pub fn registry_has(&self, reference: &str, image: Image) {
        self.change(|holdings| {
            holdings
                .registry
                .get_or_insert_default()
                .insert(familiar(reference), image);
        });
    }

    /// Makes a registry reachable, with the images of [`FakeEngine::registry_has`].
    pub fn registry_answers(&self) {
        self.change(|holdings| {
            holdings.registry.get_or_insert_default();
        });
    }

    /// Makes registries require these credentials.
    pub fn registry_wants(&self, user: &str, password: &str) {
        let login = Login::Password {
            user: user.into(),
            password: password.into(),
        };
        self.change(|holdings| holdings.wanted_login = Some(login));
    }

    /// Removes an image, as other programs may at any time.
    pub fn forget_image(&self, reference: &str) {
        let reference = familiar(reference);
        self.change(|holdings| {
            holdings
                .images
                .retain(|_, held| !held.references.contains(&reference))
        });
    }

    /// What can be pulled.
    pub fn registry(&self) -> Vec<String> {
        self.holdings()
            .registry
            .iter()
            .flatten()
            .map(|(reference, _)| reference.clone())
            .collect()
    }

    /// Builds so far.
    pub fn builds(&self) -> Vec<BuildSpec> {
        self.holdings().builds.clone()
    }
}

impl Holdings {
    pub(super) fn list_images(&self) -> Vec<ListedImage> {
        let listed = |held: &HeldImage| ListedImage {
            id: held.image.id.clone(),
            references: held.references.iter().cloned().collect(),
            labels: held.image.labels.clone(),
            size: held.image.size,
            created: 0,
        };
        self.images.values().map(listed).collect()
    }

    /// An image by reference or id.
    pub(super) fn find_image(&self, key: &str) -> Option<&HeldImage> {
        let reference = familiar(key);
        let by_id = || {
            self.images
                .get(key)
                .or_else(|| self.images.get(&format!("sha256:{key}")))
        };
        self.images
            .values()
            .find(|held| held.references.contains(&reference))
            .or_else(by_id)
    }

    /// Stores an image under a reference, which another image may lose.
    pub(super) fn hold_image(&mut self, reference: &str, image: Image) -> String {
        let id = if image.id.is_empty() {
            format!("sha256:{}", self.new_id())
        } else {
            image.id.clone()
        };
        let reference = familiar(reference);
        for other in self.images.values_mut() {
            other.references.remove(&reference);
        }
        let fresh = || HeldImage {
            image: Image {
                id: id.clone(),
                ..image
            },
            references: BTreeSet::new(),
        };
        self.images
            .entry(id.clone())
            .or_insert_with(fresh)
            .references
            .insert(reference);
        id
    }

    /// Creates an image from a complete archive.
    pub(super) fn import_image(
        &mut self,
        reference: &str,
        changes: &[String],
        archive: &[u8],
    ) -> EngineResult<()> {
        if !archive.starts_with(&GZIP) {
            let broken = |error| {
                EngineError::new(
                    Fault::Refused,
                    format!("Error processing tar file: {error}"),
                )
            };
            for entry in tar::Archive::new(archive).entries().map_err(broken)? {
                entry.map_err(broken)?;
            }
        }
        let mut image = Image {
            size: archive.len() as u64,
            ..Image::default()
        };
        change(&mut image, changes)?;
        self.hold_image(reference, image);
        Ok(())
    }

    /// Commits a container as an image, which inherits the container's configuration and labels.
    pub(super) fn commit_container(
        &mut self,
        key: &str,
        reference: &str,
        changes: &[String],
    ) -> EngineResult<String> {
        let held = self.container(key)?;
        let base = self
            .images
            .get(&held.image_id)
            .map(|base| base.image.clone())
            .unwrap_or_default();
        let mut image = Image {
            id: String::new(),
            labels: held.spec.labels.clone(),
            ..base
        };
        change(&mut image, changes)?;
        Ok(self.hold_image(reference, image))
    }

    pub(super) fn pull_image(
        &mut self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<()> {
        let Some(image) = self
            .registry_for(credentials)?
            .get(&familiar(reference))
            .cloned()
        else {
            let message = format!(
                "manifest for {} not found: manifest unknown",
                familiar(reference)
            );
            return Err(EngineError::new(Fault::NotFound, message));
        };
        self.hold_image(reference, image);
        Ok(())
    }

    pub(super) fn push_image(
        &mut self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<()> {
        let Some(held) = self.find_image(reference) else {
            let message = format!("An image does not exist locally with the tag: {reference}");
            return Err(EngineError::new(Fault::NotFound, message));
        };
        let image = held.image.clone();
        self.registry_for(credentials)?
            .insert(familiar(reference), image);
        Ok(())
    }

    /// The registry, if it accepts the credentials.
    fn registry_for(
        &mut self,
        credentials: Option<&Credentials>,
    ) -> EngineResult<&mut BTreeMap<String, Image>> {
        let Some(registry) = &mut self.registry else {
            let message = "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host";
            return Err(EngineError::new(Fault::Registry, message));
        };
        let is_known = self
            .wanted_login
            .as_ref()
            .is_none_or(|wanted| credentials.is_some_and(|given| given.login == *wanted));
        if is_known {
            Ok(registry)
        } else {
            Err(EngineError::new(
                Fault::Unauthorized,
                "unauthorized: authentication required",
            ))
        }
    }
}

/// The progress of a pull.
pub(super) fn pull_progress() -> [ImageProgress; 3] {
    let layer = |status: &str, current| ImageProgress {
        part: "5f70bf18a086".into(),
        status: status.into(),
        current,
        total: current.map(|_| 2048),
    };
    [
        layer("Pulling fs layer", None),
        layer("Downloading", Some(1024)),
        layer("Pull complete", None),
    ]
}

/// The progress of a push.
pub(super) fn push_progress() -> [ImageProgress; 3] {
    let layer = |status: &str, current: Option<u64>| ImageProgress {
        part: current.map_or(String::new(), |_| "2048".into()),
        status: status.into(),
        current,
        total: current.map(|_| 2048),
    };
    [
        layer("Preparing", None),
        layer("Pushing", Some(1024)),
        layer("Pushed", None),
    ]
}

/// A reference as the engine shortens it: without Docker Hub, with a tag.
pub(super) fn familiar(reference: &str) -> String {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let last = short.rsplit('/').next().unwrap_or(short);
    if last.contains(':') || last.contains('@') {
        short.into()
    } else {
        format!("{short}:latest")
    }
}

/// Collects an archive. The engine refuses an incomplete one.
pub(super) async fn whole(
    mut archive: BoxStream<'static, std::io::Result<Bytes>>,
) -> EngineResult<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        let broken =
            |error| EngineError::new(Fault::Other, format!("the archive broke off: {error}"));
        bytes.extend_from_slice(&piece.map_err(broken)?);
    }
    Ok(bytes)
}

/// Applies Dockerfile instructions to an image.
fn change(image: &mut Image, changes: &[String]) -> EngineResult<()> {
    let mut entrypoint = None;
    let mut command = None;
    for change in changes {
        let (instruction, rest) = change.split_once(' ').unwrap_or((change, ""));
        match instruction.to_ascii_uppercase().as_str() {
            "CMD" => command = Some(words(rest)),
            "ENTRYPOINT" => entrypoint = Some(words(rest)),
            "VOLUME" => image.volumes.extend(paths(rest)),
            "LABEL" => image.labels.extend(pairs(rest)),
            "ENV" | "EXPOSE" | "USER" | "WORKDIR" | "STOPSIGNAL" | "ONBUILD" | "HEALTHCHECK" => {}
            _ => {
                let message = format!("{instruction} is not a valid change command");
                return Err(EngineError::new(Fault::Refused, message));
            }
        }
    }
    if entrypoint.is_some() || command.is_some() {
        image.command = entrypoint.into_iter().chain(command).flatten().collect();
    }
    Ok(())
}

/// `KEY=VALUE` pairs of an instruction, separated by spaces; keys and values may be quoted.
fn pairs(rest: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in rest.chars() {
        let word = words.last_mut().expect("there is always one");
        match c {
            c if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => word.push(c),
        }
    }
    let pair = |word: &String| {
        word.split_once('=')
            .map(|(key, value)| (key.into(), value.into()))
    };
    words.iter().filter_map(pair).collect()
}

/// Words of an instruction: a JSON list, or a line for the shell.
fn words(rest: &str) -> Vec<String> {
    serde_json::from_str(rest).unwrap_or_else(|_| vec!["/bin/sh".into(), "-c".into(), rest.into()])
}

/// Paths of an instruction: a JSON list, or separated by spaces.
fn paths(rest: &str) -> Vec<String> {
    serde_json::from_str(rest)
        .unwrap_or_else(|_| rest.split_whitespace().map(String::from).collect())
}
