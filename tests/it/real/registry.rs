//! Images go to a real registry and come back from it, to those whom it lets in.

use super::super::own_engine;
use clusterdock::image::assemble::{Packing, Recipe};
use clusterdock::topology::manifest::{Manifest, System};
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::plugins;
use clusterdock_tests::registry::{PASSWORD, Registry, USER, docker_config};
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{Scene, skipped};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Steps of an image that needs no other.
const ROOT: &str = "ADD root.tar /\nCMD [\"sleep\", \"infinity\"]\n";

/// A registry; none, and said so, when it cannot be had.
fn had(registry: Result<Registry, String>) -> Option<Registry> {
    registry.map_err(|reason| skipped(&format!("a registry: {reason}"))).ok()
}

/// A topology whose image `small` is made of a Dockerfile that needs no other image, and the same without it.
struct Lab<'a> {
    scene: &'a Scene,
    registry: &'a str,
    folder: tempfile::TempDir,
    bare: tempfile::TempDir,
}

impl<'a> Lab<'a> {
    fn new(scene: &'a Scene, registry: &'a str) -> Lab<'a> {
        let lab = Lab { scene, registry, folder: tempfile::tempdir().unwrap(), bare: tempfile::tempdir().unwrap() };
        let manifest = fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml")).unwrap();
        let manifest = manifest.replace("source = ", "#source = ");
        let table = "[images.debian12]\ncontext = \"images/debian12\"";
        assert!(manifest.contains(table));
        for (folder, images) in [(&lab.folder, "[images.small]\ncontext = \"small\""), (&lab.bare, "")] {
            fs::write(folder.path().join("topology.toml"), manifest.replace(table, images)).unwrap();
            fs::copy(plugins::library("topology_nodebase"), folder.path().join("libtopology_nodebase.so")).unwrap();
        }
        lab.assemble_rootfs();
        lab
    }

    /// What this machine's programs need is all that is in it.
    fn assemble_rootfs(&self) {
        let context = self.folder.path().join("small");
        fs::create_dir_all(&context).unwrap();
        let calls = fs::read_to_string(workspace().join("tests/fixtures/plugins/calls/topology.toml")).unwrap();
        let systems = Manifest::parse(&calls, "topology.toml").unwrap().images.systems;
        let System::Assembled { programs } = &systems["host"] else { panic!("it is assembled") };
        let root = fs::File::create(context.join("root.tar")).unwrap();
        Recipe::resolve(programs).unwrap().write_tar(Packing::Plain, root).unwrap();
        self.dockerfile("scratch", ROOT);
    }

    /// The label comes first, so that nothing of it is another test's too, which may be about to remove it.
    fn dockerfile(&self, base: &str, steps: &str) {
        let text = format!("FROM {base}\nLABEL test={}\n{steps}", self.scene.name);
        fs::write(self.folder.path().join("small/Dockerfile"), text).unwrap();
    }

    fn image(&self) -> String {
        format!("{}/{}/topology_nodebase:small", self.registry, self.scene.name)
    }

    fn build(&self) -> Run {
        self.build_to(&format!("{}/{}", self.registry, self.scene.name))
    }

    fn build_to(&self, repository: &str) -> Run {
        self.scene.run(["build", "-r", repository]).args([self.folder.path()])
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
        let run = self.scene.run(["start", "-c", name, "-n", name, "-o", system, "-r", registry, "--namespace", name]);
        run.args([topology])
    }

    fn forget_image(&self) {
        self.scene.docker_says(&["rmi", "-f", &self.image()]);
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        // Also those that lost their name, and what was made of them.
        let ours = format!("label=test={}", self.scene.name);
        let images = self.scene.docker(&["images", "--all", "--quiet", "--filter", &ours]);
        for image in String::from_utf8_lossy(&images.stdout).lines() {
            drop(self.scene.docker(&["rmi", "-f", image]));
        }
    }
}

