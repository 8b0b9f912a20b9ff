//! Nodes that die, never become ready, restart by themselves, or are started by another command.

use clusterdock_tests::fake::{ExecAnswer, Program};
use futures_util::future::join;

use super::*;

/// Fails `test -e /ready`, and every other command.
fn never_ready(fake: &FakeEngine) {
    fake.on_exec(|_| ExecAnswer::failure(1));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_during_a_wait_is_reported_with_its_exit() {
    for probes in [
        vec![],
        vec![Probe::file("/ready")],
        vec![Probe::log("ready")],
    ] {
        let fake = lab(EngineGeneration::V26, State::Exited, &probes);
        never_ready(&fake);
        fake.program("n2.lab", Program::dies(3).complains("no space left"));
        let desk = Desk::at(&fake);
        let error = desk.resume().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Node, "node `n2.lab` died")
        );
        assert!(error.to_string().contains("exit code 3"), "{error}");
        assert!(error.to_string().contains("no space left"), "{error}");
        assert!(
            desk.stderr.text().contains("Node n2.lab failed"),
            "{}",
            desk.stderr.text()
        );
        let state = fake.container_state("n1.lab").await.unwrap();
        assert_eq!(
            state.state,
            State::Running,
            "the other is started all the same"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_later_ends_the_wait_at_once() {
    let fake = lab(
        EngineGeneration::V26,
        State::Exited,
        &[Probe::file("/ready")],
    );
    never_ready(&fake);
    fake.program("n1.lab", Program::dies(137).after_calls(30));
    let began = tokio::time::Instant::now();
    let error = Desk::at(&fake).resume().await.unwrap_err();
    assert_eq!(error.message(), "node `n1.lab` died");
    assert!(began.elapsed() < MINUTE / 2);
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_times_out_lists_each_unmet_probe() {
    let fake = lab(
        EngineGeneration::V26,
        State::Exited,
        &[Probe::file("/ready")],
    );
    fake.on_exec(|call| {
        if call.container == "n1.lab" {
            ExecAnswer::success()
        } else {
            ExecAnswer::failure(1)
        }
    });
    let error = Desk::at(&fake).resume().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(
        error.causes(),
        ["after 1m", "node `n2.lab`: still waiting for file `/ready`"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_exit_of_the_previous_run_is_not_a_death() {
    // The engine also reports the stop as a death.
    let fake = lab(
        EngineGeneration::V26,
        State::Running,
        &[Probe::file("/ready")],
    );
    let looks = Mutex::new(0);
    fake.on_exec(move |_| {
        let mut looks = looks.lock().unwrap();
        *looks += 1;
        if *looks > 6 {
            ExecAnswer::success()
        } else {
            ExecAnswer::failure(1)
        }
    });
    Desk::at(&fake).restart().await.unwrap();
    assert_whole(&fake).await;
}

#[tokio::test(start_paused = true)]
async fn output_of_the_previous_run_does_not_make_a_node_ready() {
    let fake = lab(
        EngineGeneration::V26,
        State::Created,
        &[Probe::log("ready")],
    );
    for (time, says) in [(1_000, "ready"), (2_000, "starting")] {
        fake.set_clock(time);
        fake.program("debian:12", Program::runs().says(says));
        let resumed = Desk::at(&fake).resume().await;
        match says {
            "ready" => resumed.unwrap(),
            _ => assert_eq!(resumed.unwrap_err().kind(), Kind::Timeout),
        }
        fake.set_clock(time + 500);
        Desk::at(&fake).stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_restarted_by_its_policy_has_not_died() {
    let fake = FakeEngine::at("tcp://engine.example:2375", EngineGeneration::V26);
    place_network_and_image(&fake);
    let mut spec = node(1, &[Probe::file("/ready")]);
    spec.settings.restart = Some("always".into());
    fake.seed().container(&spec, State::Exited);
    fake.program("n1.lab", Program::dies(1).after_calls(8));
    let looks = Mutex::new(0);
    fake.on_exec(move |_| {
        let mut looks = looks.lock().unwrap();
        *looks += 1;
        if *looks > 12 {
            ExecAnswer::success()
        } else {
            ExecAnswer::failure(1)
        }
    });
    Desk::at(&fake).resume().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_another_command_starts_the_nodes() {
    let fake = lab(
        EngineGeneration::V26,
        State::Created,
        &[Probe::file("/ready")],
    );
    let start = async {
        fake.when_called(("starts", 0)).await.unwrap();
        tokio::time::sleep(MINUTE / 2).await;
        for node in ["n1.lab", "n2.lab"] {
            fake.start_container(node).await.unwrap();
        }
    };
    let desk = Desk::at(&fake);
    join(async { desk.wait().await.unwrap() }, start).await;
    let story = desk.stderr.text();
    assert!(story.contains("2 nodes are ready."), "{story}");
    for seconds in [10, 20] {
        let line = format!(
            "Waiting for n1.lab: still waiting for its start, it is created; n2.lab: still waiting for \
            its start, it is created ({seconds}s) ..."
        );
        assert!(story.contains(&line), "{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_nodes_that_nobody_starts_fails_at_once() {
    for (state, hint) in [
        (State::Exited, "clusterdock resume lab"),
        (State::Paused, "clusterdock unpause n1.lab"),
    ] {
        let fake = lab(EngineGeneration::V26, state, &[]);
        let began = tokio::time::Instant::now();
        let error = Desk::at(&fake).wait().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        assert!(error.message().starts_with("node `n1.lab` is "), "{error}");
        assert!(error.next_step().unwrap().contains(hint), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(fake.count("start_container"), 0);
    }
    // One node of several is enough.
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    fake.kill("n2.lab", 1);
    let error = Desk::at(&fake).wait().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Conflict, "node `n2.lab` is not running")
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_start_that_never_happens_times_out() {
    let fake = lab(EngineGeneration::V26, State::Created, &[]);
    let error = Desk::at(&fake).wait().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(
        error
            .to_string()
            .contains("node `n1.lab`: still waiting for its start, it is created"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_right_after_its_start_ends_the_wait() {
    let fake = lab(EngineGeneration::V26, State::Created, &[]);
    fake.program("n1.lab", Program::dies(5));
    let start = async {
        fake.when_called(("starts", 0)).await.unwrap();
        tokio::time::sleep(MINUTE / 2).await;
        fake.start_container("n1.lab").await.unwrap();
    };
    let desk = Desk::at(&fake);
    let (error, ()) = join(async { desk.wait().await.unwrap_err() }, start).await;
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Node, "node `n1.lab` died")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_stream_is_retried_then_reported() {
    let fake = lab(
        EngineGeneration::V26,
        State::Exited,
        &[Probe::file("/ready")],
    );
    never_ready(&fake);
    let losses = async {
        for number in 0..4 {
            fake.when_called(("deaths", number)).await.unwrap();
            // The stream must exist before it can break.
            tokio::time::sleep(Duration::from_millis(1)).await;
            fake.break_streams();
        }
    };
    let desk = Desk::at(&fake);
    let (error, ()) = join(async { desk.resume().await.unwrap_err() }, losses).await;
    assert_eq!(error.message(), "lost sight of the nodes");
    assert_eq!(fake.count("deaths"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lost_port_costs_no_network_and_no_address() {
    for generation in [
        EngineGeneration::V20,
        EngineGeneration::V26,
        EngineGeneration::V29,
    ] {
        let fake = lab(generation, State::Exited, &[]);
        fake.take_port(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
        let error = Desk::at(&fake).resume().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Conflict, "failed to start node `n1.lab`")
        );
        assert!(error.to_string().contains("8080"), "{error}");
        let place = &fake.container_state("n1.lab").await.unwrap().networks["lab"];
        assert_eq!(
            place.fixed_address,
            Some(address(1)),
            "no start may give it to another node"
        );
        fake.free_port(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
        Desk::at(&fake).resume().await.unwrap();
        assert_whole(&fake).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_six_nodes_start_at_once() {
    let fake = FakeEngine::at("tcp://engine.example:2375", EngineGeneration::V26);
    fake.set_clock(LONG_AGO);
    place_network_and_image(&fake);
    for number in 1..=20 {
        fake.seed().container(
            &ContainerSpec {
                ports: Vec::new(),
                ..node(number, &[])
            },
            State::Exited,
        );
    }
    fake.set_clock(LATER);
    Desk::at(&fake).resume().await.unwrap();
    assert_eq!(
        (
            fake.count("start_container"),
            fake.most_at_once(&["start_container"])
        ),
        (20, 6)
    );
    assert_eq!(
        (
            fake.count("container_state"),
            fake.count("containers"),
            fake.count("deaths")
        ),
        (20, 2, 1)
    );
}
