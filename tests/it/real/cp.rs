//! Copies on a real engine, compared with `docker cp` and with the files that exist afterwards.

mod rules;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clusterdock_tests::run::assert_success;
use clusterdock_tests::scene::{Scene, skipped};

/// Creates the files to copy.
const SOURCES: &str = "mkdir -p folder/sub folder/empty; echo new >file; echo a >folder/a; echo b >folder/sub/b
chmod 751 folder; chmod 640 folder/a; ln -s folder to-folder; ln -s file to-file; ln -s gone to-nothing";

/// What a script writes that runs in a folder of this machine.
fn here(folder: &Path, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-ec", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn started(what: &str) -> Option<Scene> {
    let scene = Scene::new(what)?;
    scene.start().succeeds();
    Some(scene)
}

#[test]
fn sockets_and_pipes_are_skipped_with_a_warning() {
    let Some(scene) = started("cp-special") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    here(folder.path(), "mkfifo pipe; echo 1 >file");
    let path = folder.path().display().to_string();
    let ran = scene
        .run(["cp", &path, &format!("{}:/tmp/x", scene.fqdn("node-1"))])
        .succeeds();
    assert!(
        ran.stderr.contains("/socket`: it is a socket")
            && ran.stderr.contains("/pipe`: it is a pipe")
    );
    assert_eq!(scene.on_node("node-1", "ls /tmp/x"), "file");
    scene.on_node("node-1", "mkfifo /tmp/x/pipe; mknod /tmp/x/null c 1 3");
    let ran = scene
        .run([
            "cp",
            &format!("{}:/tmp/x", scene.fqdn("node-1")),
            &format!("{path}/back"),
        ])
        .succeeds();
    assert!(
        ran.stderr.contains("/pipe`: it is a pipe")
            && ran.stderr.contains("/null`: it is a device")
    );
    assert_eq!(here(folder.path(), "ls back"), "file\n");
}

#[test]
fn a_stopped_node_can_be_copied_to_and_from() {
    let Some(scene) = started("cp-stopped") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    scene.docker_says(&["stop", "-t", "1", &scene.fqdn("node-1")]);
    let there = format!("{}/node-1:/opt", scene.name);
    scene
        .run([
            "cp",
            &folder.path().join("folder").display().to_string(),
            &there,
        ])
        .succeeds();
    scene
        .run([
            "cp",
            &format!("{there}/folder"),
            &folder.path().join("back").display().to_string(),
        ])
        .succeeds();
    assert_eq!(
        here(folder.path(), "diff -r folder back && echo same"),
        "same\n"
    );
    scene
        .run([
            "cp",
            &format!("{there}/folder"),
            &format!("{}/node-2:/opt/copy", scene.name),
        ])
        .succeeds();
    assert_eq!(scene.on_node("node-2", "cat /opt/copy/sub/b"), "b");
}

