//! Foreign containers with clusterdock's labels, and nodes whose containers were renamed: the former are reported and
//! left alone, the latter stay nodes.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;

use clusterdock::cli::list_args::{Ls, Ps};
use clusterdock::cluster::labels::{self, NodeLabels, Run, RunId};
use clusterdock::commands::list;
use clusterdock::engine::{ContainerSpec, Image, Labels, NetworkSpec, State};
use clusterdock::error::Kind;
use clusterdock::machine::hosts_file;
use clusterdock_tests::fake::FakeEngine;

use super::{CLUSTER, IMAGE, NETWORK, Stage, Wish, engine, engine_with_sshd, without_images};

const HOSTILE: &str = "example/hostile:1";

const HOSTILE_ID: &str = "sha256:feed";

impl Stage {
    /// The answer and the story of `clusterdock ls` or `ps`.
    async fn listed(&self, ls: bool) -> String {
        let before = self.story.text().len();
        let listed = if ls {
            list::ls(&self.session(), &Ls::default()).await
        } else {
            list::ps(&self.session(), &Ps::default()).await
        };
        listed.unwrap();
        self.story.text()[before..].to_string()
    }
}

fn node_labels(cluster: &str, hostname: &str) -> NodeLabels {
    NodeLabels {
        run: Run {
            id: RunId::random(),
            cluster: cluster.into(),
            size: 1,
            ..Run::default()
        },
        hostname: hostname.into(),
        network: NETWORK.into(),
        ..NodeLabels::default()
    }
}

/// Labels that an image can have; each lot is hostile in another way.
fn hostile_labels() -> Vec<Labels> {
    let origin = |name: &str| serde_json::json!({ "cluster_name": name }).to_string();
    let label = |key: &str, value: String| (key.to_string(), value);
    let mut lots = vec![
        Labels::from([
            label(labels::ORIGIN, origin("/home/me/my")),
            label(labels::CLUSTER, "/home/me/my".into()),
            label(labels::RUN, "files".into()),
        ]),
        Labels::from([label(labels::ORIGIN, origin("../../etc"))]),
        Labels::from([label(
            labels::ORIGIN,
            origin("a\u{1b}]0;owned\u{7}\nlab running"),
        )]),
        Labels::from([label(labels::ORIGIN, "{".repeat(100_000))]),
        // As an image has that was committed of a node.
        node_labels("lab", "a").write("sha256:of-another-image"),
    ];
    // These claim the id of their image, which only a command line can.
    let directive = "x\nHost *\n  ProxyCommand touch /tmp/owned";
    for (key, value) in [
        (labels::NODE, directive),
        (labels::NETWORK, directive),
        (labels::CLUSTER, "\u{1b}[2J"),
        (labels::GROUP, "a\nlab  running  2/2"),
        (labels::TOPOLOGY, "\u{9b}31m"),
        (labels::VERSION, "\u{202e}1.0"),
        (labels::PROBES, "none"),
        (labels::SIZE, "-1"),
        (labels::RUN, "../../../etc/x"),
        (labels::VOLUMES_FROM, "a.cluster"),
    ] {
        let mut labels = node_labels("evil", "x").write(HOSTILE_ID);
        labels.insert(key.into(), value.into());
        lots.push(labels);
    }
    lots
}

fn run_by_hand(fake: &FakeEngine, name: &str, labels: Labels) {
    let image = Image {
        id: HOSTILE_ID.into(),
        ..Image::default()
    };
    let spec = ContainerSpec {
        name: name.into(),
        image: HOSTILE.into(),
        labels,
        ..ContainerSpec::default()
    };
    fake.seed()
        .image_as(HOSTILE, image)
        .container(&spec, State::Created);
}

/// Nothing that acts on a terminal but line ends.
#[track_caller]
fn assert_safe(text: &str) {
    let active = text
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}'));
    assert_eq!(active, None, "{text:?}");
}

