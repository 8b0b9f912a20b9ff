//! Hosts and plugins of several generations of plugin-api understand each other, in every order of loading; what breaks
//! the rules is refused in a few words.

use super::process::{Recorder, start};
use clusterdock::error::Kind;
use clusterdock::topology::inspect::inspect;
use clusterdock::topology::plugin::Plugin;
use clusterdock_tests::generations::Generation;
use clusterdock_tests::{plugins, program};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What a loader of one generation prints for a plugin of another: the newest method that the loader knows answers
/// with its default where the plugin is older.
fn expected(loader: Generation, plugin: Generation) -> String {
    let level = |generation| Generation::ALL.iter().position(|other| *other == generation).unwrap();
    let newest = match (level(loader), level(plugin)) {
        (0, _) => 0,
        (loader, plugin) if plugin >= loader => loader,
        (loader, _) => loader + 9,
    };
    format!("nodes-{} {newest} progress", plugin.name())
}

#[test]
fn every_generation_of_host_loads_every_generation_of_plugin_in_every_order() {
    let plugins: Vec<(Generation, PathBuf)> =
        Generation::ALL.iter().map(|generation| (*generation, generation.plugin())).collect();
    for loader in Generation::ALL {
        let program = loader.loader();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let order = order.map(|at| &plugins[at]);
            let output = Command::new(&program).args(order.map(|(_, path)| path)).output().unwrap();
            let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect();
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
fn a_plugin_that_is_laid_out_differently_is_refused_whatever_was_loaded_before_and_after() {
    let plugins = [Generation::AfterNext, Generation::Broken, Generation::Current].map(Generation::plugin);
    let output = Command::new(Generation::Current.loader()).args(&plugins).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "nodes-after_next 0 progress");
    assert!(lines[1].starts_with("refused: it is laid out unlike this host: "), "{}", lines[1]);
    assert_eq!(lines[2], "nodes-current 0 progress");
}

#[tokio::test]
async fn the_host_loads_a_newer_plugin_and_says_in_a_few_lines_why_it_refuses_another() {
    let newer = Generation::AfterNext.plugin();
    assert_eq!(inspect(&newer).unwrap().identity.api, "1.2.0");
    let (plugin, _) = plugins::spawn(program::clusterdock(), &newer, Duration::from_secs(30)).await;
    let plugin = plugin.unwrap();
    assert_eq!(plugin.declare().await.unwrap().groups[0].name, "nodes-after_next");
    start(&plugin, &Recorder::default()).await.unwrap();

    let (refused, _) =
        plugins::spawn(program::clusterdock(), &Generation::Broken.plugin(), Duration::from_secs(30)).await;
    let error = refused.err().expect("its layout is another");
    assert_eq!((error.message(), error.kind()), ("failed to load plugin `topology_x`", Kind::Plugin));
    assert_eq!(error.causes()[0], "it is laid out unlike this host");
    assert_eq!(error.causes()[1..], ["declare.__returns.field_0.code: the plugin has u64, the host u32"]);
    assert!(error.next_step().unwrap().contains("rebuild the plugin"));
}
