use super::*;

#[track_caller]
fn refused(declaration: Declaration, expected: &str) {
    let fault = declaration.check().unwrap_err();
    assert!(fault.contains(expected), "{fault}");
    assert!(fault.len() < 500, "{fault}");
}

fn arg(kind: ArgKind, name: impl Into<String>) -> Arg {
    Arg {
        name: name.into(),
        kind,
        ..Arg::default()
    }
}

fn text(name: impl Into<String>) -> Arg {
    arg(ArgKind::Text, name)
}

fn with_default(kind: ArgKind, default: impl Into<String>) -> Arg {
    Arg {
        default: Some(default.into()),
        ..arg(kind, "x")
    }
}

fn with_choices(kind: ArgKind, choices: impl IntoIterator<Item = impl Into<String>>) -> Arg {
    Arg {
        choices: choices.into_iter().map(Into::into).collect(),
        ..arg(kind, "x")
    }
}

fn args(args: impl IntoIterator<Item = Arg>) -> Declaration {
    Declaration {
        args: args.into_iter().collect(),
        ..Declaration::default()
    }
}

fn group(name: &str) -> Group {
    Group {
        name: name.into(),
        ..Group::default()
    }
}

fn named(nodes: &[&str]) -> Group {
    Group {
        nodes: DefaultNodes::Named(nodes.iter().map(ToString::to_string).collect()),
        ..group("x")
    }
}

fn groups(groups: impl IntoIterator<Item = Group>) -> Declaration {
    Declaration {
        groups: groups.into_iter().collect(),
        ..Declaration::default()
    }
}

#[test]
fn a_name_is_there_once_however_it_is_used() {
    refused(
        args([text("x"), arg(ArgKind::Flag, "x")]),
        "argument `x` is declared twice",
    );
    refused(
        args([text("a-b"), text("a_b")]),
        "`a-b` and `a_b` become the same",
    );
    refused(args([text("a"), text("A")]), "`a` and `A` become the same");
    refused(
        groups([group("n"), group("n")]),
        "node group `n` is declared twice",
    );
    let of_build = Arg {
        start: false,
        build: true,
        ..text("x")
    };
    for arg in [text("x"), of_build.clone()] {
        let mut declaration = groups([group("x")]);
        declaration.args = vec![arg];
        refused(declaration, "`x` is both a node group and an argument");
    }
    args([text("x"), of_build]).check().unwrap();
}

#[test]
fn names_are_flags() {
    let invalid = [
        "a b",
        "a=b",
        "a\nb",
        "-a",
        "--a",
        "1a",
        "ä",
        "a.b",
        "a/b",
        "a\u{1b}[31m",
        "_a",
        "a\0",
    ];
    for name in invalid {
        refused(args([text(name)]), "it must begin with a letter");
        refused(groups([group(name)]), "it must begin with a letter");
    }
    refused(args([text("")]), "empty argument name");
    refused(args([text("x".repeat(1 << 20))]), "longer than 64");
    for name in ["help", "clusterdock-network"] {
        refused(args([text(name)]), "reserved");
    }
    for name in [
        "a",
        "Kafka-Version",
        "node_disks",
        "java8",
        "verbose",
        "network",
        &"x".repeat(64),
    ] {
        args([text(name)]).check().unwrap();
    }
}

#[test]
fn there_is_an_end_to_everything() {
    refused(
        args((0..10_000).map(|n| text(format!("a{n}")))),
        "10000 arguments",
    );
    refused(
        groups((0..257).map(|n| group(&format!("g{n}")))),
        "257 node groups",
    );
    let help = Arg {
        help: "x".repeat(1 << 20),
        ..text("x")
    };
    refused(args([help]), "has a help that is 1048576 bytes long");
    refused(
        args([with_default(ArgKind::Text, "x".repeat(5000))]),
        "has a default that is 5000 bytes long",
    );
    refused(
        args([with_choices(ArgKind::Text, (0..300).map(|n| n.to_string()))]),
        "300 choices",
    );
    let metavar = Arg {
        metavar: "x".repeat(65),
        ..text("x")
    };
    refused(args([metavar]), "metavar");
    let control = Arg {
        help: "\u{1b}[2J".into(),
        ..text("x")
    };
    refused(args([control]), "control character");
    let control = Group {
        help: "\r".into(),
        ..group("x")
    };
    refused(groups([control]), "control character");
}

