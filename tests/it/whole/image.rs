//! Images that are not there when a start wants them.

use super::{IMAGE, Stage, Wish, trouble};
use clusterdock::cli::start::Pull;
use clusterdock::engine::{EngineError, Fault, Image};
use clusterdock::error::{Error, Kind};
use clusterdock::event::Event;
use clusterdock::execution::stop::Stop;
use clusterdock::image::assemble::Recipe;
use clusterdock::image::registry::Registries;
use clusterdock::image::{Provider, Source, Wanted};
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};
use std::sync::{Arc, Mutex};

/// An engine without the image, and a registry that has it.
fn engine_with_registry() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.registry_has(IMAGE, Image { command: vec!["/bin/sleep".into()], ..Image::default() });
    fake
}

/// The image of the machine's own programs.
fn assembled() -> Wanted {
    let recipe = Recipe::resolve(&["sh".into(), "sleep".into(), "ls".into()]).unwrap();
    Wanted { reference: IMAGE.into(), source: Source::Assembled(Arc::new(recipe)) }
}

#[track_caller]
fn tells(error: &Error, kind: Kind, texts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for text in texts {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_neither_here_nor_to_be_pulled_is_named_and_nothing_is_made() {
    let fake = FakeEngine::new();
    let before = fake.snapshot();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    tells(&error, Kind::Image, &[IMAGE, "no such host"]);
    assert!(error.next_step().unwrap().contains("--operating-system"), "{error:?}");
    fake.registry_answers();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    tells(&error, Kind::Image, &[IMAGE, "manifest unknown"]);
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pulled_once_for_all_nodes() {
    let fake = engine_with_registry();
    Stage::new(&fake).start(Wish::of(&["a", "b"])).await.unwrap();
    assert_eq!((fake.count("pull_image"), fake.count("image")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_not_be_pulled_is_not() {
    let fake = engine_with_registry();
    let error = Stage::new(&fake).start(Wish::of(&["a"]).pull(Pull::Never)).await.unwrap_err();
    tells(&error, Kind::Image, &[IMAGE, "--pull never"]);
    assert_eq!(fake.count("pull_image"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_gone_is_not_an_image_that_is() {
    let fake = engine_with_registry();
    fake.fail(("pull_image", 0), EngineError::new(Fault::Unreachable, "nothing answers"));
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    tells(&error, Kind::Engine, &["nothing answers"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_with_a_pull_no_cluster_is_begun() {
    // A pull that says nothing any more is the engine's own business: it alone knows what progress is.
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Interrupts];
    let trials = for_every_call(
        &mishaps,
        async || engine_with_registry(),
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let stop = Arc::clone(&stage.stop);
            trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
            let done = trial.run(stage.start(Wish::of(&["a"]))).await.expect("nothing was abandoned");
            if trial.struck() && trial.fake.calls()[trial.call].method == "pull_image" {
                let kind = if trial.mishap == Mishap::Interrupts { Kind::Interrupted } else { Kind::Image };
                tells(&done.unwrap_err(), kind, &[]);
                assert_eq!(trial.fake.count("create_volume"), 0);
            }
        },
    );
    assert!(trials.await > 30);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_refuses_an_assembled_image_is_heard() {
    let fake = FakeEngine::new();
    let wish = Wish::of(&["a"]).image(assembled());
    fake.fail(("import_image", 0), trouble());
    let error = Stage::new(&fake).start(wish.clone()).await.unwrap_err();
    tells(&error, Kind::Image, &["failed to import the host image", "the engine is in trouble"]);
    Stage::new(&fake).start(wish).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_that_this_machine_lacks_is_told_whether_or_not_the_image_is_there() {
    let recipe = Recipe::resolve(&["sh".into(), "no-such-program".into()]).unwrap();
    let wanted = [Wanted { reference: IMAGE.into(), source: Source::Assembled(Arc::new(recipe)) }];
    for engine in [FakeEngine::new(), super::engine()] {
        let told = Mutex::new(Vec::new());
        let (registries, stop) = (Registries::new(None), Stop::new());
        let events = |event| told.lock().unwrap().push(event);
        let provider =
            Provider { engine: &engine, registries: &registries, pull: Pull::Missing, stop: &stop, events: &events };
        provider.provide(&wanted).await.unwrap();
        let lacks = format!("left out of image {IMAGE}: no-such-program: not on this machine");
        let told = told.into_inner().unwrap();
        let lacking = told.iter().filter(|event| **event == Event::Debug { message: lacks.clone() });
        assert_eq!(lacking.count(), 1, "{told:?}");
    }
}
