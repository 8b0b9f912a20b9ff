//! Hosts and plugins of several generations of plugin-api work together, in every order of loading; incompatible ones
//! are refused in a few words.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clusterdock::error::Kind;
use clusterdock::topology::inspection::inspect;
use clusterdock::topology::plugin::{Hook, Plugin};
use clusterdock_plugin_wire::{HookCall, Request};
use clusterdock_tests::generations::Generation;
use clusterdock_tests::run::Run;
use clusterdock_tests::{plugins, program};

use super::process::{Recorder, facts, request, start};

/// What a loader of one generation prints for a plugin of another: the newest method that the loader knows answers
/// with its default where the plugin is older.
fn expected(loader: Generation, plugin: Generation) -> String {
    let level = |generation| {
        Generation::ALL
            .iter()
            .position(|other| *other == generation)
            .unwrap()
    };
    let newest = match (level(loader), level(plugin)) {
        (0, _) => 0,
        (loader, plugin) if plugin >= loader => loader,
        (loader, _) => loader + 9,
    };
    format!("nodes-{} {newest} progress", plugin.name())
}

#[test]
fn hosts_and_plugins_of_all_generations_work_together() {
    let plugins: Vec<(Generation, PathBuf)> = Generation::ALL
        .iter()
        .map(|generation| (*generation, generation.plugin()))
        .collect();
    for loader in Generation::ALL {
        let program = loader.loader();
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let order = order.map(|at| &plugins[at]);
            let output = Command::new(&program)
                .args(order.map(|(_, path)| path))
                .output()
                .unwrap();
            let lines: Vec<String> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(str::to_string)
                .collect();
            assert_eq!(
                lines,
                order.map(|(plugin, _)| expected(loader, *plugin)),
                "{loader:?}: {output:?}",
                output = output.stderr
            );
        }
    }
}

#[test]
fn a_plugin_with_another_layout_is_refused_in_any_order() {
    let plugins = [
        Generation::AfterNext,
        Generation::Broken,
        Generation::Current,
    ]
    .map(Generation::plugin);
    let output = Command::new(Generation::Current.loader())
        .args(&plugins)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "nodes-after_next 0 progress");
    assert!(
        lines[1].starts_with("refused: its layout differs from this host's: "),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "nodes-current 0 progress");
}

#[tokio::test]
async fn a_refused_plugin_is_explained_in_a_few_lines() {
    let newer = Generation::AfterNext.plugin();
    assert_eq!(inspect(&newer).unwrap().identity.api, "1.2.0");
    let (plugin, _) = plugins::spawn(program::clusterdock(), &newer, Duration::from_secs(30)).await;
    let plugin = plugin.unwrap();
    assert_eq!(
        plugin.declare().await.unwrap().groups[0].name,
        "nodes-after_next"
    );
    start(&plugin, &Recorder::default()).await.unwrap();

    let (refused, _) = plugins::spawn(
        program::clusterdock(),
        &Generation::Broken.plugin(),
        Duration::from_secs(30),
    )
    .await;
    let error = refused.err().expect("its layout is another");
    assert_eq!(
        (error.message(), error.kind()),
        ("failed to load plugin `topology_x`", Kind::Plugin)
    );
    assert_eq!(error.causes()[0], "its layout differs from this host's");
    assert_eq!(
        error.causes()[1..],
        ["declare.__returns.field_0.code: the plugin has u64, the host u32"]
    );
    assert!(error.next_step().unwrap().contains("rebuild the plugin"));
}

/// What a plugin built against a later plugin-api returns; it may use one of its new features.
async fn nodes_of_newer(feature: &str) -> clusterdock::error::Result<usize> {
    let newer = Generation::Next.newer_plugin();
    let (plugin, _) = plugins::spawn(program::clusterdock(), &newer, Duration::from_secs(30)).await;
    let request = Request {
        operating_system: feature.into(),
        ..request()
    };
    let nodes = plugin.unwrap().nodes(&request).await?;
    Ok(nodes.len())
}

#[tokio::test]
async fn a_newer_plugin_runs_as_long_as_it_uses_nothing_new() {
    assert_eq!(nodes_of_newer("nothing").await.unwrap(), 1);
    for (feature, named) in [
        ("field", "field `gpus` of a node"),
        ("value", "value `grpc` of `ready[0]` of a node"),
    ] {
        let error = nodes_of_newer(feature).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Plugin);
        assert_eq!(
            error.message(),
            format!("plugin `topology_x` uses the {named}, which this clusterdock does not know")
        );
        let versions = "the plugin was built with plugin-api 1.1.0, this clusterdock has 1.0.0";
        assert_eq!(error.causes(), [versions]);
        assert_eq!(error.next_step(), Some("upgrade clusterdock"));
    }
}

#[test]
fn a_newer_feature_is_refused_before_anything_is_created() {
    let run = Run::new(["start"])
        .args([Generation::Next.newer_plugin()])
        .env("FEATURE", "field")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    run.fails(
        9,
        &[
            "uses the field `gpus` of a node, which this clusterdock does not know",
            "the plugin was built with plugin-api 1.1.0, this clusterdock has 1.0.0",
            "hint: upgrade clusterdock",
        ],
    );
}

/// The host's side of operations is tested with the engine in memory: `whole::hook`.
#[tokio::test]
async fn a_newer_operation_fails_its_hook() {
    let newer = Generation::Next.newer_plugin();
    let (plugin, _) = plugins::spawn(program::clusterdock(), &newer, Duration::from_secs(30)).await;
    let request = Request {
        operating_system: "operation".into(),
        ..request()
    };
    let call = HookCall::new(Hook::Start, facts(), request);
    let host = Recorder::default();
    plugin.unwrap().hook(&call, &host).await.unwrap();
    assert_eq!(host.calls.lock().unwrap()[0].0, "turn-green");
}

#[test]
fn a_newer_host_asks_older_plugins_for_nothing_that_they_lack() {
    let older = Generation::Current.plugin();
    let asked = |zone: &str| {
        let output = Command::new(Generation::Next.loader())
            .arg(&older)
            .env("ZONE_NAME", zone)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(asked(""), "[]\n", "a field that is not used is not sent");
    assert_eq!(
        asked("north"),
        "refused: clusterdock uses the field `zone` of the request, which plugin-api 1.0.0 of this \
         plugin lacks: clusterdock has plugin-api 1.1.0: rebuild the plugin with it\n"
    );
}