#[tokio::test(start_paused = true)]
async fn hostile_labels_are_reported_and_ignored() {
    for labels in hostile_labels() {
        let fake = engine();
        let stage = Stage::new(&fake);
        let file = stage
            .paths
            .config
            .join("keys")
            .join("my-files")
            .join("mine");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "mine").unwrap();
        stage.start(Wish::of(&["a", "b"])).await.unwrap();
        run_by_hand(&fake, "by-hand", labels.clone());
        for ls in [true, false] {
            let listed = stage.listed(ls).await;
            assert!(
                listed.contains("skipping containers") && listed.contains("`by-hand`"),
                "{labels:?}: {listed}"
            );
            assert!(
                !listed.contains("owned") && !listed.contains("evil"),
                "{listed}"
            );
            assert_safe(&listed);
        }
        assert_eq!(stage.clusters().await.len(), 1);
        assert_eq!(
            stage.rm(&["evil"]).await.unwrap_err().kind(),
            Kind::NotFound
        );
        stage.rm(&[CLUSTER]).await.unwrap();
        stage.nuke(false, true).await.unwrap();
        assert!(fake.snapshot().contains("container by-hand"), "{labels:?}");
        assert!(file.exists());
        stage.nuke(true, true).await.unwrap();
        assert!(!fake.snapshot().contains("container by-hand"));
    }
}

