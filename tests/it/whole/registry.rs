//! Images that are pulled and pushed, and the credentials for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use clusterdock::engine::{Credentials, Image, Login};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::image::build_context::Context;
use clusterdock::image::pull::Pull;
use clusterdock::image::{Provider, Source, Wanted};
use clusterdock::start::start_images;
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};

use super::{IMAGE, LabHook, Stage, Wish, engine};

/// user:secret, for Docker Hub.
const LOGIN: &str = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpzZWNyZXQ="}}}"#;

/// Provides these images as a start does.
async fn provide(stage: &Stage, wanted: &[Wanted], pull: Pull) -> Result<BTreeMap<String, Image>> {
    let session = stage.session();
    let events = |event| session.event(event);
    let provider = Provider {
        engine: session.engine,
        registries: &session.registries,
        pull,
        cancellation: session.cancellation,
        events: &events,
    };
    start_images::provide(&provider, wanted).await
}

/// Gives the stage this Docker configuration.
fn configure(stage: &Stage, text: &str) {
    std::fs::write(
        stage
            .paths
            .docker_config
            .as_ref()
            .unwrap()
            .join("config.json"),
        text,
    )
    .unwrap();
}

fn named(references: &[&str]) -> Vec<Wanted> {
    references
        .iter()
        .map(|reference| Wanted::named(reference).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn distinct_images_are_pulled_once_and_in_parallel() {
    let fake = FakeEngine::new();
    let references = ["lab/a:1", "lab/b:1", "r.example/c:1"];
    references
        .iter()
        .for_each(|reference| fake.registry_has(reference, Image::default()));
    let stage = Stage::new(&fake);
    provide(&stage, &named(&references), Pull::Missing)
        .await
        .unwrap();
    assert_eq!(
        (fake.count("pull_image"), fake.most_at_once(&["pull_image"])),
        (3, 3)
    );
    for (pull, pulls) in [(Pull::Missing, 3), (Pull::Never, 3), (Pull::Always, 6)] {
        provide(&stage, &named(&references), pull).await.unwrap();
        assert_eq!(fake.count("pull_image"), pulls, "{pull:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pull_uses_the_login_of_the_docker_configuration() {
    let fake = FakeEngine::new();
    fake.registry_has(
        IMAGE,
        Image {
            command: vec!["/bin/sleep".into()],
            ..Image::default()
        },
    );
    fake.registry_wants("user", "secret");
    let stage = Stage::new(&fake);
    let nobody = stage.start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(nobody.kind(), Kind::Image);
    assert!(
        nobody
            .to_string()
            .contains("registry `docker.io` requires a login"),
        "{nobody}"
    );
    assert!(
        nobody.next_step().unwrap().contains("docker login"),
        "{nobody:?}"
    );
    configure(&stage, LOGIN);
    stage.start(Wish::of(&["a"])).await.unwrap();
    configure(&stage, "no JSON");
    let broken = provide(&stage, &named(&["lab/b:1"]), Pull::Missing)
        .await
        .unwrap_err();
    // Without that login, as docker does.
    assert!(
        broken
            .to_string()
            .contains("registry `docker.io` requires a login"),
        "{broken}"
    );
    assert!(
        stage
            .story
            .text()
            .contains("config.json cannot be read and is ignored"),
        "{}",
        stage.story.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_pull_of_a_present_image_suggests_using_it() {
    let fake = engine();
    let error = Stage::new(&fake)
        .start(Wish::of(&["a"]).pull(Pull::Always))
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        format!("image `{IMAGE}` could not be pulled")
    );
    assert!(
        error.next_step().unwrap().contains("omit --always-pull"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_gets_proxies_arguments_and_credentials() {
    let fake = FakeEngine::new();
    let stage = Stage::new(&fake);
    let proxies = r#", "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "a"}}}"#;
    configure(&stage, &LOGIN.replacen("}}}", &format!("}}}}{proxies}"), 1));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("Dockerfile"),
        "FROM debian:12\nFROM r.example/tools\n",
    )
    .unwrap();
    let given = BTreeMap::from([("http_proxy", "mine"), ("VERSION", "3")]);
    let arguments = given
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let context = Context {
        folder: folder.path().into(),
        dockerfile: "Dockerfile".into(),
        arguments,
    };
    let wanted = Wanted {
        reference: IMAGE.into(),
        source: Source::Built(context),
    };
    provide(&stage, &[wanted], Pull::Missing).await.unwrap();
    let [build] = &fake.builds()[..] else {
        panic!("it was not built once")
    };
    let given: Vec<String> = build
        .arguments
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        given,
        [
            "HTTP_PROXY=http://p:1",
            "NO_PROXY=a",
            "VERSION=3",
            "http_proxy=mine",
            "no_proxy=a"
        ]
    );
    let login = Login::Password {
        user: "user".into(),
        password: "secret".into(),
    };
    assert_eq!(
        build.credentials,
        [Credentials {
            server: "https://index.docker.io/v1/".into(),
            login
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_no_reason_to_build() {
    let fake = FakeEngine::new();
    let stage = Stage::new(&fake);
    configure(&stage, r#"{"credsStore": "of-nobody-at-all"}"#);
    let context = Context {
        folder: "/nowhere".into(),
        dockerfile: "Dockerfile".into(),
        ..Context::default()
    };
    let wanted = Wanted {
        reference: IMAGE.into(),
        source: Source::Built(context),
    };
    let error = provide(&stage, &[wanted], Pull::Missing).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("`docker-credential-of-nobody-at-all`"),
        "{error}"
    );
    assert_eq!((error.kind(), fake.calls().len()), (Kind::Image, 1));
}

#[tokio::test(start_paused = true)]
async fn an_image_of_a_hook_is_pushed_once_on_request() {
    let fake = engine();
    fake.registry_wants("user", "secret");
    fake.registry_answers();
    let stage = Stage::new(&fake);
    let wish = Wish::of(&["a"]).hook(LabHook::Publishes);
    let nobody = stage.start(wish.clone()).await.unwrap_err();
    assert_eq!(nobody.kind(), Kind::Hook);
    assert!(nobody.to_string().contains("docker login"), "{nobody}");
    configure(&stage, LOGIN);
    fake.forget_calls();
    let started = stage.start(wish).await.unwrap();
    assert_eq!(
        (fake.count("push_image"), fake.registry()),
        (1, vec!["lab/made:1".to_string()])
    );
    let made: Vec<(&str, bool)> = started
        .created_images
        .iter()
        .map(|image| (&*image.reference, image.pushed))
        .collect();
    assert_eq!(made, [("lab/kept:1", false), ("lab/made:1", true)]);
}

#[tokio::test(start_paused = true)]
async fn a_pushing_hook_leaves_only_images_on_any_failure() {
    let without_images = |snapshot: &str| {
        let lines: Vec<String> = snapshot
            .lines()
            .filter(|line| !line.starts_with("image "))
            .map(str::to_string)
            .collect();
        lines
    };
    let seed = async || {
        let fake = engine();
        fake.registry_answers();
        fake
    };
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Interrupts];
    let trials = for_every_call(&mishaps, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let wish = Wish::of(&["a"]).hook(LabHook::Publishes);
        let done = trial
            .run(stage.start(wish))
            .await
            .expect("nothing was abandoned");
        if done.is_err() {
            assert_eq!(
                without_images(&trial.fake.snapshot()),
                without_images(trial.before())
            );
        }
    });
    assert!(trials.await > 40);
}
