//! Images: what nodes are started from, and how each comes to be in the engine before a cluster is planned. Distinct
//! images are provided once each, in parallel.

pub mod assemble;
mod base;
pub mod context;
pub mod ignore;
pub mod registry;

use crate::cli::start::Pull;
use crate::engine::{BuildSpec, Credentials, Engine, Fault, Image, ImageProgress};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, ImagePhase};
use crate::execution::Stop;
use crate::topology::manifest::{Manifest, System};
use assemble::{Packing, Recipe};
use bytes::Bytes;
use context::Context;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::BoxStream;
use registry::Registries;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Marks images that were assembled, so that they can be found and swept.
const ASSEMBLED: &str = "LABEL com.clusterdock.image=host";

/// How many lines of a build that failed an error shows.
const BUILD_LINES: usize = 15;

/// Pieces of an archive that may wait for the engine, each of [`PIECE`] bytes.
const PIECES_AHEAD: usize = 8;
const PIECE: usize = 256 * 1024;

/// An image that nodes need, and where it comes from when the engine does not have it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its reference.
    pub reference: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Programs of this machine.
    Assembled(Arc<Recipe>),
    /// Its Dockerfile, where it is not in its registry either.
    Built(Context),
    /// Its registry.
    Registry,
}

impl Wanted {
    /// The image of a topology's operating system.
    ///
    /// # Errors
    /// The `host` image cannot be assembled here.
    pub fn of_system(
        manifest: &Manifest,
        folder: Option<&Path>,
        system: &str,
        registry: Option<&str>,
        namespace: Option<&str>,
        config: &Path,
    ) -> Result<Wanted> {
        let reference = manifest.image_ref(registry, namespace, system);
        let programs = match manifest.images.systems.get(system) {
            Some(System::Assembled { programs }) => programs,
            Some(System::Built { context, dockerfile }) if folder.is_some() => {
                let folder = folder.map(|folder| folder.join(context)).unwrap_or_default();
                let dockerfile = dockerfile.display().to_string();
                let context = Context { folder, dockerfile, arguments: BTreeMap::new() };
                return Ok(Wanted { reference, source: Source::Built(context) });
            }
            // A lone library has no folder beside it.
            _ => return Ok(Wanted { reference, source: Source::Registry }),
        };
        let recipe = Recipe::resolve(programs)?;
        let digest = recipe.digest(config)?;
        Ok(Wanted { reference: format!("clusterdock/host:{digest}"), source: Source::Assembled(Arc::new(recipe)) })
    }

    /// An image that a node names itself.
    pub fn named(reference: &str) -> Wanted {
        Wanted { reference: reference.into(), source: Source::Registry }
    }

    /// The same; where it is built, with these build arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: BTreeMap<String, String>) -> Wanted {
        if let Source::Built(context) = &mut self.source {
            context.arguments = arguments;
        }
        self
    }

    /// What would be done for an image that may be there, in words of the plan.
    pub fn step(&self, is_there: bool, pull: Pull) -> Option<&'static str> {
        match (&self.source, is_there, pull) {
            (Source::Assembled(_), false, _) => Some("assemble image"),
            (Source::Built(_), false, Pull::Never) => Some("build image"),
            (Source::Built(_), false, _) => Some("pull or build image"),
            (Source::Built(_) | Source::Registry, _, Pull::Always) | (Source::Registry, false, Pull::Missing) => {
                Some("pull image")
            }
            _ => None,
        }
    }
}

/// What images are provided with.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// Who the user is to registries.
    pub registries: &'a Registries,
    /// When to pull.
    pub pull: Pull,
    /// Ends it early.
    pub stop: &'a Stop,
    /// Told what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

