//! Copies on a real engine, judged by what `docker cp` makes of the same and by what is there afterwards.

use clusterdock_tests::dockerd::{EngineBuild, shared};
use clusterdock_tests::scene::{Scene, skipped};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is copied, by the rules' names: each a path below a folder that [`SOURCES`] makes, and whether links are followed.
const COPIED: [(&str, bool); 9] = [
    ("file", false),
    ("file/", false),
    ("folder", false),
    ("folder/.", false),
    ("to-folder", false),
    ("to-folder/", false),
    ("to-file", true),
    ("to-nothing", false),
    ("nothing", false),
];

/// Where it goes, below a folder that [`DESTINATIONS`] makes.
const TO: [&str; 10] = ["there", "there/", "old", "old/", "new", "new/", "no/such", "to-there", "to-old", "to-nothing"];

/// Makes what is copied.
const SOURCES: &str = "mkdir -p folder/sub folder/empty; echo new >file; echo a >folder/a; echo b >folder/sub/b
chmod 751 folder; chmod 640 folder/a; ln -s folder to-folder; ln -s file to-file; ln -s gone to-nothing";

/// Makes what a destination is.
const DESTINATIONS: &str = "mkdir there; echo old >there/old; echo old >old; ln -s there to-there; ln -s old to-old
ln -s gone to-nothing";

/// Lists everything below the current folder: names, kinds, modes, targets, contents.
const LISTING: &str = "find . -printf '%p %y %m %l\\n' | sort; find . -type f -exec md5sum {} + | sort -k 2";

/// The same with owners, times and numbers of names; what follows is for the folder itself alone.
const WHOLE_LISTING: &str =
    "find . -mindepth 1 -printf '%p %y %m %l %U %G %Ts %n\\n' | sed 's/ d\\(.*\\) [0-9]*$/ d\\1/' | sort
find . -type f -exec md5sum {} + | sort -k 2";

/// What a script writes that runs in a folder of this machine.
fn here(folder: &Path, script: &str) -> String {
    let output = Command::new("bash").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn started(what: &str) -> Option<Scene> {
    let scene = Scene::new(what)?;
    scene.start().succeeds();
    Some(scene)
}

/// A copy by each of the rules, made by `docker cp` and by us; gives which succeeded, by each.
fn copies(scene: &Scene, sides: impl Fn(&str, usize, &str, &str) -> (String, String) + Sync) -> [Vec<String>; 2] {
    let numbered: Vec<_> = COPIED.iter().flat_map(|copied| TO.map(|to| (*copied, to))).enumerate().collect();
    ["docker", "ours"].map(|who| {
        std::thread::scope(|scope| {
            let part = numbered.chunks(numbered.len().div_ceil(3)).map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .map(|(number, ((what, follow), to))| {
                            let (from, into) = sides(who, *number, what, to);
                            let follow = if *follow { &["-L"][..] } else { &[] };
                            let arguments = [&["cp"], follow, &[&from, &into]].concat();
                            let succeeded = match who {
                                "docker" => scene.docker(&arguments).status.success(),
                                _ => matches!(scene.run(arguments).run().code, 0),
                            };
                            format!("{what} to {to}: {succeeded}")
                        })
                        .collect::<Vec<_>>()
                })
            });
            let parts: Vec<_> = part.collect();
            parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
        })
    })
}

/// Makes a folder for each copy, by number, below the current one.
fn destinations() -> String {
    let count = COPIED.len() * TO.len();
    format!("for number in $(seq 0 {}); do (mkdir $number; cd $number; {DESTINATIONS}); done", count - 1)
}

fn rules_to(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    scene.on_node("node-1", &format!("mkdir /docker /ours; cd /docker; {0}; cd /ours; {0}", destinations()));
    let node = scene.fqdn("node-1");
    let [docker, ours] = copies(scene, |who, number, what, to| {
        (format!("{}/{what}", folder.path().display()), format!("{node}:/{who}/{number}/{to}"))
    });
    assert_eq!(ours, docker);
    let listing = |who: &str| scene.on_node("node-1", &format!("cd /{who}; {LISTING}"));
    assert_eq!(listing("ours"), listing("docker"));
}

