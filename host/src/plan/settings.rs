//! A node's settings, checked before the engine is asked anything: values that can never work are refused with the
//! node's name and the setting's.

mod mounts;

use std::net::IpAddr;

use clusterdock_plugin_wire::{Device, NodeSpec, Security, Settings, Ulimit};

use crate::cluster::labels;
use crate::error::{Error, Kind, Result};
pub(super) use mounts::clean;

/// The least memory that engines give a container.
const LEAST_MEMORY: u64 = 6 << 20;

/// What is wrong with a setting.
pub(super) type Problem = String;

/// Checks the settings of a node.
///
/// # Errors
/// [`Kind::Usage`] for the first that can never work.
pub(super) fn check(spec: &NodeSpec) -> Result<()> {
    match problem(&spec.settings) {
        None => Ok(()),
        Some((setting, why)) => Err(unusable(&spec.hostname, setting, why)),
    }
}

/// The first setting that can never work, and why.
pub(super) fn problem(settings: &Settings) -> Option<(&'static str, Problem)> {
    let mut checks = CHECKS.iter();
    checks.find_map(|(setting, check)| Some((*setting, check(settings)?)))
}

/// The error for a setting of a node that can never work.
pub fn unusable(hostname: &str, setting: &str, why: String) -> Error {
    let message = format!("setting `{setting}` of node `{hostname}` cannot be used");
    Error::new(Kind::Usage, message).cause(why)
}

/// Returns what is wrong with a setting, if anything is.
type Check = fn(&Settings) -> Option<Problem>;

/// The settings that can be wrong, by name.
const CHECKS: [(&str, Check); 14] = [
    ("environment", environment),
    ("working_directory", working_directory),
    ("volumes", mounts::fault),
    ("devices", |all| all.devices.iter().find_map(device)),
    ("tmpfs", |all| {
        all.tmpfs.keys().find_map(|path| mounts::target(path))
    }),
    ("ulimits", |all| all.ulimits.iter().find_map(ulimit)),
    ("shm_size", shm_size),
    ("cpus", cpus),
    ("memory", memory),
    ("restart", |all| all.restart.as_deref().and_then(restart)),
    ("extra_hosts", |all| {
        all.extra_hosts.iter().find_map(extra_host)
    }),
    ("cgroup_namespace", cgroup_namespace),
    ("systemd", systemd),
    ("labels", labels),
];

fn environment(settings: &Settings) -> Option<Problem> {
    let mut names = settings.environment.keys();
    let name = names.find(|name| name.is_empty() || name.contains('='))?;
    Some(format!("`{name}` is not a variable name"))
}

fn working_directory(settings: &Settings) -> Option<Problem> {
    settings.working_directory.as_deref().and_then(relative)
}

fn shm_size(settings: &Settings) -> Option<Problem> {
    (settings.shm_size == Some(0)).then(|| "it has to be above 0".into())
}

fn cpus(settings: &Settings) -> Option<Problem> {
    let cpus = settings.cpus?;
    (!(cpus.is_finite() && cpus > 0.0)).then(|| format!("`{cpus}` is not above 0"))
}

fn memory(settings: &Settings) -> Option<Problem> {
    let bytes = settings.memory?;
    (bytes < LEAST_MEMORY).then(|| format!("{bytes} bytes are below 6 MiB"))
}

fn labels(settings: &Settings) -> Option<Problem> {
    let mut names = settings.labels.keys();
    let name = names.find(|name| name.starts_with(labels::PREFIX))?;
    Some(format!("`{name}` is reserved for clusterdock"))
}

fn relative(path: &str) -> Option<Problem> {
    (!path.starts_with('/')).then(|| format!("`{path}` is not an absolute path"))
}

fn device(device: &Device) -> Option<Problem> {
    let Device {
        source,
        target,
        permissions,
    } = device;
    let bad = permissions.is_empty() || !permissions.chars().all(|one| "rwm".contains(one));
    let bad = bad.then(|| format!("`{permissions}` are not permissions: use any of r, w and m"));
    relative(source).or_else(|| relative(target)).or(bad)
}