/// A folder with a helper program of this name that does this.
fn helper(name: &str, script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join(format!("docker-credential-{name}"));
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn what_was_built_is_pushed_and_a_start_pulls_it_once_for_all_groups() {
    let Some(scene) = Scene::new("pushed") else { return };
    let Some(registry) = had(Registry::open()) else { return };
    let lab = Lab::new(&scene, &registry.host);
    let image = lab.image();
    let built = lab.build().args(["--push"]).succeeds();
    assert_eq!(built.stdout, format!("{image}\n"));
    assert_eq!(built.stderr.matches("Pushing image").count(), 1, "{}", built.stderr);
    assert!(built.stderr.contains(&format!("Image {image} is in its registry")), "{}", built.stderr);
    lab.forget_image();
    lab.start().args(["--pull", "never"]).fails(6, &[&image, "--pull never"]);
    let started = lab.start().succeeds();
    assert_eq!(started.stderr.matches("Pulling image").count(), 1, "{}", started.stderr);
    assert_eq!(scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-2")]), image);
    scene.run(["rm", &scene.name]).succeeds();
    // Two groups on one image.
    let grouped = image.replace("topology_nodebase", "topology_calls");
    scene.docker_says(&["tag", &image, &grouped]);
    scene.docker_says(&["push", &grouped]);
    scene.docker_says(&["rmi", &grouped]);
    let library = plugins::library("topology_calls");
    let groups = lab.start_with(&library, &registry.host, "small").succeeds();
    assert_eq!(groups.stderr.matches("Pulling image").count(), 1, "{}", groups.stderr);
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &grouped]);
    // Here already: pulled again only when asked.
    let again = lab.start().args(["--dry-run"]).succeeds();
    assert!(!again.stdout.contains("pull image"), "{}", again.stdout);
    let always = lab.start().args(["--always-pull"]).succeeds();
    assert_eq!(always.stderr.matches("Pulling image").count(), 1, "{}", always.stderr);
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

#[test]
fn what_a_registry_does_not_have_is_told_with_its_name_and_a_next_step() {
    let Some(scene) = Scene::new("missing") else { return };
    let Some(registry) = had(Registry::open()) else { return };
    let lab = Lab::new(&scene, &registry.host);
    let host = format!("registry `{}` does not have it", registry.host);
    lab.start().fails(6, &[&lab.image(), &host, "manifest unknown", "hint: check the image's name and its tag"]);
    lab.build().args(["--push"]).succeeds();
    let missing = lab.start_of(&registry.host, "huge").args(["--always-pull"]);
    missing.fails(6, &["topology_nodebase:huge", &host]);
    scene.is_empty();
}

#[test]
fn a_registry_that_is_gone_is_told_and_what_was_built_stays() {
    let Some(scene) = Scene::new("gone") else { return };
    let Some(registry) = had(Registry::open()) else { return };
    let host = registry.host.clone();
    drop(registry);
    let lab = Lab::new(&scene, &host);
    let gone = format!("registry `{host}` cannot be used");
    let hint = format!("curl http://{host}/v2/");
    lab.build().args(["--push"]).fails(6, &[&lab.image(), "could not be pushed", &gone, "connection refused", &hint]);
    scene.docker_says(&["image", "inspect", &lab.image()]);
    lab.forget_image();
    lab.start().fails(6, &[&lab.image(), &gone, "connection refused", &hint]);
    let nowhere = lab.start_of("registry.invalid", "small");
    nowhere.fails(6, &["registry `registry.invalid` cannot be used", "no such host"]);
    scene.is_empty();
}

/// Logs in as nobody, wrongly, and rightly; the same on every engine.
fn logins(scene: &Scene, registry: &Registry) {
    let lab = Lab::new(scene, &registry.host);
    let login = format!("docker login {}", registry.host);
    let nobody = docker_config(&json!({}));
    let wrong = registry.login(USER, "wrong");
    let right = registry.login(USER, PASSWORD);
    let refused = |run: Run, folder: &tempfile::TempDir, texts: &[&str]| {
        run.env("DOCKER_CONFIG", folder.path()).fails(6, &[&[&*lab.image(), &*login], texts].concat());
    };
    refused(lab.build().args(["--push"]), &nobody, &["could not be pushed", "wants a login"]);
    refused(lab.build().args(["--push"]), &wrong, &["could not be pushed", "refuses the login", "user `tester`"]);
    lab.build().args(["--push"]).env("DOCKER_CONFIG", right.path()).succeeds();
    lab.forget_image();
    refused(lab.start(), &nobody, &["wants a login"]);
    refused(lab.start(), &wrong, &["refuses the login", "user `tester`"]);
    lab.start().env("DOCKER_CONFIG", right.path()).succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

#[test]
fn a_registry_that_wants_a_login_gets_the_one_of_dockers_configuration() {
    let Some(scene) = Scene::new("login") else { return };
    let Some(registry) = had(Registry::guarded()) else { return };
    logins(&scene, &registry);
}

#[test]
fn so_it_does_from_trixies_engine() {
    logins_of(EngineBuild::Trixie);
}

#[test]
fn so_it_does_from_sids_engine() {
    logins_of(EngineBuild::Sid);
}

fn logins_of(build: EngineBuild) {
    let Some((scene, engine)) = own_engine::scene(build, "login") else { return };
    let Some(registry) = had(Registry::guarded_beside(engine)) else { return };
    logins(&scene, &registry);
}

#[test]
fn a_helper_program_gives_the_login_and_one_that_fails_is_named() {
    let Some(scene) = Scene::new("helper") else { return };
    let Some(registry) = had(Registry::guarded()) else { return };
    let lab = Lab::new(&scene, &registry.host);
    let config = docker_config(&json!({ "credHelpers": { &registry.host: "lab" } }));
    let with = |run: Run, helper: &tempfile::TempDir| {
        run.env("DOCKER_CONFIG", config.path()).env("PATH", path_with(helper.path()))
    };
    let answer = json!({ "ServerURL": registry.host, "Username": USER, "Secret": PASSWORD });
    let asked = format!("[ \"$1 $(cat)\" = \"get {}\" ] || exit 1", registry.host);
    let right = helper("lab", &format!("{asked}\ncat <<'END'\n{answer}\nEND"));
    with(lab.build().args(["--push"]), &right).succeeds();
    lab.forget_image();
    let locked = helper("lab", "echo the store is locked; exit 1");
    let named = ["`docker-credential-lab` does not give the login", "the store is locked", "hint: try it"];
    with(lab.start(), &locked).fails(6, &[&[&*lab.image()], &named[..]].concat());
    let empty = helper("lab", "echo credentials not found in native keychain; exit 1");
    with(lab.start(), &empty).fails(6, &["wants a login"]);
    let none = tempfile::tempdir().unwrap();
    with(lab.start(), &none).fails(6, &["`docker-credential-lab`", "it cannot be run"]);
    with(lab.start(), &right).succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

#[test]
fn a_dockerfile_builds_on_an_image_of_a_registry_that_wants_a_login() {
    let Some(scene) = Scene::new("from") else { return };
    let Some(registry) = had(Registry::guarded()) else { return };
    let lab = Lab::new(&scene, &registry.host);
    let right = registry.login(USER, PASSWORD);
    lab.build().args(["--push"]).env("DOCKER_CONFIG", right.path()).succeeds();
    lab.forget_image();
    lab.dockerfile(&lab.image(), "LABEL derived=yes\n");
    let derived = format!("{}-derived", scene.name);
    let nobody = docker_config(&json!({}));
    lab.build_to(&derived).env("DOCKER_CONFIG", nobody.path()).fails(6, &["could not be built", "docker login"]);
    let built = lab.build_to(&derived).env("DOCKER_CONFIG", right.path()).succeeds();
    scene.docker_says(&["rmi", built.stdout.trim()]);
    scene.is_empty();
}

#[test]
fn a_build_hook_pushes_what_it_made() {
    let Some(scene) = Scene::new("bake") else { return };
    let Some(registry) = had(Registry::open()) else { return };
    let repository = format!("{}/{}", registry.host, scene.name);
    let library = plugins::library("topology_calls");
    let image = format!("{repository}/topology_calls:v7");
    for (host, hook) in [(true, false), (false, true), (true, true)] {
        let run = scene.run(["build", "-n", &scene.name, "-r", &repository]).args(host.then_some("--push"));
        let run = run.args([&library]).args(["--tag", "v7"]).args(hook.then_some("--publish"));
        let ran = run.succeeds();
        assert_eq!(ran.stderr.matches("Pushing image").count(), 1, "{}", ran.stderr);
        assert_eq!(ran.stdout, format!("{image}\n"));
        scene.docker_says(&["rmi", &image]);
        scene.docker_says(&["pull", &image]);
        let file = scene.docker_says(&["run", "--rm", "--network", "none", &image, "cat", "/etc/built"]);
        assert_eq!(file, "by the hook");
        scene.docker_says(&["rmi", &image]);
    }
    scene.is_empty();
}

#[test]
fn a_helper_is_asked_once_in_a_command_whatever_is_pushed() {
    let Some(scene) = Scene::new("once") else { return };
    let Some(registry) = had(Registry::guarded()) else { return };
    let lab = Lab::new(&scene, &registry.host);
    let manifest = lab.folder.path().join("topology.toml");
    let calls =
        fs::read_to_string(&manifest).unwrap().replace("plugin = \"topology_nodebase\"", "plugin = \"topology_calls\"");
    fs::write(&manifest, calls).unwrap();
    fs::copy(plugins::library("topology_calls"), lab.folder.path().join("libtopology_calls.so")).unwrap();
    let config = docker_config(&json!({ "credHelpers": { &registry.host: "lab" } }));
    let answer = json!({ "ServerURL": registry.host, "Username": USER, "Secret": PASSWORD });
    let asked = config.path().join("asked");
    let program = helper("lab", &format!("echo asked >>{}\ncat <<'END'\n{answer}\nEND", asked.display()));
    let build = lab.build().args(["-n", &scene.name, "-o", "small", "--tag", "v9", "--publish", "--push"]);
    let built = build.env("DOCKER_CONFIG", config.path()).env("PATH", path_with(program.path())).succeeds();
    assert_eq!(built.stderr.matches("Pushing image").count(), 2, "{}", built.stderr);
    assert_eq!(fs::read_to_string(asked).unwrap(), "asked\n");
    for image in built.stdout.lines() {
        scene.docker_says(&["rmi", image]);
    }
    scene.is_empty();
}

#[test]
fn a_topologys_build_arguments_reach_its_dockerfile() {
    let Some(scene) = Scene::new("args") else { return };
    let lab = Lab::new(&scene, "docker.io");
    lab.dockerfile("scratch", &format!("{ROOT}ARG TAG\nARG PUBLISH\nLABEL told=\"$TAG $PUBLISH\"\n"));
    let manifest = lab.folder.path().join("topology.toml");
    let calls =
        fs::read_to_string(&manifest).unwrap().replace("plugin = \"topology_nodebase\"", "plugin = \"topology_calls\"");
    fs::write(&manifest, calls).unwrap();
    fs::copy(plugins::library("topology_calls"), lab.folder.path().join("libtopology_calls.so")).unwrap();
    let image = format!("{}/topology_nodebase:small", scene.name);
    let told = || scene.docker_says(&["image", "inspect", "-f", "{{.Config.Labels.told}}", &image]);
    let built = lab.build().args(["-n", &scene.name, "-o", "small", "--tag", "v9"]).succeeds();
    assert_eq!(told(), "v9 false");
    for image in built.stdout.lines() {
        scene.docker_says(&["rmi", image]);
    }
    // Where a start builds it, with their defaults.
    lab.start_with(lab.folder.path(), "docker.io", "small").succeeds();
    assert_eq!(told(), "built false");
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &image]);
    scene.is_empty();
}