impl Provider<'_> {
    /// The images that the engine has of those wanted.
    pub async fn look(&self, wanted: &[Wanted]) -> Result<BTreeMap<String, Image>> {
        for one in wanted {
            // An image that is there already lacks them no less.
            let Source::Assembled(recipe) = &one.source else { continue };
            for missing in recipe.missing() {
                (self.events)(Event::Debug { message: format!("left out of image {}: {missing}", one.reference) });
            }
        }
        let looks = wanted.iter().map(|wanted| self.inspect(&wanted.reference));
        let found = self.stop.look(try_join_all(looks)).await?;
        Ok(wanted.iter().zip(found).filter_map(|(wanted, image)| Some((wanted.reference.clone(), image?))).collect())
    }

    /// Provides every image that is wanted.
    ///
    /// # Errors
    /// [`Kind::Image`] for the first that is neither there nor to be had.
    pub async fn provide(&self, wanted: &[Wanted]) -> Result<BTreeMap<String, Image>> {
        let mut images = self.look(wanted).await?;
        let missing = wanted.iter().filter(|one| one.step(images.contains_key(&one.reference), self.pull).is_some());
        let made = missing.map(|wanted| self.make(wanted, images.contains_key(&wanted.reference)));
        let made = try_join_all(made).await?;
        images.extend(made);
        match wanted.iter().find(|one| !images.contains_key(&one.reference)) {
            None => Ok(images),
            Some(one) => Err(Error::new(Kind::Image, format!("image `{}` is not there", one.reference))
                .cause("--pull never forbids to pull it")
                .hint("build or pull it yourself, or leave --pull out")),
        }
    }

    async fn make(&self, wanted: &Wanted, is_there: bool) -> Result<(String, Image)> {
        let began = Instant::now();
        let reference = &wanted.reference;
        match &wanted.source {
            Source::Assembled(recipe) => self.assemble(reference, recipe).await?,
            Source::Built(context) => self.pull_or_build(reference, context, is_there).await?,
            Source::Registry => {
                let credentials = self.credentials(reference).await?;
                self.pull(reference, credentials.as_ref(), is_there).await?;
            }
        }
        let image = self.stop.look(self.inspect(reference)).await?.ok_or_else(|| {
            Error::new(Kind::Image, format!("image `{reference}` vanished while it was being provided"))
        })?;
        self.tell(reference, ImagePhase::Ready { took_ms: began.elapsed().as_millis() as u64 });
        Ok((reference.clone(), image))
    }

    /// A registry that has the image saves the build; one that has not, or cannot be reached, is no failure. Not to
    /// know who the user is to it is one, though.
    async fn pull_or_build(&self, reference: &str, context: &Context, is_there: bool) -> Result<()> {
        if self.pull != Pull::Never {
            let credentials = self.credentials(reference).await?;
            match self.pull(reference, credentials.as_ref(), is_there).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() != Kind::Image || is_there => return Err(error),
                Err(error) => (self.events)(Event::Debug { message: format!("building it instead: {error}") }),
            }
        }
        self.build(reference, context).await
    }

    /// Builds an image from its Dockerfile, whether or not there is one of that name.
    ///
    /// # Errors
    /// [`Kind::Image`] with the last lines of the step that failed.
    pub async fn build_afresh(&self, reference: &str, context: &Context) -> Result<()> {
        let began = Instant::now();
        self.build(reference, context).await?;
        self.tell(reference, ImagePhase::Ready { took_ms: began.elapsed().as_millis() as u64 });
        Ok(())
    }

    async fn build(&self, reference: &str, context: &Context) -> Result<()> {
        let dockerfile = context.dockerfile()?;
        self.tell(reference, ImagePhase::Building);
        let mut arguments = self.registries.proxy_arguments(self.engine.address()).await?;
        arguments.extend(context.arguments.clone());
        let spec = BuildSpec {
            reference: reference.into(),
            dockerfile: context.dockerfile.clone(),
            credentials: self.credentials_of_all(base::images(&dockerfile, &arguments)).await?,
            arguments,
            pull: self.pull == Pull::Always,
        };
        let source = context.clone();
        let (tar, written) = sent(move |out| source.write_tar(out));
        let mut last: Vec<String> = Vec::new();
        let mut progress = |step: ImageProgress| {
            last.extend(step.status.lines().map(str::to_string));
            last.drain(..last.len().saturating_sub(BUILD_LINES));
            self.tell_step(reference, step);
        };
        let build = async { Ok(self.engine.build_image(&spec, tar, &mut progress).await) };
        let built = self.stop.wait(build).await?;
        written.await.map_err(|error| Error::new(Kind::Image, "packing the context panicked").cause(error))??;
        built.map_err(|error| {
            let wants_login = error.fault == Fault::Unauthorized;
            let error = Error::from(error).kind_of(Kind::Image);
            let error = error.context(format!("image `{reference}` could not be built"));
            let error = if last.is_empty() { error } else { error.cause(format!("last lines:\n{}", last.join("\n"))) };
            match wants_login {
                true => error.hint("an image that it builds on wants a login: docker login REGISTRY"),
                false => error,
            }
        })
    }

    async fn pull(&self, reference: &str, credentials: Option<&Credentials>, is_there: bool) -> Result<()> {
        self.tell(reference, ImagePhase::Pulling);
        let mut progress = |step: ImageProgress| self.tell_step(reference, step);
        let pull = async { Ok(self.engine.pull_image(reference, credentials, &mut progress).await) };
        let pulled = self.stop.wait(pull).await?;
        pulled.map_err(|error| registry::not_pulled(reference, credentials, is_there, error))
    }

    /// Pushes an image that the engine has.
    ///
    /// # Errors
    /// [`Kind::Image`] with what the registry said.
    pub async fn push(&self, reference: &str) -> Result<()> {
        let began = Instant::now();
        let credentials = self.credentials(reference).await?;
        self.tell(reference, ImagePhase::Pushing);
        let mut progress = |step: ImageProgress| self.tell_step(reference, step);
        let push = async { Ok(self.engine.push_image(reference, credentials.as_ref(), &mut progress).await) };
        let pushed = self.stop.wait(push).await?;
        pushed.map_err(|error| registry::not_pushed(reference, credentials.as_ref(), error))?;
        self.tell(reference, ImagePhase::Pushed { took_ms: began.elapsed().as_millis() as u64 });
        Ok(())
    }

    async fn credentials(&self, reference: &str) -> Result<Option<Credentials>> {
        let asked = self.stop.wait(self.registries.credentials(reference)).await;
        asked.map_err(|error| error.cause(format!("it is needed for image `{reference}`")))
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
        self.tell(reference, ImagePhase::Assembling);
        self.check_architecture().await?;
        // A store on this machine unpacks layers anyway; over a network the smaller archive wins.
        let packing = if self.engine.is_local() { Packing::Plain } else { Packing::Gzip };
        let source = recipe.clone();
        let (tar, written) = sent(move |out| source.write_tar(packing, out));
        let mut changes = recipe.configuration().to_vec();
        changes.push(ASSEMBLED.to_string());
        let import = async { Ok(self.engine.import_image(reference, &changes, tar).await) };
        let imported = self.stop.transfer(import).await?;
        // What went wrong with the files says more than what the engine made of half an archive.
        written.await.map_err(|error| Error::new(Kind::Image, "assembling panicked").cause(error))??;
        imported.map_err(|error| Error::from(error).kind_of(Kind::Image).context("failed to import the host image"))
    }

    async fn check_architecture(&self) -> Result<()> {
        if self.engine.is_local() {
            return Ok(());
        }
        let theirs = self.stop.look(async { Ok(self.engine.info().await?.architecture) }).await?;
        if theirs == std::env::consts::ARCH {
            return Ok(());
        }
        Err(Error::new(Kind::Image, "the host image cannot be used")
            .cause(format!("it has programs for {}, the engine's machine is {theirs}", std::env::consts::ARCH))
            .hint("choose another --operating-system"))
    }

    async fn inspect(&self, reference: &str) -> Result<Option<Image>> {
        Ok(self.engine.image(reference).await?)
    }

    fn tell_step(&self, image: &str, step: ImageProgress) {
        let ImageProgress { part, status, current, total } = step;
        self.tell(image, ImagePhase::Progress { part, status, current, total });
    }

    fn tell(&self, image: &str, phase: ImagePhase) {
        (self.events)(Event::Image { image: image.into(), phase });
    }
}

