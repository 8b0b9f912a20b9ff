//! Images are pushed to and pulled from a real registry, with and without a login.

mod login;

use std::fs;
use std::path::Path;

use clusterdock::rootfs::{Packing, Recipe};
use clusterdock::topology::manifest::{Manifest, System};
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::registry::Registry;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{Scene, skipped};

/// Steps of an image that needs no other.
const ROOT: &str = "ADD root.tar /\nCMD [\"sleep\", \"infinity\"]\n";

/// A registry; `None`, with a note, if it is unavailable.
fn had(registry: Result<Registry, String>) -> Option<Registry> {
    registry
        .map_err(|reason| skipped(&format!("a registry: {reason}")))
        .ok()
}

/// A scene and a registry; `None`, with a note, if one of them is unavailable.
fn scene_beside(
    what: &str,
    registry: fn() -> Result<Registry, String>,
) -> Option<(Scene, Registry)> {
    let scene = Scene::new(what)?;
    Some((scene, had(registry())?))
}

/// A topology whose image `small` has a Dockerfile without a base image, and the same topology without it.
struct Lab<'a> {
    scene: &'a Scene,
    registry: &'a str,
    folder: tempfile::TempDir,
    bare: tempfile::TempDir,
}

impl<'a> Lab<'a> {
    fn new(scene: &'a Scene, registry: &'a str) -> Lab<'a> {
        let lab = Lab {
            scene,
            registry,
            folder: tempfile::tempdir().unwrap(),
            bare: tempfile::tempdir().unwrap(),
        };
        let manifest =
            fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml"))
                .unwrap();
        let manifest = manifest.replace("source = ", "#source = ");
        let table = "[images.debian12]\ncontext = \"images/debian12\"";
        assert!(manifest.contains(table));
        for (folder, images) in [
            (&lab.folder, "[images.small]\ncontext = \"small\""),
            (&lab.bare, ""),
        ] {
            fs::write(
                folder.path().join("topology.toml"),
                manifest.replace(table, images),
            )
            .unwrap();
            fs::copy(
                plugins::library("topology_nodebase"),
                folder.path().join("libtopology_nodebase.so"),
            )
            .unwrap();
        }
        lab.assemble_rootfs();
        lab
    }

    /// What this machine's programs need is all that is in it.
    fn assemble_rootfs(&self) {
        let context = self.folder.path().join("small");
        fs::create_dir_all(&context).unwrap();
        let calls =
            fs::read_to_string(workspace().join("tests/fixtures/plugins/calls/topology.toml"))
                .unwrap();
        let systems = Manifest::parse(&calls, "topology.toml")
            .unwrap()
            .images
            .systems;
        let System::Assembled { programs } = &systems["host"] else {
            panic!("it is assembled")
        };
        let root = fs::File::create(context.join("root.tar")).unwrap();
        Recipe::resolve(programs)
            .unwrap()
            .write_tar(Packing::Plain, root)
            .unwrap();
        self.dockerfile("scratch", ROOT);
    }

    /// The label comes first, so that nothing of it is another test's too, which may be about to remove it.
    fn dockerfile(&self, base: &str, steps: &str) {
        let text = format!("FROM {base}\nLABEL test={}\n{steps}", self.scene.name);
        fs::write(self.folder.path().join("small/Dockerfile"), text).unwrap();
    }

    fn image(&self) -> String {
        format!(
            "{}/{}/topology_nodebase:small",
            self.registry, self.scene.name
        )
    }

    fn build(&self) -> Run {
        self.build_to(&format!("{}/{}", self.registry, self.scene.name))
    }

    fn build_to(&self, repository: &str) -> Run {
        self.scene
            .run(["build", "-r", repository])
            .args([self.folder.path()])
    }

    /// A start whose image can only be pulled.
    fn start(&self) -> Run {
        self.start_of(self.registry, "small")
    }

    fn start_of(&self, registry: &str, system: &str) -> Run {
        self.start_with(self.bare.path(), registry, system)
    }

    fn start_with(&self, topology: &Path, registry: &str, system: &str) -> Run {
        let name = &*self.scene.name;
        let run = self.scene.run([
            "start",
            "-c",
            name,
            "-n",
            name,
            "-o",
            system,
            "-r",
            registry,
            "--namespace",
            name,
        ]);
        run.args([topology])
    }

    fn forget_image(&self) {
        self.scene.docker_says(&["rmi", "-f", &self.image()]);
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        // Also those that lost their tag, and images derived from them.
        let ours = format!("label=test={}", self.scene.name);
        let images = self
            .scene
            .docker(&["images", "--all", "--quiet", "--filter", &ours]);
        for image in String::from_utf8_lossy(&images.stdout).lines() {
            drop(self.scene.docker(&["rmi", "-f", image]));
        }
    }
}