#[test]
fn defaults_and_choices_are_of_their_kind() {
    for (kind, default) in [
        (ArgKind::Integer, "many"),
        (ArgKind::Duration, "soon"),
        (ArgKind::Size, "-1"),
        (ArgKind::Map, "{a"),
        (ArgKind::Port, "0"),
        (ArgKind::Port, "80/http"),
        (ArgKind::Port, "65536"),
        (ArgKind::Path, ""),
    ] {
        refused(
            args([with_default(kind, default)]),
            "argument `x` has an invalid default",
        );
    }
    refused(
        args([with_choices(ArgKind::Integer, ["1", "two"])]),
        "choice `two`, which is invalid",
    );
    refused(
        args([with_choices(ArgKind::Text, ["a", ""])]),
        "empty choice",
    );
    refused(
        args([with_choices(ArgKind::Text, ["a", "a"])]),
        "choice `a` twice",
    );
    refused(
        args([with_choices(ArgKind::List, ["a,b"])]),
        "separated by commas",
    );
    refused(
        args([with_choices(ArgKind::Map, ["a=b"])]),
        "is a map with choices",
    );
    refused(args([arg(ArgKind::Choice, "x")]), "without choices");
    let choice = |kind, choices: &[&str], default: &str| Arg {
        default: Some(default.into()),
        ..with_choices(kind, choices.iter().copied())
    };
    refused(
        args([choice(ArgKind::Choice, &["a"], "b")]),
        "default: `b` is not one of its choices",
    );
    refused(
        args([choice(ArgKind::List, &["a", "b"], "a,c")]),
        "default: `c` is not one of its choices",
    );
    args([choice(ArgKind::List, &["a", "b"], "a,b")])
        .check()
        .unwrap();
    args([choice(ArgKind::Integer, &["1", "2"], "2")])
        .check()
        .unwrap();
}

#[test]
fn an_argument_has_what_its_kind_can_have() {
    refused(args([with_default(ArgKind::Flag, "true")]), "is a flag");
    let required = Arg {
        required: true,
        ..arg(ArgKind::Flag, "x")
    };
    refused(args([required]), "is a flag");
    refused(
        args([with_default(ArgKind::Secret, "hunter2")]),
        "a secret with a default",
    );
    let of_no_command = Arg {
        start: false,
        ..text("x")
    };
    refused(args([of_no_command]), "of no command");
}

#[test]
fn ranges_and_patterns_are_checked_with_their_defaults() {
    let ranged = |kind, range: &str, default: Option<&str>| Arg {
        range: Some(range.into()),
        default: default.map(String::from),
        ..arg(kind, "x")
    };
    for (kind, range, fault) in [
        (ArgKind::Duration, "50s..=50ms", "nothing is in it"),
        (ArgKind::Duration, "soon..", "expected a duration"),
        (ArgKind::Integer, "1..5", "expected LOW..=HIGH"),
        (ArgKind::Integer, "..", "expected LOW..=HIGH"),
        (ArgKind::Integer, "5", "expected LOW..=HIGH"),
        (ArgKind::Text, "a..=b", "a text has no range"),
    ] {
        refused(args([ranged(kind, range, None)]), fault);
    }
    refused(
        args([ranged(ArgKind::Duration, "50ms..=50s", Some("1m"))]),
        "argument `x` has an invalid default: must be from 50ms to 50s",
    );
    args([ranged(ArgKind::Port, "1024..", Some("2379"))])
        .check()
        .unwrap();

    let matched = |kind, pattern: &str, default: Option<&str>| Arg {
        pattern: Some(pattern.into()),
        default: default.map(String::from),
        ..arg(kind, "x")
    };
    for pattern in ["(", "a)|(b", "[", "*"] {
        refused(
            args([matched(ArgKind::Text, pattern, None)]),
            "has an invalid pattern",
        );
    }
    refused(
        args([matched(ArgKind::Integer, "[0-9]", None)]),
        "is a integer with a pattern",
    );
    refused(
        args([matched(ArgKind::Text, "[a-z]+|x", Some("ab1"))]),
        "invalid default: `ab1` must match `[a-z]+|x`",
    );
}

