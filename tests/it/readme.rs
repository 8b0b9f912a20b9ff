//! What the README says: its console blocks and its CI recipe run as they stand, in order, on an engine of the test's
//! own (one command is `manage nuke`), and its tables name what the program has.
//!
//! `CLUSTERDOCK_UPDATE_README=1 cargo test -p clusterdock-tests --test it -- readme` writes what the commands print today
//! into the blocks, where that differs in more than ids, addresses, ports, times and the like.

mod console;
mod json;
mod messages;
mod volatile;

use std::fs;
use std::os::unix::fs::symlink;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::program::clusterdock;
use clusterdock_tests::run::config_directory;
use clusterdock_tests::scene::Scene;

use console::{Page, Shell};
use volatile::normal;

/// Pages whose console blocks are run, one after the other in one session.
const PAGES: [&str; 2] = ["README.md", "topologies/README.md"];

fn readme() -> String {
    fs::read_to_string(workspace().join("README.md")).unwrap()
}

/// The lines of the first block in this language after a heading.
#[track_caller]
fn block<'a>(text: &'a str, heading: &str, language: &str) -> &'a str {
    let (_, section) = text
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading `{heading}`"));
    let (_, block) = section
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("no {language} block below `{heading}`"));
    block.split("```").next().unwrap_or_default()
}

/// A folder that looks like a checkout in which the program has been built.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("target")).unwrap();
    symlink(
        clusterdock().parent().unwrap(),
        folder.path().join("target/release"),
    )
    .unwrap();
    for part in ["topologies", "plugins", "tests"] {
        symlink(workspace().join(part), folder.path().join(part)).unwrap();
    }
    folder
}

/// What the first command of the README ends with, as the block after it shows it.
fn assert_first_start(shell: &Shell<'_>) {
    let (succeeded, output) =
        shell.run("target/release/clusterdock start ./topologies/topology_nodebase");
    assert!(succeeded, "{output}");
    let built = clusterdock().parent().unwrap().display().to_string();
    let output = output.replace(&built, "/home/ada/clusterdock/target/release");
    let text = readme();
    let shown = block(&text, "## Start a cluster", "text");
    let end: Vec<&str> = output.lines().collect();
    let end = end[end.len().saturating_sub(shown.lines().count())..].join("\n");
    snapbox::assert_data_eq!(normal(&end), normal(shown));
}

#[test]
fn console_blocks_show_what_the_commands_print() {
    if Scene::new("readme").is_none() {
        return;
    }
    let engine = OwnEngine::start(EngineBuild::Installed).unwrap();
    let (folder, config) = (checkout(), config_directory());
    let shell = Shell {
        folder: folder.path(),
        engine: &engine,
        config: config.path(),
    };
    assert_first_start(&shell);
    // A plugin that is compiled now prints nothing when its block is run.
    let (compiled, output) = shell
        .run("target/release/clusterdock start --dry-run -n crew tests/fixtures/plugins/stranger");
    assert!(compiled, "{output}");
    let update = std::env::var_os("CLUSTERDOCK_UPDATE_README").is_some();
    let mut session = String::new();
    for path in PAGES {
        let path = workspace().join(path);
        let mut page = Page::read(&fs::read_to_string(&path).unwrap());
        for step in page.steps() {
            if console::changes_the_shell(&step.command) {
                session.push_str(&format!("{}\n", step.command));
                continue;
            }
            let (succeeded, output) = shell.run(&format!("{session}{}", step.command));
            let fails = output.starts_with("error: ");
            assert!(succeeded || fails, "$ {}\n{output}", step.command);
            if update && normal(&output) != normal(&step.output) {
                step.output = output;
                continue;
            }
            snapbox::assert_data_eq!(
                format!("$ {}\n{}", step.command, normal(&output)),
                format!("$ {}\n{}", step.command, normal(&step.output))
            );
        }
        if update {
            fs::write(&path, page.text()).unwrap();
        }
    }
}

#[test]
fn the_ci_recipe_works_and_leaves_nothing() {
    let Some(scene) = Scene::new("ci-recipe") else {
        return;
    };
    let folder = checkout();
    let recipe = readme();
    let recipe = block(&recipe, "## In CI", "sh");
    let run = |tests: &str| {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}/target/release:{path}", folder.path().display());
        std::process::Command::new("bash")
            .args(["-c", &format!("run_tests() {{ {tests}; }}\n{recipe}")])
            .env("PATH", path)
            .env("CI_JOB_ID", scene.name.trim_start_matches("cd-"))
            .env("DOCKER_HOST", scene.engine())
            .env("CLUSTERDOCK_CONFIG_DIRECTORY", scene.config())
            .env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "never")
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let passed = run("test \"$CLUSTERDOCK_NODE_1_FQDN\" = \"node-1.$cluster\"");
    let story = String::from_utf8_lossy(&passed.stderr);
    assert!(passed.status.success(), "{story}");
    assert!(story.contains("Cluster started successfully"), "{story}");
    let failed = run("return 3");
    assert_eq!(failed.status.code(), Some(3), "{failed:?}");
    let left = scene.docker_says(&["ps", "-a", "--format", "{{.Names}}"]);
    assert!(!left.contains(&scene.name), "{left}");
}