/// The program, with standard input and output as pipes.
fn piped(scene: &Scene, arguments: &[&str]) -> Child {
    scene
        .run(arguments.iter().copied())
        .command()
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn tars_go_through_pipes() {
    let Some(scene) = started("cp-pipe") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    let node = scene.fqdn("node-1");
    for (kind, flags) in [("plain", "cf"), ("gzip", "czf")] {
        let tar = Command::new("tar")
            .args([flags, "-", "--owner=:77", "--group=:88", "."])
            .current_dir(folder.path())
            .output()
            .unwrap()
            .stdout;
        let into = format!("/tmp/{kind}");
        scene.on_node("node-1", &format!("mkdir {into}"));
        let mut child = piped(&scene, &["cp", "-", &format!("{node}:{into}")]);
        child.stdin.take().unwrap().write_all(&tar).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_success(&output);
        assert_eq!(
            scene.on_node(
                "node-1",
                &format!("cat {into}/folder/sub/b; stat -c '%u %g' {into}/file")
            ),
            "b\n77 88"
        );
    }
    let output = scene
        .run(["cp", &format!("{node}:/tmp/plain/."), "-"])
        .command()
        .output()
        .unwrap();
    assert!(output.status.success());
    fs::write(folder.path().join("out.tar"), &output.stdout).unwrap();
    here(
        folder.path(),
        "mkdir out; tar xf out.tar -C out; rm out.tar; cd out; diff -r --no-dereference folder ../folder",
    );
    // A reader that closes the pipe ends it without an error.
    let mut child = piped(&scene, &["cp", &format!("{node}:/usr"), "-"]);
    let mut beginning = [0; 512];
    child
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut beginning)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_success(&output);
    // A tar can only be copied into a folder, and must be valid.
    scene
        .run(["cp", "-", &format!("{node}:/tmp/nosuch")])
        .fails(3, &["no folder `/tmp/nosuch`"]);
    scene
        .run(["cp", "-", &format!("{node}:/tmp/plain/file")])
        .fails(2, &["is not a folder"]);
    let mut child = piped(&scene, &["cp", "-", &format!("{node}:/tmp")]);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&[b'x'; 4096])
        .unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn paths_with_colons_are_not_taken_for_nodes() {
    let Some(scene) = started("cp-colon") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a:b"), "colon").unwrap();
    let node = format!("{}/node-1", scene.name);
    let cp = |from: &str, to: &str| scene.run(["cp", from, to]).folder(folder.path());
    cp("a:b", &format!("{node}:/tmp")).succeeds();
    cp("./a:b", &format!("{node}:/tmp/c:d")).succeeds();
    cp(&format!("{node}:tmp/c:d"), "./e:f").succeeds();
    assert_eq!(
        scene.on_node("node-1", "cat '/tmp/a:b' '/tmp/c:d'"),
        "colon".repeat(2)
    );
    assert_eq!(fs::read(folder.path().join("e:f")).unwrap(), b"colon");
    cp(&format!("{node}:/tmp/a:b"), "g:h").fails(3, &["node `g` not found", "`./g:h`"]);
    let missed = scene.fqdn("node-3");
    cp("a:b", &format!("{missed}:/tmp"))
        .fails(3, &[&format!("node `{missed}` not found"), "did you mean"]);
    cp("nosuch", &format!("{node}:/tmp")).fails(3, &["no file or folder `nosuch`"]);
    cp("a:b", &format!("{node}:/no/such")).fails(3, &["no folder", "/no`"]);
    cp(&format!("{node}:/etc/passwd/x"), ".").fails(3, &["no file or folder"]);
    cp("a:b", &format!("{node}:/etc/passwd/x")).fails(3, &["no folder", "/etc/passwd`"]);
}

/// The peak memory of a process in bytes, sampled until it exits.
fn most_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let executable = format!("/proc/{}/exe", child.id());
    while child.try_wait().unwrap().is_none() {
        // For a moment, a new process still has the memory of the one that spawned it.
        if fs::read_link(&executable).is_ok_and(|file| !file.ends_with("clusterdock")) {
            continue;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
                .unwrap_or_default()
                * 1024
        };
        // The program itself does not count: it is large as tests have it.
        most = most.max(bytes("VmHWM:").saturating_sub(bytes("RssFile:")));
        std::thread::sleep(Duration::from_millis(1));
    }
    most
}

#[test]
fn copying_256_mb_takes_little_memory() {
    let Some(scene) = started("cp-memory") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), "head -c 268435456 /dev/urandom >large");
    let large = folder.path().join("large").display().to_string();
    let back = folder.path().join("back").display().to_string();
    let (one, two) = (
        format!("{}:/large", scene.fqdn("node-1")),
        format!("{}:/large", scene.fqdn("node-2")),
    );
    for (from, to) in [(&large, &one), (&one, &two), (&two, &back)] {
        let mut child = scene.run(["cp", from, to]).command().spawn().unwrap();
        let most = most_memory(&mut child);
        assert!(child.wait().unwrap().success());
        assert!(
            (1 << 20..30 << 20).contains(&most),
            "{from} to {to}: {most} bytes"
        );
    }
    assert_eq!(here(folder.path(), "cmp large back && echo same"), "same\n");
}

#[test]
fn an_interrupted_copy_leaves_no_partial_file() {
    let Some(scene) = started("cp-stop") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "old").unwrap();
    scene.on_node("node-1", "truncate -s 100G /large");
    let from = format!("{}:/large", scene.fqdn("node-1"));
    let child = piped(
        &scene,
        &[
            "cp",
            &from,
            &folder.path().join("file").display().to_string(),
        ],
    );
    let began = Instant::now();
    while fs::read_dir(folder.path()).unwrap().count() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "nothing is copied"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(here(folder.path(), "ls -A; cat file"), "file\nold");
}

