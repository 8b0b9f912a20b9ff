//! Images that are missing at the start.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use clusterdock::cancellation::Cancellation;
use clusterdock::cluster::labels;
use clusterdock::engine::{EngineError, Fault, GuardedEngine, Image, Labels};
use clusterdock::error::{Error, Kind};
use clusterdock::event::Event;
use clusterdock::image::build_context::Context;
use clusterdock::image::pull::Pull;
use clusterdock::image::registry::Registries;
use clusterdock::image::{Provider, Source, Wanted};
use clusterdock::report::Format;
use clusterdock::rootfs::Recipe;
use clusterdock::start::start_images;
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};

use super::{CLUSTER, IMAGE, Stage, Wish, trouble};

/// An engine without the image, and a registry that has it.
fn engine_with_registry() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.registry_has(
        IMAGE,
        Image {
            command: vec!["/bin/sleep".into()],
            ..Image::default()
        },
    );
    fake
}

/// The image assembled from local programs.
fn assembled() -> Wanted {
    let recipe = Recipe::resolve(&["sh".into(), "sleep".into(), "ls".into()]).unwrap();
    Wanted {
        reference: IMAGE.into(),
        source: Source::Assembled(Arc::new(recipe)),
    }
}

#[track_caller]
fn assert_error(error: &Error, kind: Kind, texts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for text in texts {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_image_is_named_and_nothing_is_created() {
    let fake = FakeEngine::new();
    let before = fake.snapshot();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_error(&error, Kind::Image, &[IMAGE, "no such host"]);
    assert!(
        error.next_step().unwrap().contains("--operating-system"),
        "{error:?}"
    );
    fake.registry_answers();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_error(&error, Kind::Image, &[IMAGE, "manifest unknown"]);
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pulled_once_for_all_nodes() {
    let fake = engine_with_registry();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b"]))
        .await
        .unwrap();
    assert_eq!((fake.count("pull_image"), fake.count("image")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn pull_never_pulls_nothing() {
    let fake = engine_with_registry();
    let error = Stage::new(&fake)
        .start(Wish::of(&["a"]).pull(Pull::Never))
        .await
        .unwrap_err();
    assert_error(&error, Kind::Image, &[IMAGE, "--pull never"]);
    assert_eq!(fake.count("pull_image"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_engine_is_not_a_missing_image() {
    let fake = engine_with_registry();
    fake.fail(
        ("pull_image", 0),
        EngineError::new(Fault::Unreachable, "nothing answers"),
    );
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_error(&error, Kind::Engine, &["nothing answers"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_pull_begins_no_cluster() {
    // A silent pull is not interrupted: only the engine knows whether it makes progress.
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Interrupts];
    let trials = for_every_call(
        &mishaps,
        async || engine_with_registry(),
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let cancellation = Arc::clone(&stage.cancellation);
            trial.on_interrupt(move || {
                cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
            });
            let done = trial
                .run(stage.start(Wish::of(&["a"])))
                .await
                .expect("nothing was abandoned");
            if trial.struck() && trial.fake.calls()[trial.call].method == "pull_image" {
                let kind = if trial.mishap == Mishap::Interrupts {
                    Kind::Interrupted
                } else {
                    Kind::Image
                };
                assert_error(&done.unwrap_err(), kind, &[]);
                assert_eq!(trial.fake.count("create_volume"), 0);
            }
        },
    );
    assert!(trials.await > 30);
}

#[tokio::test(start_paused = true)]
async fn an_assembled_image_the_engine_refuses_is_reported() {
    let fake = FakeEngine::new();
    let wish = Wish::of(&["a"]).image(assembled());
    fake.fail(("import_image", 0), trouble());
    let error = Stage::new(&fake).start(wish.clone()).await.unwrap_err();
    assert_error(
        &error,
        Kind::Image,
        &[
            "failed to import the `host` image",
            "the engine is in trouble",
        ],
    );
    Stage::new(&fake).start(wish).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_missing_on_this_machine_is_always_reported() {
    let recipe = Recipe::resolve(&["sh".into(), "no-such-program".into()]).unwrap();
    let wanted = [Wanted {
        reference: IMAGE.into(),
        source: Source::Assembled(Arc::new(recipe)),
    }];
    for engine in [FakeEngine::new(), super::engine()] {
        let reported = Mutex::new(Vec::new());
        let (registries, cancellation) =
            (Registries::new(None, Arc::new(|_| ())), Cancellation::new());
        let events = |event| reported.lock().unwrap().push(event);
        let provider = Provider {
            engine: GuardedEngine::new(&engine),
            registries: &registries,
            pull: Pull::Missing,
            cancellation: &cancellation,
            events: &events,
        };
        start_images::provide(&provider, &wanted).await.unwrap();
        let lacks = format!("left out of image {IMAGE}: no-such-program: not installed");
        let reported = reported.into_inner().unwrap();
        let lacking = reported.iter().filter(|event| {
            **event
                == Event::Debug {
                    message: lacks.clone(),
                }
        });
        assert_eq!(lacking.count(), 1, "{reported:?}");
    }
}

/// The image of a Dockerfile in this folder.
fn built(folder: &Path) -> Wanted {
    let context = Context {
        folder: folder.into(),
        dockerfile: "Dockerfile".into(),
        ..Context::default()
    };
    Wanted {
        reference: IMAGE.into(),
        source: Source::Built(context),
    }
}

/// A folder with a Dockerfile, a file, and a file that is not sent.
fn context() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("Dockerfile", "FROM scratch\n"),
        ("a.txt", "one"),
        ("a.log", "noise"),
        (".dockerignore", "*.log\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

impl Stage {
    /// What the image needs, as a dry run prints it.
    async fn image_steps(&self, image: &Wanted) -> Vec<String> {
        let before = self.story.text().len();
        let wish = Wish::of(&["a"]).image(image.clone());
        self.start_or_print(wish, Some(Format::Table))
            .await
            .unwrap();
        let printed = self.story.text()[before..].to_string();
        let steps = printed.lines().filter(|line| line.contains(IMAGE));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_step = |line: &String| line.ends_with(IMAGE);
        steps.map(words).filter(is_step).collect()
    }

    async fn start_and_remove(&self, image: &Wanted) {
        self.start(Wish::of(&["a"]).image(image.clone()))
            .await
            .unwrap();
        self.rm(&[CLUSTER]).await.unwrap();
    }
}

#[tokio::test]
async fn an_image_is_built_again_only_if_its_context_has_changed() {
    let (fake, folder) = (FakeEngine::new(), context());
    let (stage, image) = (Stage::new(&fake), built(folder.path()));
    let file = |name: &str| folder.path().join(name);
    let none: [&str; 0] = [];
    assert_eq!(
        stage.image_steps(&image).await,
        [format!("pull or build image {IMAGE}")]
    );
    stage.start_and_remove(&image).await;
    assert_eq!(stage.image_steps(&image).await, none);
    // Changes of ignored files and of times do not count.
    fs::write(file("a.log"), "more noise").unwrap();
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let touched = File::options().write(true).open(file("a.txt")).unwrap();
    touched.set_modified(past).unwrap();
    assert_eq!(stage.image_steps(&image).await, none);
    for (number, (name, text)) in [
        ("a.txt", "two"),
        ("b.txt", ""),
        ("Dockerfile", "FROM scratch\nLABEL a=b\n"),
        (".dockerignore", "# nothing\n"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(file(name), text).unwrap();
        assert_eq!(
            stage.image_steps(&image).await,
            [format!("rebuild image {IMAGE}")],
            "{name}"
        );
        stage.start_and_remove(&image).await;
        assert_eq!(fake.builds().len(), 2 + number, "{name}");
        assert_eq!(stage.image_steps(&image).await, none, "{name}");
    }
    let said = format!("Image {IMAGE} is built again: its context has changed");
    assert_eq!(stage.story.text().matches(&said).count(), 4);
    // As for a topology that is given without its contexts.
    fs::remove_file(file("Dockerfile")).unwrap();
    stage.start_and_remove(&image).await;
    assert_eq!(fake.builds().len(), 5);
}

#[tokio::test]
async fn an_image_that_does_not_say_what_it_was_built_from_is_used() {
    let folder = context();
    let image = built(folder.path());
    for labels in [
        Labels::new(),
        labels::of_built("clusterdock/topology_base:1", "0"),
        Labels::from([(labels::CONTEXT.to_string(), String::new())]),
    ] {
        let fake = FakeEngine::new();
        let seeded = Image {
            labels,
            ..Image::default()
        };
        fake.seed().image_as(IMAGE, seeded);
        Stage::new(&fake).start_and_remove(&image).await;
        assert_eq!(fake.builds().len(), 0);
    }
    // Of another registry or namespace, it is the same image.
    let fake = FakeEngine::new();
    let seeded = Image {
        labels: labels::of_built("registry.example/team/topology_lab:1", "0"),
        ..Image::default()
    };
    fake.seed().image_as(IMAGE, seeded);
    Stage::new(&fake).start_and_remove(&image).await;
    assert_eq!(fake.builds().len(), 1);
}