/// Docker accepts any text as the name of a network, and anybody can label one.
#[tokio::test(start_paused = true)]
async fn networks_with_hostile_names_are_nobodys() {
    let of_a_run = node_labels("evil", "x").run.labels();
    let origin = r#"{"cluster_name":"evil"}"#.to_string();
    let of_the_original = Labels::from([(labels::ORIGIN.to_string(), origin)]);
    for labels in [of_a_run, of_the_original] {
        for name in [
            "\u{1b}[2J\u{1b}]0;owned\u{7}",
            "evil\nlab       running  9/9",
            "evil\rlab",
            "\u{202e}evil",
            "\u{9b}31mevil",
            "../../etc",
            "evil net",
            "-evil",
            "",
        ] {
            let fake = engine();
            fake.seed().network(&NetworkSpec {
                name: name.into(),
                labels: labels.clone(),
                subnet: "10.9.0.0/24".parse().unwrap(),
                engine_range: "10.9.0.192/26".parse().unwrap(),
                gateway: "10.9.0.1".parse().unwrap(),
            });
            let before = fake.snapshot();
            let stage = Stage::new(&fake);
            for ls in [true, false] {
                let listed = stage.listed(ls).await;
                assert!(
                    listed.contains("No clusters.") && !listed.contains("evil"),
                    "{name:?}: {listed:?}"
                );
                assert_safe(&listed);
            }
            let error = stage.rm(&["evil"]).await.unwrap_err();
            assert_eq!(error.kind(), Kind::NotFound, "{name:?}");
            stage.nuke(false, true).await.unwrap();
            assert_eq!(fake.snapshot(), before, "{name:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_of_a_committed_image_is_not_a_node() {
    for blanked in [false, true] {
        let fake = engine();
        let stage = Stage::new(&fake);
        stage.start(Wish::of(&["a", "b"])).await.unwrap();
        let changes = if blanked {
            vec![labels::blank()]
        } else {
            Vec::new()
        };
        let node: &dyn clusterdock::engine::Engine = &fake;
        node.commit_container("a.cluster", "lab/made", "1", &changes)
            .await
            .unwrap();
        let spec = ContainerSpec {
            name: "web".into(),
            image: "lab/made:1".into(),
            ..ContainerSpec::default()
        };
        fake.seed().container(&spec, State::Running);
        let listed = stage.listed(true).await;
        assert_eq!(listed.contains("`web`"), !blanked, "{listed}");
        assert_eq!(stage.clusters().await[0].nodes.len(), 2);
        // Nodes of a topology that starts from such an image are nodes.
        let wish = Wish::of(&["c"])
            .cluster("second")
            .image(clusterdock::image::Wanted::named("lab/made:1").unwrap());
        let wish = wish.each(|node| node.image("lab/made:1"));
        assert_eq!(stage.start(wish).await.unwrap().cluster.nodes.len(), 1);
        stage.rm(&[CLUSTER, "second"]).await.unwrap();
        stage.nuke(false, false).await.unwrap();
        let left = fake.snapshot();
        assert!(
            left.contains("container web") && left.matches("container ").count() == 1,
            "{left}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_replaced_during_a_start_leaves_nothing() {
    let fake = engine();
    let before = fake.snapshot();
    let stage = Stage::new(&fake);
    fake.on_call(("create_container", 0), |fake| {
        fake.forget_image(IMAGE);
        fake.seed().image_as(
            IMAGE,
            Image {
                id: "sha256:newer".into(),
                ..Image::default()
            },
        );
    });
    stage.start(Wish::of(&["a", "b"])).await.unwrap_err();
    assert_eq!(without_images(&fake.snapshot()), without_images(&before));
}

#[tokio::test(start_paused = true)]
async fn a_renamed_container_stays_the_same_node() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    fake.on_call(("start_container", "b.cluster"), |fake| {
        fake.rename("a.cluster", "something_else")
    });
    let started = stage.start(Wish::of(&["a", "b"])).await.unwrap();
    let fqdns = |nodes: &[clusterdock::cluster::Node]| {
        nodes
            .iter()
            .map(|node| node.fqdn.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(fqdns(&started.cluster.nodes), ["a.cluster", "b.cluster"]);
    let clusters = stage.clusters().await;
    let node = &clusters[0].nodes[0];
    assert_eq!(
        (node.hostname.as_str(), node.network.as_str()),
        ("a", NETWORK)
    );
    assert_eq!(node.container.name, "something_else");
    // Its name is taken, and its block goes with it.
    let taken = stage
        .start(Wish::of(&["a"]).cluster("second"))
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict, "{taken}");
    stage.rm(&["a.cluster"]).await.unwrap();
    let hosts = fs::read_to_string(&stage.paths.hosts_file).unwrap();
    assert!(
        hosts.contains("b.cluster") && !hosts.contains("a.cluster"),
        "{hosts}"
    );
    stage.rm(&[CLUSTER]).await.unwrap();
    assert_eq!(
        (
            fs::read_to_string(&stage.paths.hosts_file).unwrap(),
            stage.kept_keys()
        ),
        (String::new(), Vec::new())
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_of_a_renamed_node_is_shown_under_its_own_name() {
    let fake = engine();
    let stage = Stage::new(&fake);
    fake.program(
        "a.cluster",
        clusterdock_tests::fake::Program::dies(3)
            .says("bad luck")
            .after_calls(6),
    );
    fake.on_call(("start_container", "b.cluster"), |fake| {
        fake.rename("a.cluster", "other")
    });
    let wish = Wish::of(&["a", "b"])
        .each(|node| node.ready_when(clusterdock_plugin_wire::Probe::command("false")));
    let error = stage.start(wish).await.unwrap_err();
    assert!(
        error.to_string().contains("node `a.cluster` died"),
        "{error}"
    );
    assert!(
        fake.snapshot().matches("container ").count() == 0,
        "{}",
        fake.snapshot()
    );
}

#[tokio::test(start_paused = true)]
async fn leftovers_of_gone_clusters_are_swept_per_engine() {
    type Sweep = fn(&Stage) -> futures_util::future::LocalBoxFuture<'_, ()>;
    let sweeps: [Sweep; 3] = [
        |stage| {
            Box::pin(async {
                assert_eq!(
                    stage.rm(&[CLUSTER]).await.unwrap_err().kind(),
                    Kind::NotFound
                )
            })
        },
        |stage| Box::pin(async { stage.nuke(false, false).await.unwrap() }),
        |stage| {
            Box::pin(async { drop(stage.start(Wish::of(&["z"]).cluster("new")).await.unwrap()) })
        },
    ];
    for sweep in sweeps {
        let fake = engine_with_sshd();
        let stage = Stage::new(&fake);
        let before = b"127.0.0.1 localhost # caf\xe9";
        fs::write(&stage.paths.hosts_file, before).unwrap();
        stage.start(Wish::of(&["a", "b"])).await.unwrap();
        let foreign = [(Ipv4Addr::new(10, 1, 2, 3), "a.cluster".to_string())];
        hosts_file::add(&stage.paths.hosts_file, "another-engine", CLUSTER, &foreign)
            .await
            .unwrap();
        // As by `docker rm -f`, and everything else with it.
        fake.remove_everything();
        sweep(&stage).await;
        let owners = hosts_file::owners(&stage.paths.hosts_file).await.unwrap();
        let gone = owners
            .iter()
            .filter(|(cluster, engine)| cluster == CLUSTER && engine != "another-engine")
            .count();
        assert_eq!(
            (
                gone,
                owners.contains(&(CLUSTER.to_string(), "another-engine".to_string()))
            ),
            (0, true)
        );
        assert!(
            !stage.kept_keys().contains(&CLUSTER.to_string()),
            "{:?}",
            stage.kept_keys()
        );
        stage.nuke(false, false).await.unwrap();
        let other = BTreeSet::from([CLUSTER.to_string()]);
        hosts_file::remove_clusters(&stage.paths.hosts_file, "another-engine", &other)
            .await
            .unwrap();
        assert_eq!(fs::read(&stage.paths.hosts_file).unwrap(), before);
    }
}
