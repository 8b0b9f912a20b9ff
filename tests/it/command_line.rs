//! Wrong usage: each time a clear error, its exit code, and nothing left. None
//! of these needs an engine.

use std::fs;
use std::path::Path;

use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;

const NODEBASE: &str = "topologies/topology_nodebase";

/// An address where nothing answers, so that a command that should not ask the engine is found out.
fn offline(arguments: &str) -> Run {
    Run::line(arguments).env("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

/// A topology's folder with this manifest.
fn topology(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("topology.toml"), manifest).unwrap();
    folder
}

fn start(folder: &Path) -> Run {
    offline("start").args([folder])
}

const MANIFEST: &str = r#"[topology]
name = "lab"
version = "1.0.0"
description = "For tests"
plugin = "topology_lab"

[images]
namespace = "clusterdock"
repository = "topology_lab"
default = "host"

[images.host]
programs = ["bash", "sleep"]
"#;

#[test]
fn no_arguments_prints_the_help() {
    let ran = offline("").run();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage: clusterdock"), "{}", ran.stderr);
    for command in ["start", "ps", "ls", "ssh", "exec", "rm", "manage"] {
        assert!(
            ran.stderr.contains(&format!("  {command}")),
            "no {command} in:\n{}",
            ran.stderr
        );
    }
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    offline("strat").fails(2, &["unrecognized subcommand 'strat'", "'start'"]);
}

#[test]
fn start_without_a_topology_is_a_usage_error() {
    offline("start").fails(2, &["TOPOLOGY"]);
    let help = offline("start -h").succeeds();
    assert!(
        help.stdout.contains("clusterdock start TOPOLOGY -h"),
        "{}",
        help.stdout
    );
}

#[test]
fn a_missing_folder_error_lists_the_places_searched() {
    offline("start ./topologies/topology_nodebas").fails(3, &["`./topologies/topology_nodebas`"]);
    offline("start nodebas").fails(3, &["`nodebas`", "nodebase"]);
}

#[test]
fn a_folder_without_a_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).fails(3, &["topology.toml"]);
    fs::write(folder.path().join("topology.yaml"), "name: old\n").unwrap();
    start(folder.path()).fails(3, &["topology.yaml", "Python"]);
}

#[test]
fn invalid_toml_is_reported_with_line_and_column() {
    let folder = topology(&MANIFEST.replace("name = \"lab\"", "name = lab"));
    start(folder.path()).fails(2, &["topology.toml:2:8", "^"]);
}

#[test]
fn an_unknown_key_error_lists_the_valid_keys() {
    let folder = topology(&MANIFEST.replace("description", "descripton"));
    start(folder.path()).fails(2, &["`descripton`", "topology.toml:4:1", "`description`"]);
}

#[test]
fn a_missing_plugin_error_lists_the_places_searched() {
    let folder = topology(MANIFEST);
    start(folder.path()).fails(9, &["libtopology_lab.so", "x86_64-unknown-linux-gnu"]);
}

#[test]
fn a_source_that_does_not_compile_shows_the_compiler_output() {
    let folder = topology(&MANIFEST.replace("plugin = ", "source = \"source\"\nplugin = "));
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("src")).unwrap();
    let package = "[package]\nname = \"topology_lab\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[lib]\ncrate-type = [\"cdylib\"]\n";
    fs::write(source.join("Cargo.toml"), package).unwrap();
    fs::write(source.join("src/lib.rs"), "pub fn broken( {}\n").unwrap();
    start(folder.path()).fails(9, &["src/lib.rs:1", "`topology_lab`"]);
    let json = start(folder.path())
        .args(["--progress", "json"])
        .fails(9, &["src/lib.rs:1"])
        .stderr;
    let lines: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(lines.iter().any(|line| line["source"] == "cargo"), "{json}");
    start(folder.path())
        .args(["--progress", "quiet"])
        .fails(9, &["src/lib.rs:1", "`topology_lab`"]);
    fs::write(source.join("src/lib.rs"), "pub fn whole() {}\n").unwrap();
    // It compiles, and is no plugin: cargo's words are of no use.
    let quiet = start(folder.path())
        .args(["--progress", "quiet"])
        .fails(9, &["libtopology_lab.so"])
        .stderr;
    assert!(
        !quiet.contains("Compiling") && !quiet.contains("Finished"),
        "{quiet}"
    );
}

