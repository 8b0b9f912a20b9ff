use bytes::Bytes;
use clusterdock::engine::{FileKind, Filter, Image, Volume, VolumeMount};
use clusterdock_plugin_wire::Volume as Mount;
use futures_util::{StreamExt, stream};

use super::*;

fn volume(name: &str, label: &str) -> Volume {
    Volume {
        name: name.into(),
        labels: Labels::from([("run".into(), label.into())]),
    }
}

#[tokio::test]
async fn a_volume_is_created_listed_and_removed_once() {
    let fake = FakeEngine::new();
    fake.create_volume(&volume("data", "one")).await.unwrap();
    assert_eq!(
        fake.volumes(&Filter::is("run", "one")).await.unwrap(),
        [volume("data", "one")]
    );
    assert!(
        fake.volumes(&Filter::is("run", "two"))
            .await
            .unwrap()
            .is_empty()
    );
    fake.remove_volume("data").await.unwrap();
    assert_eq!(
        fault(fake.remove_volume("data").await),
        (Fault::NotFound, "get data: no such volume".into())
    );
}

#[tokio::test]
async fn creating_a_volume_again_changes_nothing() {
    let fake = FakeEngine::new();
    fake.create_volume(&volume("data", "one")).await.unwrap();
    assert_eq!(
        fake.create_volume(&volume("data", "two")).await.unwrap(),
        volume("data", "one")
    );
    assert_eq!(
        fake.volumes(&Filter::all()).await.unwrap(),
        [volume("data", "one")]
    );
}

#[tokio::test]
async fn a_named_volume_outlives_its_container() {
    let fake = fake();
    let mut spec = node("node-1");
    spec.settings.volumes = vec![Mount::named("data", "/data"), Mount::bind("/srv", "/srv")];
    let id = fake.create_container(&spec).await.unwrap();
    assert_eq!(fault(fake.remove_volume("data").await).0, Fault::InUse);
    fake.remove_container(&id).await.unwrap();
    fake.remove_volume("data").await.unwrap();
}

#[tokio::test]
async fn anonymous_volumes_go_with_the_last_container() {
    let fake = FakeEngine::new();
    let image = |volumes: &[&str]| Image {
        volumes: volumes.iter().map(|path| path.to_string()).collect(),
        ..Image::default()
    };
    fake.seed()
        .image_as("debian:12", image(&["/a", "/b"]))
        .image_as("other:1", image(&["/c"]));
    let before = fake.snapshot();
    let mut spec = node("node-1");
    let other = ContainerSpec {
        image: "other:1".into(),
        network: String::new(),
        ..node("other")
    };
    let other_id = fake.create_container(&other).await.unwrap();
    // The bind mount replaces one of the image's volumes.
    spec.settings.volumes = vec![Mount::anonymous("/x"), Mount::bind("/srv", "/a")];
    spec.volumes_from = vec![format!("{}:ro", other.name)];
    let id = fake.create_container(&spec).await.unwrap();
    assert_eq!(fake.volumes(&Filter::all()).await.unwrap().len(), 3);
    fake.remove_container(&other_id).await.unwrap();
    assert_eq!(fake.volumes(&Filter::all()).await.unwrap().len(), 3);
    fake.remove_container(&id).await.unwrap();
    assert_eq!(fake.snapshot(), before);
}

/// A container with the volume `data` at `/data`, labelled `mounted` if it does not exist.
fn with_mount(hostname: &str) -> ContainerSpec {
    ContainerSpec {
        mounts: vec![VolumeMount {
            volume: volume("data", "mounted"),
            path: "/data".into(),
        }],
        ..node(hostname)
    }
}

#[tokio::test]
async fn a_missing_volume_is_created_with_the_mounts_labels() {
    let fake = fake();
    let id = fake.create_container(&with_mount("node-1")).await.unwrap();
    assert_eq!(
        fake.volumes(&Filter::all()).await.unwrap(),
        [volume("data", "mounted")]
    );
    fake.remove_container(&id).await.unwrap();
    fake.remove_volume("data").await.unwrap();
    fake.create_volume(&volume("data", "one")).await.unwrap();
    fake.create_container(&with_mount("node-1")).await.unwrap();
    assert_eq!(
        fake.volumes(&Filter::all()).await.unwrap(),
        [volume("data", "one")]
    );
}

#[tokio::test]
async fn a_volume_is_shared_by_its_containers() {
    let fake = fake_with_network();
    let one = started(&fake, &with_mount("node-1")).await;
    let other = fake.create_container(&with_mount("node-2")).await.unwrap();
    let archive = clusterdock::archive::one_file("/inner/file", b"text", 0o640, (7, 8)).unwrap();
    fake.put_archive(
        &one,
        "/data",
        stream::iter([Ok(Bytes::from(archive))]).boxed(),
    )
    .await
    .unwrap();
    assert_eq!(
        fake.file(&other, "/data/inner/file").await.unwrap(),
        Some(FileKind::File)
    );
    assert_eq!(
        fake.read_file("node-2.cluster", "/data/inner/file")
            .unwrap(),
        b"text"
    );
    assert_eq!(
        fake.file_owner("node-2.cluster", "/data/inner/file"),
        Some((0o640, 7, 8))
    );
    fake.write_file("node-2.cluster", "/etc/own", "own");
    assert_eq!(fake.file(&one, "/etc/own").await.unwrap(), None);
    // Only containers without a volume of that name have lost them.
    fake.remove_container(&one).await.unwrap();
    let mut third = node("node-3");
    third.settings.volumes = vec![Mount::named("data", "/mnt/deep")];
    fake.create_container(&third).await.unwrap();
    assert_eq!(
        fake.read_file("node-3.cluster", "/mnt/deep/inner/file")
            .unwrap(),
        b"text"
    );
    let shown = fake.snapshot();
    assert!(
        shown.contains("volume data files=[/inner:0, /inner/file:4]"),
        "{shown}"
    );
    assert!(!shown.contains("data/inner/file"), "{shown}");
}

#[tokio::test]
async fn a_prune_spares_volumes_of_containers() {
    let fake = fake();
    fake.create_volume(&volume("unused", "one")).await.unwrap();
    let id = fake.create_container(&with_mount("node-1")).await.unwrap();
    fake.prune_volumes();
    assert_eq!(
        fake.volumes(&Filter::all()).await.unwrap(),
        [volume("data", "mounted")]
    );
    assert_eq!(fault(fake.remove_volume("data").await).0, Fault::InUse);
    fake.remove_container(&id).await.unwrap();
    fake.prune_volumes();
    assert!(fake.volumes(&Filter::all()).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_volumes_at_one_path_are_refused() {
    let fake = fake();
    let mut spec = with_mount("node-1");
    spec.settings.volumes = vec![Mount::named("other", "/data/")];
    let before = fake.snapshot();
    let refused = fault(fake.create_container(&spec).await);
    assert_eq!(
        refused,
        (Fault::Refused, "Duplicate mount point: /data".into())
    );
    assert_eq!(fake.snapshot(), before);
}
