//! A container's settings as text: everything that was set, and no defaults.

use clusterdock_plugin_wire::{
    Device, HealthCheck, Security, Settings, Ulimit, Volume, VolumeSource,
};

use crate::engine::ContainerSpec;

/// What is printed about a container besides its image, address and ports, one phrase each.
pub(super) fn facts(spec: &ContainerSpec) -> Vec<String> {
    let settings = &spec.settings;
    let mut facts: Vec<String> = Vec::new();
    facts.extend(
        spec.volumes_from
            .iter()
            .map(|name| format!("the volumes of {name}")),
    );
    facts.extend(settings.volumes.iter().filter_map(volume));
    facts.extend(
        settings
            .tmpfs
            .iter()
            .map(|(path, options)| format!("memory on {path}{}", bracketed(options))),
    );
    facts.extend(settings.devices.iter().map(device));
    facts.extend(command(settings));
    facts.extend(settings.ulimits.iter().map(ulimit));
    facts.extend(pairs("kernel parameter", &settings.sysctls));
    facts.extend(pairs("label", &settings.labels));
    // Values may be secrets.
    facts.extend(
        settings
            .environment
            .keys()
            .map(|name| format!("variable {name}")),
    );
    facts.extend(
        settings
            .extra_hosts
            .iter()
            .map(|(name, address)| format!("host {name}={address}")),
    );
    facts.extend(scalars(settings));
    facts.extend(match settings.security {
        Security::Plain => Some("plain".to_string()),
        Security::Privileged => Some("privileged".into()),
        Security::HostLike => None,
    });
    if !settings.create.is_empty() {
        facts.push(serde_json::Value::Object(settings.create.clone()).to_string());
    }
    facts
}

fn scalars(settings: &Settings) -> impl Iterator<Item = String> {
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| format!("{bytes} bytes"));
    let all = [
        ("user", settings.user.clone()),
        ("working folder", settings.working_directory.clone()),
        ("shared memory", bytes(settings.shm_size)),
        ("processors", settings.cpus.map(|cpus| cpus.to_string())),
        ("memory", bytes(settings.memory)),
        ("restart", settings.restart.clone()),
        ("stop signal", settings.stop_signal.clone()),
        (
            "health check",
            settings.health_check.as_ref().map(health_check),
        ),
        ("cgroup namespace", settings.cgroup_namespace.clone()),
        (
            "engine's init",
            settings
                .init
                .map(|init| if init { "yes" } else { "no" }.to_string()),
        ),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
}

fn command(settings: &Settings) -> Option<String> {
    let words: Vec<&String> = settings
        .entrypoint
        .iter()
        .chain(&settings.command)
        .flatten()
        .collect();
    let only_arguments = settings.entrypoint.is_none();
    let verb = if only_arguments {
        "command"
    } else {
        "entry point"
    };
    (!words.is_empty()).then(|| format!("{verb} {words:?}"))
}

fn volume(volume: &Volume) -> Option<String> {
    let source = match &volume.source {
        VolumeSource::Bind(path) => path.clone(),
        VolumeSource::Named(name) => format!("volume {name}"),
        VolumeSource::Anonymous => "a fresh volume".into(),
        // Provided by a helper, which is printed as such.
        _ => return None,
    };
    Some(format!(
        "{source} on {}{}",
        volume.target,
        if volume.read_only { " (ro)" } else { "" }
    ))
}

fn device(device: &Device) -> String {
    let target = if device.target == device.source {
        String::new()
    } else {
        format!(" on {}", device.target)
    };
    format!("device {}{target} ({})", device.source, device.permissions)
}

fn ulimit(limit: &Ulimit) -> String {
    format!("limit {}={}:{}", limit.name, limit.soft, limit.hard)
}

fn health_check(check: &HealthCheck) -> String {
    if check.command.is_empty() {
        "of the image".into()
    } else {
        format!("{:?}", check.command)
    }
}

fn pairs<'a>(
    what: &'a str,
    all: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> impl Iterator<Item = String> {
    all.into_iter()
        .map(move |(name, value)| format!("{what} {name}={value}"))
}

fn bracketed(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}
