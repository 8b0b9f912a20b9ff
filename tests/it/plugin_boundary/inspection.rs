//! A library is inspected without running any of it, and every refusal says what is wrong with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clusterdock::error::Kind;
use clusterdock::topology::cache;
use clusterdock::topology::inspection::{inspect, inspect_bytes};
use clusterdock_tests::plugins::library;
use clusterdock_tests::{cargo, elf};

/// Asserts that a file with these bytes is refused with this message and the right kind.
#[track_caller]
fn assert_refused(bytes: &[u8], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libtopology_x.so");
    fs::write(&path, bytes).unwrap();
    assert_path_refused(&path, expected);
}

#[track_caller]
fn assert_path_refused(path: &Path, expected: &str) {
    let error = inspect(path).unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin, "{error}");
    assert!(
        error.message().contains(&path.display().to_string()),
        "{error}"
    );
    assert!(error.to_string().contains(expected), "{error}");
}

fn nodebase() -> Vec<u8> {
    fs::read(library("topology_nodebase")).unwrap()
}

#[test]
fn a_library_describes_itself_without_being_run() {
    let plugin = inspect(&library("topology_nodebase")).unwrap();
    let manifest = cargo::workspace().join("topologies/topology_nodebase/topology.toml");
    assert_eq!(plugin.manifest, fs::read_to_string(manifest).unwrap());
    assert_eq!(
        (
            plugin.identity.name.as_str(),
            plugin.identity.version.as_str()
        ),
        ("topology_nodebase", "1.0.0")
    );
    assert_eq!(
        (plugin.identity.api.as_str(), plugin.identity.panic.as_str()),
        ("1.0.0", "unwind")
    );
    assert!(
        plugin.identity.rustc.starts_with("rustc 1."),
        "{}",
        plugin.identity.rustc
    );
    assert_eq!(plugin.digest.len(), 64);
    assert!(plugin.glibc.is_some());
}

