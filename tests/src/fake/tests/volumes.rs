use super::*;
use clusterdock::engine::{Filter, Image, Volume};
use clusterdock_plugin_api::Volume as Mount;

fn volume(name: &str, label: &str) -> Volume {
    Volume { name: name.into(), labels: Labels::from([("run".into(), label.into())]) }
}

#[tokio::test]
async fn a_volume_is_made_listed_and_removed_once() {
    let fake = FakeEngine::new();
    fake.create_volume(&volume("data", "one")).await.unwrap();
    assert_eq!(fake.volumes(&Filter::is("run", "one")).await.unwrap(), [volume("data", "one")]);
    assert!(fake.volumes(&Filter::is("run", "two")).await.unwrap().is_empty());
    fake.remove_volume("data").await.unwrap();
    assert_eq!(fault(fake.remove_volume("data").await), (Fault::NotFound, "get data: no such volume".into()));
}

#[tokio::test]
async fn making_a_volume_again_succeeds_and_changes_nothing() {
    let fake = FakeEngine::new();
    fake.create_volume(&volume("data", "one")).await.unwrap();
    fake.create_volume(&volume("data", "two")).await.unwrap();
    assert_eq!(fake.volumes(&Filter::all()).await.unwrap(), [volume("data", "one")]);
}

#[tokio::test]
async fn a_named_volume_is_made_with_its_container_and_outlives_it() {
    let fake = fake();
    let mut spec = node("node-1");
    spec.settings.volumes = vec![Mount::named("data", "/data"), Mount::bind("/srv", "/srv")];
    let id = fake.create_container(&spec).await.unwrap();
    assert_eq!(fault(fake.remove_volume("data").await).0, Fault::InUse);
    fake.remove_container(&id).await.unwrap();
    fake.remove_volume("data").await.unwrap();
}

#[tokio::test]
async fn anonymous_volumes_go_with_the_last_container_that_has_them() {
    let fake = FakeEngine::new();
    let image =
        |volumes: &[&str]| Image { volumes: volumes.iter().map(|path| path.to_string()).collect(), ..Image::default() };
    fake.seed().image_as("debian:12", image(&["/a", "/b"])).image_as("other:1", image(&["/c"]));
    let before = fake.snapshot();
    let mut spec = node("node-1");
    let other = ContainerSpec { image: "other:1".into(), network: String::new(), ..node("other") };
    let other_id = fake.create_container(&other).await.unwrap();
    // The bind takes the place of one of the image's own.
    spec.settings.volumes = vec![Mount::anonymous("/x"), Mount::bind("/srv", "/a")];
    spec.volumes_from = vec![format!("{}:ro", other.name)];
    let id = fake.create_container(&spec).await.unwrap();
    assert_eq!(fake.volumes(&Filter::all()).await.unwrap().len(), 3);
    fake.remove_container(&other_id).await.unwrap();
    assert_eq!(fake.volumes(&Filter::all()).await.unwrap().len(), 3);
    fake.remove_container(&id).await.unwrap();
    assert_eq!(fake.snapshot(), before);
}
