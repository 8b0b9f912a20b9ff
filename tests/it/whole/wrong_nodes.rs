//! A plugin that answers with other nodes than it was asked for: the start is refused before anything is created, with
//! the plugin's name.

use std::ffi::OsString;
use std::path::Path;

use clusterdock::cli::start_args::Verb;
use clusterdock::commands::given::Given;
use clusterdock::commands::{StartError, start};
use clusterdock::error::{Error, Kind};
use clusterdock_plugin_wire::NodeSpec;
use clusterdock_tests::{plugins, program};

use super::{CLUSTER, Stage, engine};

/// What a plugin writes to the host to answer with these nodes, whatever it was asked.
fn answer(nodes: &[NodeSpec]) -> Vec<u8> {
    let nodes = serde_json::to_string(nodes).unwrap();
    let header = serde_json::json!({ "Done": { "Ok": nodes } }).to_string();
    let lengths = [header.len() as u32, 0].map(u32::to_le_bytes);
    [lengths.as_flattened(), header.as_bytes()].concat()
}

/// Starts nodes `a` and `b` of a plugin that answers with these.
async fn start_answered_by(nodes: &[NodeSpec]) -> Error {
    let fake = engine();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("raw"), answer(nodes)).unwrap();
    let program = folder.path().join("misbehave-raw-in-nodes");
    std::os::unix::fs::symlink(program::clusterdock(), &program).unwrap();
    let mut stage = Stage::new(&fake);
    stage.paths.executable = program;
    let before = fake.snapshot();
    let error = refused(&stage, &plugins::library("topology_misbehave")).await;
    assert_eq!(fake.snapshot(), before);
    for method in [
        "create_volume",
        "create_network",
        "create_container",
        "import_image",
    ] {
        assert_eq!(fake.count(method), 0, "{method}");
    }
    error
}

async fn refused(stage: &Stage, library: &Path) -> Error {
    let words = ["clusterdock", "start", "-c", CLUSTER];
    let mut argv: Vec<OsString> = words.map(OsString::from).to_vec();
    argv.extend([library.into(), "--nodes".into(), "a".into(), "b".into()]);
    let given = Given {
        verb: Verb::Start,
        topology: library.into(),
        lab: None,
        argv: &argv,
    };
    match start::start(&stage.session(), &given).await {
        Err(StartError::Failed(error)) => error,
        Err(StartError::CommandLine(error)) => panic!("{error}"),
        Ok(()) => panic!("it was started"),
    }
}

fn node(hostname: &str, group: &str) -> NodeSpec {
    NodeSpec::new(hostname, group)
}

#[tokio::test]
async fn other_nodes_than_those_asked_for_are_refused() {
    let (a, b) = (|| node("a", "nodes"), || node("b", "nodes"));
    let cases = [
        (
            "a group that is not declared",
            vec![a(), node("b", "workers")],
            "node `b` of group `workers` was not requested",
        ),
        (
            "no group",
            vec![a(), node("b", "")],
            "node `b` of group `` was not requested",
        ),
        (
            "a node twice",
            vec![a(), b(), a()],
            "node `a` is returned twice",
        ),
        (
            "a node that was not asked for",
            vec![a(), b(), node("c", "nodes")],
            "node `c` of group `nodes` was not requested",
        ),
        (
            "a host name that is not of the request",
            vec![a(), node("b.elsewhere", "nodes")],
            "node `b.elsewhere` of group `nodes` was not requested",
        ),
        (
            "a host name that is a path",
            vec![a(), node("../b", "nodes")],
            "node `../b` of group `nodes` was not requested",
        ),
        (
            "a missing node",
            vec![a()],
            "node `b` of group `nodes` is missing",
        ),
        ("no node", vec![], "node `a` of group `nodes` is missing"),
    ];
    for (case, nodes, cause) in cases {
        let error = start_answered_by(&nodes).await;
        assert_eq!(error.kind(), Kind::Plugin, "{case}: {error}");
        assert_eq!(error.kind().exit_code(), 9);
        assert_eq!(
            error.message(),
            "plugin `topology_misbehave` returned an invalid answer from `nodes`",
            "{case}"
        );
        assert_eq!(error.causes(), [cause], "{case}");
    }
}
