//! Things that are in use, not there, or in the wrong state.

use clusterdock_tests::scene::{NODEBASE, Scene};

#[test]
fn a_cluster_name_in_use_is_told_with_the_clusters_there_are() {
    let Some(scene) = Scene::new("inuse") else { return };
    scene.start().succeeds();
    let before = scene.things();
    let again = scene.run(["start", "-c", &scene.name, "-n", &format!("{}-b", scene.name), NODEBASE]);
    again.fails(4, &[&format!("cluster name `{}` is in use", scene.name), "running", "clusterdock rm"]);
    assert_eq!(scene.things(), before);
}

#[test]
fn a_host_name_in_use_is_told_with_who_has_it() {
    let Some(scene) = Scene::new("hostname") else { return };
    scene.start().succeeds();
    let before = scene.things();
    let other = scene.run(["start", "-c", &format!("{}-b", scene.name), "-n", &scene.name, NODEBASE]);
    other.fails(4, &[&format!("host name `{}` is in use", scene.fqdn("node-1")), &format!("cluster `{}`", scene.name)]);
    assert_eq!(scene.things(), before);
}

#[test]
fn an_image_that_is_nowhere_is_told() {
    let Some(scene) = Scene::new("image") else { return };
    let start = scene.run(["start", "-n", &scene.name, "--pull", "never", "-o", "nosuch", NODEBASE]);
    start.fails(6, &["clusterdock/topology_nodebase:nosuch", "hint:"]);
    scene.is_empty();
}

#[test]
fn exec_wants_a_node_that_is_there_and_runs() {
    let Some(scene) = Scene::new("exec") else { return };
    scene.start().succeeds();
    scene.run(["exec", &scene.fqdn("node-3"), "--", "true"]).fails(3, &["no node", "did you mean `node-"]);
    scene.docker_says(&["stop", "-t", "0", &scene.fqdn("node-2")]);
    scene.run(["exec", &scene.fqdn("node-2"), "--", "true"]).fails(4, &["is not running", "hint:"]);
    scene.run(["exec", &scene.fqdn("node-1"), "--", "sh", "-c", "exit 9"]).fails(9, &[]);
    let all = scene.run(["exec", "--all", "-c", &scene.name, "--", "true"]);
    all.fails(4, &["is not running"]);
}

#[test]
fn a_host_name_of_two_clusters_is_told_with_both() {
    let Some(scene) = Scene::new("twice") else { return };
    scene.start().succeeds();
    let network = format!("{}-b", scene.name);
    scene.run(["start", "-c", &network, "-n", &network, NODEBASE]).succeeds();
    let candidates = [scene.fqdn("node-1"), format!("node-1.{network}")];
    scene.run(["ssh", "node-1", "--", "true"]).fails(2, &["ambiguous", &candidates[0], &candidates[1]]);
    let by_cluster = scene.run(["ssh", &format!("{network}/node-1"), "--", "hostname", "-f"]).succeeds();
    assert_eq!(by_cluster.stdout.trim(), candidates[1]);
}

#[test]
fn limits_that_only_the_engine_knows_to_be_wrong_are_wrong_usage_and_leave_nothing() {
    let Some(scene) = Scene::new("limits") else { return };
    scene.start().args(["--memory", "1k"]).fails(2, &["node-1", "emory"]);
    scene.start().args(["--cpus", "4000"]).fails(2, &["node-1", "CPUs"]);
    scene.is_empty();
}
