//! Images of nodes, and how each gets into the engine before a cluster is planned.

mod archive_stream;
mod base_images;
pub mod build_context;
pub mod ignore;
pub mod pull;
pub mod registry;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::task::spawn_blocking;

use crate::cancellation::Cancellation;
use crate::cluster::labels;
use crate::engine::engine_error::{FREE_SPACE, says_disk_full};
use crate::engine::{
    BuildSpec, Credentials, EngineError, Fault, GuardedEngine, Image, ImageProgress, Images,
    System as _,
};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, ImagePhase};
use crate::image::pull::Pull;
use crate::pulse;
use crate::rootfs::{Packing, Recipe};
use archive_stream::streamed;
use build_context::{Context, Resolved};
use registry::Registries;
pub use wanted::{Presence, Source, Wanted, is_host_image};

/// Marks assembled images, so that they can be found and removed.
const ASSEMBLED: &str = "LABEL com.clusterdock.image=host";

/// How many lines of a failed build an error shows.
const BUILD_LINES: usize = 15;

/// Provides images.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// The engine.
    pub engine: GuardedEngine<'a>,
    /// Credentials for registries.
    pub registries: &'a Registries,
    /// Pull policy.
    pub pull: Pull,
    /// Ends it early.
    pub cancellation: &'a Cancellation,
    /// Receives events.
    pub events: &'a (dyn Fn(Event) + Sync),
}

