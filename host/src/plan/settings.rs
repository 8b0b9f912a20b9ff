//! A node's settings, checked before anything is looked at in the engine: values that can never work are refused with
//! the node's name and the setting's.

use crate::engine::docker::passthrough;
use crate::error::{Error, Kind, Result};
use crate::labels;
use clusterdock_plugin_api::{Device, NodeSpec, Security, Settings, Ulimit, Volume, VolumeSource};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The least memory that engines give a container.
const LEAST_MEMORY: u64 = 6 << 20;

/// What is wrong with a setting.
type Fault = String;

/// Checks the settings of a node.
///
/// # Errors
/// [`Kind::Usage`] for the first that can never work.
pub(super) fn check(spec: &NodeSpec) -> Result<()> {
    let refused = |setting: &str, why: String| {
        Error::new(Kind::Usage, format!("setting `{setting}` of node `{}` cannot be used", spec.hostname)).cause(why)
    };
    if let Some((setting, why)) = faults(&spec.settings).into_iter().find_map(|(setting, why)| Some((setting, why?))) {
        return Err(refused(setting, why));
    }
    passthrough::check(&spec.settings.create).map_err(|error| {
        let shown = refused("create", error.message);
        error.hint.into_iter().fold(shown, Error::hint)
    })
}

fn faults(settings: &Settings) -> [(&'static str, Option<Fault>); 14] {
    let Settings { environment, tmpfs, labels, cpus, memory, shm_size, .. } = settings;
    let bad_name = |name: &&String| name.is_empty() || name.contains('=');
    let own_label = |name: &&String| name.starts_with(labels::PREFIX);
    [
        ("environment", environment.keys().find(bad_name).map(|name| format!("`{name}` is no variable's name"))),
        ("working_directory", settings.working_directory.as_deref().and_then(relative)),
        ("volumes", settings.volumes.iter().find_map(volume).or_else(|| mounted_twice(settings))),
        ("devices", settings.devices.iter().find_map(device)),
        ("tmpfs", tmpfs.keys().find_map(|path| relative(path))),
        ("ulimits", settings.ulimits.iter().find_map(ulimit)),
        ("shm_size", shm_size.filter(|bytes| *bytes == 0).map(|_| "it has to be above 0".into())),
        ("cpus", cpus.filter(|cpus| !(cpus.is_finite() && *cpus > 0.0)).map(|cpus| format!("`{cpus}` is not above 0"))),
        ("memory", memory.filter(|bytes| *bytes < LEAST_MEMORY).map(|bytes| format!("{bytes} bytes are below 6 MiB"))),
        ("restart", settings.restart.as_deref().and_then(restart)),
        ("extra_hosts", settings.extra_hosts.iter().find_map(extra_host)),
        ("cgroup_namespace", settings.cgroup_namespace.as_deref().and_then(cgroup_namespace)),
        ("systemd", systemd(settings)),
        ("labels", labels.keys().find(own_label).map(|name| format!("`{name}` is one of clusterdock's own"))),
    ]
}

fn relative(path: &str) -> Option<Fault> {
    (!path.starts_with('/')).then(|| format!("`{path}` is no absolute path"))
}

fn volume(volume: &Volume) -> Option<Fault> {
    match &volume.source {
        VolumeSource::Image(image) if image.is_empty() => Some("an image has no name".into()),
        VolumeSource::Image(_) => {
            let target = &volume.target;
            (!target.is_empty()).then(|| format!("the volumes of an image have paths of their own, not `{target}`"))
        }
        VolumeSource::Bind(path) => relative(path).or_else(|| relative(&volume.target)),
        VolumeSource::Named(name) if name.is_empty() || name.contains('/') => {
            Some(format!("`{name}` is no name of a volume"))
        }
        VolumeSource::Anonymous if volume.read_only => {
            Some(format!("a fresh volume that may only be read is of no use, at `{}`", volume.target))
        }
        _ => relative(&volume.target),
    }
}

fn mounted_twice(settings: &Settings) -> Option<Fault> {
    let volumes = settings.volumes.iter().map(|volume| &volume.target).filter(|target| !target.is_empty());
    let mut seen = BTreeSet::new();
    let mut targets = volumes.chain(settings.tmpfs.keys());
    targets.find(|target| !seen.insert(target.trim_end_matches('/'))).map(|path| format!("`{path}` is there twice"))
}

fn device(device: &Device) -> Option<Fault> {
    let Device { source, target, permissions } = device;
    let bad = permissions.is_empty() || !permissions.chars().all(|one| "rwm".contains(one));
    let bad = bad.then(|| format!("`{permissions}` are no permissions: any of r, w and m"));
    relative(source).or_else(|| relative(target)).or(bad)
}

fn ulimit(limit: &Ulimit) -> Option<Fault> {
    let Ulimit { name, soft, hard } = limit;
    let above = *hard != -1 && (*soft == -1 || soft > hard);
    match (name.is_empty(), *soft < -1 || *hard < -1) {
        (true, _) => Some("one has no name".into()),
        (_, true) => Some(format!("`{name}` is below -1, which is no limit")),
        _ => above.then(|| format!("`{name}` begins at {soft}, above {hard}, which it may not exceed")),
    }
}

fn restart(policy: &str) -> Option<Fault> {
    let known = match policy.split_once(':') {
        Some((name, count)) => name == "on-failure" && count.parse::<u32>().is_ok(),
        None => ["", "no", "always", "unless-stopped", "on-failure"].contains(&policy),
    };
    (!known).then(|| format!("`{policy}` is none of no, always, unless-stopped, on-failure and on-failure:N"))
}

fn extra_host((name, address): &(String, String)) -> Option<Fault> {
    if name.is_empty() || name.contains([':', ' ']) {
        return Some(format!("`{name}` is no host name"));
    }
    let known = address == "host-gateway" || address.parse::<IpAddr>().is_ok();
    (!known).then(|| format!("`{address}` of `{name}` is no address"))
}

fn cgroup_namespace(namespace: &str) -> Option<Fault> {
    (!["private", "host"].contains(&namespace)).then(|| format!("`{namespace}` is neither private nor host"))
}

fn systemd(settings: &Settings) -> Option<Fault> {
    let cannot = settings.security == Security::Plain && settings.cgroup_namespace.as_deref() == Some("private");
    (settings.systemd && cannot).then(|| "a plain node may not write to control groups of its own".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(change: impl FnOnce(&mut Settings), expected: &str) {
        let checked = check(&NodeSpec::new("a", "nodes").with(change));
        let said = checked.map_or_else(|error| error.to_string(), |()| "fine".into());
        assert_eq!(said.trim_start_matches("setting ").replace(" of node `a` cannot be used", ""), expected);
    }

    #[test]
    fn values_that_can_never_work_are_refused_by_name() {
        says(
            |all| drop(all.environment.insert("A=B".into(), "c".into())),
            "`environment`: `A=B` is no variable's name",
        );
        says(|all| all.working_directory = Some("srv".into()), "`working_directory`: `srv` is no absolute path");
        says(|all| all.volumes.push(Volume::bind("srv", "/srv")), "`volumes`: `srv` is no absolute path");
        says(|all| all.volumes.push(Volume::named("/a", "/a")), "`volumes`: `/a` is no name of a volume");
        let twice = |all: &mut Settings| {
            all.volumes.push(Volume::anonymous("/a/"));
            all.tmpfs.insert("/a".into(), String::new());
        };
        says(twice, "`volumes`: `/a` is there twice");
        let device = Device { permissions: "rx".into(), ..Device::new("/dev/sdb") };
        says(|all| all.devices.push(device), "`devices`: `rx` are no permissions: any of r, w and m");
        let limit = Ulimit { name: "nofile".into(), soft: 2, hard: 1 };
        says(|all| all.ulimits.push(limit), "`ulimits`: `nofile` begins at 2, above 1, which it may not exceed");
        says(|all| all.cpus = Some(f64::NAN), "`cpus`: `NaN` is not above 0");
        says(|all| all.memory = Some(1), "`memory`: 1 bytes are below 6 MiB");
        let none = "`restart`: `sometimes` is none of no, always, unless-stopped, on-failure and on-failure:N";
        says(|all| all.restart = Some("sometimes".into()), none);
        says(|all| all.extra_hosts.push(("b".into(), "1.2.3".into())), "`extra_hosts`: `1.2.3` of `b` is no address");
        let label = |all: &mut Settings| drop(all.labels.insert("com.clusterdock.run".into(), "x".into()));
        says(label, "`labels`: `com.clusterdock.run` is one of clusterdock's own");
    }

    #[test]
    fn everything_else_is_the_engines_to_judge() {
        says(|all| all.extra_hosts.push(("b".into(), "host-gateway".into())), "fine");
        says(|all| all.restart = Some("on-failure:3".into()), "fine");
        says(|all| all.ulimits.push(Ulimit { name: "core".into(), soft: 0, hard: -1 }), "fine");
    }

    #[test]
    fn fields_of_the_create_call_are_checked_too() {
        let field = serde_json::json!({ "HostConfig": { "OomScoreAdjust": 500 } });
        let error = check(&NodeSpec::new("a", "nodes").with(|all| all.create = field.as_object().unwrap().clone()));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.next_step(), Some("did you mean `HostConfig.OomScoreAdj`?"));
    }
}