/// What `write` writes, as a stream; written by a thread that may block, no faster than the engine takes it. When it
/// fails, the stream ends with an error, so that the engine does not take half an archive for a whole one.
fn sent(
    write: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
) -> (BoxStream<'static, std::io::Result<Bytes>>, JoinHandle<Result<()>>) {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    let written = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
        let flush = |mut out: BufWriter<Pieces>| {
            out.flush().map_err(|error| Error::new(Kind::Image, "cannot send an archive").cause(error))
        };
        match write(&mut out).and_then(|()| flush(out)) {
            Ok(()) => Ok(()),
            // An engine that takes no more says itself why.
            Err(_) if sender.is_closed() => Ok(()),
            Err(error) => {
                // It may have closed in between.
                sender.blocking_send(Err(std::io::Error::other(error.to_string()))).unwrap_or_default();
                Err(error)
            }
        }
    });
    (futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed(), written)
}

/// A writer whose pieces go to the engine; full when the engine is slower.
struct Pieces(mpsc::Sender<std::io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| std::io::Error::other("the engine takes no more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Error {
        Error::new(Kind::Image, "a file vanished")
    }

    #[tokio::test]
    async fn an_archive_that_breaks_off_does_not_end_as_if_it_were_whole() {
        let (tar, written) = sent(|out| {
            out.write_all(b"half of it").unwrap();
            Err(broken())
        });
        let pieces: Vec<_> = tar.collect().await;
        assert!(pieces.last().unwrap().is_err(), "the engine would take half of it for all: {pieces:?}");
        assert_eq!(written.await.unwrap().unwrap_err().message(), broken().message());
    }

    #[tokio::test]
    async fn an_engine_that_takes_no_more_says_itself_why() {
        let (tar, written) = sent(|out| {
            let sent = out.write_all(&vec![0; 100 * PIECE]);
            sent.map_err(|error| Error::new(Kind::Image, "cannot write").cause(error))
        });
        drop(tar);
        written.await.unwrap().unwrap();
    }
}
