use clap::FromArgMatches;
use clusterdock_plugin_wire::{self as api, DefaultNodes};

use super::*;
use crate::cli::environment::Variables;
use crate::cli::start_args::{self, StartArgs, Verb};

fn lab(text: &str) -> Result<Lab> {
    Lab::parse(text, Path::new("/project"), "lab.toml")
}

fn declaration() -> Declaration {
    let arg = |name: &str, kind| api::Arg {
        name: name.into(),
        kind,
        ..api::Arg::default()
    };
    let required = api::Arg {
        required: true,
        ..arg("flavour", ArgKind::Text)
    };
    Declaration {
        groups: vec![api::Group {
            name: "nodes".into(),
            nodes: DefaultNodes::Sized {
                prefix: "node".into(),
                count: 2,
            },
            ..api::Group::default()
        }],
        args: vec![
            required,
            arg("conf", ArgKind::Path),
            arg("password", ArgKind::Secret),
            arg("tls", ArgKind::Flag),
            arg("disks", ArgKind::Map),
        ],
        ..Declaration::default()
    }
}

/// The options of a command line that is read with a file, the topology's arguments, and the file's contribution.
fn read(text: &str, words: &[&str]) -> (StartArgs, Vec<String>, String) {
    let declaration = declaration();
    let lab = lab(text).unwrap();
    let command = start_args::command_of(Verb::Up, "lab", &declaration);
    let command = lab.fill(command, &declaration).unwrap();
    let matches = command
        .try_get_matches_from([&["up"], words].concat())
        .unwrap();
    let variables = Variables::default();
    let nodes = topology_args::nodes(&matches, &declaration.groups, "net", &variables).unwrap();
    let values = topology_args::values(&matches, &declaration.args, &variables).unwrap();
    let shown = nodes.iter().map(|node| node.hostname.clone());
    let values = values
        .iter()
        .map(|(name, value)| format!("{name}: {value:?}"));
    let shown = shown.chain(values).collect();
    let contribution = lab.contribution(&matches, &declaration);
    (
        StartArgs::from_arg_matches(&matches).unwrap(),
        shown,
        contribution,
    )
}

const WHOLE: &str = r#"
schema = 1
topology = "../topology_lab"

[arguments]
nodes = 3
flavour = "sweet"
conf = "etc/app.conf"
password = "@secret"
tls = true
disks = { a = ["x", "y"], b = "z" }

[options]
network = "lab"
port = ["node-1:80,node-2:80", "node-1:8080->81"]
predictable = true
cpus = 1.5
max-workers = 2
env = ["A=1", "node-1=B=2"]
"#;

#[test]
fn a_file_sets_arguments_and_options() {
    let (args, shown, contribution) =
        read(WHOLE.replace("password = \"@secret\"\n", "").as_str(), &[]);
    assert_eq!(args.network, "lab");
    assert_eq!(args.port.len(), 3);
    assert_eq!(
        (args.predictable, args.cpus, args.max_workers),
        (true, Some(1.5), 2)
    );
    assert_eq!(args.env, ["A=1", "node-1=B=2"]);
    assert_eq!(shown[..3], ["node-1", "node-2", "node-3"]);
    let rest = shown[3..].join("\n");
    for value in [
        r#"conf: Path("/project/etc/app.conf")"#,
        r#"disks: Map({"a": ["x", "y"], "b": ["z"]})"#,
        r#"flavour: Text("sweet")"#,
        "tls: Flag(true)",
    ] {
        assert!(rest.contains(value), "{rest}");
    }
    assert_eq!(
        contribution,
        "topology ../topology_lab --nodes 3 --flavour sweet --conf etc/app.conf --tls --disks a=x,y b=z --network lab \
         --port node-1:80,node-2:80 node-1:8080->81 --predictable --cpus 1.5 --max-workers 2 --env ..."
    );
}

#[test]
fn the_command_line_takes_precedence() {
    let text = WHOLE.replace("@secret", "hunter2");
    let words = [
        "--network",
        "mine",
        "--nodes",
        "a",
        "b",
        "--cpus",
        "2",
        "--env",
        "C=3",
    ];
    let (args, shown, contribution) = read(&text, &words);
    assert_eq!((args.network.as_str(), args.cpus), ("mine", Some(2.0)));
    assert_eq!(args.env, ["C=3"]);
    assert_eq!(shown[..2], ["a", "b"]);
    for word in ["--network", "--nodes", "--cpus", "--env", "hunter2"] {
        assert!(!contribution.contains(word), "{contribution}");
    }
    assert!(contribution.contains("--password ..."), "{contribution}");
}