#[test]
fn a_system_without_a_dockerfile_lists_those_with_one() {
    offline("build -o debian21")
        .args([NODEBASE])
        .fails(2, &["`debian21`", "declares no image", "`debian12`"]);
    offline("build -o host")
        .args([NODEBASE])
        .fails(2, &["assembled by `start`", "`debian12`"]);
    let folder = topology(MANIFEST);
    fs::copy(
        plugins::library("topology_nodebase"),
        folder.path().join("libtopology_lab.so"),
    )
    .unwrap();
    let bare = offline("build").args([folder.path()]).run();
    assert!(!bare.stderr.contains("choose another"), "{}", bare.stderr);
}

#[test]
fn an_unreachable_engine_is_reported_with_its_address() {
    offline("ps").fails(5, &["unix:///nowhere/docker.sock", "hint:"]);
    Run::line("-H tcp://127.0.0.1:1 ls").fails(5, &["tcp://127.0.0.1:1", "refused"]);
    Run::line("-H nonsense:// ls").fails(2, &["`nonsense://`", "unix:///PATH"]);
}

/// Runs the program where so few files may be open at once.
fn with_open_files(limit: usize, arguments: &[&str]) -> (Option<i32>, String) {
    let mut shell = std::process::Command::new("sh");
    let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
    let shell = shell
        .args(["-c", &script])
        .arg(clusterdock_tests::program::clusterdock())
        .args(arguments);
    let config = tempfile::tempdir().unwrap();
    let shell = shell
        .env("CLUSTERDOCK_CONFIG_DIRECTORY", config.path())
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let output = shell.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_limit_on_open_files_is_reported_as_such() {
    let library = plugins::library("topology_nodebase");
    let (mut refused, mut worked) = (0, 0);
    for limit in 4..32 {
        for arguments in [&["ls"][..], &["start", library.to_str().unwrap(), "-h"]] {
            let (code, story) = with_open_files(limit, arguments);
            // Below that not even the dynamic loader gets along.
            if code == Some(127) {
                continue;
            }
            let enough =
                story.contains("/nowhere/docker.sock") && code == Some(5) || code == Some(0);
            let few = story.contains("hint: raise this shell's open-file limit: ulimit -n");
            assert!(enough || few, "{limit}, {arguments:?}: {code:?}: {story}");
            (refused, worked) = (refused + usize::from(few), worked + usize::from(enough));
        }
    }
    assert!(
        refused > 2 && worked > 2,
        "{refused} refused, {worked} worked"
    );
}

#[test]
fn topology_help_lists_its_arguments_without_an_engine() {
    let help = offline("start").args([NODEBASE, "-h"]).succeeds().stdout;
    for text in [
        "nodebase arguments:",
        "--node-disks <map>",
        "Node groups:",
        "--nodes <node>",
        "node-1 to node-N",
        "[default: 2]",
    ] {
        assert!(help.contains(text), "no `{text}` in:\n{help}");
    }
    for option in [
        "--always-pull",
        "--namespace",
        "--network",
        "--operating-system",
        "--registry",
        "--port",
    ] {
        assert!(help.contains(option), "no `{option}` in:\n{help}");
    }
}

#[test]
fn an_unknown_argument_error_lists_the_topologys_arguments() {
    offline("start")
        .args([NODEBASE, "--node-disk", "a=/dev/null"])
        .fails(2, &["'--node-disk'", "'--node-disks'"]);
}

#[test]
fn invalid_host_names_are_refused_without_an_engine() {
    let nodes = |names: &[&str]| {
        offline("start")
            .args([NODEBASE, "--nodes"])
            .args(names.iter().copied())
    };
    nodes(&["a", "a"]).fails(2, &["host name `a` is given twice"]);
    nodes(&["a_b"]).fails(2, &["invalid host name `a_b`", "`_` is not allowed"]);
    nodes(&["-"]).fails(2, &[]);
    nodes(&[&"x".repeat(64)]).fails(2, &["63"]);
    nodes(&[&"x".repeat(60)]).fails(2, &["is too long", "64"]);
    nodes(&[]).fails(2, &["--nodes"]);
    nodes(&[""]).fails(2, &["host name"]);
}

#[test]
fn disks_of_an_unknown_node_are_refused_by_the_topology() {
    offline("start")
        .args([NODEBASE, "--node-disks", "c=/dev/null"])
        .fails(2, &["`c`", "`node-1`"]);
}

#[test]
fn invalid_ports_are_refused() {
    let port = |port: &str| offline("start").args(["-p", port, NODEBASE]);
    port("node-1:70000").fails(2, &["70000", "1 to 65535"]);
    port("node-9:80").fails(2, &["no node `node-9`", "node-1, node-2"]);
    port("80").fails(2, &["NODE:80"]);
    offline("start")
        .args(["-p", "node-1:8080->80", "-p", "node-2:8080->80", NODEBASE])
        .fails(2, &["`8080/tcp`", "twice"]);
}

#[test]
fn invalid_networks_are_refused() {
    offline("start -n my_net")
        .args([NODEBASE])
        .fails(2, &["`my_net`", "lower-case letters"]);
    for reserved in ["bridge", "host", "none"] {
        offline("start -n")
            .args([reserved, NODEBASE])
            .fails(4, &["cannot be used", "-n"]);
    }
}

#[test]
fn invalid_values_are_refused_with_the_expected_form() {
    offline("start --timeout fast")
        .args([NODEBASE])
        .fails(2, &["90s"]);
    offline("start --memory lots")
        .args([NODEBASE])
        .fails(2, &["512m"]);
    offline("start --cpus 0")
        .args([NODEBASE])
        .fails(2, &["1.5"]);
    offline("start -c")
        .args(["my cluster", NODEBASE])
        .fails(2, &["invalid cluster name"]);
}

#[test]
fn flags_of_start_can_be_set_in_the_environment() {
    offline("start")
        .args([NODEBASE])
        .env("CLUSTERDOCK_START_NETWORK", "my_net")
        .fails(2, &["`my_net`"]);
    offline("start")
        .args([NODEBASE])
        .env("CLUSTERDOCK_START_NODES", "a,a")
        .fails(2, &["`a` is given twice"]);
    let ports = "node-1:8080->80,node-2:8080->80";
    offline("start")
        .args([NODEBASE])
        .env("CLUSTERDOCK_START_PORT", ports)
        .fails(2, &["`8080/tcp`", "twice"]);
}

#[test]
fn a_lone_library_is_a_topology_and_needs_no_cargo() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libtopology_nodebase.so");
    fs::copy(plugins::library("topology_nodebase"), &library).unwrap();
    let help = offline("start")
        .args([&library])
        .args(["-h"])
        .env("PATH", "/nowhere")
        .succeeds();
    assert!(help.stdout.contains("--node-disks"), "{}", help.stdout);
}

#[test]
fn a_prebuilt_folder_needs_no_cargo_and_no_source() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies/topology_nodebase/topology.toml"),
        folder.path().join("topology.toml"),
    )
    .unwrap();
    fs::copy(
        plugins::library("topology_nodebase"),
        folder.path().join("libtopology_nodebase.so"),
    )
    .unwrap();
    let help = start(folder.path())
        .args(["-h"])
        .env("PATH", "/nowhere")
        .succeeds();
    assert!(help.stdout.contains("--node-disks"), "{}", help.stdout);
}

#[test]
fn a_file_that_is_not_a_plugin_is_never_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libtext.so");
    fs::write(&library, "this is no library").unwrap();
    offline("start")
        .args([&library])
        .fails(9, &["libtext.so", "not a shared library"]);
    offline("start")
        .args([folder.path().join("libgone.so")])
        .fails(3, &["libgone.so"]);
}
