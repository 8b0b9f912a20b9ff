//! An image that nodes need, and how to get it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::build_context::Context;
use super::pull::Pull;
use crate::cluster::labels::read;
use crate::engine::{Image, reference};
use crate::error::{Error, Kind, Result};
use crate::rootfs::Recipe;
use crate::topology::manifest::{Manifest, System};

/// What the references of assembled images begin with.
const HOST_IMAGES: &str = "clusterdock/host:";

/// Whether an image of this reference is an assembled one.
pub fn is_host_image(reference: &str) -> bool {
    reference.starts_with(HOST_IMAGES)
}

/// An image that nodes need, and how to get it if the engine does not have it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Image reference.
    pub reference: String,
    /// How to get it.
    pub source: Source,
}

/// Whether the engine has an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does not.
    Missing,
    /// It has one that was built from another Dockerfile or context than there is now.
    Outdated,
    /// It does.
    Present,
}

/// How to get an image that the engine does not have.
#[derive(Debug, Clone)]
pub enum Source {
    /// Assemble it from programs of the local machine.
    Assembled(Arc<Recipe>),
    /// Pull it, or build it from its Dockerfile if that fails.
    Built(Context),
    /// Pull it.
    Registry,
}

impl Wanted {
    /// The image of a topology's operating system.
    ///
    /// # Errors
    /// The `host` image cannot be assembled on the local machine.
    pub fn of_system(
        manifest: &Manifest,
        folder: Option<&Path>,
        system: &str,
        registry: Option<&str>,
        namespace: Option<&str>,
        config: &Path,
    ) -> Result<Wanted> {
        let reference = checked(manifest.image_ref(registry, namespace, system))?;
        let programs = match manifest.images.systems.get(system) {
            Some(System::Assembled { programs }) => programs,
            Some(System::Built {
                context,
                dockerfile,
            }) if folder.is_some() => {
                let folder = folder
                    .map(|folder| folder.join(context))
                    .unwrap_or_default();
                let context = Context {
                    folder,
                    dockerfile: dockerfile.clone(),
                    arguments: BTreeMap::new(),
                };
                return Ok(Wanted {
                    reference,
                    source: Source::Built(context),
                });
            }
            // A lone library has no folder beside it.
            _ => {
                return Ok(Wanted {
                    reference,
                    source: Source::Registry,
                });
            }
        };
        let recipe = Recipe::resolve(programs)?;
        let digest = recipe.digest(config)?;
        Ok(Wanted {
            reference: format!("{HOST_IMAGES}{digest}"),
            source: Source::Assembled(Arc::new(recipe)),
        })
    }

    /// An image that a node names itself.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an invalid reference.
    pub fn named(reference: &str) -> Result<Wanted> {
        Ok(Wanted {
            reference: checked(reference.into())?,
            source: Source::Registry,
        })
    }

    /// Sets the build arguments, which only matter if it is built.
    #[must_use]
    pub fn with_arguments(mut self, arguments: BTreeMap<String, String>) -> Wanted {
        if let Source::Built(context) = &mut self.source {
            context.arguments = arguments;
        }
        self
    }

    /// The step that provides the image, in words of the plan; `None` if there is nothing to do.
    pub fn step(&self, presence: Presence, pull: Pull) -> Option<&'static str> {
        use Presence::{Missing, Outdated};
        match (&self.source, presence, pull) {
            (Source::Assembled(_), Missing, _) => Some("assemble image"),
            (Source::Built(_), Missing, Pull::Never) => Some("build image"),
            (Source::Built(_), Missing, _) => Some("pull or build image"),
            (Source::Built(_) | Source::Registry, _, Pull::Always)
            | (Source::Registry, Missing, Pull::Missing) => Some("pull image"),
            (Source::Built(_), Outdated, _) => Some("rebuild image"),
            _ => None,
        }
    }

    /// Whether the engine has it, from what it shows of the image of that name. One whose labels do not say what it was
    /// built from is used as it is, and so is one whose Dockerfile is gone.
    pub async fn presence(&self, found: Option<&Image>) -> Presence {
        let Some(image) = found else {
            return Presence::Missing;
        };
        let Source::Built(context) = &self.source else {
            return Presence::Present;
        };
        let Some(built) = read::context(&image.labels, &self.reference) else {
            return Presence::Present;
        };
        let context = context.clone();
        match spawn_blocking(move || context.resolve()?.digest()).await {
            Ok(Ok(digest)) if digest != built => Presence::Outdated,
            _ => Presence::Present,
        }
    }
}

/// Refuses an invalid reference before the engine is asked.
fn checked(reference: String) -> Result<String> {
    match reference::check_image(&reference) {
        Ok(()) => Ok(reference),
        Err(why) => Err(Error::new(
            Kind::Usage,
            format!("invalid image reference `{reference}`"),
        )
        .cause(why)),
    }
}