fn rules_from(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    scene.on_node("node-1", &format!("mkdir /from; cd /from; {SOURCES}"));
    here(folder.path(), &format!("mkdir docker ours; cd docker; {0}; cd ../ours; {0}", destinations()));
    let node = scene.fqdn("node-1");
    let [docker, ours] = copies(scene, |who, number, what, to| {
        (format!("{node}:/from/{what}"), format!("{}/{who}/{number}/{to}", folder.path().display()))
    });
    assert_eq!(ours, docker);
    let listing = |who: &str| here(&folder.path().join(who), LISTING);
    assert_eq!(listing("ours"), listing("docker"));
}

fn rules_between(scene: &Scene) {
    scene.on_node("node-1", &format!("mkdir /from; cd /from; {SOURCES}"));
    scene.on_node("node-2", &format!("mkdir /docker /ours; cd /docker; {0}; cd /ours; {0}", destinations()));
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    let [_, ours] = copies(scene, |who, number, what, to| {
        let into = format!("{}:/{who}/{number}/{to}", scene.fqdn("node-2"));
        // Docker's cannot copy between containers: what it makes of the same files of this machine is the measure.
        match who {
            "docker" => (format!("{}/{what}", folder.path().display()), into),
            _ => (format!("{}:/from/{what}", scene.fqdn("node-1")), into),
        }
    });
    assert!(ours.contains(&"folder to new: true".to_string()), "{ours:?}");
    let listing = |who: &str| scene.on_node("node-2", &format!("cd /{who}; {LISTING}"));
    assert_eq!(listing("ours"), listing("docker"));
}

fn around(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}/{}", "l".repeat(150), "m".repeat(220));
    let script = format!(
        "mkdir -p all/{long} all/empty all/sub; cd all; echo deep >{long}/{long0}; echo x >'ünï {wide} code'
         printf 'a\\nb' >$'line\\nend'; echo 1 >sub/one; echo 2 >sub/sudo; ln sub/one sub/two; ln sub/one three; ln -s {long} long-link
         ln -s ../x//./y odd; [ $(id -u) != 0 ] || chown -h 1234:5678 sub/one sub/sudo odd empty
         chmod 4755 sub/sudo; chmod 555 empty; truncate -s 40M holes; echo end >>holes
         find . -exec touch -h -d '2001-02-03 04:05:06 UTC' {{}} +",
        long0 = "f".repeat(200),
        wide = '\u{1f30d}',
    );
    here(folder.path(), &script);
    fs::write(folder.path().join("all").join(OsStr::from_bytes(b"no\xffutf")), "8").unwrap();
    here(folder.path(), "cd all; touch -h -d '2001-02-03 04:05:06 UTC' no*");
    let (one, two) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let all = folder.path().join("all").display().to_string();
    let back = folder.path().join("back").display().to_string();
    scene.run(["cp", "-a", &all, &format!("{one}:/tmp/first")]).succeeds();
    scene.run(["cp", "-a", &format!("{one}:/tmp/first"), &format!("{two}:/tmp")]).succeeds();
    let ran = scene.run(["cp", "-a", &format!("{two}:/tmp/first/."), &back]).succeeds();
    assert!(ran.stderr.contains("Copied 11 files, 5 folders (41.9 MB)."), "{}", ran.stderr);
    assert!(!ran.stderr.contains("WARNING"), "{}", ran.stderr);
    let listing = |folder: &str| here(Path::new(folder), WHOLE_LISTING);
    assert_eq!(listing(&back), listing(&all));
    let blocks = here(Path::new(&back), "du -k holes | cut -f 1");
    assert!(blocks.trim().parse::<u64>().unwrap() < 1000, "{blocks}");
    // Without -a all is root's on a node.
    scene.run(["cp", &all, &format!("{one}:/tmp/second")]).succeeds();
    let owners =
        scene.on_node("node-1", "find /tmp/second -printf '%u %g\\n' | sort -u; stat -c %a /tmp/second/sub/sudo");
    assert_eq!(owners, "root root\n755");
}

