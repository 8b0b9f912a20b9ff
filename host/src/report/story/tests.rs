use super::*;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn starting(nodes: &[&str]) -> Event {
    let nodes = nodes.iter().map(ToString::to_string).collect();
    Event::Starting {
        cluster: "famous_hyades".into(),
        network: "cluster".into(),
        nodes,
    }
}

fn node(node: &str, phase: NodePhase) -> Event {
    Event::Node {
        node: node.into(),
        phase,
    }
}

fn removed(kind: &'static str, name: &str) -> Event {
    Event::Removed {
        kind,
        name: name.into(),
    }
}

/// The story as lines: label, state, status, milliseconds.
fn shown(story: &Story, now: u64) -> Vec<String> {
    let line = |task: &Task| {
        let (label, state, status) = (&task.label, task.state, &task.status);
        format!(
            "{label}: {state:?} `{status}` {}",
            task.took(at(now)).as_millis()
        )
    };
    story.tasks.iter().map(line).collect()
}

#[test]
fn nodes_are_pending_then_active_then_ready() {
    let mut story = Story::default();
    story.take(&starting(&["a", "b", "c"]), at(0));
    story.take(&node("a", NodePhase::Creating), at(100));
    story.take(&node("b", NodePhase::Creating), at(200));
    story.take(&node("a", NodePhase::Ready), at(500));
    story.take(
        &node(
            "b",
            NodePhase::Waiting {
                probe: "port 22".into(),
            },
        ),
        at(600),
    );
    assert_eq!(
        shown(&story, 700),
        [
            "a: Done `ready` 400",
            "b: Active `waiting for port 22` 500",
            "c: Pending `` 700"
        ]
    );
    assert!(story.is_active());
}

#[test]
fn the_parts_of_an_image_are_added_up() {
    let image = |phase| Event::Image {
        image: "i".into(),
        phase,
    };
    let part = |part: &str, current| {
        image(ImagePhase::Progress {
            part: part.into(),
            status: "Downloading".into(),
            current,
            total: Some(100_000_000),
        })
    };
    let mut story = Story::default();
    story.take(&image(ImagePhase::Pulling), at(0));
    for event in [
        part("x", Some(10_000_000)),
        part("x", Some(20_000_000)),
        part("y", Some(30_000_000)),
    ] {
        story.take(&event, at(10));
    }
    assert_eq!(
        shown(&story, 20),
        ["i: Active `pulling 50.0 of 200.0 MB` 20"]
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_built_and_then_pushed() {
    let image = |phase| Event::Image {
        image: "i".into(),
        phase,
    };
    let pushed = |current| {
        let (part, status) = (String::new(), "Pushing".into());
        image(ImagePhase::Progress {
            part,
            status,
            current: Some(current),
            total: Some(10_000_000),
        })
    };
    let mut story = Story::default();
    story.take(&image(ImagePhase::Pulling), at(0));
    story.take(&pushed(1), at(0));
    story.take(&image(ImagePhase::Building), at(10));
    assert_eq!(shown(&story, 10), ["i: Active `building` 10"]);
    story.take(&image(ImagePhase::Ready { took_ms: 20 }), at(20));
    story.take(&image(ImagePhase::Pushing), at(30));
    story.take(&pushed(5_000_000), at(40));
    assert_eq!(shown(&story, 40), ["i: Active `pushing 5.0 of 10.0 MB` 10"]);
    story.take(&image(ImagePhase::Pushed { took_ms: 20 }), at(50));
    assert_eq!(shown(&story, 99), ["i: Done `image pushed` 20"]);
}

#[test]
fn a_hooks_progress_ends_with_the_start() {
    let mut story = Story::default();
    let progress = Event::Progress {
        message: "creating realm".into(),
    };
    assert!(
        !story.take(&progress, at(0)),
        "without a hook a message has a line of its own"
    );
    story.take(
        &Event::Hook {
            hook: "start".into(),
            topology: "t".into(),
        },
        at(0),
    );
    assert!(story.take(&progress, at(10)));
    assert_eq!(
        shown(&story, 10),
        ["start hook: Active `creating realm` 10"]
    );
    story.take(
        &Event::Started {
            cluster: "c".into(),
            total_ms: 20,
            closing: Vec::new(),
        },
        at(20),
    );
    assert_eq!(shown(&story, 99), ["start hook: Done `done` 20"]);
}

#[test]
fn a_rollback_keeps_failures_and_counts_removals() {
    let mut story = Story::default();
    story.take(&starting(&["a", "b"]), at(0));
    story.take(&node("a", NodePhase::Ready), at(100));
    story.take(
        &node(
            "b",
            NodePhase::Failed {
                why: "exited with 1".into(),
            },
        ),
        at(200),
    );
    let rolling_back = Event::RollingBack {
        cluster: "famous_hyades".into(),
    };
    let over = story.over_before(&rolling_back);
    assert_eq!(shown(&over, 200), ["b: Failed `failed: exited with 1` 0"]);

    story.take(&rolling_back, at(200));
    let containers = vec!["a".into(), "b".into()];
    story.take(
        &Event::Removing {
            what: "cluster famous_hyades".into(),
            containers,
        },
        at(210),
    );
    story.take(&removed("container", "a"), at(300));
    assert_eq!(
        shown(&story, 300),
        ["cluster famous_hyades: Active `removed 1 of 2 containers` 100"]
    );
    story.take(&removed("container", "b"), at(400));
    story.take(&removed("network", "cluster"), at(500));
    assert_eq!(
        shown(&story.end(at(500)), 999),
        ["cluster famous_hyades: Done `removed 2 containers, 1 network` 300"]
    );
    assert!(!story.is_active());
}

#[test]
fn an_incomplete_removal_is_not_a_success() {
    let mut story = Story::default();
    story.take(
        &Event::Removing {
            what: "cluster c".into(),
            containers: vec!["a".into(), "b".into()],
        },
        at(0),
    );
    story.take(&removed("container", "a"), at(10));
    assert_eq!(shown(&story.end(at(20)), 20), [""; 0]);
}

#[test]
fn active_tasks_are_removed_when_the_story_ends() {
    let mut story = Story::default();
    story.take(&starting(&["a", "b", "c"]), at(0));
    story.take(&node("a", NodePhase::Ready), at(10));
    story.take(&node("b", NodePhase::Creating), at(20));
    assert_eq!(shown(&story.end(at(30)), 30), ["a: Done `ready` 0"]);
}
