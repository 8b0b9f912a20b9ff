//! Pulls, pushes and builds: calls whose answer is a stream of steps, the last of which tells how it ended.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bollard::auth::DockerCredentials;
use bollard::models::{
    BuildInfo, ContainerConfig, CreateImageInfo, ErrorDetail, ProgressDetail, PushImageInfo,
};
use bollard::query_parameters as query;
use futures_util::{Stream, StreamExt};
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;

use super::super::{
    Archive, BuildSpec, Credentials, EngineError, EngineResult, Image, ImageProgress, Images,
    ListedImage, Login, Progress,
};
use super::Docker;
use super::api::Header;
use super::fault::{broken_off, of_registry};
use super::from_api;
use crate::lines::Lines;

/// Credentials for one registry, and by registry for several.
const FOR_ONE: HeaderName = HeaderName::from_static("x-registry-auth");
const FOR_SEVERAL: HeaderName = HeaderName::from_static("x-registry-config");

#[async_trait]
impl Images for Docker {
    async fn images(&self) -> EngineResult<Vec<ListedImage>> {
        let listed = self.call(self.client.list_images()).await?;
        Ok(listed.into_iter().map(from_api::listed_image).collect())
    }

    async fn image(&self, reference: &str) -> EngineResult<Option<Image>> {
        match self.call(self.client.inspect_image(reference)).await {
            Ok(image) => Ok(Some(from_api::image(image))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: Archive,
    ) -> EngineResult<()> {
        let (repository, tag) = split_tag(reference);
        let options = query::CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(repository.into()),
            tag: Some(tag.into()),
            changes: changes.to_vec(),
            ..Default::default()
        };
        self.greeted().await?;
        let import = self.client.create_image(options, Some(tar), None);
        self.follow(import, &mut |_| ()).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let (repository, tag) = split_tag(reference);
        let options = query::CreateImageOptions {
            from_image: Some(repository.into()),
            tag: Some(tag.into()),
            ..Default::default()
        };
        let header = credentials.map(|one| header(FOR_ONE, wire_form(one)));
        let steps = self.client.create_image(options, None, header);
        self.follow(steps, progress).await.map_err(of_registry)
    }

    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let (repository, tag) = split_tag(reference);
        let options = query::PushImageOptions {
            tag: Some(tag.into()),
            ..Default::default()
        };
        // A push without this header is refused.
        let header = header(FOR_ONE, credentials.map(wire_form).unwrap_or_default());
        let steps = self.client.push_image(repository, options, header);
        self.follow(steps, progress).await.map_err(of_registry)
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        context: Archive,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let options = query::BuildImageOptions {
            dockerfile: spec.dockerfile.clone(),
            t: Some(spec.reference.clone()),
            buildargs: Some(spec.arguments.clone().into_iter().collect()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            pull: spec.pull.then(|| "1".to_string()),
            rm: true,
            forcerm: true,
            ..Default::default()
        };
        let credentials: BTreeMap<&String, DockerCredentials> = spec
            .credentials
            .iter()
            .map(|one| (&one.server, wire_form(one)))
            .collect();
        let steps = self
            .client
            .build_image(options, header(FOR_SEVERAL, credentials), context);
        // A step may be silent for a long time, e.g. an installation.
        let mut lines = Lines::default();
        let mut line = |line: &str| {
            progress(ImageProgress {
                status: line.into(),
                ..ImageProgress::default()
            })
        };
        // The engine forwards output as it arrives, in pieces that are not lines.
        let mut piece = |step: ImageProgress| lines.push(step.status.as_bytes(), &mut line);
        let built = self.follow(steps, &mut piece).await;
        lines.finish(line);
        built
    }

    async fn commit_container(
        &self,
        id: &str,
        repository: &str,
        tag: &str,
        changes: &[String],
    ) -> EngineResult<String> {
        let options = query::CommitContainerOptions {
            container: Some(id.into()),
            repo: Some(repository.into()),
            tag: Some(tag.into()),
            changes: Some(changes.join("\n")),
            ..Default::default()
        };
        let commit = self
            .client
            .commit_container(options, ContainerConfig::default());
        Ok(self.call(commit).await?.id)
    }
}

impl Docker {
    /// Passes steps on until the stream ends.
    async fn follow<S: Step, T: Stream<Item = EngineResult<S>> + Send>(
        &self,
        steps: impl Future<Output = EngineResult<T>>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let mut steps = std::pin::pin!(self.explained(steps).await?);
        let mut next = async || {
            self.explained(async { steps.next().await.transpose() })
                .await
        };
        while let Some(step) = next().await? {
            // Some steps contain nothing for people, e.g. an image's digest.
            progress(step.progress()?);
        }
        Ok(())
    }
}

/// One step of an answer.
trait Step {
    /// Its progress, or the error that ended the call.
    fn progress(self) -> EngineResult<ImageProgress>;
}

impl Step for CreateImageInfo {
    fn progress(self) -> EngineResult<ImageProgress> {
        ended(self.error_detail)?;
        Ok(step(self.id, self.status, self.progress_detail))
    }
}

impl Step for PushImageInfo {
    /// The library does not keep a layer's id, so layers that are pushed in parallel are told apart by their size.
    fn progress(self) -> EngineResult<ImageProgress> {
        ended(self.error_detail)?;
        let total = self
            .progress_detail
            .as_ref()
            .and_then(|detail| detail.total);
        Ok(step(
            total.map(|total| total.to_string()),
            self.status,
            self.progress_detail,
        ))
    }
}

impl Step for BuildInfo {
    fn progress(self) -> EngineResult<ImageProgress> {
        ended(self.error_detail)?;
        let status = self
            .stream
            .or(self.status.map(|status| status + "\n"))
            .unwrap_or_default();
        Ok(ImageProgress {
            status,
            ..ImageProgress::default()
        })
    }
}

/// Returns the error that ended the stream, if there was one.
fn ended(detail: Option<ErrorDetail>) -> Result<(), EngineError> {
    detail
        .and_then(|detail| detail.message)
        .map_or(Ok(()), |message| Err(broken_off(message)))
}

fn step(
    part: Option<String>,
    status: Option<String>,
    detail: Option<ProgressDetail>,
) -> ImageProgress {
    let bytes = |amount: Option<i64>| amount.map(|amount| amount.max(0).cast_unsigned());
    let detail = detail.unwrap_or_default();
    ImageProgress {
        part: part.unwrap_or_default(),
        status: status.unwrap_or_default().trim_end().to_string(),
        current: bytes(detail.current),
        total: bytes(detail.total),
    }
}

/// Credentials as the engine expects them: in base64 for URLs. In plain base64 it would ignore some passwords.
fn header(name: HeaderName, credentials: impl Serialize) -> Header {
    let text = serde_json::to_vec(&credentials).expect("texts are JSON");
    let value =
        HeaderValue::from_str(&URL_SAFE.encode(text)).expect("letters of base64 make a header");
    (name, value)
}

fn wire_form(credentials: &Credentials) -> DockerCredentials {
    let server = DockerCredentials {
        serveraddress: Some(credentials.server.clone()),
        ..DockerCredentials::default()
    };
    match credentials.login.clone() {
        Login::Password { user, password } => DockerCredentials {
            username: Some(user),
            password: Some(password),
            ..server
        },
        Login::IdentityToken(token) => DockerCredentials {
            identitytoken: Some(token),
            ..server
        },
        Login::RegistryToken(token) => DockerCredentials {
            registrytoken: Some(token),
            ..server
        },
    }
}

/// Splits into `REPOSITORY` and `TAG` or a digest; the tag is `latest` if there is neither.
fn split_tag(reference: &str) -> (&str, &str) {
    if let Some((repository, digest)) = reference.split_once('@') {
        return (repository, digest);
    }
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}
