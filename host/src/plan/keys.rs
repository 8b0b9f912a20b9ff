//! Which nodes get ssh keys, and where: those whose image has sshd, unless the keys would come to lie outside of the node.
//!
//! The places are sshd's and ssh's own, so that nothing need be configured. But what lies there goes into every image
//! that is made of the node, by a hook or by hand: a commit takes a container's own files as they are. To refuse it
//! would make nodes with sshd useless for it; to move the files away meanwhile would lock everybody out, and a death in
//! between would leave that for good; and to remove them in a layer on top would leave them in the one below. So the
//! keys are in a volume, of which a commit never takes anything, and links lead to them from these places.

use std::collections::BTreeMap;
use std::path::Path;

use clusterdock_plugin_wire::{NodeSpec, Probe, Settings, VolumeSource};

use crate::engine::{ContainerSpec, Image, VolumeMount};

/// Root's own key.
pub const IDENTITY: &str = "/root/.ssh/id_ed25519";
/// The keys that may log in as root.
pub const AUTHORIZED: &str = "/root/.ssh/authorized_keys";
/// The node's private host key.
pub const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
/// Its public half.
pub const HOST_KEY_PUBLIC: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
/// The system-wide known_hosts file.
pub const KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// The files that are put into a node.
pub const FILES: [&str; 5] = [IDENTITY, AUTHORIZED, HOST_KEY, HOST_KEY_PUBLIC, KNOWN_HOSTS];

/// Where the volume is. sshd follows links to places that only root may write to.
pub const FOLDER: &str = "/var/lib/clusterdock/ssh";

/// Where in the volume a file is that `path`, one of [`FILES`], leads to.
pub fn kept_at(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{FOLDER}/{name}")
}

/// The volume with a node's keys, which goes with the node.
pub fn volume() -> VolumeMount {
    VolumeMount {
        path: FOLDER.into(),
        ..VolumeMount::default()
    }
}

/// Fields of the engine's own create call that may mount anything anywhere, or forbid to write at all.
const UNREAD: [&str; 3] = ["Binds", "Mounts", "ReadonlyRootfs"];

/// Whether a node gets keys. A node that has sshd and gets none is worth a warning.
pub fn gets(
    container: &ContainerSpec,
    images: &BTreeMap<String, Image>,
    warnings: &mut Vec<String>,
) -> bool {
    if !images.get(&container.image).is_some_and(Image::has_sshd) {
        return false;
    }
    let obstacle = obstacle(&container.settings, images);
    if let Some(why) = &obstacle {
        warnings.push(format!(
            "node {} gets no ssh keys: {why}",
            container.hostname
        ));
    }
    obstacle.is_none()
}

/// What a start waits for, so that ssh works as soon as it ends: that sshd answers, where it is the image's own command
/// that runs it. Of a node with a command of its own, or systemd, nobody but its topology knows.
pub fn sshd_answers(spec: &NodeSpec) -> Option<Probe> {
    let sshd = Probe::port(22);
    let Settings {
        command,
        entrypoint,
        systemd,
        ..
    } = &spec.settings;
    let own = *systemd || command.is_some() || entrypoint.is_some();
    (!own && !spec.ready.contains(&sshd)).then_some(sshd)
}

/// Why files that are put into a node before it starts might get into somebody else's folder, or out of sight.
fn obstacle(settings: &Settings, images: &BTreeMap<String, Image>) -> Option<String> {
    let volumes = settings
        .volumes
        .iter()
        .flat_map(|volume| match &volume.source {
            VolumeSource::Anonymous => &[],
            // Nodes share them.
            VolumeSource::Image(image) => images.get(image).map_or(&[][..], |image| &image.volumes),
            _ => std::slice::from_ref(&volume.target),
        });
    let mut mounts = volumes.chain(settings.tmpfs.keys());
    let covers = |mount: &&String| {
        FILES
            .iter()
            .chain([&FOLDER])
            .any(|place| Path::new(place).starts_with(mount))
    };
    if let Some(mount) = mounts.find(covers) {
        return Some(format!("`{mount}` is a mount"));
    }
    let raw = settings.create.get("HostConfig");
    let unread = UNREAD
        .iter()
        .find(|field| raw.is_some_and(|raw| raw.get(field).is_some()))?;
    Some(format!("its topology sets `HostConfig.{unread}`"))
}
