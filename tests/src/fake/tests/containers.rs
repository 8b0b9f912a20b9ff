use clusterdock::engine::Filter;
use clusterdock_plugin_wire::Security;

use super::*;

#[tokio::test]
async fn a_container_exists_from_creation_to_removal() {
    let fake = fake_with_network();
    let id = fake.create_container(&node_at("node-1", 10)).await.unwrap();
    let made = fake.container_state(&id).await.unwrap();
    assert_eq!((made.state, made.pid), (State::Created, None));
    assert!(made.networks["cluster"].network_id.is_empty());
    fake.start_container(&id).await.unwrap();
    let runs = fake.container_state(&id).await.unwrap();
    assert_eq!((runs.state, runs.exit_code), (State::Running, None));
    assert!(runs.pid.is_some());
    assert_eq!(runs.networks["cluster"].address, Some(address(10)));
    fake.stop_container(&id, 10).await.unwrap();
    let stopped = fake.container_state(&id).await.unwrap();
    assert_eq!(
        (stopped.state, stopped.exit_code, stopped.pid),
        (State::Exited, Some(143), None)
    );
    assert_eq!(stopped.networks["cluster"].address, None);
    assert_eq!(stopped.networks["cluster"].fixed_address, Some(address(10)));
    fake.start_container(&id).await.unwrap();
    assert_eq!(address_of(&fake, &id).await, Some(address(10)));
    fake.remove_container(&id).await.unwrap();
    assert_eq!(fault(fake.container_state(&id).await).0, Fault::NotFound);
}

#[tokio::test]
async fn starting_or_stopping_twice_changes_nothing() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    let before = fake.snapshot();
    fake.start_container(&id).await.unwrap();
    assert_eq!(fake.snapshot(), before);
    fake.stop_container(&id, 0).await.unwrap();
    let before = fake.snapshot();
    fake.stop_container(&id, 0).await.unwrap();
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test]
async fn a_name_belongs_to_one_container() {
    let fake = fake();
    let first = fake.create_container(&node("node-1")).await.unwrap();
    let (kind, message) = fault(fake.create_container(&node("node-1")).await);
    assert_eq!(kind, Fault::NameTaken);
    assert!(message.contains(&first), "{message}");
    fake.remove_container(&first).await.unwrap();
    fake.create_container(&node("node-1")).await.unwrap();
}

#[tokio::test]
async fn of_two_containers_created_with_one_name_one_succeeds() {
    for generation in [EngineGeneration::V20, EngineGeneration::V26] {
        let fake = fake_of(generation);
        let (a, b) = (node("node-1"), node("node-1"));
        let (a, b) = tokio::join!(fake.create_container(&a), fake.create_container(&b));
        assert!(a.is_ok() != b.is_ok());
    }
}

#[tokio::test]
async fn creating_a_container_requires_its_image() {
    let fake = FakeEngine::new();
    let (kind, message) = fault(fake.create_container(&node("node-1")).await);
    assert_eq!(
        (kind, message.as_str()),
        (Fault::NotFound, "No such image: debian:12")
    );
}

#[tokio::test]
async fn an_invalid_container_name_is_refused() {
    let spec = ContainerSpec {
        name: "/node".into(),
        ..node("node-1")
    };
    assert_eq!(
        fault(fake().create_container(&spec).await).0,
        Fault::Refused
    );
}

#[tokio::test]
async fn a_missing_container_is_not_found() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    fake.remove_container(&id).await.unwrap();
    for result in [
        fake.remove_container(&id).await,
        fake.start_container(&id).await,
        fake.stop_container(&id, 1).await,
        fake.logs(&id, &Default::default()).await.map(drop),
    ] {
        assert_eq!(
            fault(result),
            (Fault::NotFound, format!("No such container: {id}"))
        );
    }
}

#[tokio::test]
async fn a_container_is_found_by_id_name_or_id_prefix() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    fake.start_container("node-1.cluster").await.unwrap();
    fake.stop_container(&id[..12], 1).await.unwrap();
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Exited
    );
    assert_eq!(id.len(), 64);
}

#[tokio::test]
async fn a_list_is_filtered_by_all_requested_labels() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    let other = ContainerSpec {
        labels: Labels::from([("run".into(), "two".into())]),
        ..node("node-2")
    };
    fake.create_container(&other).await.unwrap();
    fake.create_container(&ContainerSpec {
        labels: Labels::new(),
        ..node("node-3")
    })
    .await
    .unwrap();
    let names = async |filter: Filter| {
        let mut names: Vec<_> = fake
            .containers(&filter)
            .await
            .unwrap()
            .into_iter()
            .map(|container| container.name)
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(
        names(Filter::all()).await,
        "node-1.cluster node-2.cluster node-3.cluster"
    );
    assert_eq!(
        names(Filter::has("run")).await,
        "node-1.cluster node-2.cluster"
    );
    assert_eq!(names(Filter::is("run", "two")).await, "node-2.cluster");
}

#[tokio::test]
async fn a_list_shows_the_image_id_once_the_tag_has_moved() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    let image = async || {
        fake.containers(&Filter::all()).await.unwrap()[0]
            .image
            .clone()
    };
    assert_eq!(image().await, "debian:12");
    fake.seed().image("debian:12");
    assert!(image().await.starts_with("sha256:"));
}

