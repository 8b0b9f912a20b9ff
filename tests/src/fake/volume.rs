//! Volumes: named ones outlive containers, anonymous ones go with theirs.

use super::state::Holdings;
use clusterdock::engine::{EngineError, EngineResult, Fault, Filter, Image, Labels, Volume};
use clusterdock_plugin_api::{Volume as Mount, VolumeSource};
use std::collections::BTreeMap;

impl Holdings {
    pub(super) fn list_volumes(&self, filter: &Filter) -> Vec<Volume> {
        let found = self.volumes.iter().filter(|(_, labels)| filter.matches(labels));
        found.map(|(name, labels)| Volume { name: name.clone(), labels: labels.clone() }).collect()
    }

    /// Making a volume that is there is no error, and changes nothing.
    pub(super) fn create_volume(&mut self, volume: &Volume) {
        self.volumes.entry(volume.name.clone()).or_insert_with(|| volume.labels.clone());
        self.deaths.other_event();
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> EngineResult<()> {
        if !self.volumes.contains_key(name) {
            return Err(EngineError::new(Fault::NotFound, format!("get {name}: no such volume")));
        }
        if let Some(user) = self.containers.values().find(|container| container.volumes.contains_key(name)) {
            let message = format!("remove {name}: volume is in use - [{}]", user.id);
            return Err(EngineError::new(Fault::InUse, message));
        }
        self.volumes.remove(name);
        self.deaths.other_event();
        Ok(())
    }

    /// The volumes of a container that is being made, and whether each goes with it.
    pub(super) fn make_volumes(
        &mut self,
        mounts: &[Mount],
        from: &[String],
        image: &Image,
    ) -> EngineResult<BTreeMap<String, bool>> {
        let mut used = BTreeMap::new();
        for name in from {
            let name = name.split(':').next().unwrap_or_default();
            used.extend(self.container(name)?.volumes.clone());
        }
        let mut named = Vec::new();
        // One for each path: a path that is mounted gets no volume of the image's.
        let mut anonymous: Vec<String> = image.volumes.clone();
        for mount in mounts {
            anonymous.retain(|path| *path != mount.target);
            match &mount.source {
                VolumeSource::Named(name) => named.push(name.clone()),
                VolumeSource::Anonymous => anonymous.push(mount.target.clone()),
                _ => {}
            }
        }
        for name in named {
            self.create_volume(&Volume { name: name.clone(), labels: Labels::new() });
            used.insert(name, false);
        }
        for _ in anonymous {
            let name = self.new_id();
            self.create_volume(&Volume { name: name.clone(), labels: Labels::new() });
            used.insert(name, true);
        }
        Ok(used)
    }
}