#[test]
fn groups_can_have_their_default_nodes() {
    let limited = |min, max, nodes: &[&str]| Group {
        min,
        max,
        ..named(nodes)
    };
    refused(
        groups([limited(3, Some(2), &[])]),
        "at least 3 nodes, but allows at most 2",
    );
    refused(
        groups([limited(2, None, &["a"])]),
        "invalid default nodes: at least 2 nodes required",
    );
    refused(
        groups([limited(1, Some(1), &["a", "b"])]),
        "invalid default nodes: at most 1 node allowed",
    );
    refused(groups([named(&["a", "a"])]), "host name `a` is given twice");
    refused(groups([named(&["a b"])]), "invalid host name `a b`");
    groups([limited(usize::MAX, None, &[])]).check().unwrap();

    let sized = |prefix: &str, count| Group {
        nodes: DefaultNodes::Sized {
            prefix: prefix.into(),
            count,
        },
        max: Some(9),
        ..group("x")
    };
    groups([sized("etcd", 3)]).check().unwrap();
    refused(groups([sized("etcd", 10)]), "at most 9 nodes allowed");
    refused(groups([sized("etcd", 0)]), "at least 1 node required");
    refused(groups([sized("Etcd", 3)]), "has the prefix `Etcd`");
    let optional = Group {
        min: 0,
        ..sized("etcd", 0)
    };
    groups([optional]).check().unwrap();
}

#[test]
fn no_number_of_nodes_takes_memory_or_time() {
    for count in [4097, 99_999_999_999, usize::MAX] {
        for max in [None, Some(count), Some(usize::MAX)] {
            let nodes = DefaultNodes::Sized {
                prefix: "n".into(),
                count,
            };
            let many = Group {
                nodes,
                max,
                ..group("x")
            };
            refused(groups([many.clone()]), "at most 4096 nodes allowed");
            let typed = many.names(&[count.to_string()]).unwrap_err();
            assert_eq!(typed, "at most 4096 nodes allowed");
        }
    }
    let names: Vec<String> = (0..1_000_000).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    refused(groups([named(&names)]), "at most 4096 nodes allowed");
}

#[test]
fn groups_are_after_others_without_a_circle() {
    let after = |name, others: &[&str]| Group {
        after: others.iter().map(ToString::to_string).collect(),
        ..group(name)
    };
    groups([after("a", &["b"]), after("b", &["c"]), group("c")])
        .check()
        .unwrap();
    refused(
        groups([after("a", &["d"])]),
        "node group `a` is after `d`, which is not a node group",
    );
    refused(
        groups([after("a", &["a"])]),
        "node group `a` is after itself",
    );
    refused(
        groups([after("a", &["b"]), after("b", &["c"]), after("c", &["b"])]),
        "node group `b` is after itself",
    );
}

#[test]
fn hooks_and_verbs_are_declared_once() {
    let hooks = |hooks: &[Hook]| Declaration {
        hooks: hooks.to_vec(),
        ..Declaration::default()
    };
    hooks(&Hook::DECLARED).check().unwrap();
    refused(
        hooks(&[Hook::Start, Hook::Start]),
        "`start` is declared twice",
    );
    refused(hooks(&[Hook::Verb]), "hook `verb` is declared");
    let verb = |name: &str, args: Vec<Arg>| Verb {
        name: name.into(),
        args,
        ..Verb::default()
    };
    let verbs = |verbs: Vec<Verb>| Declaration {
        verbs,
        ..Declaration::default()
    };
    verbs(vec![verb("leader", vec![text("x")])])
        .check()
        .unwrap();
    refused(
        verbs(vec![verb("a", vec![]), verb("a", vec![])]),
        "verb `a` is declared twice",
    );
    refused(verbs(vec![verb("a b", vec![])]), "invalid verb name `a b`");
    refused(
        verbs(vec![verb("a", vec![text("x"), text("x")])]),
        "verb `a`: argument `x` is declared twice",
    );
}