#[tokio::test]
async fn a_program_that_dies_at_once_lets_the_start_succeed() {
    let fake = fake_with_network();
    fake.program("node-1.cluster", Program::dies(3));
    let id = started(&fake, &node("node-1")).await;
    let state = fake.container_state(&id).await.unwrap();
    assert_eq!((state.state, state.exit_code), (State::Exited, Some(3)));
    assert_eq!(state.networks["cluster"].address, None);
}

#[tokio::test]
async fn a_program_may_die_some_calls_later() {
    let fake = fake_with_network();
    fake.program("debian:12", Program::dies(4).after_calls(2));
    let id = started(&fake, &node("node-1")).await;
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Running
    );
    assert_eq!(fake.container_state(&id).await.unwrap().exit_code, Some(4));
}

#[tokio::test]
async fn a_container_can_be_killed_and_run_out_of_memory() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.kill("node-1.cluster", 9);
    assert_eq!(fake.container_state(&id).await.unwrap().exit_code, Some(9));
    fake.start_container(&id).await.unwrap();
    fake.kill_for_memory(&id);
    let state = fake.container_state(&id).await.unwrap();
    assert_eq!((state.exit_code, state.oom_killed), (Some(137), true));
}

#[tokio::test]
async fn a_restart_policy_restarts_unless_stopped() {
    let fake = fake_with_network();
    let id = started(&fake, &with_restart("node-1", "always")).await;
    fake.kill(&id, 0);
    assert!(fake.snapshot().contains("node-1.cluster") && fake.snapshot().contains(" restarting "));
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Running
    );
    fake.stop_container(&id, 1).await.unwrap();
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Exited
    );
}

#[tokio::test]
async fn a_restart_policy_may_bound_the_number_of_failures() {
    let fake = fake_with_network();
    let id = started(&fake, &with_restart("node-1", "on-failure:2")).await;
    fake.program("node-2.cluster", Program::dies(3));
    let failing = started(&fake, &with_restart("node-2", "on-failure:2")).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        states.push(fake.container_state(&failing).await.unwrap().state);
    }
    assert_eq!(states, [State::Restarting, State::Exited, State::Exited]);
    fake.kill(&id, 0);
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Exited
    );
}

fn with_restart(hostname: &str, policy: &str) -> ContainerSpec {
    let mut spec = node(hostname);
    spec.settings.restart = Some(policy.into());
    spec
}

#[tokio::test]
async fn a_failed_start_shows_in_the_state_of_the_container() {
    let fake = fake_with_network();
    fake.program(
        "node-1.cluster",
        Program::cannot_start("exec: \"/sbin/init\": no such file or directory"),
    );
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let (kind, message) = fault(fake.start_container(&id).await);
    assert_eq!(kind, Fault::Refused);
    let state = fake.container_state(&id).await.unwrap();
    assert_eq!(
        (state.state, state.exit_code, state.error),
        (State::Created, Some(127), message)
    );
}

#[tokio::test]
async fn a_host_name_that_is_too_long_fails_at_the_start() {
    let fake = fake_with_network();
    let spec = ContainerSpec {
        hostname: "n".repeat(65),
        ..node("node-1")
    };
    let id = fake.create_container(&spec).await.unwrap();
    assert!(
        fault(fake.start_container(&id).await)
            .1
            .contains("sethostname: invalid argument")
    );
}

#[tokio::test]
async fn an_old_engine_requires_dropping_missing_capabilities() {
    let fake = fake_of(EngineGeneration::V20);
    fake.seed().network(&network("cluster", 1));
    fake.lack_capability("CAP_SYS_RESOURCE");
    let id = fake.create_container(&node("node-1")).await.unwrap();
    assert_eq!(
        fault(fake.start_container(&id).await).0,
        Fault::CapabilityMissing
    );
    let without = ContainerSpec {
        capabilities_missing: vec!["CAP_SYS_RESOURCE".into()],
        ..node("node-2")
    };
    started(&fake, &without).await;
    let mut plain = node("node-3");
    plain.settings.security = Security::Plain;
    started(&fake, &plain).await;
}

#[tokio::test]
async fn a_new_engine_refuses_dropping_missing_capabilities() {
    let fake = fake_with_network();
    fake.lack_capability("SYS_RESOURCE");
    let without = ContainerSpec {
        capabilities_missing: vec!["CAP_SYS_RESOURCE".into()],
        ..node("node-1")
    };
    assert_eq!(
        fault(fake.create_container(&without).await).0,
        Fault::Refused
    );
    started(&fake, &node("node-1")).await;
}

#[tokio::test]
async fn health_is_starting_until_set() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    assert_eq!(fake.container_state(&id).await.unwrap().health, None);
    let mut checked = node("node-2");
    checked.settings.health_check = Some(Default::default());
    let id = started(&fake, &checked).await;
    assert_eq!(
        fake.container_state(&id).await.unwrap().health.as_deref(),
        Some("starting")
    );
    fake.set_health("node-2.cluster", "healthy");
    assert_eq!(
        fake.container_state(&id).await.unwrap().health.as_deref(),
        Some("healthy")
    );
}

#[tokio::test]
async fn inspect_returns_the_engines_own_json() {
    let fake = fake_with_network();
    let id = started(&fake, &node_at("node-1", 10)).await;
    let raw = fake.container_state(&id).await.unwrap().raw;
    assert_eq!(raw["Name"], "/node-1.cluster");
    assert_eq!(raw["State"]["Status"], "running");
    assert_eq!(
        raw["NetworkSettings"]["Networks"]["cluster"]["IPAddress"],
        "10.9.1.10"
    );
}
