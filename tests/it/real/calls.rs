//! Every call that a hook can make, made by a topology on a real engine.

use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;

#[test]
fn every_call_of_a_hook_does_what_it_says() {
    let Some(scene) = Scene::new("calls") else { return };
    let library = plugins::library("topology_calls");
    let start = scene.run(["start", "-c", &scene.name, "-n", &scene.name]).args([library]);
    let ran = start.args(["--greeting", "salve"]).succeeds();
    assert!(ran.stderr.contains("the master is at http://127.0.0.1:"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("err\n"), "a quiet command was not: {}", ran.stderr);
    assert_eq!(scene.on_node("worker-1", "cat /etc/calls/deep/calls.conf"), "salve = 1");
    let owner =
        scene.docker_says(&["inspect", "-f", "{{index .Config.Labels \"example.owner\"}}", &scene.fqdn("master")]);
    assert_eq!(owner, "tests");
}

#[test]
fn a_build_hook_makes_an_image_and_its_cluster_is_gone_afterwards() {
    let Some(scene) = Scene::new("bake") else { return };
    let library = plugins::library("topology_calls");
    let build = scene.run(["build", "-n", &scene.name, "-r", &format!("docker.io/{}", scene.name)]).args([library]);
    let ran = build.args(["--tag", "v7"]).succeeds();
    let image = format!("{}/topology_calls:v7", scene.name);
    assert!(ran.stderr.contains(&format!("made {image}")), "{}", ran.stderr);
    let file = scene.docker_says(&["run", "--rm", "--network", "none", &image, "cat", "/etc/built"]);
    assert_eq!(file, "by the hook");
    scene.docker_says(&["rmi", &image]);
    scene.is_empty();
}