#[test]
fn a_pushed_image_is_pulled_once_for_all_groups() {
    let Some((scene, registry)) = scene_beside("pushed", Registry::open) else {
        return;
    };
    let lab = Lab::new(&scene, &registry.host);
    let image = lab.image();
    let built = lab.build().args(["--push"]).succeeds();
    assert_eq!(built.stdout, format!("{image}\n"));
    assert_eq!(
        built.stderr.matches("Pushing image").count(),
        1,
        "{}",
        built.stderr
    );
    assert!(
        built.stderr.contains(&format!("Pushed image {image}")),
        "{}",
        built.stderr
    );
    lab.forget_image();
    lab.start()
        .args(["--pull", "never"])
        .fails(6, &[&image, "--pull never"]);
    let started = lab.start().succeeds();
    assert_eq!(
        started.stderr.matches("Pulling image").count(),
        1,
        "{}",
        started.stderr
    );
    assert_eq!(
        scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-2")]),
        image
    );
    scene.run(["rm", &scene.name]).succeeds();
    // Two groups on one image.
    let grouped = image.replace("topology_nodebase", "topology_calls");
    scene.docker_says(&["tag", &image, &grouped]);
    scene.docker_says(&["push", &grouped]);
    scene.docker_says(&["rmi", &grouped]);
    let library = plugins::library("topology_calls");
    let groups = lab.start_with(&library, &registry.host, "small").succeeds();
    assert_eq!(
        groups.stderr.matches("Pulling image").count(),
        1,
        "{}",
        groups.stderr
    );
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &grouped]);
    // Here already: pulled again only when asked.
    let again = lab.start().args(["--dry-run"]).succeeds();
    assert!(!again.stdout.contains("pull image"), "{}", again.stdout);
    let always = lab.start().args(["--always-pull"]).succeeds();
    assert_eq!(
        always.stderr.matches("Pulling image").count(),
        1,
        "{}",
        always.stderr
    );
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn an_image_missing_from_a_registry_is_reported_with_a_hint() {
    let Some((scene, registry)) = scene_beside("missing", Registry::open) else {
        return;
    };
    let lab = Lab::new(&scene, &registry.host);
    let host = format!("registry `{}` does not have it", registry.host);
    lab.start().fails(
        6,
        &[
            &lab.image(),
            &host,
            "manifest unknown",
            "hint: check the image name and tag",
        ],
    );
    lab.build().args(["--push"]).succeeds();
    let missing = lab.start_of(&registry.host, "huge").args(["--always-pull"]);
    missing.fails(6, &["topology_nodebase:huge", &host]);
    scene.assert_empty();
}

#[test]
fn a_push_to_a_stopped_registry_keeps_the_built_image() {
    let Some((scene, registry)) = scene_beside("gone", Registry::open) else {
        return;
    };
    let host = registry.host.clone();
    drop(registry);
    let lab = Lab::new(&scene, &host);
    let gone = format!("registry `{host}` cannot be used");
    let hint = format!("curl http://{host}/v2/");
    lab.build().args(["--push"]).fails(
        6,
        &[
            &lab.image(),
            "could not be pushed",
            &gone,
            "connection refused",
            &hint,
        ],
    );
    scene.docker_says(&["image", "inspect", &lab.image()]);
    lab.forget_image();
    lab.start()
        .fails(6, &[&lab.image(), &gone, "connection refused", &hint]);
    let nowhere = lab.start_of("registry.invalid", "small");
    nowhere.fails(
        6,
        &["registry `registry.invalid` cannot be used", "no such host"],
    );
    scene.assert_empty();
}

#[test]
fn a_build_hook_pushes_its_image() {
    let Some((scene, registry)) = scene_beside("bake", Registry::open) else {
        return;
    };
    let repository = format!("{}/{}", registry.host, scene.name);
    let library = plugins::library("topology_calls");
    let image = format!("{repository}/topology_calls:v7");
    for (host, hook) in [(true, false), (false, true), (true, true)] {
        let run = scene
            .run(["build", "-n", &scene.name, "-r", &repository])
            .args(host.then_some("--push"));
        let run = run
            .args([&library])
            .args(["--tag", "v7"])
            .args(hook.then_some("--publish"));
        let ran = run.succeeds();
        assert_eq!(
            ran.stderr.matches("Pushing image").count(),
            1,
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, format!("{image}\n"));
        scene.docker_says(&["rmi", &image]);
        scene.docker_says(&["pull", &image]);
        let file = scene.docker_says(&[
            "run",
            "--rm",
            "--network",
            "none",
            &image,
            "cat",
            "/etc/built",
        ]);
        assert_eq!(file, "by the hook");
        scene.docker_says(&["rmi", &image]);
    }
    scene.assert_empty();
}

#[test]
fn a_topologys_build_arguments_reach_its_dockerfile() {
    let Some(scene) = Scene::new("args") else {
        return;
    };
    let lab = Lab::new(&scene, "docker.io");
    lab.dockerfile(
        "scratch",
        &format!("{ROOT}ARG TAG\nARG PUBLISH\nLABEL told=\"$TAG $PUBLISH\"\n"),
    );
    let manifest = lab.folder.path().join("topology.toml");
    let calls = fs::read_to_string(&manifest).unwrap().replace(
        "plugin = \"topology_nodebase\"",
        "plugin = \"topology_calls\"",
    );
    fs::write(&manifest, calls).unwrap();
    fs::copy(
        plugins::library("topology_calls"),
        lab.folder.path().join("libtopology_calls.so"),
    )
    .unwrap();
    let image = format!("{}/topology_nodebase:small", scene.name);
    let label =
        || scene.docker_says(&["image", "inspect", "-f", "{{.Config.Labels.told}}", &image]);
    let built = lab
        .build()
        .args(["-n", &scene.name, "-o", "small", "--tag", "v9"])
        .succeeds();
    assert_eq!(label(), "v9 false");
    for image in built.stdout.lines() {
        scene.docker_says(&["rmi", image]);
    }
    // Where a start builds it, with their defaults.
    lab.start_with(lab.folder.path(), "docker.io", "small")
        .succeeds();
    assert_eq!(label(), "built false");
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &image]);
    scene.assert_empty();
}
