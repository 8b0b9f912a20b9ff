//! The invariants and the style of CONTRIBUTING.md, as far as the text of the sources shows them.

mod circles;
mod contracts;
mod file_names;
mod function_sizes;

use std::fs;
use std::path::{Path, PathBuf};

use clusterdock_tests::cargo::workspace;

/// The floors of the host, from the ground up. A module imports only from floors below its own.
const FLOORS: [&[&str]; 16] = [
    &[
        "error",
        "event",
        "did_you_mean",
        "elf",
        "lines",
        "printable",
        "process",
        "shell",
    ],
    &["cancellation", "pulse", "sink"],
    &["archive", "files"],
    &["rootfs"],
    &["engine", "topology"],
    &["machine"],
    &["cluster"],
    &["plan"],
    &["execution"],
    &["image", "keys", "terminal", "transfer"],
    &["start"],
    &["report"],
    &["cli"],
    &["commands"],
    &["program"],
    &["lib", "main"],
];

/// Rust sources below a folder of the workspace.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// The path of a source as reports show it, from the workspace on.
fn shown(path: &Path) -> String {
    let inside = path.strip_prefix(workspace()).unwrap();
    inside.display().to_string()
}

/// Lines of code (no comments, nothing after the first test module) that contain one of the words, outside of the
/// places that may.
fn offenders(folder: &str, words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        let shown = shown(&path);
        if allowed.iter().any(|place| shown.starts_with(place)) {
            continue;
        }
        for line in code(&path, &text).lines() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{shown}: `{word}` in `{}`", line.trim()));
            }
        }
    }
    found
}

/// The code of a source, without its comments and tests.
fn code(path: &Path, text: &str) -> String {
    if is_test(path) {
        return String::new();
    }
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name == "tests.rs"
        || name == "pretend.rs"
        || path.components().any(|part| part.as_os_str() == "tests")
}

#[track_caller]
fn assert_none(offenders: &[String]) {
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

/// The folders with Rust sources.
const FOLDERS: [&str; 4] = ["host", "plugin-api", "plugins", "tests"];

/// Where imports stand in groups; a module of the file itself counts as one of the crate.
fn import_group(import: &str, text: &str) -> u8 {
    let root = import.split([':', ';']).next().unwrap_or_default();
    match root {
        "std" => 0,
        "crate" | "super" | "self" => 2,
        _ if text.contains(&format!("mod {root};\n")) => 2,
        _ => 1,
    }
}

#[test]
fn no_file_exceeds_450_lines() {
    let mut offenders = Vec::new();
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        let shown = shown(&path);
        let lines = text.lines().count();
        if lines > 450 {
            offenders.push(format!("{shown} has {lines} lines"));
        }
    }
    assert_none(&offenders);
}

#[test]
fn booleans_are_not_matched_on() {
    let mut offenders = Vec::new();
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        let shown = shown(&path);
        let is_match = |line: &str| {
            ["true =>", "false =>"]
                .iter()
                .any(|arm| line.starts_with(arm))
        };
        if text.lines().any(|line| is_match(line.trim_start())) {
            offenders.push(shown);
        }
    }
    assert_none(&offenders);
}

#[test]
fn imports_are_grouped_by_std_external_and_crate() {
    let mut offenders = Vec::new();
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        let mut last = None;
        let mut is_apart = false;
        for line in text.lines() {
            if let Some(import) = line.strip_prefix("use ") {
                let group = import_group(import, &text);
                let is_next = |last| {
                    if is_apart {
                        last < group
                    } else {
                        last == group
                    }
                };
                if !last.is_none_or(is_next) {
                    offenders.push(format!("{}: {line}", shown(&path)));
                }
                last = Some(group);
                is_apart = false;
            } else if line.is_empty() {
                is_apart = true;
            } else if !line.starts_with([' ', '}', '#', '/']) {
                last = None;
            }
        }
    }
    assert_none(&offenders);
}

