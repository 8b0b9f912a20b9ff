//! Starts that end for reasons of their own, races between them, and what a start asks of the engine.

use super::{IMAGE, Stage, Wish, engine};
use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::Kind;
use clusterdock_plugin_api::{Port, Probe};
use clusterdock_tests::fake::{EngineGeneration, ExecAnswer, FakeEngine, Program};
use futures_util::future::join_all;

#[tokio::test(start_paused = true)]
async fn a_start_asks_nothing_twice() {
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a", "b"])).await.unwrap();
    let mut calls: Vec<String> = fake.calls().iter().map(|call| call.method.to_string()).collect();
    calls.sort();
    let expected = [
        "containers", // what is there
        "containers", // whether every node still runs
        "create_container",
        "create_container",
        "create_network",
        "create_volume",
        "deaths",
        "image",
        "missing_capabilities",
        "networks",
        "remove_volume",
        "start_container",
        "start_container",
        "volumes",
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_ends_the_start_at_once_and_its_last_words_are_told() {
    let fake = engine();
    fake.program("b.cluster", Program::dies(3).says("about to fail").complains("no disk"));
    fake.on_exec(|_| ExecAnswer::failure(1));
    let before = fake.snapshot();
    let stage = Stage::new(&fake);
    let began = tokio::time::Instant::now();
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("false")));
    let error = stage.start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Node, "{error}");
    let told = error.to_string();
    for text in ["node `b.cluster` died", "exit code 3", "no disk"] {
        assert!(told.contains(text), "{told}");
    }
    assert!(began.elapsed().as_secs() < 5, "it waited for {:?}", began.elapsed());
    assert_eq!(fake.snapshot(), before);
    let logs = stage.places.config.join("logs");
    let folder = std::fs::read_dir(&logs).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_to_string(folder.join("b.cluster.log")).unwrap();
    assert!(log.contains("about to fail"), "{log}");
    assert!(error.next_step().unwrap().contains(&folder.display().to_string()), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_probes_that_dies_is_no_started_cluster() {
    let fake = engine();
    fake.program("a.cluster", Program::dies(1));
    let before = fake.snapshot();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Node, "{error}");
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_holds_is_a_time_out_and_names_the_node_and_the_probe() {
    let fake = engine();
    fake.on_exec(|_| ExecAnswer::failure(1));
    let before = fake.snapshot();
    let wish = Wish::of(&["a"]).each(|node| node.ready_when(Probe::command("false")));
    let error = Stage::new(&fake).start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    for text in ["1m", "a.cluster", "command `false`"] {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_kept_is_kept_and_told() {
    let fake = engine();
    fake.program("b.cluster", Program::dies(1));
    let stage = Stage::new(&fake);
    let mut wish = Wish::of(&["a", "b"]);
    wish.keep = true;
    stage.start(wish).await.unwrap_err();
    assert_eq!(stage.clusters().await.len(), 1);
    assert!(stage.story.text().contains("clusterdock rm lab"), "{}", stage.story.text());
}

#[tokio::test(start_paused = true)]
async fn a_host_port_that_is_taken_in_the_engine_is_a_conflict() {
    let fake = engine();
    fake.fail(("start_container", 1), EngineError::new(Fault::PortTaken, "port is already allocated"));
    let before = fake.snapshot();
    let wish = Wish::of(&["a", "b"]).each(|node| node.port(Port::tcp(80)));
    let error = Stage::new(&fake).start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_image_called_like_a_network_is_still_an_image() {
    let fake = engine();
    let missing = EngineError::new(Fault::NotFound, "No such image: my/network:1");
    fake.fail(("create_container", 0), missing);
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
}

/// Eight stages on one fresh engine of each generation, with locks in common and without.
async fn eight(check: impl AsyncFn(&FakeEngine, &[Stage])) {
    for generation in [EngineGeneration::V20, EngineGeneration::V26, EngineGeneration::V29] {
        for share in [true, false] {
            let fake = FakeEngine::of(generation);
            fake.seed().image(IMAGE);
            let config = tempfile::tempdir().unwrap();
            let stage = || if share { Stage::sharing(&fake, config.path()) } else { Stage::new(&fake) };
            let stages: Vec<Stage> = (0..8).map(|_| stage()).collect();
            check(&fake, &stages).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_eight_starts_with_the_same_host_names_one_wins() {
    eight(async |_, stages| {
        let starts = stages.iter().enumerate();
        let starts = starts.map(|(n, stage)| stage.start(Wish::of(&["a", "b"]).cluster(format!("lab-{n}"))));
        let results = join_all(starts).await;
        let kinds: Vec<Kind> = results.iter().filter_map(|result| Some(result.as_ref().err()?.kind())).collect();
        assert_eq!(kinds, [Kind::Conflict; 7], "{results:#?}");
        let left = stages[0].clusters().await;
        assert_eq!((left.len(), left[0].nodes.len()), (1, 2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn eight_starts_with_names_of_their_own_share_one_new_network() {
    eight(async |fake, stages| {
        let starts = stages.iter().enumerate().map(async |(n, stage)| {
            let names = [format!("a{n}"), format!("b{n}")];
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            stage.start(Wish::of(&names).cluster(format!("lab-{n}"))).await
        });
        let results = join_all(starts).await;
        assert!(results.iter().all(Result::is_ok), "{results:#?}");
        let networks = fake.snapshot().lines().filter(|line| line.starts_with("network cluster")).count();
        assert_eq!(networks, 1, "{}", fake.snapshot());
        assert_eq!(stages[0].clusters().await.len(), 8);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_old_engine_elsewhere_that_lacks_a_capability_gets_the_rest() {
    for lacking in ["SYS_RESOURCE", "SYS_ADMIN"] {
        let fake = FakeEngine::at("tcp://elsewhere:2375", EngineGeneration::V20);
        fake.seed().image(IMAGE);
        fake.lack_capability(lacking);
        let stage = Stage::new(&fake);
        stage.start(Wish::of(&["a", "b"])).await.unwrap();
        let story = stage.story.text();
        assert!(story.contains(&format!("CAP_{lacking}")), "{story}");
        assert_eq!(stage.clusters().await[0].nodes.len(), 2);
    }
}