/// The capabilities of a file according to the archive that `docker cp` returns.
fn has_capabilities(scene: &Scene, node: &str, path: &str) -> bool {
    let tar = scene
        .docker(&["cp", &format!("{}:{path}", scene.fqdn(node)), "-"])
        .stdout;
    tar.windows(31)
        .any(|window| window == b"SCHILY.xattr.security.capabilit")
}

#[test]
fn file_capabilities_are_kept_in_every_direction() {
    let Some(scene) = started("cp-able") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    fs::write(&tool, "x").unwrap();
    let set = Command::new("setcap")
        .arg("cap_net_raw,cap_net_admin=ep")
        .arg(&tool)
        .status();
    if !set.is_ok_and(|status| status.success()) {
        return skipped("capabilities of files: they cannot be set here");
    }
    let (one, two) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let copy = |from: &str, to: &str, keep: bool| {
        let ran = scene
            .run(["cp"])
            .args(keep.then_some("-a"))
            .args([from, to])
            .succeeds();
        assert!(!ran.stderr.contains("WARNING"), "{}", ran.stderr);
    };
    let back = folder.path().join("back");
    copy(tool.to_str().unwrap(), &format!("{one}:/tmp/kept"), true);
    copy(
        &format!("{one}:/tmp/kept"),
        &format!("{two}:/tmp/kept"),
        true,
    );
    copy(&format!("{two}:/tmp/kept"), back.to_str().unwrap(), true);
    assert!(
        has_capabilities(&scene, "node-1", "/tmp/kept")
            && has_capabilities(&scene, "node-2", "/tmp/kept")
    );
    let shown = |path: &Path| {
        let output = Command::new("getcap").arg(path).output().unwrap().stdout;
        String::from_utf8_lossy(&output)
            .split_once(' ')
            .map(|(_, shown)| shown.trim().to_string())
    };
    assert_eq!(shown(&back), Some("cap_net_admin,cap_net_raw=ep".into()));
    // A file with several names.
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    fs::hard_link(&tool, tools.join("a")).unwrap();
    fs::hard_link(&tool, tools.join("b")).unwrap();
    let again = folder.path().join("again");
    copy(tools.to_str().unwrap(), &format!("{one}:/tmp/tools"), true);
    copy(
        &format!("{one}:/tmp/tools"),
        &format!("{two}:/tmp/tools"),
        true,
    );
    copy(&format!("{two}:/tmp/tools"), again.to_str().unwrap(), true);
    for node in ["node-1", "node-2"] {
        assert!(has_capabilities(&scene, node, "/tmp/tools/a"), "{node}");
    }
    for name in ["a", "b"] {
        let kept = shown(&again.join(name));
        assert_eq!(kept, Some("cap_net_admin,cap_net_raw=ep".into()), "{name}");
    }
    copy(tool.to_str().unwrap(), &format!("{one}:/tmp/plain"), false);
    copy(
        &format!("{one}:/tmp/kept"),
        folder.path().join("plain").to_str().unwrap(),
        false,
    );
    assert!(!has_capabilities(&scene, "node-1", "/tmp/plain"));
    assert_eq!(shown(&folder.path().join("plain")), None);
}

#[test]
fn kernel_files_are_copied_as_far_as_readable() {
    let Some(scene) = started("cp-kernel") else {
        return;
    };
    let one = scene.fqdn("node-1");
    for (path, copy) in [
        ("/proc/version", "a"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "b"),
    ] {
        scene
            .run(["cp", path, &format!("{one}:/tmp/{copy}")])
            .succeeds();
        let copied = scene.on_node("node-1", &format!("cat /tmp/{copy}"));
        assert_eq!(copied, fs::read_to_string(path).unwrap().trim());
        let here = tempfile::tempdir().unwrap();
        let back = scene.run([
            "cp",
            &format!("{one}:{path}"),
            here.path().to_str().unwrap(),
        ]);
        back.fails(
            3,
            &[
                "no file or folder",
                &format!("clusterdock exec {one} -- cat {path}"),
            ],
        );
    }
    // The folders themselves would be empty copies.
    for path in ["/proc", "/sys/", "/proc/.", "proc"] {
        let here = tempfile::tempdir().unwrap();
        for destination in [here.path().to_str().unwrap(), "-"] {
            let copy = scene.run(["cp", &format!("{one}:{path}"), destination]);
            copy.fails(3, &["the kernel's files exist only inside the node"]);
        }
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    }
    scene
        .run(["cp", "/proc/self/mem", &format!("{one}:/tmp/c")])
        .fails(1, &["cannot read `/proc/"]);
}
