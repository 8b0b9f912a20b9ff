//! Build contexts on a real engine: `docker build` and `clusterdock build` create the same files from the same
//! folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::run::assert_success;
use clusterdock_tests::scene::Scene;

/// A topology with one image, `small`, whose context is a folder of that name.
struct Lab<'a> {
    scene: &'a Scene,
    folder: tempfile::TempDir,
    dockerfile: &'static str,
}

impl<'a> Lab<'a> {
    fn new(scene: &'a Scene, dockerfile: &'static str) -> Lab<'a> {
        let lab = Lab {
            scene,
            folder: tempfile::tempdir().unwrap(),
            dockerfile,
        };
        let manifest =
            fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml"))
                .unwrap();
        let table = "[images.debian12]\ncontext = \"images/debian12\"";
        assert!(manifest.contains(table));
        let small = format!("[images.small]\ncontext = \"small\"\ndockerfile = \"{dockerfile}\"");
        let manifest = manifest
            .replace("source = ", "#source = ")
            .replace(table, &small);
        fs::write(lab.folder.path().join("topology.toml"), manifest).unwrap();
        fs::copy(
            plugins::library("topology_nodebase"),
            lab.folder.path().join("libtopology_nodebase.so"),
        )
        .unwrap();
        fs::create_dir_all(lab.context().join("build")).unwrap();
        let label = format!("FROM scratch\nLABEL of={}\nCOPY . /context/\n", scene.name);
        fs::write(lab.context().join(dockerfile), label).unwrap();
        lab
    }

    fn context(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    fn write(&self, name: impl AsRef<OsStr>, text: impl AsRef<[u8]>) {
        let path = self.context().join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Builds with the docker command; returns the files, or `None` if it refuses.
    fn built_by_docker(&self) -> Option<Vec<String>> {
        let image = format!("{}:docker", self.scene.name);
        let built = Command::new("docker")
            .args(["build", "--no-cache", "-q", "-t", &image, "-f"])
            .arg(self.context().join(self.dockerfile))
            .arg(self.context())
            .env("DOCKER_BUILDKIT", "0")
            .env("DOCKER_HOST", self.scene.engine())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        built.status.success().then(|| self.files(&image))
    }

    /// The same with clusterdock.
    fn built_by_us(&self) -> Option<Vec<String>> {
        let scene = self.scene;
        let ran = scene
            .run(["build", "-r", &format!("docker.io/{}", scene.name)])
            .args([self.folder.path()])
            .run();
        let image = format!("{}/topology_nodebase:small", scene.name);
        assert!(ran.code == 0 || ran.code == 2, "{}", ran.stderr);
        (ran.code == 0).then(|| self.files(&image))
    }

    /// The contents of an image, one line each; removes the image.
    fn files(&self, image: &str) -> Vec<String> {
        let container = self.scene.docker_says(&["create", image, "nothing"]);
        let script = format!(
            "docker export {container} | tar -tv --numeric-owner --full-time --quoting-style=escape"
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("DOCKER_HOST", self.scene.engine())
            .output()
            .unwrap();
        self.scene.docker_says(&["rm", &container]);
        self.scene.docker_says(&["rmi", image]);
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let of_context = listing.lines().filter(|line| line.contains(" context/"));
        of_context
            .map(|line| {
                if line.starts_with('d') {
                    without_time(line)
                } else {
                    line.to_string()
                }
            })
            .collect()
    }

    #[track_caller]
    fn assert_same_as_docker(&self, what: &str) -> Vec<String> {
        let (docker, ours) = (self.built_by_docker(), self.built_by_us());
        assert_eq!(ours, docker, "{what}");
        ours.unwrap_or_default()
    }
}

/// A folder that is sent only because of its contents is created by the engine at build time.
fn without_time(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    [&words[..2], &words[5..]].concat().join(" ")
}

/// What the patterns are tried on.
const FILES: [&str; 16] = [
    ".env",
    "a.md",
    "README.md",
    "README-secret.md",
    "docs/README.md",
    "docs/a.md",
    "docs/deep/keep.txt",
    "docs/deep/a.tmp",
    "src/main.rs",
    "src/a.tmp",
    "src/surname",
    "src/.env",
    "lib/x/y/z.o",
    "lib/x/keep.txt",
    "[x]",
    "caf/e",
];

#[test]
fn dockerignore_excludes_what_docker_excludes() {
    let Some(scene) = Scene::new("ignore") else {
        return;
    };
    let cases: [&[u8]; 16] = [
        b"# caf\xe9\n.env\n**/.env\n",
        b"\xef\xbb\xbf.env\r\n*.md\r\n!README*.md\r\nREADME-secret.md\r\n",
        b"docs\n!docs/README.md\n",
        b"docs/*\n!docs/deep\n**/*.tmp\n",
        b"*\n!src\nsrc/*.tmp\n",
        b"*\n!**/keep.txt\n",
        b"lib\n!lib/x/keep.txt\n",
        b"**name\n**/y\n",
        b"../.env\n/../a.md\n./docs/./deep/../a.md\n//src//\n",
        b"Dockerfile\n.dockerignore\n.*\n",
        b"\\[x\\]\n[!a].md\n",
        b"[^a-q]*.md\nca?\n",
        b"s**e\nlib/**/z.o\n",
        b"**\n!lib/x\nlib/x/y\n",
        b"src/main.rs\n[\n",
        b"!\n",
    ];
    let lab = Lab::new(&scene, "Dockerfile");
    for name in FILES {
        lab.write(name, name);
    }
    for case in cases {
        lab.write(".dockerignore", case);
        lab.assert_same_as_docker(&String::from_utf8_lossy(case));
    }
}

#[test]
fn a_context_accepts_what_docker_accepts() {
    let Some(scene) = Scene::new("context") else {
        return;
    };
    let lab = Lab::new(&scene, "build/../../Dockerfile");
    lab.write("build/one", "1");
    let dockerfile = lab.context().join("../Dockerfile");
    assert!(dockerfile.exists());
    let path = lab.context();
    let _socket = UnixListener::bind(path.join("socket")).unwrap();
    let made = Command::new("sh")
        .current_dir(&path)
        .args(["-ec", MADE])
        .arg("sh")
        .arg(["l".repeat(120), "m".repeat(150)].join("/"))
        .output()
        .unwrap();
    assert_success(&made);
    fs::write(path.join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    let files = lab.assert_same_as_docker("everything");
    let has = |name: &str| files.iter().any(|line| line.contains(name));
    for name in [
        "context/caf\\351",
        "context/sparse",
        "context/pipe",
        "context/two",
        "context/old",
        "context/new",
    ] {
        assert!(has(name), "no {name} in {files:#?}");
    }
    for name in ["socket", "Dockerfile", ".dockerfile."] {
        assert!(!has(name), "{name} in {files:#?}");
    }
}

/// One of every type, besides a socket.
const MADE: &str = "truncate -s 3M sparse; echo end >>sparse; mkfifo pipe; ln build/one two; ln -s nowhere dangling
echo a >old; touch -d '1931-01-02 03:04:05.6' old; echo b >new; touch -d 2400-01-01 new; touch -d 1969-12-31T23:59:59.5Z eve
mkdir -p \"$1\"; echo c >\"$1/deep\"; ln -s \"$1/deep\" long; echo d >set; chmod 4711 set; chmod 640 old
command -v setcap >/dev/null && { echo e >able; setcap cap_net_raw=ep able; } || true";

#[test]
fn a_dockerfile_may_be_a_link_and_ignored() {
    let Some(scene) = Scene::new("linked") else {
        return;
    };
    let lab = Lab::new(&scene, "real");
    lab.write(".dockerignore", "real\nlinked\n.dockerignore\n");
    lab.write("file", "");
    let linked = Lab {
        dockerfile: "linked",
        ..lab
    };
    std::os::unix::fs::symlink("real", linked.context().join("linked")).unwrap();
    let manifest = fs::read_to_string(linked.folder.path().join("topology.toml")).unwrap();
    fs::write(
        linked.folder.path().join("topology.toml"),
        manifest.replace("\"real\"", "\"linked\""),
    )
    .unwrap();
    let files = linked.assert_same_as_docker("a link");
    let names: Vec<&str> = files
        .iter()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(names, ["context/", "context/build/", "context/file"]);
    assert!(Path::new(&linked.context()).join("real").exists());
}
