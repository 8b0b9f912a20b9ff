//! Which nodes get ssh keys, and where: those whose image has sshd, unless the keys would end up outside of the node.
//!
//! The paths are the defaults of sshd and ssh, so that nothing has to be configured. But files there become part of
//! every image that is committed from the node, by a hook or by hand: a commit takes a container's own files as they
//! are. Refusing to commit would make nodes with sshd useless for building images; moving the files away during a
//! commit would lock everyone out, for good if clusterdock died in between; and removing them in a layer on top would
//! leave them in the one below. So the keys are in a volume, which a commit never includes, and links lead to them from
//! these paths.

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

/// Where in the volume the file is that `path`, one of [`FILES`], links to.
pub fn kept_at(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{FOLDER}/{name}")
}

/// The volume with a node's keys, which is removed with the node.
pub fn volume() -> VolumeMount {
    VolumeMount {
        path: FOLDER.into(),
        ..VolumeMount::default()
    }
}

/// Fields of the engine's own create call that may mount anything anywhere, or make everything read-only.
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

/// What a start waits for so that ssh works as soon as it ends: sshd answers, if the image's own command runs it. If a
/// node has another command, or runs systemd, only its topology knows whether sshd is to run.
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
