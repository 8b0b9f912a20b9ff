//! `images`: the images that clusterdock has made or uses.

use std::collections::BTreeSet;

use super::{Console, list};
use crate::cli::watch_args::Images as ImagesArgs;
use crate::cluster::Cluster;
use crate::cluster::labels::read;
use crate::engine::{Images, ListedImage};
use crate::error::Result;
use crate::image::is_host_image;
use crate::report::OwnImage;

/// Prints images.
pub async fn images(console: &Console<'_>, args: &ImagesArgs) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let mut listed = console.guarded().images().await?;
    listed.sort_by(|a, b| (&a.references, &a.id).cmp(&(&b.references, &b.id)));
    let own: Vec<OwnImage<'_>> = listed
        .iter()
        .map(|image| own(image, &clusters))
        .filter(|own| !own.references.is_empty() || !own.clusters.is_empty())
        .collect();
    console.report.images(&own, args.format())
}

/// An image with those of its references that are clusterdock's, or all of them if nodes use it.
fn own<'a>(image: &'a ListedImage, clusters: &'a [Cluster]) -> OwnImage<'a> {
    let uses = |cluster: &&Cluster| {
        let mut nodes = cluster.nodes.iter();
        nodes.any(|node| node.container.image_id == image.id)
    };
    let clusters: BTreeSet<&str> = clusters
        .iter()
        .filter(uses)
        .map(|cluster| cluster.name.as_str())
        .collect();
    let is_own = |reference: &&String| {
        !clusters.is_empty()
            || is_host_image(reference)
            || read::context(&image.labels, reference).is_some()
    };
    OwnImage {
        id: &image.id,
        references: image
            .references
            .iter()
            .filter(is_own)
            .map(String::as_str)
            .collect(),
        size_bytes: image.size,
        created: image.created,
        clusters: clusters.into_iter().collect(),
    }
}
