//! Hooks that fail, crash, hang, are interrupted, or lose a node: what becomes of the command, and of the nodes.

use clusterdock::error::{Error, Kind, Result};
use clusterdock_tests::fake::ExecAnswer;

use super::{LONG, NODES, RUNNING, SHORT, STOPPED, Scene};

/// What a hook does, how long it may, and what the error says then.
const TROUBLE: [(&str, &str); 5] = [
    (
        "fails",
        "plugin `topology_hooks` failed in its HOOK hook: no luck: it is Monday",
    ),
    (
        "panics",
        "plugin `topology_hooks` panicked in its HOOK hook: out of ideas",
    ),
    (
        "crashes",
        "plugin `topology_hooks` was killed by SIGABRT in its HOOK hook",
    ),
    ("hangs", "the HOOK hook of topology `hooks` timed out"),
    ("waits", "it was waiting for what never happens"),
];

/// Whether a hook that does this only ends by its deadline.
fn is_endless(how: &str) -> bool {
    matches!(how, "hangs" | "waits")
}

fn limited(scene: Scene, how: &str) -> Scene {
    scene.within(if is_endless(how) { SHORT } else { LONG })
}

#[track_caller]
fn failure<T>(result: Result<T>) -> Error {
    result.err().expect("it fails")
}

#[tokio::test]
async fn nodes_stop_whatever_becomes_of_the_hook_before() {
    for (how, text) in TROUBLE {
        let scene = limited(Scene::started(&["--at-stop", how]).await, how);
        scene.stop().await.unwrap();
        assert_eq!(scene.states().await, STOPPED, "{how}");
        let told = scene.told();
        let text = text.replace("HOOK", "on_stop");
        let warning =
            "WARNING the on_stop hook of cluster `lab` failed; its nodes stop nevertheless: ";
        assert!(told.contains(&text), "no `{text}` in\n{told}");
        assert!(
            told.contains(warning.trim_start_matches("WARNING ")),
            "{told}"
        );
    }
}

#[tokio::test]
async fn nodes_keep_running_whatever_becomes_of_the_hook_after_a_resume() {
    for (how, text) in TROUBLE {
        let scene = Scene::started(&["--at-resume", how]).await;
        scene.stop().await.unwrap();
        let scene = limited(scene, how);
        let error = failure(scene.resume().await);
        let kind = if is_endless(how) {
            Kind::Timeout
        } else {
            Kind::Hook
        };
        assert_eq!(error.kind(), kind, "{how}: {error}");
        let text = text.replace("HOOK", "on_resume");
        assert!(error.to_string().contains(&text), "no `{text}` in {error}");
        assert_eq!(scene.states().await, RUNNING, "{how}");
        assert!(!scene.story().contains(&"serves".to_string()), "{how}");
    }
}

#[tokio::test]
async fn a_check_that_never_passes_is_the_cause_of_a_time_out() {
    let expected = [
        ("fails", "no luck: it is Monday"),
        ("panics", "out of ideas"),
        ("asks", "exited with 1"),
        ("hangs", "after 3s"),
        ("waits", "it was waiting for what never happens"),
    ];
    for (how, text) in expected {
        let scene = Scene::started(&["--at-check", how]).await.within(SHORT);
        scene.on_exec(|line| ExecAnswer::failure(i64::from(line.contains("/healthy"))));
        let error = failure(scene.wait().await);
        assert_eq!(error.kind(), Kind::Timeout, "{how}: {error}");
        assert_eq!(
            error.message(),
            "cluster `lab` did not pass its check in time"
        );
        assert_eq!(error.causes()[0], "after 3s");
        assert!(error.to_string().contains(text), "no `{text}` in {error}");
        assert_eq!(error.next_step(), Some("allow more time with --timeout"));
        assert_eq!(scene.states().await, RUNNING);
    }
}

/// Nothing comes of waiting for a plugin that is gone.
#[tokio::test]
async fn a_check_that_crashes_ends_the_wait() {
    let scene = Scene::started(&["--at-check", "crashes"]).await;
    let error = failure(scene.wait().await);
    assert_eq!(error.kind(), Kind::Hook, "{error}");
    let text = "plugin `topology_hooks` was killed by SIGABRT in its check hook";
    assert_eq!(error.message(), text);
}

#[tokio::test]
async fn an_interrupt_in_a_hook_ends_the_command_there() {
    let hanging = [
        "--at-stop",
        "hangs",
        "--at-resume",
        "hangs",
        "--at-check",
        "hangs",
    ];
    let scene = Scene::started(&hanging).await;
    scene.interrupt_in("on_stop");
    let error = failure(scene.stop().await);
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    assert_eq!(scene.states().await, RUNNING, "no node was stopped");
    assert!(!scene.told().contains("nevertheless"), "{}", scene.told());

    let scene = Scene::started(&hanging).await;
    scene.interrupt_in("check");
    let error = failure(scene.wait().await);
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");

    let scene = Scene::started(&["--at-resume", "hangs"]).await;
    scene.stop().await.unwrap();
    scene.interrupt_in("on_resume");
    let error = failure(scene.resume().await);
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    assert_eq!(scene.states().await, RUNNING);
    assert!(!scene.told().contains("is skipped"), "{}", scene.told());
}

#[tokio::test]
async fn a_node_that_dies_ends_the_hook_that_waits() {
    let scene = Scene::started(&["--at-check", "hangs"]).await;
    let fake = scene.fake.clone();
    scene.on_exec(move |line| {
        if line.contains("echo check") {
            fake.kill(NODES[1], 3);
        }
        ExecAnswer::success()
    });
    let error = failure(scene.wait().await);
    assert_eq!(error.kind(), Kind::Node, "{error}");
    assert!(
        error.to_string().contains("node `node-2.cluster` died"),
        "{error}"
    );
}

#[tokio::test]
async fn a_later_hook_has_no_secret() {
    let arguments = ["--password", "xyzzy", "--at-resume", "exposes"];
    let scene = Scene::started(&arguments).await;
    scene.stop().await.unwrap();
    let error = failure(scene.resume().await);
    assert_eq!(error.kind(), Kind::Hook, "{error}");
    assert!(
        error.to_string().contains("the secret is not kept"),
        "{error}"
    );
}
