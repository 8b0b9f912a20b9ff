//! Volumes: named ones outlive containers, anonymous ones are removed with theirs. All containers of a volume share its
//! contents.

use std::path::{Path, PathBuf};

use clusterdock::engine::{
    ContainerSpec, EngineError, EngineResult, Fault, Filter, Image, Labels, Volume,
};
use clusterdock_plugin_wire::VolumeSource;

use super::FakeEngine;
use super::files::Files;
use super::state::Holdings;

/// A volume.
#[derive(Default)]
pub(super) struct HeldVolume {
    pub(super) labels: Labels,
    pub(super) files: Files,
}

/// A volume of a container.
#[derive(Clone)]
pub(super) struct Use {
    pub(super) volume: String,
    /// Its path in the container, without a leading slash.
    pub(super) path: PathBuf,
    /// Whether it is removed with its last container.
    pub(super) anonymous: bool,
}

impl FakeEngine {
    /// Removes every volume that no container uses, as `docker volume prune --all` does.
    pub fn prune_volumes(&self) {
        self.change(|holdings| {
            let used: Vec<String> = holdings.uses().map(|used| used.volume.clone()).collect();
            holdings.volumes.retain(|name, _| used.contains(name));
        });
    }
}

impl Holdings {
    pub(super) fn list_volumes(&self, filter: &Filter) -> Vec<Volume> {
        let found = self
            .volumes
            .iter()
            .filter(|(_, held)| filter.matches(&held.labels));
        found
            .map(|(name, held)| Volume {
                name: name.clone(),
                labels: held.labels.clone(),
            })
            .collect()
    }

    /// Creating an existing volume is not an error and changes nothing: it returns the existing one.
    pub(super) fn create_volume(&mut self, volume: &Volume) -> Volume {
        let new = || HeldVolume {
            labels: volume.labels.clone(),
            files: Files::empty(),
        };
        let held = self.volumes.entry(volume.name.clone()).or_insert_with(new);
        let labels = held.labels.clone();
        self.deaths.other_event();
        Volume {
            name: volume.name.clone(),
            labels,
        }
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> EngineResult<()> {
        if !self.volumes.contains_key(name) {
            return Err(EngineError::new(
                Fault::NotFound,
                format!("get {name}: no such volume"),
            ));
        }
        let uses = |id: &&String| {
            self.containers[*id]
                .uses
                .iter()
                .any(|used| used.volume == name)
        };
        if let Some(user) = self.containers.keys().find(uses) {
            let message = format!("remove {name}: volume is in use - [{user}]");
            return Err(EngineError::new(Fault::InUse, message));
        }
        self.volumes.remove(name);
        self.deaths.other_event();
        Ok(())
    }

    /// The uses of volumes by all containers.
    pub(super) fn uses(&self) -> impl Iterator<Item = &Use> {
        self.containers
            .values()
            .flat_map(|container| &container.uses)
    }

    /// The volumes of a container that is being created. A missing named volume is created with it.
    pub(super) fn make_volumes(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
    ) -> EngineResult<Vec<Use>> {
        let mut uses = Vec::new();
        for name in &spec.volumes_from {
            let name = name.split(':').next().unwrap_or_default();
            uses.extend(self.container(name)?.uses.clone());
        }
        let mut named = Vec::new();
        // One per path: a mounted path gets no volume of the image.
        let mut anonymous: Vec<String> = image.volumes.clone();
        for mount in &spec.settings.volumes {
            anonymous.retain(|path| *path != mount.target);
            match &mount.source {
                VolumeSource::Named(name) => {
                    named.push((
                        Volume {
                            name: name.clone(),
                            labels: Labels::new(),
                        },
                        &mount.target,
                    ));
                }
                VolumeSource::Anonymous => anonymous.push(mount.target.clone()),
                _ => {}
            }
        }
        for mount in &spec.mounts {
            // A volume without a name belongs to the container alone.
            match mount.volume.name.as_str() {
                "" => anonymous.push(mount.path.clone()),
                _ => named.push((mount.volume.clone(), &mount.path)),
            }
        }
        check_paths(&named)?;
        for (volume, path) in named {
            self.create_volume(&volume);
            uses.push(Use {
                volume: volume.name,
                path: relative(path),
                anonymous: false,
            });
        }
        for path in anonymous {
            let volume = Volume {
                name: self.new_id(),
                labels: Labels::new(),
            };
            self.create_volume(&volume);
            uses.push(Use {
                volume: volume.name,
                path: relative(&path),
                anonymous: true,
            });
        }
        Ok(uses)
    }

    /// A container's files, including those of its volumes.
    pub(super) fn files_of(&self, key: &str) -> EngineResult<Files> {
        let held = self.container(key)?;
        let mut files = held.files.clone();
        for used in &held.uses {
            files.mount(&used.path, &self.volumes[&used.volume].files);
        }
        Ok(files)
    }

    /// Stores files of a container, those within a volume in that volume.
    pub(super) fn set_files_of(&mut self, key: &str, mut files: Files) -> EngineResult<()> {
        let held = self.container_mut(key)?;
        let parts: Vec<(String, Files)> = held
            .uses
            .iter()
            .rev()
            .map(|used| (used.volume.clone(), files.unmount(&used.path)))
            .collect();
        held.files = files;
        for (volume, files) in parts {
            self.volumes.entry(volume).or_default().files = files;
        }
        Ok(())
    }
}

fn check_paths(named: &[(Volume, &String)]) -> EngineResult<()> {
    let mut paths: Vec<PathBuf> = named.iter().map(|(_, path)| relative(path)).collect();
    paths.sort();
    match paths.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(EngineError::new(
            Fault::Refused,
            format!("Duplicate mount point: /{}", pair[0].display()),
        )),
        None => Ok(()),
    }
}

fn relative(path: &str) -> PathBuf {
    Path::new(path)
        .components()
        .filter(|part| matches!(part, std::path::Component::Normal(_)))
        .collect()
}
