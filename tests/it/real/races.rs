//! Several starts at once, as test runners run them.

use clusterdock_tests::run::{Ran, Run, config_directory};
use clusterdock_tests::scene::{NODEBASE, Scene};

/// Runs all at once.
fn at_once(runs: Vec<Run>) -> Vec<Ran> {
    let children: Vec<_> = runs
        .iter()
        .map(|run| run.command().spawn().unwrap())
        .collect();
    children
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()))
        .collect()
}

/// Compiles and assembles what all of them need, so that they meet in the engine.
fn warm(scene: &Scene) {
    scene.start().succeeds();
    scene.run(["rm", &scene.name]).succeeds();
}

#[test]
fn of_eight_starts_with_the_same_names_one_wins() {
    let Some(scene) = Scene::new("race") else {
        return;
    };
    warm(&scene);
    let folders: Vec<_> = (0..8).map(|_| config_directory()).collect();
    // Half of them share no locks with others, so that only the engine decides.
    let run = |number: usize| {
        let run = scene.run([
            "start",
            "-c",
            &format!("{}-{number}", scene.name),
            "-n",
            &scene.name,
            NODEBASE,
        ]);
        if number.is_multiple_of(2) {
            run.config(folders[number].path())
        } else {
            run
        }
    };
    let ran = at_once((0..8).map(run).collect());
    let codes: Vec<i32> = ran.iter().map(|ran| ran.code).collect();
    let output: String = ran
        .iter()
        .map(|ran| format!("{}\n{}\n", ran.code, ran.stderr))
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{output}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 4).count(),
        7,
        "{output}"
    );
    scene.assert_has(2, 1, 1);
}

#[test]
fn eight_starts_with_distinct_names_share_a_new_network() {
    let Some(scene) = Scene::new("share") else {
        return;
    };
    warm(&scene);
    let folders: Vec<_> = (0..8).map(|_| config_directory()).collect();
    let run = |number: usize| {
        let cluster = format!("{}-{number}", scene.name);
        let nodes = [format!("a{number}"), format!("b{number}")];
        let run = scene
            .run([
                "start",
                "-c",
                &cluster,
                "-n",
                &scene.name,
                NODEBASE,
                "--nodes",
            ])
            .args(nodes);
        if number.is_multiple_of(2) {
            run.config(folders[number].path())
        } else {
            run
        }
    };
    let ran = at_once((0..8).map(run).collect());
    let output: String = ran
        .iter()
        .map(|ran| format!("{}\n{}\n", ran.code, ran.stderr))
        .collect();
    assert!(ran.iter().all(|ran| ran.code == 0), "{output}");
    scene.assert_has(16, 1, 8);
}