#[test]
fn copies_to_a_node_end_as_those_of_docker_cp() {
    started("cp-to").iter().for_each(rules_to);
}

#[test]
fn copies_from_a_node_end_as_those_of_docker_cp() {
    started("cp-from").iter().for_each(rules_from);
}

#[test]
fn from_node_to_node_the_rules_are_the_same() {
    started("cp-between").iter().for_each(rules_between);
}

#[test]
fn one_of_everything_goes_around_and_comes_back_as_it_was() {
    started("cp-around").iter().for_each(around);
}

/// All of these on an engine of the tests' own.
fn on_own_engine(build: EngineBuild) {
    if Scene::new("cp-own").is_none() {
        return;
    }
    let engine = match shared(build) {
        Ok(engine) => engine,
        Err(missing) => return skipped(&format!("engine {}: {}", missing.name, missing.reason)),
    };
    for copies in [rules_to, rules_from, rules_between, around] {
        let scene = Scene::on(&engine.host(), "cp-own");
        scene.start().succeeds();
        copies(&scene);
    }
}

#[test]
fn copies_on_trixies_engine() {
    on_own_engine(EngineBuild::Trixie);
}

#[test]
fn copies_on_sids_engine() {
    on_own_engine(EngineBuild::Sid);
}

#[test]
fn sockets_and_pipes_are_left_out_with_a_warning() {
    let Some(scene) = started("cp-special") else { return };
    let folder = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    here(folder.path(), "mkfifo pipe; echo 1 >file");
    let path = folder.path().display().to_string();
    let ran = scene.run(["cp", &path, &format!("{}:/tmp/x", scene.fqdn("node-1"))]).succeeds();
    assert!(ran.stderr.contains("/socket`: it is a socket") && ran.stderr.contains("/pipe`: it is a pipe"));
    assert_eq!(scene.on_node("node-1", "ls /tmp/x"), "file");
    scene.on_node("node-1", "mkfifo /tmp/x/pipe; mknod /tmp/x/null c 1 3");
    let ran = scene.run(["cp", &format!("{}:/tmp/x", scene.fqdn("node-1")), &format!("{path}/back")]).succeeds();
    assert!(ran.stderr.contains("/pipe`: it is a pipe") && ran.stderr.contains("/null`: it is a device"));
    assert_eq!(here(folder.path(), "ls back"), "file\n");
}

#[test]
fn a_node_that_does_not_run_is_copied_to_and_from() {
    let Some(scene) = started("cp-stopped") else { return };
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    scene.docker_says(&["stop", "-t", "1", &scene.fqdn("node-1")]);
    let there = format!("{}/node-1:/opt", scene.name);
    scene.run(["cp", &folder.path().join("folder").display().to_string(), &there]).succeeds();
    scene.run(["cp", &format!("{there}/folder"), &folder.path().join("back").display().to_string()]).succeeds();
    assert_eq!(here(folder.path(), "diff -r folder back && echo same"), "same\n");
    scene.run(["cp", &format!("{there}/folder"), &format!("{}/node-2:/opt/copy", scene.name)]).succeeds();
    assert_eq!(scene.on_node("node-2", "cat /opt/copy/sub/b"), "b");
}

