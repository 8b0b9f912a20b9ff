//! The machine's own /etc/hosts: a block a cluster, and the file as it was once the cluster is gone.

use clusterdock_tests::scene::Scene;
use std::fs;

#[test]
fn nodes_are_reached_by_name_from_the_machine_and_the_file_is_afterwards_what_it_was() {
    let Some(scene) = Scene::new("hosts") else { return };
    if fs::OpenOptions::new().append(true).open("/etc/hosts").is_err() {
        return;
    }
    let ours =
        |text: &str| text.lines().filter(|line| line.contains(&scene.name)).map(str::to_string).collect::<Vec<_>>();
    let start = scene.start().env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "always");
    start.succeeds();
    let text = fs::read_to_string("/etc/hosts").unwrap();
    let address = scene.on_node("node-1", "getent hosts node-1 | cut -d' ' -f1");
    assert!(text.contains(&format!("{address} {}\n", scene.fqdn("node-1"))), "{text}");
    assert_eq!(ours(&text).len(), 4, "{text}");
    scene.run(["rm", &scene.fqdn("node-2")]).succeeds();
    assert_eq!(ours(&fs::read_to_string("/etc/hosts").unwrap()).len(), 3);
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(ours(&fs::read_to_string("/etc/hosts").unwrap()), Vec::<String>::new());
    // A start that fails takes its names away, too.
    scene.start().env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "always").args(["--timeout", "1ms"]).fails(7, &[]);
    assert_eq!(ours(&fs::read_to_string("/etc/hosts").unwrap()), Vec::<String>::new());
}
