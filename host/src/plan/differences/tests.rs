use clusterdock_plugin_wire::{RequestedNode, Secret};

use super::*;
use crate::cluster::labels::Run;
use crate::cluster::record;
use crate::engine::Volume;

/// What a start asks for, and the cluster that it would start.
#[derive(Clone)]
struct Start {
    topology: TopologyFacts,
    request: Request,
    options: StartOptions,
    specs: Vec<NodeSpec>,
    images: BTreeMap<String, Image>,
}

impl Start {
    fn new() -> Start {
        let node = |hostname: &str| RequestedNode {
            group: "nodes".into(),
            hostname: hostname.into(),
            ..RequestedNode::default()
        };
        let image = Image {
            id: "sha256:1".into(),
            ..Image::default()
        };
        Start {
            topology: TopologyFacts {
                name: "lab".into(),
                version: "1.0.0".into(),
                plugin_digest: "d1".into(),
                ..TopologyFacts::default()
            },
            request: Request {
                cluster: "ux".into(),
                network: "net".into(),
                domain: "net".into(),
                image: "lab:1".into(),
                nodes: vec![node("a"), node("b")],
                args: [
                    ("heap".to_string(), Value::Bytes(1024)),
                    ("tls".into(), Value::Flag(false)),
                    ("password".into(), Value::Secret(Some(Secret::new("x")))),
                ]
                .into(),
                ..Request::default()
            },
            options: StartOptions::from([("cpus".into(), "1".into())]),
            specs: vec![NodeSpec::new("a", "nodes"), NodeSpec::new("b", "nodes")],
            images: [("lab:1".to_string(), image)].into(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Start)) -> Start {
        change(&mut self);
        self
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            topology: "/lab".into(),
            request: serde_json::to_string(&self.request.without_secrets()).unwrap(),
            signature: "00".into(),
            options: Some(self.options.clone()),
        }
    }

    fn observed(&self, provenance: &Provenance) -> Observed {
        let run = Run {
            cluster: "ux".into(),
            size: 2,
            ..Run::default()
        };
        let container = |spec: &NodeSpec| {
            let labels = NodeLabels {
                run: run.clone(),
                hostname: spec.hostname.clone(),
                network: "net".into(),
                domain: "net".into(),
                group: "nodes".into(),
                topology: self.topology.name.clone(),
                topology_version: self.topology.version.clone(),
                plugin_digest: self.topology.plugin_digest.clone(),
                ..NodeLabels::default()
            };
            let image = spec.image.as_ref().unwrap_or(&self.request.image);
            let id = self.images[image].id.clone();
            Container {
                image: image.clone(),
                labels: labels.write(&id),
                image_id: id,
                ..Container::default()
            }
        };
        let record = record::volume(&run, provenance);
        Observed::new(
            self.specs.iter().map(container).collect(),
            Vec::new(),
            vec![Volume { ..record }],
        )
    }

    /// What differs if this is asked for while the usual cluster is there.
    fn differs(&self) -> Vec<String> {
        let before = Start::new();
        self.differs_from(&before.observed(&before.provenance()))
    }

    fn differs_from(&self, observed: &Observed) -> Vec<String> {
        let asked = Asked {
            topology: &self.topology,
            request: &self.request,
            options: &self.options,
            specs: &self.specs,
            images: &self.images,
        };
        differences(observed, "ux", &asked)
    }
}

#[test]
fn the_same_start_does_not_differ() {
    assert_eq!(Start::new().differs(), Vec::<String>::new());
    let other_secret = Start::new().with(|start| {
        let secret = Value::Secret(Some(Secret::new("y")));
        start.request.args.insert("password".into(), secret);
    });
    assert_eq!(
        other_secret.differs(),
        Vec::<String>::new(),
        "secrets are kept nowhere"
    );
}

#[test]
fn every_kind_of_difference_is_named() {
    type Change = fn(&mut Start);
    let table: [(Change, &str); 11] = [
        (
            |one| one.topology.name = "ceph".into(),
            "`topology` was `lab 1.0.0`, now `ceph 1.0.0`",
        ),
        (
            |one| one.topology.version = "1.1.0".into(),
            "`topology` was `lab 1.0.0`, now `lab 1.1.0`",
        ),
        (
            |one| one.topology.plugin_digest = "d2".into(),
            "the library of topology `lab` has changed",
        ),
        (
            |one| one.request.domain = "lab.example".into(),
            "`--domain` was `net`, now `lab.example`",
        ),
        (
            |one| one.request.predictable = true,
            "`--predictable` was not given, now it is `true`",
        ),
        (
            |one| drop(one.request.nodes.pop()),
            "`--nodes` was `a b`, now `a`",
        ),
        (
            |one| drop(one.request.args.insert("heap".into(), Value::Bytes(2048))),
            "`--heap` was `1024`, now `2048`",
        ),
        (
            |one| drop(one.request.args.insert("tls".into(), Value::Flag(true))),
            "`--tls` was not given, now it is `true`",
        ),
        (
            |one| drop(one.options.remove("cpus")),
            "`--cpus` was `1`, now it is not given",
        ),
        (
            |one| drop(one.options.insert("env".into(), "A=0011".into())),
            "`--env` has changed",
        ),
        (
            |one| one.images.get_mut("lab:1").unwrap().id = "sha256:2".into(),
            "image `lab:1` has changed (a, b)",
        ),
    ];
    for (change, expected) in table {
        assert_eq!(Start::new().with(change).differs(), [expected]);
    }
    let image = Start::new().with(|start| start.specs[1].image = Some("other:2".into()));
    assert_eq!(image.differs(), ["`image` was `lab:1`, now `other:2` (b)"]);
}

#[test]
fn a_cluster_that_cannot_be_compared_says_so() {
    let start = Start::new();
    let mut provenance = start.provenance();
    provenance.options = None;
    let unknown = "how it was started is unknown: ";
    assert_eq!(
        start.differs_from(&start.observed(&provenance)),
        [format!(
            "{unknown}an earlier version of clusterdock started it"
        )]
    );
    provenance.request = r#"{"nodes_of_the_future":1}"#.into();
    assert_eq!(
        start.differs_from(&start.observed(&provenance)),
        [format!(
            "{unknown}another version of clusterdock started it"
        )]
    );
    let mut observed = start.observed(&start.provenance());
    observed.volumes.clear();
    assert_eq!(
        start.differs_from(&observed),
        [format!("{unknown}the cluster has no record")]
    );
    observed.containers.clear();
    assert_eq!(
        start.differs_from(&observed),
        ["it was started by the original clusterdock"]
    );
}

#[test]
fn an_image_that_the_engine_no_longer_has_does_not_differ() {
    let before = Start::new();
    let observed = before.observed(&before.provenance());
    let start = Start::new().with(|start| start.images.clear());
    assert_eq!(start.differs_from(&observed), Vec::<String>::new());
}