fn ulimit(limit: &Ulimit) -> Option<Problem> {
    let Ulimit { name, soft, hard } = limit;
    let above = *hard != -1 && (*soft == -1 || soft > hard);
    match (name.is_empty(), *soft < -1 || *hard < -1) {
        (true, _) => Some("one has no name".into()),
        (_, true) => Some(format!("`{name}` is below -1, which is not a limit")),
        _ => above
            .then(|| format!("`{name}` begins at {soft}, above {hard}, which it may not exceed")),
    }
}

fn restart(policy: &str) -> Option<Problem> {
    let known = match policy.split_once(':') {
        Some((name, count)) => name == "on-failure" && count.parse::<u32>().is_ok(),
        None => ["", "no", "always", "unless-stopped", "on-failure"].contains(&policy),
    };
    (!known).then(|| {
        format!("`{policy}` is not one of no, always, unless-stopped, on-failure and on-failure:N")
    })
}

fn extra_host((name, address): &(String, String)) -> Option<Problem> {
    if name.is_empty() || name.contains([':', ' ']) {
        return Some(format!("`{name}` is not a host name"));
    }
    let known = address == "host-gateway" || address.parse::<IpAddr>().is_ok();
    (!known).then(|| format!("`{address}` of `{name}` is not an address"))
}

fn cgroup_namespace(settings: &Settings) -> Option<Problem> {
    let namespace = settings.cgroup_namespace.as_deref()?;
    (!["private", "host"].contains(&namespace))
        .then(|| format!("`{namespace}` is neither private nor host"))
}

fn systemd(settings: &Settings) -> Option<Problem> {
    let cannot = settings.security == Security::Plain
        && settings.cgroup_namespace.as_deref() == Some("private");
    (settings.systemd && cannot)
        .then(|| "a plain node may not write to control groups of its own".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(change: impl FnOnce(&mut Settings), expected: &str) {
        let checked = check(&NodeSpec::new("a", "nodes").with(change));
        let said = checked.map_or_else(|error| error.to_string(), |()| "fine".into());
        assert_eq!(
            said.trim_start_matches("setting ")
                .replace(" of node `a` cannot be used", ""),
            expected
        );
    }

    #[test]
    fn invalid_values_are_refused_by_name() {
        says(
            |all| drop(all.environment.insert("A=B".into(), "c".into())),
            "`environment`: `A=B` is not a variable name",
        );
        says(
            |all| all.working_directory = Some("srv".into()),
            "`working_directory`: `srv` is not an absolute path",
        );
        let device = Device {
            permissions: "rx".into(),
            ..Device::new("/dev/sdb")
        };
        says(
            |all| all.devices.push(device),
            "`devices`: `rx` are not permissions: use any of r, w and m",
        );
        let limit = Ulimit {
            name: "nofile".into(),
            soft: 2,
            hard: 1,
        };
        says(
            |all| all.ulimits.push(limit),
            "`ulimits`: `nofile` begins at 2, above 1, which it may not exceed",
        );
        says(
            |all| all.cpus = Some(f64::NAN),
            "`cpus`: `NaN` is not above 0",
        );
        says(
            |all| all.memory = Some(1),
            "`memory`: 1 bytes are below 6 MiB",
        );
        let none = "`restart`: `sometimes` is not one of no, always, unless-stopped, on-failure and on-failure:N";
        says(|all| all.restart = Some("sometimes".into()), none);
        says(
            |all| all.extra_hosts.push(("b".into(), "1.2.3".into())),
            "`extra_hosts`: `1.2.3` of `b` is not an address",
        );
        let label =
            |all: &mut Settings| drop(all.labels.insert("com.clusterdock.run".into(), "x".into()));
        says(
            label,
            "`labels`: `com.clusterdock.run` is reserved for clusterdock",
        );
    }

    #[test]
    fn other_values_are_left_to_the_engine() {
        says(
            |all| all.extra_hosts.push(("b".into(), "host-gateway".into())),
            "fine",
        );
        says(|all| all.restart = Some("on-failure:3".into()), "fine");
        says(
            |all| {
                all.ulimits.push(Ulimit {
                    name: "core".into(),
                    soft: 0,
                    hard: -1,
                })
            },
            "fine",
        );
    }
}
