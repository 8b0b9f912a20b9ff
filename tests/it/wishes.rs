//! What the user wants of nodes beside what the topology asks for, typed wrongly: an error that names the flag, before any
//! engine is asked.

use clusterdock_tests::run::Run;

const NODEBASE: &str = "topologies/topology_nodebase";

fn offline(arguments: &[&str]) -> Run {
    Run::new(["start"])
        .args(arguments)
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

#[test]
fn a_wish_that_cannot_hold_is_a_usage_error_with_its_flag() {
    for (flag, value, texts) in [
        ("--env", "A", ["--env", "expected NAME=VALUE"]),
        ("--env", "nodes=1", ["--env", "all=nodes=VALUE"]),
        ("-e", "node-3=A=1", ["`node-3`", "did you mean `node-1`?"]),
        (
            "--volume",
            "srv:data",
            ["--volume", "`data` is not an absolute path"],
        ),
        (
            "--volume",
            "nothing=/a:/b",
            ["`nothing`", "nodes, node-1, node-2"],
        ),
        (
            "--image",
            "Not/An:Image:",
            ["--image", "invalid image reference"],
        ),
        (
            "--label",
            "com.clusterdock.run=1",
            ["--label", "reserved for clusterdock"],
        ),
    ] {
        for place in [[flag, value, NODEBASE], [NODEBASE, flag, value]] {
            offline(&place).fails(2, &texts);
        }
        offline(&[flag, value, "--dry-run", NODEBASE]).fails(2, &texts);
    }
}

#[test]
fn a_wish_in_the_environment_is_checked_too() {
    offline(&[NODEBASE])
        .env("CLUSTERDOCK_START_ENV", "A")
        .fails(2, &["--env"]);
}

#[test]
fn a_volume_after_v_gets_the_flag_that_is_meant() {
    for place in [
        ["-v", "/srv:/data", NODEBASE],
        [NODEBASE, "-v", "/srv:/data"],
        ["-v", "data:/data", NODEBASE],
    ] {
        let volume = place.iter().find(|word| word.contains(':')).unwrap();
        let tip = format!("--volume {volume}; -v is --verbose");
        offline(&place).fails(2, &[&tip]);
    }
    // No volume is meant here.
    let error = offline(&["-v", "topologies/missing"]).fails(3, &["topologies/missing"]);
    assert!(!error.stderr.contains("--volume"), "{}", error.stderr);
}
