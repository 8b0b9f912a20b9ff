//! Images: had, imported, pulled, pushed.

use super::FakeEngine;
use super::state::Holdings;
use bytes::Bytes;
use clusterdock::engine::{BuildSpec, Credentials, EngineError, EngineResult, Fault, Image, ImageProgress, Login};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::collections::{BTreeMap, BTreeSet};

/// The first bytes of what gzip made.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An image and the references that mean it.
#[derive(Clone)]
pub(super) struct HeldImage {
    pub(super) image: Image,
    pub(super) references: BTreeSet<String>,
}

impl FakeEngine {
    /// Lets a registry be reached that has this image, and those told before; until then none can be reached.
    pub fn registry_has(&self, reference: &str, image: Image) {
        self.change(|holdings| {
            holdings.registry.get_or_insert_default().insert(familiar(reference), image);
        });
    }

    /// Lets a registry be reached; what it has, [`FakeEngine::registry_has`] says.
    pub fn registry_answers(&self) {
        self.change(|holdings| {
            holdings.registry.get_or_insert_default();
        });
    }

    /// Lets registries want this login.
    pub fn registry_wants(&self, user: &str, password: &str) {
        let login = Login::Password { user: user.into(), password: password.into() };
        self.change(|holdings| holdings.wanted_login = Some(login));
    }

    /// What can be pulled.
    pub fn registry(&self) -> Vec<String> {
        self.holdings().registry.iter().flatten().map(|(reference, _)| reference.clone()).collect()
    }

    /// Builds so far.
    pub fn builds(&self) -> Vec<BuildSpec> {
        self.holdings().builds.clone()
    }
}

impl Holdings {
    /// An image by reference or id.
    pub(super) fn find_image(&self, key: &str) -> Option<&HeldImage> {
        let reference = familiar(key);
        let by_id = || self.images.get(key).or_else(|| self.images.get(&format!("sha256:{key}")));
        self.images.values().find(|held| held.references.contains(&reference)).or_else(by_id)
    }

    /// Keeps an image under a reference, which is then another's no longer.
    pub(super) fn hold_image(&mut self, reference: &str, image: Image) -> String {
        let id = if image.id.is_empty() { format!("sha256:{}", self.new_id()) } else { image.id.clone() };
        let reference = familiar(reference);
        for other in self.images.values_mut() {
            other.references.remove(&reference);
        }
        let fresh = || HeldImage { image: Image { id: id.clone(), ..image }, references: BTreeSet::new() };
        self.images.entry(id.clone()).or_insert_with(fresh).references.insert(reference);
        id
    }

    /// Makes an image of an archive that arrived whole.
    pub(super) fn import_image(&mut self, reference: &str, changes: &[String], archive: &[u8]) -> EngineResult<()> {
        if !archive.starts_with(&GZIP) {
            let broken = |error| EngineError::new(Fault::Refused, format!("Error processing tar file: {error}"));
            for entry in tar::Archive::new(archive).entries().map_err(broken)? {
                entry.map_err(broken)?;
            }
        }
        let mut image = Image { size: archive.len() as u64, ..Image::default() };
        let mut entrypoint = Vec::new();
        let mut command = Vec::new();
        for change in changes {
            let (instruction, rest) = change.split_once(' ').unwrap_or((change, ""));
            match instruction.to_ascii_uppercase().as_str() {
                "CMD" => command = words(rest),
                "ENTRYPOINT" => entrypoint = words(rest),
                "VOLUME" => image.volumes.extend(paths(rest)),
                "LABEL" => {
                    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
                    image.labels.insert(key.trim_matches('"').into(), value.trim_matches('"').into());
                }
                "ENV" | "EXPOSE" | "USER" | "WORKDIR" | "STOPSIGNAL" | "ONBUILD" | "HEALTHCHECK" => {}
                _ => {
                    let message = format!("{instruction} is not a valid change command");
                    return Err(EngineError::new(Fault::Refused, message));
                }
            }
        }
        image.command = entrypoint.into_iter().chain(command).collect();
        self.hold_image(reference, image);
        Ok(())
    }

    pub(super) fn pull_image(&mut self, reference: &str, credentials: Option<&Credentials>) -> EngineResult<()> {
        let Some(image) = self.registry_for(credentials)?.get(&familiar(reference)).cloned() else {
            let message = format!("manifest for {} not found: manifest unknown", familiar(reference));
            return Err(EngineError::new(Fault::NotFound, message));
        };
        self.hold_image(reference, image);
        Ok(())
    }

    pub(super) fn push_image(&mut self, reference: &str, credentials: Option<&Credentials>) -> EngineResult<()> {
        let Some(held) = self.find_image(reference) else {
            let message = format!("An image does not exist locally with the tag: {reference}");
            return Err(EngineError::new(Fault::NotFound, message));
        };
        let image = held.image.clone();
        self.registry_for(credentials)?.insert(familiar(reference), image);
        Ok(())
    }

    /// The registry, to somebody whom it lets in.
    fn registry_for(&mut self, credentials: Option<&Credentials>) -> EngineResult<&mut BTreeMap<String, Image>> {
        let Some(registry) = &mut self.registry else {
            let message =
                "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host";
            return Err(EngineError::new(Fault::Registry, message));
        };
        match self.wanted_login.as_ref().is_none_or(|wanted| credentials.is_some_and(|given| given.login == *wanted)) {
            true => Ok(registry),
            false => Err(EngineError::new(Fault::Unauthorized, "unauthorized: authentication required")),
        }
    }
}

/// What a pull tells on its way.
pub(super) fn pull_progress() -> [ImageProgress; 3] {
    let layer = |status: &str, current| ImageProgress {
        part: "5f70bf18a086".into(),
        status: status.into(),
        current,
        total: current.map(|_| 2048),
    };
    [layer("Pulling fs layer", None), layer("Downloading", Some(1024)), layer("Pull complete", None)]
}

/// What a push tells on its way.
pub(super) fn push_progress() -> [ImageProgress; 3] {
    let layer = |status: &str, current: Option<u64>| ImageProgress {
        part: current.map_or(String::new(), |_| "2048".into()),
        status: status.into(),
        current,
        total: current.map(|_| 2048),
    };
    [layer("Preparing", None), layer("Pushing", Some(1024)), layer("Pushed", None)]
}

/// A reference as the engine shortens it: without Docker's own registry, with a tag.
pub(super) fn familiar(reference: &str) -> String {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let last = short.rsplit('/').next().unwrap_or(short);
    if last.contains(':') || last.contains('@') { short.into() } else { format!("{short}:latest") }
}

/// All of an archive. The engine refuses one that breaks off.
pub(super) async fn whole(mut archive: BoxStream<'static, std::io::Result<Bytes>>) -> EngineResult<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        let broken = |error| EngineError::new(Fault::Other, format!("the archive broke off: {error}"));
        bytes.extend_from_slice(&piece.map_err(broken)?);
    }
    Ok(bytes)
}

/// Words of an instruction: a JSON list, or a line for the shell.
fn words(rest: &str) -> Vec<String> {
    serde_json::from_str(rest).unwrap_or_else(|_| vec!["/bin/sh".into(), "-c".into(), rest.into()])
}

/// Paths of an instruction: a JSON list, or separated by blanks.
fn paths(rest: &str) -> Vec<String> {
    serde_json::from_str(rest).unwrap_or_else(|_| rest.split_whitespace().map(String::from).collect())
}
