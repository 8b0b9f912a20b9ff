//! Which nodes get ssh keys, and where: those whose image has sshd, unless the keys would come to lie outside of the node.
//! The places are sshd's and ssh's own, so that nothing need be configured.

use crate::engine::{ContainerSpec, Image};
use clusterdock_plugin_api::{NodeSpec, Probe, Settings, VolumeSource};
use std::collections::BTreeMap;
use std::path::Path;

/// Root's own key.
pub const IDENTITY: &str = "/root/.ssh/id_ed25519";
/// Who may log in as root: who has that key.
pub const AUTHORIZED: &str = "/root/.ssh/authorized_keys";
/// What the node proves itself with.
pub const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
/// Its public half.
pub const HOST_KEY_PUBLIC: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
/// What all users of the node know the others by.
pub const KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// All that is put into a node.
const FILES: [&str; 5] = [IDENTITY, AUTHORIZED, HOST_KEY, HOST_KEY_PUBLIC, KNOWN_HOSTS];

/// Fields of the engine's own create call that may mount anything anywhere, or forbid to write at all.
const UNREAD: [&str; 3] = ["Binds", "Mounts", "ReadonlyRootfs"];

/// Whether a node gets keys. A node that has sshd and gets none is worth a warning.
pub fn gets(container: &ContainerSpec, images: &BTreeMap<String, Image>, warnings: &mut Vec<String>) -> bool {
    if !images.get(&container.image).is_some_and(Image::has_sshd) {
        return false;
    }
    let obstacle = obstacle(&container.settings, images);
    if let Some(why) = &obstacle {
        warnings.push(format!("node {} gets no ssh keys: {why}", container.name));
    }
    obstacle.is_none()
}

/// What a start waits for, so that ssh works as soon as it ends: that sshd answers, where it is the image's own command
/// that runs it. Of a node with a command of its own, or systemd, nobody but its topology knows.
pub fn sshd_answers(spec: &NodeSpec) -> Option<Probe> {
    let sshd = Probe::port(22);
    let Settings { command, entrypoint, systemd, .. } = &spec.settings;
    let own = *systemd || command.is_some() || entrypoint.is_some();
    (!own && !spec.probes.contains(&sshd)).then_some(sshd)
}

/// Why files that are put into a node before it starts might get into somebody else's folder, or out of sight.
fn obstacle(settings: &Settings, images: &BTreeMap<String, Image>) -> Option<String> {
    let volumes = settings.volumes.iter().flat_map(|volume| match &volume.source {
        VolumeSource::Anonymous => &[],
        // Nodes share them.
        VolumeSource::Image(image) => images.get(image).map_or(&[][..], |image| &image.volumes),
        _ => std::slice::from_ref(&volume.target),
    });
    let mut mounts = volumes.chain(settings.tmpfs.keys());
    if let Some(mount) = mounts.find(|mount| FILES.iter().any(|file| Path::new(file).starts_with(mount))) {
        return Some(format!("`{mount}` is a mount"));
    }
    let raw = settings.create.get("HostConfig");
    let unread = UNREAD.iter().find(|field| raw.is_some_and(|raw| raw.get(field).is_some()))?;
    Some(format!("its topology sets `HostConfig.{unread}`"))
}
