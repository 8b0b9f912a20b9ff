use std::io;

use bytes::Bytes;
use clusterdock::engine::{Credentials, Image, Login};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, iter};

use super::*;

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    builder
        .append_data(&mut header, "etc/motd", &b"hello"[..])
        .unwrap();
    builder.into_inner().unwrap()
}

fn pieces(bytes: Vec<u8>) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces: Vec<_> = bytes
        .chunks(100)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    iter(pieces).boxed()
}

#[tokio::test]
async fn an_image_is_found_by_reference_and_by_id() {
    let fake = fake();
    let image = fake
        .image("docker.io/library/debian:12")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(fake.image(&image.id).await.unwrap().unwrap(), image);
    assert_eq!(fake.image("debian").await.unwrap(), None);
    fake.seed().image("debian");
    assert!(fake.image("debian:latest").await.unwrap().is_some());
}

#[tokio::test]
async fn an_imported_archive_becomes_an_image_with_changes() {
    let fake = FakeEngine::new();
    let changes = [
        r#"ENTRYPOINT ["/sbin/tini", "--"]"#,
        r#"CMD ["bash"]"#,
        "LABEL a=b",
        "VOLUME /a /b",
    ]
    .map(String::from);
    fake.import_image("ours:1", &changes, pieces(archive()))
        .await
        .unwrap();
    let image = fake.image("ours:1").await.unwrap().unwrap();
    assert_eq!(image.command, ["/sbin/tini", "--", "bash"]);
    assert_eq!(image.labels["a"], "b");
    assert_eq!(image.volumes, ["/a", "/b"]);
    assert_eq!(image.size, archive().len() as u64);
}

#[tokio::test]
async fn a_broken_archive_creates_no_image() {
    let fake = FakeEngine::new();
    assert_eq!(
        fault(
            fake.import_image("ours:1", &[], pieces(vec![7; 2000]))
                .await
        )
        .0,
        Fault::Refused
    );
    let cut = pieces(archive())
        .take(3)
        .chain(iter([Err(io::Error::other("cut"))]))
        .boxed();
    assert!(
        fault(fake.import_image("ours:1", &[], cut).await)
            .1
            .contains("cut")
    );
    let unknown = ["COPY a b".to_string()];
    assert_eq!(
        fault(
            fake.import_image("ours:1", &unknown, pieces(archive()))
                .await
        )
        .0,
        Fault::Refused
    );
    assert_eq!(fake.image("ours:1").await.unwrap(), None);
}

#[tokio::test]
async fn an_image_is_pulled_if_a_registry_has_it() {
    let fake = FakeEngine::new();
    let mut seen = Vec::new();
    let nowhere = fake
        .pull_image("debian:12", None, &mut |progress| seen.push(progress))
        .await;
    assert!(fault(nowhere).1.ends_with("no such host"));
    fake.registry_answers();
    let unknown = fake
        .pull_image("debian:12", None, &mut |progress| seen.push(progress))
        .await;
    assert_eq!(fault(unknown).0, Fault::NotFound);
    assert!(seen.is_empty());
    fake.registry_has("debian:12", Image::default());
    fake.pull_image("docker.io/library/debian:12", None, &mut |progress| {
        seen.push(progress)
    })
    .await
    .unwrap();
    assert!(!seen.is_empty());
    assert!(fake.image("debian:12").await.unwrap().is_some());
}

#[tokio::test]
async fn moving_a_tag_leaves_the_old_image_untagged() {
    let fake = fake();
    let old = fake.image("debian:12").await.unwrap().unwrap();
    fake.import_image("debian:12", &[], pieces(archive()))
        .await
        .unwrap();
    assert_ne!(fake.image("debian:12").await.unwrap().unwrap().id, old.id);
    assert_eq!(fake.image(&old.id).await.unwrap().unwrap(), old);
}

#[tokio::test]
async fn a_pushed_image_can_be_pulled() {
    let fake = fake();
    let mut seen = Vec::new();
    let gone = fake
        .push_image("debian:12", None, &mut |progress| seen.push(progress))
        .await;
    assert_eq!(fault(gone).0, Fault::Registry);
    fake.registry_wants("me", "p");
    fake.registry_answers();
    let refused = fake
        .push_image("debian:12", None, &mut |progress| seen.push(progress))
        .await;
    assert_eq!(fault(refused).0, Fault::Unauthorized);
    let login = Login::Password {
        user: "me".into(),
        password: "p".into(),
    };
    let me = Credentials {
        server: "https://index.docker.io/v1/".into(),
        login,
    };
    let missing = fake
        .push_image("nobody:1", Some(&me), &mut |progress| seen.push(progress))
        .await;
    assert_eq!(fault(missing).0, Fault::NotFound);
    assert!(seen.is_empty());
    fake.push_image("debian:12", Some(&me), &mut |progress| seen.push(progress))
        .await
        .unwrap();
    assert!(!seen.is_empty());
    fake.pull_image("debian:12", Some(&me), &mut |_| {})
        .await
        .unwrap();
}