#[track_caller]
fn refused(text: &str) -> String {
    let declaration = declaration();
    let command = start_args::command_of(Verb::Up, "lab", &declaration);
    let error = lab(text)
        .and_then(|lab| lab.fill(command, &declaration))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    match error.next_step() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn unknown_keys_are_named_with_line_and_nearest() {
    for (text, expected) in [
        (
            "topolgy = \"x\"",
            "unknown key `topolgy` in `lab.toml:1`; did you mean `topology`?",
        ),
        (
            "topology = \"x\"\n[options]\nnetwrok = \"a\"",
            "unknown key `netwrok` in `lab.toml:3`; did you mean `network`?",
        ),
        (
            "topology = \"x\"\n\n[arguments]\nnode = 3",
            "unknown key `node` in `lab.toml:4`; did you mean `nodes`?",
        ),
        (
            "topology = \"x\"\n[arguments]\nzzzzzz = 3",
            "unknown key `zzzzzz` in `lab.toml:3`; known keys: nodes, flavour, conf, password, tls, disks",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
    for name in [
        "dry-run",
        "always-pull",
        "file",
        "topology",
        "verbose",
        "host",
        "flavour",
    ] {
        let refused = refused(&format!("topology = \"x\"\n[options]\n{name} = true"));
        assert!(
            refused.starts_with(&format!("unknown key `{name}`")),
            "{refused}"
        );
    }
}

#[test]
fn invalid_values_are_named_with_their_line() {
    for (text, expected) in [
        (
            "",
            "no topology in `lab.toml`; add a line: topology = \"PATH\"",
        ),
        (
            "topology = 3",
            "invalid `topology` in `lab.toml:1`: expected a path or a name",
        ),
        (
            "topology = \"\"",
            "invalid `topology` in `lab.toml:1`: expected a path or a name",
        ),
        (
            "options = 1\ntopology = \"x\"",
            "invalid `options` in `lab.toml:1`: expected a table: [options]",
        ),
        (
            "topology = \"x\"\n[options]\nmemory = \"lots\"",
            "invalid `memory` in `lab.toml:3`: invalid value `lots`: ",
        ),
        (
            "topology = \"x\"\n[options]\npull = \"sometimes\"",
            "invalid `pull` in `lab.toml:3`: invalid value `sometimes`: expected one of always, missing, never",
        ),
        (
            "topology = \"x\"\n[options]\nnetwork = [\"a\", \"b\"]",
            "invalid `network` in `lab.toml:3`: expected one value",
        ),
        (
            "topology = \"x\"\n[options]\npredictable = \"yes\"",
            "invalid `predictable` in `lab.toml:3`: expected true or false",
        ),
        (
            "topology = \"x\"\n[options]\nport = []",
            "invalid `port` in `lab.toml:3`: it is empty; leave it out",
        ),
        (
            "topology = \"x\"\n[options]\nport = [[1]]",
            "invalid `port` in `lab.toml:3`: expected a text, a number, true or false",
        ),
    ] {
        let refused = refused(text);
        assert!(refused.starts_with(expected), "{refused}");
    }
    assert!(refused("topology = x").starts_with("invalid file `lab.toml:1`"));
    assert!(refused("topology = \"x\"\ntopology = \"y\"").starts_with("invalid file `lab.toml:2`"));
}

#[test]
fn a_later_schema_is_refused_before_anything_else() {
    let expected = "`lab.toml:2` is for another version of clusterdock: its schema is 2; this clusterdock supports 1; \
                    use a clusterdock that supports it, or write the file anew";
    assert_eq!(refused("new = 1\nschema = 2"), expected);
    assert_eq!(
        refused("schema = \"1\""),
        "invalid `schema` in `lab.toml:1`: expected 1"
    );
}

#[test]
fn the_name_of_the_cluster_is_known_without_the_topology() {
    let text = "topology = \"x\"\n[options]\ncluster-name = \"ux\"";
    assert_eq!(lab(text).unwrap().cluster_name(), Some("ux"));
    assert_eq!(lab("topology = \"x\"").unwrap().cluster_name(), None);
}
