//! Networks on machines whose routes leave few free subnets, e.g. with a VPN: the program runs in a network namespace
//! with such routes, against the machine's engine.

use std::process::Command;

use clusterdock_tests::run::Ran;
use clusterdock_tests::scene::{NODEBASE, Scene};

/// `clusterdock start ARGUMENTS` of one node with these routes.
fn start_with_routes(scene: &Scene, routes: &[&str], arguments: &[&str]) -> Ran {
    let add: String = routes
        .iter()
        .map(|route| format!("ip route add {route} dev lo && "))
        .collect();
    start_after(scene, &add, arguments)
}

/// `clusterdock start ARGUMENTS` of one node, after a shell has prepared the network namespace.
fn start_after(scene: &Scene, preparation: &str, arguments: &[&str]) -> Ran {
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args(arguments.iter().copied());
    let start = start.args([NODEBASE, "--nodes", "node-1"]).command();
    let mut apart = Command::new("unshare");
    apart.args([
        "--net",
        "sh",
        "-c",
        &format!("ip link set lo up && {preparation} exec \"$0\" \"$@\""),
    ]);
    apart
        .arg(start.get_program())
        .args(start.get_args())
        .current_dir(start.get_current_dir().unwrap());
    for (name, value) in start.get_envs() {
        match value {
            Some(value) => apart.env(name, value),
            None => apart.env_remove(name),
        };
    }
    Ran::from(apart.output().unwrap())
}

fn subnet(scene: &Scene) -> String {
    scene.docker_says(&[
        "network",
        "inspect",
        "-f",
        "{{(index .IPAM.Config 0).Subnet}}",
        &scene.name,
    ])
}

/// A subnet that no other test has.
fn own_subnet() -> String {
    let number = std::process::id() % (1 << 9);
    format!("198.{}.{}.0/24", 18 + number / 256, number % 256)
}

#[test]
fn vpn_routes_leave_room_for_a_subnet() {
    for (routes, expected) in [
        (&["0.0.0.0/1", "128.0.0.0/1"][..], "10."),
        (
            &["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"],
            "10.",
        ),
        (&["10.0.0.0/8"], "172."),
        (&["10.0.0.0/8", "172.16.0.0/12"], "192.168."),
    ] {
        let Some(scene) = Scene::new("vpn") else {
            return;
        };
        let ran = start_with_routes(&scene, routes, &[]);
        assert_eq!(ran.code, 0, "{routes:?}: {}", ran.stderr);
        assert!(
            subnet(&scene).starts_with(expected),
            "{routes:?}: {}",
            subnet(&scene)
        );
    }
}

#[test]
fn without_a_free_subnet_the_user_has_to_choose_one() {
    let Some(scene) = Scene::new("full") else {
        return;
    };
    let all = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
    let ran = start_with_routes(&scene, &all, &[]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no subnet is free") && ran.stderr.contains("--subnet"),
        "{}",
        ran.stderr
    );
    scene.assert_empty();
    // Outside of them, and in a part of one.
    let part = own_subnet()
        .replacen("198.18.", "10.66.", 1)
        .replacen("198.19.", "10.67.", 1);
    for (chosen, warned) in [(own_subnet(), false), (part, true)] {
        let ran = start_with_routes(&scene, &all, &["--subnet", &chosen]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(subnet(&scene), chosen);
        assert_eq!(
            ran.stderr.contains("hides a part of 10.0.0.0/8"),
            warned,
            "{}",
            ran.stderr
        );
        scene.run(["rm", &scene.name]).succeeds();
    }
}

#[test]
fn a_subnet_in_use_is_refused_with_its_holder() {
    let Some(scene) = Scene::new("held") else {
        return;
    };
    let chosen = own_subnet()
        .replacen("198.18.", "10.68.", 1)
        .replacen("198.19.", "10.69.", 1);
    let ran = start_with_routes(&scene, &[&chosen], &["--subnet", &chosen]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains(&format!("a route of this machine leads to {chosen}")),
        "{}",
        ran.stderr
    );
    scene.assert_empty();
    scene
        .start()
        .env("CLUSTERDOCK_START_SUBNET", &*chosen)
        .succeeds();
    assert_eq!(subnet(&scene), chosen);
    let other = format!("{}-b", scene.name);
    for overlapping in [
        &chosen,
        &chosen.replace(".0/24", ".128/26"),
        &chosen.replace(".0/24", ".0/29"),
    ] {
        let start = scene.run([
            "start",
            "-c",
            &other,
            "-n",
            &other,
            "--subnet",
            overlapping,
            NODEBASE,
        ]);
        start.fails(
            4,
            &[
                "is in use",
                &format!("network `{}` has {chosen}", scene.name),
                "hint:",
            ],
        );
    }
    let joins = scene.run([
        "start",
        "-c",
        &other,
        "-n",
        &scene.name,
        "--subnet",
        &chosen,
        NODEBASE,
        "--nodes",
        "b",
    ]);
    joins.fails(
        4,
        &[&format!("network `{}` exists", scene.name), "--subnet"],
    );
    for (wrong, why) in [
        ("10.1.2.0/30", "/16 to /29"),
        ("8.8.8.0/24", "not a private subnet"),
        ("x", "IPv4 subnet"),
    ] {
        scene
            .run(["start", "-n", &other, "--subnet", wrong, NODEBASE])
            .fails(2, &[why]);
    }
    let small = scene.run([
        "start",
        "-n",
        &other,
        "--subnet",
        "10.70.0.0/29",
        NODEBASE,
        "--nodes",
    ]);
    small
        .args(["a", "b", "c", "d", "e"])
        .fails(2, &["too small", "4 nodes"]);
    // A network with a chosen subnet is recreated as it was.
    scene.run(["stop", &scene.name]).succeeds();
    scene.docker_says(&["network", "rm", &scene.name]);
    scene.run(["resume", &scene.name]).succeeds();
}

#[test]
fn the_route_of_a_network_that_is_being_created_is_no_strangers() {
    let Some(scene) = Scene::new("young") else {
        return;
    };
    let start = |preparation: &str| {
        let ran = start_after(&scene, preparation, &[]);
        assert_eq!(ran.code, 0, "{preparation}: {}", ran.stderr);
        let subnet = subnet(&scene);
        scene.run(["rm", &scene.name]).succeeds();
        subnet
    };
    let own = start("");
    let bridge = format!(
        "ip link add br-0123456789ab type bridge && ip addr add {} dev br-0123456789ab && \
         ip link set br-0123456789ab up &&",
        own.replace(".0/", ".1/")
    );
    // As the engine does it: the bridge is there before the network is listed.
    let young =
        format!("{bridge} {{ (sleep 1; ip link del br-0123456789ab) >/dev/null 2>&1 & }} && ");
    assert_eq!(start(&young), own);
    assert_ne!(start(&bridge), own, "another engine's network was hidden");
}
