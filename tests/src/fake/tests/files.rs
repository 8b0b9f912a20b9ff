use std::io;
use std::io::Read;

use bytes::Bytes;
use futures_util::stream::{BoxStream, iter};
use futures_util::{StreamExt, TryStreamExt};

use super::*;

/// An archive with one file.
fn archive(path: &str, contents: &[u8]) -> BoxStream<'static, io::Result<Bytes>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_uid(7);
    header.set_gid(8);
    header.set_size(contents.len() as u64);
    builder.append_data(&mut header, path, contents).unwrap();
    iter([Ok(Bytes::from(builder.into_inner().unwrap()))]).boxed()
}

/// Paths and contents of a container's archive.
async fn got(fake: &FakeEngine, id: &str, path: &str) -> Vec<(String, Vec<u8>)> {
    let pieces: Vec<Bytes> = fake
        .get_archive(id, path)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let bytes = pieces.concat();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        (
            String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
            contents,
        )
    });
    entries.collect()
}

#[tokio::test]
async fn files_can_be_written_and_read_while_stopped() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let long = vec![b'x'; 5000];
    fake.put_archive(&id, "/etc", archive("conf/app.ini", &long))
        .await
        .unwrap();
    assert_eq!(
        got(&fake, &id, "/etc/conf/app.ini").await,
        [("app.ini".into(), long.clone())]
    );
    assert_eq!(
        fake.read_file("node-1.cluster", "/etc/conf/app.ini"),
        Some(long)
    );
    assert_eq!(
        fake.file_owner(&id, "/etc/conf/app.ini"),
        Some((0o640, 7, 8))
    );
    fake.start_container(&id).await.unwrap();
    fake.stop_container(&id, 1).await.unwrap();
    assert!(fake.read_file(&id, "/etc/conf/app.ini").is_some());
}

#[tokio::test]
async fn a_folders_archive_begins_with_its_name_or_with_a_dot() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    fake.write_file(&id, "/opt/app/bin/run", "go");
    let names = async |path| {
        got(&fake, &id, path)
            .await
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/opt/app").await, ["app/", "app/bin/", "app/bin/run"]);
    assert_eq!(
        names("/opt/app/").await,
        ["app/", "app/bin/", "app/bin/run"]
    );
    assert_eq!(names("/opt/app/.").await, ["./", "./bin/", "./bin/run"]);
    assert_eq!(names("/").await[..3], ["./", "./bin/", "./etc/"]);
}

#[tokio::test]
async fn long_names_and_links_come_back_as_they_were() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let long = "l".repeat(200);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "link", "some/where")
        .unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, &long, &b"1"[..]).unwrap();
    let sent = iter([Ok(Bytes::from(builder.into_inner().unwrap()))]).boxed();
    fake.put_archive(&id, "/tmp", sent).await.unwrap();
    let pieces: Vec<Bytes> = fake
        .get_archive(&id, "/tmp")
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let bytes = pieces.concat();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let shown = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let link = entry
            .link_name()
            .unwrap()
            .map(|link| format!(" -> {}", link.display()));
        format!(
            "{}{}",
            entry.path().unwrap().display(),
            link.unwrap_or_default()
        )
    });
    let shown: Vec<_> = shown.collect();
    assert_eq!(
        shown,
        [
            "tmp/".to_string(),
            "tmp/link -> some/where".into(),
            format!("tmp/{long}")
        ]
    );
}

#[tokio::test]
async fn a_missing_file_is_not_found() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let (kind, message) = fault(fake.put_archive(&id, "/nosuch", archive("a", b"")).await);
    assert_eq!(
        (kind, message),
        (
            Fault::NotFound,
            format!("Could not find the file /nosuch in container {id}")
        )
    );
    assert_eq!(
        fault(fake.get_archive(&id, "/nosuch").await).0,
        Fault::NotFound
    );
    assert_eq!(
        fault(fake.get_archive("nobody", "/etc").await).0,
        Fault::NotFound
    );
    fake.write_file(&id, "/tmp/file", "");
    assert!(
        fault(fake.put_archive(&id, "/tmp/file", archive("a", b"")).await)
            .1
            .contains("not a directory")
    );
}

#[tokio::test]
async fn a_broken_archive_changes_nothing() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let before = fake.snapshot();
    let good: Vec<Bytes> = archive("a", b"1").try_collect().await.unwrap();
    let bad = [good[0].slice(..1024), Bytes::from_static(&[9; 512])];
    fault(
        fake.put_archive(&id, "/tmp", iter(bad.map(Ok)).boxed())
            .await,
    );
    assert_eq!(fake.snapshot(), before);
    fake.put_archive(&id, "/tmp", archive("a", b"1"))
        .await
        .unwrap();
    assert!(fake.snapshot().contains("/tmp/a:1"));
}
