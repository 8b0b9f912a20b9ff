//! The README's tour on engines of the tests: the installed version and newer ones. Only here `manage nuke` is run.

mod disk;
mod elsewhere;
mod leftovers;
mod nodes;
mod prunes;
mod strangers;
mod up;

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine, Unavailable, shared};
use clusterdock_tests::scene::{NODEBASE, Scene, skipped};

/// A scene on the engine that tests share; `None`, with a note, if it is unavailable.
pub(super) fn scene(build: EngineBuild, what: &str) -> Option<(Scene, &'static OwnEngine)> {
    let engine = available(what, || shared(build))?;
    Some((Scene::on(&engine.host(), what), engine))
}

/// An engine that the tests start; `None`, with a note, if it is unavailable.
fn available<E>(what: &str, start: impl FnOnce() -> Result<E, Unavailable>) -> Option<E> {
    // Without Docker, or with Docker tests disabled, no engine is started either.
    drop(Scene::new(what)?);
    let missing =
        |missing: Unavailable| skipped(&format!("engine {}: {}", missing.name, missing.reason));
    start().map_err(missing).ok()
}

fn tour(build: EngineBuild) {
    // Not the shared one: `manage nuke` would take other tests' clusters.
    let Some(engine) = available("tour", || OwnEngine::start(build)) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "tour");
    // Start, names both ways, also after a restart.
    scene.start().args(["-p", "node-1:8000"]).succeeds();
    for round in 0..2 {
        assert_names_resolve(&scene, round);
        scene.docker_says(&["restart", "-t", "1", &scene.fqdn("node-1")]);
    }
    // A published port, which exists only in the engine's network.
    let published = scene.docker_says(&["port", &scene.fqdn("node-1"), "8000"]);
    let port = published.strip_prefix("127.0.0.1:").unwrap();
    let connection = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    assert!(
        engine
            .run_inside("bash", &["-c", &connection])
            .status
            .success(),
        "{published}"
    );
    // Looking around.
    let ps = scene.run(["ps"]).succeeds().stdout;
    assert!(
        ps.contains(&scene.fqdn("node-2")) && ps.contains("->8000/tcp"),
        "{ps}"
    );
    let name = scene
        .run(["ssh", &scene.fqdn("node-1"), "--", "hostname", "-f"])
        .succeeds()
        .stdout;
    assert_eq!(name.trim(), scene.fqdn("node-1"));
    scene
        .run(["exec", &scene.fqdn("node-1"), "--", "sh", "-c", "exit 7"])
        .fails(7, &[]);
    let lines = scene
        .run(["exec", "--all", "-c", &scene.name, "--", "hostname", "-f"])
        .succeeds()
        .stdout;
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert_rolls_back(&scene);
    remove(&scene);
    nuke(&scene);
}

fn assert_names_resolve(scene: &Scene, round: usize) {
    for (from, to) in [("node-1", "node-2"), ("node-2", "node-1")] {
        let fqdn = scene.fqdn(to);
        let address = scene.on_node(from, &format!("getent hosts {to} | cut -d' ' -f1"));
        let back = scene.on_node(from, &format!("getent hosts {address}"));
        assert_eq!(
            back.split_whitespace().nth(1),
            Some(fqdn.as_str()),
            "round {round}: {back}"
        );
    }
}

/// Starts that fail in the middle leave everything as it was.
fn assert_rolls_back(scene: &Scene) {
    let before = scene.things();
    let other = format!("{}-b", scene.name);
    let nodes = ["x", "y", "node-2"];
    scene
        .run([
            "start",
            "-c",
            &other,
            "-n",
            &scene.name,
            NODEBASE,
            "--nodes",
        ])
        .args(nodes)
        .fails(4, &["in use"]);
    let other = format!("{}-c", scene.name);
    scene
        .run([
            "start",
            "-c",
            &other,
            "-n",
            &other,
            "--timeout",
            "1ms",
            NODEBASE,
        ])
        .fails(7, &["--timeout"]);
    assert_eq!(scene.things(), before);
}

fn remove(scene: &Scene) {
    scene.run(["rm", &scene.fqdn("node-2")]).succeeds();
    let listed = scene.run(["ls"]).succeeds().stdout;
    assert!(
        listed.contains("partial") && listed.contains("1/2"),
        "{listed}"
    );
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

/// Asserts that `nuke` removes clusterdock's resources and nothing else.
fn nuke(scene: &Scene) {
    let foreign = format!("{}-foreign", scene.name);
    scene.docker_says(&["network", "create", &foreign]);
    scene.start().succeeds();
    let image = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    scene.docker_says(&[
        "run",
        "-d",
        "--init",
        "--name",
        &foreign,
        "--network",
        &foreign,
        &image,
    ]);
    let plan = scene.run(["manage", "--dry-run", "nuke"]).succeeds().stdout;
    assert!(
        plan.contains(&scene.fqdn("node-1")) && !plan.contains(&foreign),
        "{plan}"
    );
    scene.run(["manage", "nuke"]).succeeds();
    let names: Vec<String> = scene
        .things()
        .iter()
        .map(|thing| {
            thing
                .split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        names,
        [format!("container {foreign}"), format!("network {foreign}")]
    );
    scene.run(["manage", "nuke", "--all"]).fails(2, &["--yes"]);
    scene.run(["manage", "nuke", "--all", "--yes"]).succeeds();
    scene.assert_empty();
}

#[test]
fn the_tour_on_the_installed_engine() {
    tour(EngineBuild::Installed);
}

#[test]
fn the_tour_on_the_trixie_engine() {
    tour(EngineBuild::Trixie);
}

#[test]
fn the_tour_on_the_sid_engine() {
    tour(EngineBuild::Sid);
}
