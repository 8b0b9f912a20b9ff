//! Clusters with a domain that the user chose: two with the same names inside, side by side on separate networks.

use std::fs;

use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{NODEBASE, Scene};

const NODES: [&str; 2] = ["a", "b"];

/// One of the clusters with the same names: its name is also its network's.
struct Twin<'a> {
    scene: &'a Scene,
    name: String,
}

impl Twin<'_> {
    fn of<'a>(scene: &'a Scene, which: &str) -> Twin<'a> {
        let name = format!("{}-{which}", scene.name);
        Twin { scene, name }
    }

    fn start(&self) -> Run {
        let Twin { scene, name } = self;
        let start = scene.run(["start", "-c", name, "-n", name]);
        start
            .args(["--domain", &domain(scene), NODEBASE, "--nodes"])
            .args(NODES)
    }

    /// The name of a node whose FQDN also exists in the twin.
    fn node(&self, hostname: &str) -> String {
        format!("{}/{hostname}", self.name)
    }

    #[track_caller]
    fn says(&self, hostname: &str, command: &str) -> String {
        let container = format!("{hostname}.{}", self.name);
        self.scene
            .docker_says(&["exec", &container, "sh", "-c", command])
    }

    fn address(&self, hostname: &str) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let container = format!("{hostname}.{}", self.name);
        self.scene
            .docker_says(&["inspect", "-f", format, &container])
    }

    /// Asserts that every node resolves every node of its own cluster, forwards and backwards.
    #[track_caller]
    fn assert_names_resolve(&self) {
        for from in NODES {
            assert_eq!(self.says(from, "hostname"), fqdn(self.scene, from));
            for to in NODES {
                let (fqdn, address) = (fqdn(self.scene, to), self.address(to));
                for asked in [to, &fqdn, &address] {
                    let found = self.says(from, &format!("getent hosts {asked}"));
                    let words: Vec<&str> = found.split_whitespace().take(2).collect();
                    assert_eq!(words, [&address, &fqdn], "{from} asks for {asked}: {found}");
                }
            }
        }
    }
}

fn domain(scene: &Scene) -> String {
    format!("{}.example", scene.name)
}

fn fqdn(scene: &Scene, hostname: &str) -> String {
    format!("{hostname}.{}", domain(scene))
}

#[test]
fn twins_run_side_by_side_and_resolve_their_own_nodes() {
    let Some(scene) = Scene::new("twins") else {
        return;
    };
    let (one, two) = (Twin::of(&scene, "one"), Twin::of(&scene, "two"));
    one.start().succeeds();
    two.start().succeeds();
    let assert_both = || {
        one.assert_names_resolve();
        two.assert_names_resolve();
        assert_ne!(one.address("a"), two.address("a"));
    };
    assert_both();
    scene.run(["restart", &one.name, &two.name]).succeeds();
    assert_both();
    scene.docker_says(&["restart", "-t", "1", &format!("a.{}", one.name)]);
    assert_both();
    scene.run(["rm", &one.name]).succeeds();
    two.assert_names_resolve();
    scene.run(["rm", &fqdn(&scene, "a"), &two.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn commands_reach_the_twin_that_is_named() {
    let Some(scene) = Scene::new("twins") else {
        return;
    };
    let (one, two) = (Twin::of(&scene, "one"), Twin::of(&scene, "two"));
    one.start().succeeds();
    two.start().succeeds();
    let file = scene.config().join("note");
    fs::write(&file, "for two").unwrap();
    let to = format!("{}:/root/note", two.node("a"));
    scene
        .run(["cp", &file.display().to_string(), &to])
        .succeeds();
    assert_eq!(two.says("a", "cat /root/note"), "for two");
    let look = "ls /root/note 2>/dev/null || echo none";
    assert_eq!(one.says("a", look), "none");
    for twin in [&one, &two] {
        let address = twin.address("b");
        for command in ["exec", "ssh"] {
            let run = scene.run([command, &twin.node("b"), "--"]);
            let found = run.args(["getent", "hosts", "b"]).succeeds().stdout;
            assert!(found.starts_with(&format!("{address} ")), "{found}");
        }
    }
    let ambiguous = fqdn(&scene, "a");
    for command in ["exec", "ssh"] {
        scene.run([command, &ambiguous, "--", "true"]).fails(
            2,
            &[
                &format!("node `{ambiguous}` is ambiguous"),
                &format!("{} and {}", one.node("a"), two.node("a")),
                "hint: use CLUSTER/HOSTNAME",
            ],
        );
    }
    let quiet = scene.run(["ps", "-q"]).succeeds().stdout;
    for twin in [&one, &two] {
        assert!(quiet.lines().any(|line| line == twin.node("a")), "{quiet}");
    }
    scene.run(["rm", &one.name, &two.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_domain_resolves_forwards_on_a_foreign_network() {
    let Some(scene) = Scene::new("foreign") else {
        return;
    };
    scene.docker_says(&["network", "create", &scene.name]);
    let start = scene.start().args(["--domain", &domain(&scene)]);
    assert!(start.succeeds().stderr.contains("forwards only"));
    let assert_resolves = || {
        for name in ["node-2", &fqdn(&scene, "node-2"), &scene.fqdn("node-2")] {
            let found = scene.on_node("node-1", &format!("getent hosts {name}"));
            assert!(!found.is_empty(), "{name}");
        }
    };
    assert_resolves();
    scene.run(["restart", &scene.name]).succeeds();
    assert_resolves();
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(scene.things().len(), 1, "{:?}", scene.things());
}

#[test]
fn a_removed_network_is_recreated_with_the_names_of_its_nodes() {
    let Some(scene) = Scene::new("again") else {
        return;
    };
    let twin = Twin::of(&scene, "one");
    twin.start().succeeds();
    scene.run(["stop", &twin.name]).succeeds();
    scene.docker_says(&["network", "rm", &twin.name]);
    scene.run(["resume", &twin.name]).succeeds();
    twin.assert_names_resolve();
    let aliases = "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}";
    let aliases = scene.docker_says(&["inspect", "-f", aliases, &format!("a.{}", twin.name)]);
    assert!(
        aliases.contains(&format!("a {}", fqdn(&scene, "a"))),
        "{aliases}"
    );
    scene.run(["rm", &twin.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn impossible_domains_are_usage_errors() {
    let Some(scene) = Scene::new("baddomain") else {
        return;
    };
    for domain in [
        "",
        "8",
        "10.0.0.1",
        "lab.0x7f",
        "localhost",
        "a.localhost",
        "Lab",
        "a_b",
        "a..b",
    ] {
        let typed = scene.start().args([format!("--domain={domain}")]);
        typed.fails(2, &[&format!("invalid domain `{domain}`"), "hint:"]);
    }
    let start = scene.start().env("CLUSTERDOCK_START_DOMAIN", "localhost");
    start.fails(2, &["invalid domain `localhost`"]);
    let long = format!("{}.example", "x".repeat(55));
    let start = scene.start().args(["--domain", &long]);
    start.fails(2, &["is too long", "64", "--domain"]);
    scene.assert_empty();
}
