//! The volumes of images. They reach nodes through a helper: a container of the image that is made and never started,
//! one for each image that the nodes of a start name.

use crate::engine::{ContainerSpec, Image};
use crate::error::{Error, Kind, Result};
use crate::labels::{self, Run};
use clusterdock_plugin_api::{NodeSpec, Security, Settings, VolumeSource};
use std::collections::BTreeMap;

/// The images whose volumes nodes have, each once, in the order in which they are named.
pub fn images(specs: &[NodeSpec]) -> Vec<&str> {
    let mut images = Vec::new();
    for (image, _) in specs.iter().flat_map(|spec| of_images(&spec.settings)) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images
}

/// An image, and whether the node may only read what comes of it.
fn of_images(settings: &Settings) -> impl Iterator<Item = (&str, bool)> {
    settings.volumes.iter().filter_map(|volume| match &volume.source {
        VolumeSource::Image(image) => Some((image.as_str(), volume.read_only)),
        _ => None,
    })
}

/// The helpers of a start.
///
/// # Errors
/// An image that is known and has no volumes.
pub(super) fn helpers(run: &Run, specs: &[NodeSpec], known: &BTreeMap<String, Image>) -> Result<Vec<ContainerSpec>> {
    let helper = |(index, image): (usize, &str)| match known.get(image) {
        Some(known) if known.volumes.is_empty() => {
            Err(Error::new(Kind::Image, format!("image `{image}` has no volumes that a node could have"))
                .hint("only paths that its Dockerfile names with VOLUME are volumes"))
        }
        _ => Ok(helper(run, index, image)),
    };
    images(specs).into_iter().enumerate().map(helper).collect()
}

fn helper(run: &Run, index: usize, image: &str) -> ContainerSpec {
    let mut labels = run.labels();
    labels.insert(labels::CLUSTER.into(), run.cluster.clone());
    labels.insert(labels::VOLUMES_OF.into(), image.into());
    // Never run, but the engine makes no container without one, and an image of data has none.
    let command = Some(vec!["true".into()]);
    ContainerSpec {
        name: run.helper(index),
        image: image.into(),
        labels,
        settings: Settings { command, security: Security::Plain, ..Settings::default() },
        ..ContainerSpec::default()
    }
}

/// The helpers whose volumes a node has, as the engine names them, and as the node's label does.
pub(super) fn of_node(helpers: &[ContainerSpec], spec: &NodeSpec) -> (Vec<String>, Option<String>) {
    let name = |image: &str| helpers.iter().find(|helper| helper.image == image).map_or("", |helper| &helper.name);
    let used: Vec<(&str, bool)> = of_images(&spec.settings).map(|(image, reads)| (name(image), reads)).collect();
    let from = used.iter().map(|(name, reads)| if *reads { format!("{name}:ro") } else { (*name).to_string() });
    let names: Vec<&str> = used.iter().map(|(name, _)| *name).collect();
    (from.collect(), (!names.is_empty()).then(|| names.join(",")))
}