/// The program, with its standard input or output as a pipe of ours.
fn piped(scene: &Scene, arguments: &[&str]) -> Child {
    scene.run(arguments.iter().copied()).command().stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn tars_go_through_pipes() {
    let Some(scene) = started("cp-pipe") else { return };
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
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            scene.on_node("node-1", &format!("cat {into}/folder/sub/b; stat -c '%u %g' {into}/file")),
            "b\n77 88"
        );
    }
    let output = scene.run(["cp", &format!("{node}:/tmp/plain/."), "-"]).command().output().unwrap();
    assert!(output.status.success());
    fs::write(folder.path().join("out.tar"), &output.stdout).unwrap();
    here(
        folder.path(),
        "mkdir out; tar xf out.tar -C out; rm out.tar; cd out; diff -r --no-dereference folder ../folder",
    );
    // Who reads no further ends it without an error.
    let mut child = piped(&scene, &["cp", &format!("{node}:/usr"), "-"]);
    let mut beginning = [0; 512];
    child.stdout.take().unwrap().read_exact(&mut beginning).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A tar goes into a folder alone, and has to be one.
    scene.run(["cp", "-", &format!("{node}:/tmp/nosuch")]).fails(3, &["no folder `/tmp/nosuch`"]);
    scene.run(["cp", "-", &format!("{node}:/tmp/plain/file")]).fails(2, &["is not a folder"]);
    let mut child = piped(&scene, &["cp", "-", &format!("{node}:/tmp")]);
    child.stdin.take().unwrap().write_all(&[b'x'; 4096]).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn paths_with_colons_are_told_from_nodes() {
    let Some(scene) = started("cp-colon") else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a:b"), "colon").unwrap();
    let node = format!("{}/node-1", scene.name);
    let cp = |from: &str, to: &str| scene.run(["cp", from, to]).folder(folder.path());
    cp("a:b", &format!("{node}:/tmp")).succeeds();
    cp("./a:b", &format!("{node}:/tmp/c:d")).succeeds();
    cp(&format!("{node}:tmp/c:d"), "./e:f").succeeds();
    assert_eq!(scene.on_node("node-1", "cat '/tmp/a:b' '/tmp/c:d'"), "colon".repeat(2));
    assert_eq!(fs::read(folder.path().join("e:f")).unwrap(), b"colon");
    cp(&format!("{node}:/tmp/a:b"), "g:h").fails(3, &["no node `g`", "`./g:h`"]);
    let missed = scene.fqdn("node-3");
    cp("a:b", &format!("{missed}:/tmp")).fails(3, &[&format!("no node `{missed}`"), "did you mean"]);
    cp("nosuch", &format!("{node}:/tmp")).fails(3, &["no file or folder `nosuch`"]);
    cp("a:b", &format!("{node}:/no/such")).fails(3, &["no folder", "/no`"]);
    cp(&format!("{node}:/etc/passwd/x"), ".").fails(3, &["no file or folder"]);
    cp("a:b", &format!("{node}:/etc/passwd/x")).fails(3, &["no folder", "/etc/passwd`"]);
}

/// The most memory that a process has had, in bytes, looked up until it ends.
fn most_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or_default() * 1024);
        std::thread::sleep(Duration::from_millis(1));
    }
    most
}

#[test]
fn a_quarter_of_a_gigabyte_takes_little_memory() {
    let Some(scene) = started("cp-memory") else { return };
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), "head -c 268435456 /dev/urandom >large");
    let large = folder.path().join("large").display().to_string();
    let back = folder.path().join("back").display().to_string();
    let (one, two) = (format!("{}:/large", scene.fqdn("node-1")), format!("{}:/large", scene.fqdn("node-2")));
    for (from, to) in [(&large, &one), (&one, &two), (&two, &back)] {
        let mut child = scene.run(["cp", from, to]).command().spawn().unwrap();
        let most = most_memory(&mut child);
        assert!(child.wait().unwrap().success());
        assert!((2 << 20..40 << 20).contains(&most), "{from} to {to}: {most} bytes");
    }
    assert_eq!(here(folder.path(), "cmp large back && echo same"), "same\n");
}

#[test]
fn a_copy_that_is_interrupted_leaves_no_half_of_a_file() {
    let Some(scene) = started("cp-stop") else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "old").unwrap();
    scene.on_node("node-1", "truncate -s 100G /large");
    let from = format!("{}:/large", scene.fqdn("node-1"));
    let child = piped(&scene, &["cp", &from, &folder.path().join("file").display().to_string()]);
    let began = Instant::now();
    while fs::read_dir(folder.path()).unwrap().count() < 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing is copied");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(here(folder.path(), "ls -A; cat file"), "file\nold");
}
