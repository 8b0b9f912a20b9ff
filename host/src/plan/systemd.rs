//! What systemd needs to run in a node. It manages control groups, so it needs write access to those of its own
//! container; how it gets that depends on their version on the engine's machine. Measured with systemd 252 on Docker
//! 20.10.

use clusterdock_plugin_wire::{Security, Settings, Volume};

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";

/// In-memory folders that systemd expects to be empty at its start.
const MEMORY: [(&str, &str); 2] = [("/run", "exec,mode=755"), ("/run/lock", "mode=1777")];

/// The signal that makes systemd halt.
const HALT: &str = "SIGRTMIN+3";

/// On version 2 the engine mounts a node's own control groups read-only, where systemd ends at once.
const MADE_WRITABLE: &str = r#"mount -o remount,rw /sys/fs/cgroup && exec "$@""#;

/// Fills in what a node that runs systemd needs, where the topology did not set it.
pub(super) fn fill_in(settings: &mut Settings, cgroup_version: u8) {
    if settings.command.is_none() && settings.entrypoint.is_none() {
        settings.entrypoint = Some(vec!["/sbin/init".into()]);
    }
    settings.init.get_or_insert(false);
    settings.stop_signal.get_or_insert_with(|| HALT.into());
    settings
        .environment
        .entry("container".into())
        .or_insert("docker".into());
    for (path, options) in MEMORY {
        mount(settings, path, |settings| {
            drop(settings.tmpfs.insert(path.into(), options.into()))
        });
    }
    match (is_private(settings), cgroup_version) {
        // Systemd mounts the hierarchies itself, and then only sees its own part of it.
        (true, 1) => mount(settings, CGROUPS, |settings| {
            drop(settings.tmpfs.insert(CGROUPS.into(), "mode=755".into()))
        }),
        (true, _) => make_writable(settings),
        // Without the right to mount, it needs the machine's hierarchy, and only uses its own part.
        (false, 1) => bind(settings, &format!("{CGROUPS}/systemd")),
        (false, _) => bind(settings, CGROUPS),
    }
}

/// Whether it has a private control group namespace, whose mount requires more than the engine's defaults allow.
fn is_private(settings: &mut Settings) -> bool {
    let wanted = if settings.security == Security::Plain {
        "host"
    } else {
        "private"
    };
    settings
        .cgroup_namespace
        .get_or_insert_with(|| wanted.into())
        == "private"
}

fn make_writable(settings: &mut Settings) {
    let command = settings
        .entrypoint
        .take()
        .into_iter()
        .chain(settings.command.take())
        .flatten();
    // The second `sh` is what the shell calls itself; the command's own words follow.
    let shell = ["/bin/sh", "-c", MADE_WRITABLE, "sh"].map(String::from);
    let words: Vec<String> = shell.into_iter().chain(command).collect();
    settings.entrypoint = Some(words);
}

fn bind(settings: &mut Settings, path: &str) {
    mount(settings, path, |settings| {
        settings.volumes.push(Volume::bind(path, path))
    });
}

/// Mounts something, unless the topology mounts something there itself.
fn mount(settings: &mut Settings, path: &str, make: impl FnOnce(&mut Settings)) {
    let taken = settings.tmpfs.contains_key(path)
        || settings.volumes.iter().any(|volume| volume.target == path);
    if !taken {
        make(settings);
    }
}