#[test]
fn only_the_engines_docker_module_names_its_client_library() {
    assert_none(&offenders(
        "host",
        &["bollard"],
        &["host/src/engine/docker"],
    ));
    // `create_body` is JSON; everything else that is public there speaks our types.
    let public: Vec<String> = sources("host/src/engine")
        .into_iter()
        .flat_map(|(_, text)| text.lines().map(str::to_string).collect::<Vec<_>>())
        .filter(|line| line.trim_start().starts_with("pub ") && line.contains("bollard"))
        .collect();
    assert_none(&public);
}

#[test]
fn only_the_program_names_the_engine_in_use() {
    let allowed = ["host/src/engine", "host/src/program.rs", "host/src/main.rs"];
    assert_none(&offenders("host/src", &["engine::docker::"], &allowed));
}

#[test]
fn modules_of_the_host_import_from_lower_floors_only() {
    let floor = |module: &str| FLOORS.iter().position(|floor| floor.contains(&module));
    let mut offenders = Vec::new();
    for (path, text) in sources("host/src") {
        let inside = path.strip_prefix(workspace().join("host/src")).unwrap();
        let module = inside
            .iter()
            .next()
            .unwrap()
            .to_string_lossy()
            .replace(".rs", "");
        let Some(own) = floor(&module) else {
            offenders.push(format!("`{module}` has no floor"));
            continue;
        };
        for imported in code(&path, &text).split("crate::").skip(1) {
            let imported: String = imported
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if imported != module && floor(&imported).is_none_or(|floor| floor >= own) {
                offenders.push(format!("{} imports `{imported}`", inside.display()));
            }
        }
    }
    assert_none(&offenders);
}

#[test]
fn the_plan_is_pure() {
    let words = [
        "async ",
        ".await",
        "std::fs",
        "std::process",
        "std::net::Tcp",
        "Instant",
        "SystemTime",
        "Timestamp",
        "fastrand",
        "uuid",
        "tokio",
    ];
    assert_none(&offenders("host/src/plan", &words, &[]));
}

#[test]
fn labels_are_read_only_where_they_enter() {
    let words = [".labels.get(", "labels.contains_key(", ".labels["];
    let allowed = [
        "host/src/cluster/labels",
        "host/src/cluster/identity.rs",
        "host/src/engine",
    ];
    assert_none(&offenders("host/src", &words, &allowed));
}

#[test]
fn one_module_writes_and_only_main_ends_the_process() {
    assert_none(&offenders(
        "host/src",
        &[
            "println!",
            "eprint",
            "std::io::stdout()",
            "std::io::stderr()",
        ],
        &["host/src/report", "host/src/terminal.rs"],
    ));
    assert_none(&offenders(
        "host/src",
        &["process::exit", "abort()"],
        &["host/src/topology/serve.rs"],
    ));
}

#[test]
fn unsafe_code_is_at_the_plugin_boundary_alone() {
    assert_none(&offenders(
        "host/src",
        &["unsafe "],
        &["host/src/topology/"],
    ));
    assert_none(&offenders("plugins", &["unsafe "], &[]));
}

#[test]
fn plugin_api_and_plugins_have_few_dependencies() {
    for folder in ["plugin-api", "plugin-api/wire"] {
        let manifest = fs::read_to_string(workspace().join(folder).join("Cargo.toml")).unwrap();
        for crate_name in ["tokio", "bollard", "clap", "clusterdock ="] {
            assert!(
                !manifest.contains(crate_name),
                "{folder} depends on {crate_name}"
            );
        }
    }
    let host = fs::read_to_string(workspace().join("host/Cargo.toml")).unwrap();
    assert!(
        !host.contains("clusterdock-plugin-api"),
        "the host knows the wire alone"
    );
    for plugin in fs::read_dir(workspace().join("plugins")).unwrap() {
        let manifest = fs::read_to_string(plugin.unwrap().path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("clusterdock-plugin-api"));
        assert!(
            !manifest.contains("clusterdock =") && !manifest.contains("path = \"../../host\""),
            "{manifest}"
        );
    }
}

#[test]
fn every_module_of_the_host_opens_with_a_doc_comment() {
    let silent: Vec<String> = sources("host/src")
        .into_iter()
        .filter(|(path, text)| !is_test(path) && !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none(&silent);
}
