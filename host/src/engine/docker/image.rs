//! Pulls, pushes and builds: calls whose answer is a stream of steps, the last of which says how it ended.

use super::super::{BuildSpec, Credentials, EngineResult, ImageProgress, Login};
use super::fault::{fault, of_registry};
use super::{BUILD, Docker, IMAGE};
use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::{BuildInfo, CreateImageInfo, ProgressDetail, PushImageInfo};
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use std::time::Duration;

/// Who is told of every step.
type Told<'a> = &'a mut (dyn FnMut(ImageProgress) + Send);

impl Docker {
    pub(super) async fn pull(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Told<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let (repository, tag) = split_tag(reference);
        let options = query::CreateImageOptions {
            from_image: Some(repository.into()),
            tag: Some(tag.into()),
            ..Default::default()
        };
        let steps = self.client.create_image(Some(options), None, credentials.map(wire_form));
        self.follow("go on with the pull", IMAGE, steps, progress).await.map_err(of_registry)
    }

    pub(super) async fn push(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Told<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let (repository, tag) = split_tag(reference);
        let options = query::PushImageOptions { tag: Some(tag.into()), ..Default::default() };
        let steps = self.client.push_image(repository, Some(options), credentials.map(wire_form));
        self.follow("go on with the push", IMAGE, steps, progress).await.map_err(of_registry)
    }

    pub(super) async fn build(
        &self,
        spec: &BuildSpec,
        context: BoxStream<'static, std::io::Result<Bytes>>,
        progress: Told<'_>,
    ) -> EngineResult<()> {
        self.greeted().await?;
        let options = query::BuildImageOptions {
            dockerfile: spec.dockerfile.clone(),
            t: Some(spec.reference.clone()),
            buildargs: Some(spec.arguments.clone().into_iter().collect()),
            pull: spec.pull.then(|| "1".to_string()),
            rm: true,
            forcerm: true,
            ..Default::default()
        };
        let credentials = spec.credentials.iter().map(|one| (one.server.clone(), wire_form(one))).collect();
        let steps = self.client.build_image(options, Some(credentials), Some(bollard::body_try_stream(context)));
        // A step may be silent for long: an installation, say.
        self.follow("go on with the build", BUILD, steps, progress).await
    }

    /// Tells every step until the stream ends. Each step has the deadline, not the whole: a large image over a slow
    /// line is no failure.
    async fn follow<S: Step>(
        &self,
        what: &str,
        deadline: Duration,
        steps: impl Stream<Item = Result<S, Error>> + Send,
        progress: Told<'_>,
    ) -> EngineResult<()> {
        let mut steps = std::pin::pin!(steps);
        while let Some(step) = self.bounded(what, deadline, async { Ok(steps.next().await) }).await? {
            match step.map(Step::progress) {
                // Says nothing for people: the digest of what was made, say.
                Ok(Ok(step)) if step.status.is_empty() => {}
                Ok(Ok(step)) => progress(step),
                Ok(Err(message)) => return Err(fault(Error::DockerStreamError { error: message })),
                // The library may say so where a line's end came apart from the line. An answer that broke off is
                // told otherwise.
                Err(Error::IOError { err }) if err.to_string().contains("bytes remaining") => {}
                Err(error) => return Err(self.address.explain(fault(error))),
            }
        }
        Ok(())
    }
}

/// One step of such an answer.
trait Step {
    /// How far it is, or why it ended.
    fn progress(self) -> Result<ImageProgress, String>;
}

impl Step for CreateImageInfo {
    fn progress(self) -> Result<ImageProgress, String> {
        Ok(told(self.id, self.status, self.progress_detail))
    }
}

impl Step for PushImageInfo {
    /// The library keeps no layer's id; of layers that are pushed at once each is told by its size.
    fn progress(self) -> Result<ImageProgress, String> {
        let total = self.progress_detail.as_ref().and_then(|detail| detail.total);
        Ok(told(total.map(|total| total.to_string()), self.status, self.progress_detail))
    }
}

impl Step for BuildInfo {
    fn progress(self) -> Result<ImageProgress, String> {
        match self.error_detail.and_then(|detail| detail.message) {
            Some(message) => Err(message),
            None => Ok(told(None, self.stream.or(self.status), None)),
        }
    }
}

fn told(part: Option<String>, status: Option<String>, detail: Option<ProgressDetail>) -> ImageProgress {
    let bytes = |amount: Option<i64>| amount.map(|amount| amount.max(0).cast_unsigned());
    let detail = detail.unwrap_or_default();
    ImageProgress {
        part: part.unwrap_or_default(),
        status: status.unwrap_or_default().trim_end().to_string(),
        current: bytes(detail.current),
        total: bytes(detail.total),
    }
}

/// As the engine wants them.
fn wire_form(credentials: &Credentials) -> DockerCredentials {
    let server = DockerCredentials { serveraddress: Some(credentials.server.clone()), ..DockerCredentials::default() };
    match credentials.login.clone() {
        Login::Password { user, password } => {
            DockerCredentials { username: Some(user), password: Some(password), ..server }
        }
        Login::IdentityToken(token) => DockerCredentials { identitytoken: Some(token), ..server },
        Login::RegistryToken(token) => DockerCredentials { registrytoken: Some(token), ..server },
    }
}

/// `REPOSITORY` and `TAG`, or a digest as tag, `latest` where there is neither.
pub(super) fn split_tag(reference: &str) -> (&str, &str) {
    if let Some((repository, digest)) = reference.split_once('@') {
        return (repository, digest);
    }
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}
