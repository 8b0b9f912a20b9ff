//! Root in a container uses files that a user of the machine has mounted into it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use clusterdock_tests::scene::Scene;
use clusterdock_tests::{plugins, program};

/// A user of the machine that the container has no account of.
const OUTSIDE: u32 = 501;

/// A clone with `umask 002`, of a user of the machine.
fn clone() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        plugins::library("topology_nodebase"),
        folder.path().join("libtopology_nodebase.so"),
    )
    .unwrap();
    let manifest = include_str!("../../../topologies/topology_nodebase/topology.toml");
    let manifest = manifest
        .lines()
        .filter(|line| !line.starts_with("source"))
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(folder.path().join("topology.toml"), manifest).unwrap();
    for name in ["", "libtopology_nodebase.so", "topology.toml"] {
        let path = folder.path().join(name);
        chown(&path, Some(OUTSIDE), Some(OUTSIDE)).unwrap();
        fs::set_permissions(
            &path,
            Permissions::from_mode(if name.is_empty() { 0o775 } else { 0o664 }),
        )
        .unwrap();
    }
    folder
}

/// `docker run` arguments that mount the program, the libraries it needs, and the clone.
fn mounts(clone: &Path) -> Vec<String> {
    let mut mounts = vec![format!(
        "{}:/clusterdock:ro",
        program::clusterdock().display()
    )];
    mounts.push(format!("{}:/clone", clone.display()));
    let system = ["/usr", "/lib", "/lib64"]
        .into_iter()
        .filter(|path| Path::new(path).exists());
    mounts.extend(system.map(|path| format!("{path}:{path}:ro")));
    mounts
        .into_iter()
        .flat_map(|mount| ["-v".to_string(), mount])
        .collect()
}

#[test]
fn root_in_a_container_may_use_mounted_topologies() {
    let Some(scene) = Scene::new("trust") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return clusterdock_tests::scene::skipped("only root can give files away");
    }
    let clone = clone();
    let image = format!("{}:1", scene.name);
    let empty = clone.path().join("empty.tar");
    fs::write(&empty, [0; 1024]).unwrap();
    scene.docker_says(&["import", empty.to_str().unwrap(), &image]);
    let mounts = mounts(clone.path());
    let run = |arguments: &[&str]| {
        let mut all: Vec<&str> = vec!["run", "--rm", "--network", "none", "-e", "HOME=/root"];
        all.extend(mounts.iter().map(String::as_str));
        all.extend([&image, "/clusterdock"]);
        all.extend(arguments);
        scene.docker(&all)
    };
    let output = run(&["start", "/clone", "-h"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("--node-disks"));

    fs::set_permissions(clone.path(), Permissions::from_mode(0o777)).unwrap();
    let output = run(&["start", "/clone", "-h"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(9), "{stderr}");
    assert!(
        stderr.contains("`/clone` is writable by everyone"),
        "{stderr}"
    );
    scene.docker_says(&["rmi", &image]);
}