#[test]
fn a_missing_file_is_named_by_its_full_path() {
    let folder = tempfile::tempdir().unwrap();
    assert_path_refused(&folder.path().join("libtopology_x.so"), "not found");
    assert_path_refused(folder.path(), "is not a file");

    let error = inspect(Path::new("libtopology_x.so")).unwrap_err();
    assert!(
        error
            .message()
            .contains(&std::env::current_dir().unwrap().display().to_string()),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_a_library_is_named_for_what_it_is() {
    assert_refused(b"", "is not a shared library");
    assert_refused(b"#!/bin/sh\nexit\n", "is not a shared library");
    assert_path_refused(
        &std::env::current_exe().unwrap(),
        "is an executable, not a shared library",
    );
}

#[test]
fn a_library_for_another_machine_names_both_machines() {
    let mut other = nodebase();
    other[18..20].copy_from_slice(&183_u16.to_le_bytes());
    let (theirs, ours) = ("aarch64", std::env::consts::ARCH);
    assert_refused(
        &other,
        &format!("is built for {theirs}, this host is {ours}"),
    );

    let mut narrow = nodebase();
    narrow[4] = 1;
    assert_refused(&narrow, "is built for 32 bits");
}

#[test]
fn a_truncated_library_error_says_how_much_is_missing() {
    let bytes = nodebase();
    assert_refused(&bytes[..20], "is truncated: it has 20 of 64 bytes");
    assert_refused(&bytes[..4096], "it has 4096 of");
}

#[test]
fn a_library_that_is_not_a_plugin_gets_a_hint() {
    let path = loaded_library("libgcc_s");
    assert_path_refused(&path, "is not a clusterdock plugin");
    assert!(
        inspect(&path)
            .unwrap_err()
            .next_step()
            .unwrap()
            .contains("#[clusterdock_plugin_api::topology")
    );
}

#[test]
fn a_plugin_for_another_host_names_both_versions() {
    let note = |from: &str, to: &str| elf::patched(&nodebase(), from.as_bytes(), to.as_bytes());
    assert_refused(
        &note("\"api\":\"1.0", "\"api\":\"2.0"),
        "needs plugin-api 2.0, this host supports 1.0",
    );
    assert_refused(
        &note("{\"schema\":1", "{\"schema\":2"),
        "has a note of version 2, this host supports version 1",
    );
    assert_refused(
        &note("\"abi_stable\":\"0.11", "\"abi_stable\":\"0.12"),
        "needs abi_stable 0.12, this host has 0.11",
    );
    assert_refused(
        &note("-linux-gnu\",\"panic", "-linux-gnx\",\"panic"),
        "-linux-gnx, this host is",
    );
    assert_refused(
        &note("\"panic\":\"unwind\"", "\"panic\":\"abort\" "),
        "is built with `panic = \"abort\"`",
    );
    assert_refused(
        &note("{\"schema\":1,\"name\"", "{\"schema\":1,\"game\""),
        "has a damaged note: missing field `name`",
    );
}

#[test]
fn a_newer_minor_version_of_plugin_api_is_accepted() {
    let newer = elf::patched(&nodebase(), b"\"api\":\"1.0", b"\"api\":\"1.9");
    assert_eq!(
        inspect_bytes(Path::new("/x.so"), newer)
            .unwrap()
            .identity
            .api,
        "1.9.0"
    );
}

#[test]
fn a_plugin_that_needs_a_newer_glibc_names_both_versions() {
    let needs = format!(
        "GLIBC_{}\0",
        inspect(&library("topology_nodebase"))
            .unwrap()
            .glibc
            .unwrap()
    );
    let newer = elf::patched(&nodebase(), needs.as_bytes(), b"GLIBC_2.99\0");
    assert_refused(&newer, "needs glibc 2.99, this system has 2.");
}

#[test]
fn a_wrong_digest_is_shown_beside_the_trusted_one() {
    let plugin = inspect(&library("topology_nodebase")).unwrap();
    plugin.verify(&plugin.digest).unwrap();
    let error = plugin.verify("0123").unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin);
    assert_eq!(
        error.causes(),
        [
            "trusted: sha256 0123".into(),
            format!("found: sha256 {}", plugin.digest)
        ]
    );
}

#[test]
fn a_damaged_library_never_makes_the_inspection_panic() {
    let good = stripped(&library("topology_nodebase"));
    let path = Path::new("/x.so");
    inspect_bytes(path, good.clone()).unwrap();
    let mut refusals = 0;
    // Every byte of the header and the first segments, where the structure is, and a sample of the rest.
    let places = (0..1024).chain((1024..good.len()).step_by(good.len() / 500));
    for at in places {
        refusals += usize::from(inspect_bytes(path, good[..at].to_vec()).is_err());
        for bit in [0x01, 0x80, 0xff] {
            let mut altered = good.clone();
            altered[at] ^= bit;
            refusals += usize::from(inspect_bytes(path, altered).is_err());
        }
    }
    assert!(refusals > 1500, "{refusals}");
}

#[test]
fn a_damaged_copy_is_repaired() {
    let config = tempfile::tempdir().unwrap();
    let plugin = inspect(&library("topology_nodebase")).unwrap();
    let copy = cache::keep(config.path(), &plugin).unwrap();
    assert_eq!(
        copy,
        config
            .path()
            .join("plugins")
            .join(format!("{}.so", plugin.digest))
    );
    assert_eq!(fs::read(&copy).unwrap(), plugin.bytes());

    let made = inode(&copy);
    cache::keep(config.path(), &plugin).unwrap();
    assert_eq!(inode(&copy), made, "a copy that is whole is used as it is");

    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&copy, "damaged").unwrap();
    cache::keep(config.path(), &plugin).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), plugin.bytes());
    assert_eq!(
        fs::read_dir(copy.parent().unwrap()).unwrap().count(),
        1,
        "nothing half-written is left"
    );
}

#[test]
fn an_unwritable_config_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = cache::keep(&file, &inspect(&library("topology_nodebase")).unwrap()).unwrap_err();
    assert!(
        error.message().contains(&file.display().to_string()),
        "{error}"
    );
    assert!(
        error
            .next_step()
            .unwrap()
            .contains("--clusterdock-config-directory")
    );
}

/// The path of a library that this program has loaded.
fn loaded_library(name: &str) -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.contains(name));
    path.expect("it is loaded").into()
}

fn stripped(library: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("stripped.so");
    let status = std::process::Command::new("strip")
        .arg("-o")
        .args([&copy, library])
        .status()
        .unwrap();
    assert!(status.success());
    fs::read(&copy).unwrap()
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}