impl Provider<'_> {
    /// The images that the engine has of those wanted.
    pub async fn look(&self, wanted: &[Wanted]) -> Result<BTreeMap<String, Image>> {
        for one in wanted {
            // They are missing from an existing image as well.
            let Source::Assembled(recipe) = &one.source else {
                continue;
            };
            for missing in recipe.missing() {
                (self.events)(Event::Debug {
                    message: format!("left out of image {}: {missing}", one.reference),
                });
            }
        }
        let engine = self.guarded();
        let looks = wanted.iter().map(|wanted| engine.image(&wanted.reference));
        let found = try_join_all(looks).await?;
        Ok(wanted
            .iter()
            .zip(found)
            .filter_map(|(wanted, image)| Some((wanted.reference.clone(), image?)))
            .collect())
    }

    /// Provides an image.
    ///
    /// # Errors
    /// [`Kind::Image`] if it cannot be pulled or built.
    pub async fn provide(&self, wanted: &Wanted, presence: Presence) -> Result<Image> {
        let began = Instant::now();
        let reference = &wanted.reference;
        let is_present = presence != Presence::Missing;
        match &wanted.source {
            Source::Built(context)
                if presence == Presence::Outdated && self.pull != Pull::Always =>
            {
                let message = format!("Image {reference} is built again: its context has changed");
                (self.events)(Event::Progress { message });
                self.build(reference, context).await?;
            }
            Source::Assembled(recipe) => self.assemble(reference, recipe).await?,
            Source::Built(context) => self.pull_or_build(reference, context, is_present).await?,
            Source::Registry => {
                let credentials = self.credentials(reference).await?;
                self.pull(reference, credentials.as_ref(), is_present)
                    .await?;
            }
        }
        let image = self.guarded().image(reference).await?.ok_or_else(|| {
            Error::new(
                Kind::Image,
                format!("image `{reference}` disappeared while it was being provided"),
            )
        })?;
        self.report(
            reference,
            ImagePhase::Ready {
                took_ms: began.elapsed().as_millis() as u64,
            },
        );
        Ok(image)
    }

    /// Tries the registry first, since pulling is faster than building. If it does not have the image or cannot be
    /// reached, the image is built; a credential helper that fails is an error, however.
    async fn pull_or_build(
        &self,
        reference: &str,
        context: &Context,
        is_present: bool,
    ) -> Result<()> {
        if self.pull != Pull::Never {
            let credentials = self.credentials(reference).await?;
            match self.pull(reference, credentials.as_ref(), is_present).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() != Kind::Image || is_present => return Err(error),
                Err(error) => (self.events)(Event::Debug {
                    message: format!("building it instead: {error}"),
                }),
            }
        }
        self.build(reference, context).await
    }

    /// Builds an image from its Dockerfile even if the engine has one of that name.
    ///
    /// # Errors
    /// [`Kind::Image`] with the last lines of the failed step.
    pub async fn build_afresh(&self, reference: &str, context: &Context) -> Result<()> {
        let began = Instant::now();
        self.build(reference, context).await?;
        self.report(
            reference,
            ImagePhase::Ready {
                took_ms: began.elapsed().as_millis() as u64,
            },
        );
        Ok(())
    }

    async fn build(&self, reference: &str, context: &Context) -> Result<()> {
        let source = Arc::new(context.resolve()?);
        let text = String::from_utf8_lossy(&source.text).into_owned();
        self.report(reference, ImagePhase::Building);
        let mut arguments = self.registries.proxy_arguments(self.engine.address()).await;
        arguments.extend(context.arguments.clone());
        let spec = BuildSpec {
            reference: reference.into(),
            dockerfile: source.dockerfile.clone(),
            credentials: self
                .credentials_of_all(base_images::images(&text, &arguments))
                .await?,
            arguments,
            labels: labels::of_built(reference, &self.digest(&source).await?),
            pull: self.pull == Pull::Always,
        };
        let skipped = Arc::new(Mutex::new(Vec::new()));
        let on_skip = skipped.clone();
        let (tar, written) = streamed(move |out| {
            source.write_tar(out, &mut |message| {
                on_skip.lock().expect("no panic while locked").push(message)
            })
        });
        let mut last: Vec<String> = Vec::new();
        let mut progress = |step: ImageProgress| {
            last.extend(step.status.lines().map(str::to_string));
            last.drain(..last.len().saturating_sub(BUILD_LINES));
            self.report_step(reference, step);
        };
        let engine = self.guarded();
        let build = engine.build_image(&spec, tar, &mut progress);
        let built = self.with_pulse("building", reference, build).await;
        let written = written.await;
        for message in std::mem::take(&mut *skipped.lock().expect("no panic while locked")) {
            (self.events)(Event::Warning { message });
        }
        written.map_err(|error| {
            Error::new(Kind::Image, "packing the context panicked").cause(error)
        })??;
        built.map_err(|error| error.explained(|error| not_built(reference, error, &last)))
    }

    /// The digest of a context, which may be large.
    async fn digest(&self, source: &Arc<Resolved>) -> Result<String> {
        let source = source.clone();
        let digest = spawn_blocking(move || source.digest());
        let panicked = |error| Error::new(Kind::Image, "reading the context panicked").cause(error);
        self.cancellation
            .wait(async { digest.await.map_err(panicked)? })
            .await
    }

    async fn pull(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        is_present: bool,
    ) -> Result<()> {
        self.report(reference, ImagePhase::Pulling);
        let mut progress = |step: ImageProgress| self.report_step(reference, step);
        let engine = self.guarded();
        let pull = engine.pull_image(reference, credentials, &mut progress);
        let pulled = self.with_pulse("pulling", reference, pull).await;
        pulled.map_err(|error| {
            error.explained(|error| registry::not_pulled(reference, credentials, is_present, error))
        })
    }

    /// Pushes an image that the engine has.
    ///
    /// # Errors
    /// [`Kind::Image`] with the registry's message.
    pub async fn push(&self, reference: &str) -> Result<()> {
        let began = Instant::now();
        let credentials = self.credentials(reference).await?;
        self.report(reference, ImagePhase::Pushing);
        let mut progress = |step: ImageProgress| self.report_step(reference, step);
        let engine = self.guarded();
        let push = engine.push_image(reference, credentials.as_ref(), &mut progress);
        let pushed = self.with_pulse("pushing", reference, push).await;
        pushed.map_err(|error| {
            error.explained(|error| registry::not_pushed(reference, credentials.as_ref(), error))
        })?;
        self.report(
            reference,
            ImagePhase::Pushed {
                took_ms: began.elapsed().as_millis() as u64,
            },
        );
        Ok(())
    }

    async fn credentials(&self, reference: &str) -> Result<Option<Credentials>> {
        let asked = self
            .cancellation
            .wait(self.registries.credentials(reference))
            .await;
        asked.map_err(|error| error.cause(format!("needed for image `{reference}`")))
    }

    async fn credentials_of_all(&self, images: BTreeSet<String>) -> Result<Vec<Credentials>> {
        let mut found: Vec<Credentials> = Vec::new();
        for image in images {
            let credentials = self.credentials(&image).await?;
            found.extend(credentials.filter(|one| !found.contains(one)));
        }
        Ok(found)
    }

    async fn assemble(&self, reference: &str, recipe: &Arc<Recipe>) -> Result<()> {
        self.report(reference, ImagePhase::Assembling);
        self.check_architecture().await?;
        // A local engine unpacks layers anyway; over a network the smaller archive is faster.
        let packing = if self.engine.is_local() {
            Packing::Plain
        } else {
            Packing::Gzip
        };
        let source = recipe.clone();
        let (tar, written) = streamed(move |out| source.write_tar(packing, out));
        let mut changes = recipe.configuration().to_vec();
        changes.push(ASSEMBLED.to_string());
        let engine = self.guarded();
        let import = engine.import_image(reference, &changes, tar);
        let imported = self.with_pulse("assembling", reference, import).await;
        // A problem with the files explains more than the engine's complaint about an incomplete archive.
        written
            .await
            .map_err(|error| Error::new(Kind::Image, "assembling panicked").cause(error))??;
        imported.map_err(|error| {
            Error::from(error)
                .kind_of(Kind::Image)
                .context("failed to import the `host` image")
        })
    }

    async fn check_architecture(&self) -> Result<()> {
        if self.engine.is_local() {
            return Ok(());
        }
        let theirs = self.guarded().info().await?.architecture;
        if theirs == std::env::consts::ARCH {
            return Ok(());
        }
        Err(Error::new(Kind::Image, "the `host` image cannot be used")
            .cause(format!(
                "its programs are for {}, but the engine runs on {theirs}",
                std::env::consts::ARCH
            ))
            .hint("choose another --operating-system"))
    }

    /// The engine, whose calls end with the work.
    fn guarded(&self) -> GuardedEngine<'_> {
        self.engine.with_cancellation(self.cancellation)
    }

    /// Reports progress now and then while `work` takes long.
    async fn with_pulse<T>(&self, verb: &str, image: &str, work: impl Future<Output = T>) -> T {
        pulse::with_pulse(self.events, || format!("Still {verb} image {image}"), work).await
    }

    fn report_step(&self, image: &str, step: ImageProgress) {
        let ImageProgress {
            part,
            status,
            current,
            total,
        } = step;
        self.report(
            image,
            ImagePhase::Progress {
                part,
                status,
                current,
                total,
            },
        );
    }

    fn report(&self, image: &str, phase: ImagePhase) {
        (self.events)(Event::Image {
            image: image.into(),
            phase,
        });
    }
}

fn not_built(reference: &str, error: EngineError, last_lines: &[String]) -> Error {
    let is_unauthorized = error.fault == Fault::Unauthorized;
    let mut error = Error::from(error)
        .kind_of(Kind::Image)
        .context(format!("image `{reference}` could not be built"));
    // A program of a build step reports a full disk in its output alone.
    if last_lines.iter().any(|line| says_disk_full(line)) {
        error = error.hint(FREE_SPACE);
    }
    if !last_lines.is_empty() {
        error = error.cause(format!("last lines:\n{}", last_lines.join("\n")));
    }
    if is_unauthorized {
        error = error.hint("its base image needs a login: docker login REGISTRY");
    }
    error
}
