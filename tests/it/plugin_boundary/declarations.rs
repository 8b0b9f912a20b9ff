//! The host never panics on a declaration: it is refused when the plugin is loaded, or it becomes a working command
//! line.

use std::fs;

use clusterdock::cli::environment::Variables;
use clusterdock::cli::{self, topology_args};
use clusterdock_plugin_wire::{Arg, ArgKind, Declaration, DefaultNodes, Group};
use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use proptest::prelude::*;

/// `start` of a topology that declares this, as JSON, with more arguments.
fn start(declaration: &str, arguments: &[&str]) -> (tempfile::TempDir, Run) {
    command("start", declaration, arguments)
}

fn command(name: &str, declaration: &str, arguments: &[&str]) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("declaration.json");
    fs::write(&file, declaration).unwrap();
    let run = Run::new([name])
        .args([plugins::library("topology_declares")])
        .args(arguments.iter().copied());
    let run = run
        .env("DECLARATION", file)
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    (folder, run)
}

fn args(args: &str) -> String {
    format!(r#"{{"args":[{args}]}}"#)
}

#[test]
fn an_invalid_declaration_is_refused_at_load() {
    let many: Vec<String> = (0..10_000)
        .map(|number| format!(r#"{{"name":"a{number}"}}"#))
        .collect();
    let help = "h".repeat(1 << 20);
    let cases = [
        (
            args(r#"{"name":"x","kind":"text"},{"name":"x","kind":"flag"}"#),
            "argument `x` is declared twice",
        ),
        (args(r#"{"name":""}"#), "empty argument name"),
        (args(r#"{"name":"a b"}"#), "invalid argument name `a b`"),
        (args(r#"{"name":"a=b"}"#), "invalid argument name `a=b`"),
        (args(r#"{"name":"a\nb"}"#), "invalid argument name `a\\nb`"),
        (args(r#"{"name":"--x"}"#), "invalid argument name `--x`"),
        (args(r#"{"name":"größe"}"#), "invalid argument name `größe`"),
        (args(r#"{"name":"help"}"#), "reserved"),
        (
            args(r#"{"name":"x","kind":"integer","default":"many"}"#),
            "argument `x` has an invalid default",
        ),
        (
            args(r#"{"name":"x","choices":[""]}"#),
            "argument `x` has an empty choice",
        ),
        (
            args(&format!(r#"{{"name":"x","help":"{help}"}}"#)),
            "argument `x` has a help that is 1048576 bytes long",
        ),
        (args(&many.join(",")), "10000 arguments"),
        (
            r#"{"groups":[{"name":"x","min":3,"max":2}]}"#.into(),
            "node group `x` requires at least 3",
        ),
        (
            r#"{"groups":[{"name":"x"}],"args":[{"name":"x"}]}"#.into(),
            "both a node group and an argument",
        ),
        (
            r#"{"groups":[{"name":"x"},{"name":"x"}]}"#.into(),
            "node group `x` is declared twice",
        ),
        (
            r#"{"groups":[{"name":"x","after":["y"]}]}"#.into(),
            "node group `x` is after `y`, which is not a node group",
        ),
        (
            r#"{"groups":[{"name":"x","nodes":{"sized":{"prefix":"n","count":99999999999}}}]}"#
                .into(),
            "node group `x` has invalid default nodes: at most 4096 nodes allowed",
        ),
        (
            args(r#"{"name":"x","kind":"duration","range":"1s..=5s","default":"9s"}"#),
            "argument `x` has an invalid default: must be from 1s to 5s",
        ),
        (
            args(r#"{"name":"x","pattern":"[a-z]+","default":"9"}"#),
            "argument `x` has an invalid default: `9` must match `[a-z]+`",
        ),
        (
            args(r#"{"name":"x","kind":"secret","default":"hunter2"}"#),
            "argument `x` is a secret with a default",
        ),
    ];
    for (declaration, expected) in &cases {
        let (_folder, run) = start(declaration, &["-h"]);
        run.fails(
            9,
            &[
                "plugin `topology_declares` has an invalid declaration",
                expected,
            ],
        );
    }
    let (_folder, run) = command("build", &cases[0].0, &[]);
    run.fails(
        9,
        &["plugin `topology_declares` has an invalid declaration"],
    );
}

#[test]
fn a_topologys_flag_wins_over_the_hosts_flag() {
    let names = [
        "network",
        "verbose",
        "trust",
        "host",
        "memory",
        "max_workers",
        "version",
        "port",
    ];
    let declared: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"name":"{name}","help":"Of the topology"}}"#))
        .collect();
    let declaration = format!(
        r#"{{"groups":[{{"name":"nodes","min":0}}],"args":[{}]}}"#,
        declared.join(",")
    );
    let (_folder, run) = start(&declaration, &["-h"]);
    let help = run.succeeds().stdout;
    for name in names {
        assert!(
            help.contains(&format!("--{name} ")),
            "no --{name} in:\n{help}"
        );
    }
    for name in ["network", "verbose", "trust", "host", "memory", "port"] {
        assert!(
            help.contains(&format!("--clusterdock-{name}")),
            "no --clusterdock-{name} in:\n{help}"
        );
    }
    let values = [
        "--version",
        "3",
        "--network",
        "any one",
        "--clusterdock-network",
        "net",
        "--max_workers",
        "many",
    ];
    let (_folder, run) = start(&declaration, &values);
    run.fails(
        2,
        &[
            r#""network":{"text":"any one"}"#,
            r#""max_workers":{"text":"many"}"#,
        ],
    );
    // What the host's flag does not take may be a value of the topology's.
    let (_folder, run) = start(&declaration, &["--memory", "lots", "--port", "any"]);
    run.fails(
        2,
        &[r#""memory":{"text":"lots"}"#, r#""port":{"text":"any"}"#],
    );
    run.env("CLUSTERDOCK_START_MEMORY", "plenty")
        .fails(2, &[r#""memory":{"text":"lots"}"#]);
    let (_folder, run) = start(&declaration, &[]);
    run.env("CLUSTERDOCK_START_MEMORY", "plenty")
        .fails(2, &[r#""memory":{"text":"plenty"}"#]);
    let (_folder, run) = start(&declaration, &["--clusterdock-memory", "lots"]);
    run.fails(2, &["invalid value 'lots' for '--clusterdock-memory"]);
    let (_folder, run) = start(&declaration, &["--clusterdock-network", "Not A Network"]);
    run.fails(2, &["`Not A Network`"]);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-c]{1,2}",
        2 => "[a-zA-Z][a-zA-Z0-9_-]{0,8}",
        1 => prop::sample::select(HOST_FLAGS).prop_map(str::to_string),
        1 => any::<String>(),
    ]
}

const HOST_FLAGS: &[&str] = &[
    "help",
    "version",
    "host",
    "verbose",
    "trust",
    "progress",
    "color",
    "network",
    "port",
    "nodes",
    "topology",
    "rest",
    "memory",
    "pull",
    "repository",
    "push",
    "retain",
    "clusterdock-network",
    "clusterdock-config-directory",
    "max_workers",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-c1-3,]{0,4}", 1 => "[0-9]{1,25}[smhkg]?", 1 => "\\{?[a-b]=?[:x,\\]\\[]{0,3}\\}?", 1 => any::<String>()]
}

fn kind() -> impl Strategy<Value = ArgKind> {
    use ArgKind::*;
    prop::sample::select(vec![
        Flag, Text, Secret, Integer, Port, Duration, Size, Choice, List, Map, Path,
    ])
}

fn arg() -> impl Strategy<Value = Arg> {
    let texts = (value(), value(), prop::option::of(value()));
    let limits = (
        prop::option::of(prop_oneof![
            "[0-9]{0,3}(\\.\\.=?)?[0-9]{0,3}[smk]?",
            value()
        ]),
        prop::option::of(prop_oneof!["[a-c(\\[+*]{0,4}", value()]),
        prop::collection::vec(value(), 0..3),
    );
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    (name(), kind(), texts, limits, switches).prop_map(
        |(name, kind, (metavar, help, default), (range, pattern, choices), switches)| Arg {
            name,
            kind,
            help,
            metavar,
            default,
            required: switches.0,
            choices,
            range,
            pattern,
            start: switches.1,
            build: switches.2,
        },
    )
}

fn default_nodes() -> impl Strategy<Value = DefaultNodes> {
    prop_oneof![
        prop::collection::vec("[a-c-]{0,3}", 0..4).prop_map(DefaultNodes::Named),
        ("[a-c-]{0,3}", prop_oneof![0..9_usize, any::<usize>()])
            .prop_map(|(prefix, count)| DefaultNodes::Sized { prefix, count }),
    ]
}

fn group() -> impl Strategy<Value = Group> {
    let limits = (0..4_usize, prop::option::of(0..4_usize));
    let after = prop::collection::vec(name(), 0..2);
    (name(), default_nodes(), limits, value(), after).prop_map(
        |(name, nodes, (min, max), help, after)| Group {
            name,
            help,
            nodes,
            min,
            max,
            after,
        },
    )
}

fn declaration() -> impl Strategy<Value = Declaration> {
    (
        prop::collection::vec(group(), 0..3),
        prop::collection::vec(arg(), 0..5),
    )
        .prop_map(|(groups, args)| Declaration {
            groups,
            args,
            ..Declaration::default()
        })
}

/// Builds the real commands of a declaration, for help and for parsing, and parses these words with them.
fn becomes_a_command_line(declaration: &Declaration, words: &[String]) {
    let start = cli::start_args::command_of(cli::start_args::Verb::Start, "x", declaration);
    let build = cli::build_args::command_of("x", declaration);
    for (name, command, own) in [
        ("start", start, &declaration.start_args()),
        ("build", build, &declaration.build_args()),
    ] {
        let mut command = cli::command_with(command);
        command.build();
        let _help = command
            .find_subcommand_mut(name)
            .unwrap()
            .render_long_help()
            .to_string();
        let argv = ["clusterdock", name, "x"]
            .map(str::to_string)
            .into_iter()
            .chain(words.iter().cloned());
        let Ok(matches) = command.try_get_matches_from(argv) else {
            continue;
        };
        let Some((_, matches)) = matches.subcommand() else {
            continue;
        };
        drop(topology_args::values(matches, own, &Variables::default()));
        drop(topology_args::nodes(
            matches,
            &declaration.groups,
            "cluster",
            &Variables::default(),
        ));
        topology_args::defaults(own);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_declaration_is_refused_or_becomes_a_command(
        declaration in declaration(),
        words in prop::collection::vec(prop_oneof![name().prop_map(|name| format!("--{name}")), value()], 0..5),
    ) {
        if declaration.check().is_ok() {
            becomes_a_command_line(&declaration, &words);
        }
    }

    #[test]
    fn every_valid_declaration_becomes_a_command(kinds in prop::collection::vec(kind(), 0..6)) {
        let arg = |(number, kind): (usize, ArgKind)| Arg {
            name: format!("arg-{number}"),
            kind,
            choices: if kind == ArgKind::Choice { vec!["a".into()] } else { Vec::new() },
            build: true,
            ..Arg::default()
        };
        let args = kinds.into_iter().enumerate().map(arg).collect();
        let declaration = Declaration { args, ..Declaration::default() };
        declaration.check().unwrap();
        becomes_a_command_line(&declaration, &[]);
    }
}

/// How many declarations are tried: more if there is time for it.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(300)
}
