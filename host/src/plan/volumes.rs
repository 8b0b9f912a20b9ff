//! The volumes of images. They reach nodes through a helper: a container of the image that is created and never
//! started, one per image that the nodes of a start name.

use std::collections::BTreeMap;

use clusterdock_plugin_wire::{NodeSpec, Security, Settings, VolumeSource};

use crate::cluster::labels::{HelperLabels, Run};
use crate::engine::{ContainerSpec, Image};
use crate::error::{Error, Kind, Result};

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

/// An image, and whether the node mounts its volumes read-only.
fn of_images(settings: &Settings) -> impl Iterator<Item = (&str, bool)> {
    settings
        .volumes
        .iter()
        .filter_map(|volume| match &volume.source {
            VolumeSource::Image(image) => Some((image.as_str(), volume.read_only)),
            _ => None,
        })
}

/// The helpers of a start.
///
/// # Errors
/// An image is known to have no volumes.
pub(super) fn helpers(
    run: &Run,
    specs: &[NodeSpec],
    known: &BTreeMap<String, Image>,
) -> Result<Vec<ContainerSpec>> {
    let helper = |(index, image): (usize, &str)| match known.get(image) {
        Some(known) if known.volumes.is_empty() => Err(Error::new(
            Kind::Image,
            format!("image `{image}` has no volumes that a node could have"),
        )
        .hint("only paths that its Dockerfile names with VOLUME are volumes")),
        known => Ok(helper(
            run,
            index,
            image,
            known.map_or("", |known| &known.id),
        )),
    };
    images(specs).into_iter().enumerate().map(helper).collect()
}

fn helper(run: &Run, index: usize, image: &str, image_id: &str) -> ContainerSpec {
    let labels = HelperLabels {
        run: run.clone(),
        name: run.helper(index),
        image: image.into(),
    };
    // Never executed, but the engine creates no container without a command, and an image of data has none.
    let command = Some(vec!["true".into()]);
    ContainerSpec {
        name: run.helper(index),
        image: image.into(),
        labels: labels.write(image_id),
        settings: Settings {
            command,
            security: Security::Plain,
            ..Settings::default()
        },
        ..ContainerSpec::default()
    }
}

/// The helpers whose volumes a node has, in the form of the create call, and their bare names.
pub(super) fn of_node(helpers: &[ContainerSpec], spec: &NodeSpec) -> (Vec<String>, Vec<String>) {
    let name = |image: &str| {
        helpers
            .iter()
            .find(|helper| helper.image == image)
            .map_or("", |helper| &helper.name)
    };
    let used: Vec<(&str, bool)> = of_images(&spec.settings)
        .map(|(image, reads)| (name(image), reads))
        .collect();
    let from = used.iter().map(|(name, reads)| {
        if *reads {
            format!("{name}:ro")
        } else {
            (*name).to_string()
        }
    });
    (
        from.collect(),
        used.iter().map(|(name, _)| (*name).to_string()).collect(),
    )
}
