use super::*;

fn arg(kind: ArgKind) -> Arg {
    Arg {
        name: "x".into(),
        kind,
        ..Arg::default()
    }
}

fn sized(min: usize, max: Option<usize>) -> Group {
    Group {
        name: "members".into(),
        nodes: DefaultNodes::Sized {
            prefix: "etcd".into(),
            count: 3,
        },
        min,
        max,
        ..Group::default()
    }
}

#[test]
fn a_value_is_of_its_kind() {
    for (kind, words, value) in [
        (ArgKind::Text, vec!["a b"], Value::Text("a b".into())),
        (ArgKind::Integer, vec!["-5"], Value::Integer(-5)),
        (
            ArgKind::Duration,
            vec!["1m 30s"],
            Value::Milliseconds(90_000),
        ),
        (ArgKind::Size, vec!["1k"], Value::Bytes(1024)),
        (
            ArgKind::List,
            vec!["a", "b"],
            Value::List(vec!["a".into(), "b".into()]),
        ),
        (ArgKind::Path, vec!["/x"], Value::Path("/x".into())),
    ] {
        assert_eq!(arg(kind).parse(&words), Ok(value), "{words:?}");
    }
    let udp = PortNumber {
        number: 53,
        protocol: Protocol::Udp,
    };
    assert_eq!(arg(ArgKind::Port).parse(&["53/udp"]), Ok(Value::Port(udp)));
    let relative = arg(ArgKind::Path).parse(&["conf"]).unwrap();
    let current = std::env::current_dir().unwrap();
    assert_eq!(relative, Value::Path(current.join("conf")));
}

#[test]
fn values_outside_of_range_and_pattern_are_refused() {
    let timeout = Arg {
        range: Some("50ms..=50s".into()),
        ..arg(ArgKind::Duration)
    };
    timeout.parse(&["50s"]).unwrap();
    assert_eq!(
        timeout.parse(&["51s"]).unwrap_err(),
        "must be from 50ms to 50s"
    );
    let port = Arg {
        range: Some("1024..".into()),
        ..arg(ArgKind::Port)
    };
    assert_eq!(port.parse(&["80"]).unwrap_err(), "must be at least 1024");
    let level = Arg {
        range: Some("..=9".into()),
        ..arg(ArgKind::Integer)
    };
    assert_eq!(level.parse(&["10"]).unwrap_err(), "must be at most 9");
    let names = Arg {
        pattern: Some("[a-z]+".into()),
        ..arg(ArgKind::List)
    };
    names.parse(&["a", "b"]).unwrap();
    assert_eq!(
        names.parse(&["a", "b2"]).unwrap_err(),
        "`b2` must match `[a-z]+`"
    );
}

#[test]
fn a_secret_is_in_no_message() {
    let secret = Arg {
        pattern: Some("[a-z]+".into()),
        ..arg(ArgKind::Secret)
    };
    let refused = secret.parse(&["hunter2"]).unwrap_err();
    assert!(!refused.contains("hunter"), "{refused}");
    let value = secret.parse(&["hunter"]).unwrap();
    assert!(!format!("{value:?}").contains("hunter"), "{value:?}");
}

#[test]
fn a_lone_number_is_a_count() {
    assert_eq!(sized(1, None).names(&["2"]).unwrap(), ["etcd-1", "etcd-2"]);
    assert_eq!(sized(0, None).names(&["0"]).unwrap(), [""; 0]);
    assert_eq!(sized(1, None).names(&["a", "b"]).unwrap(), ["a", "b"]);
    for (group, words, why) in [
        (sized(1, None), vec!["0"], "at least 1 node required"),
        (sized(1, Some(9)), vec!["10"], "at most 9 nodes allowed"),
        (
            sized(1, None),
            vec!["99999999999999999999"],
            "at most 4096 nodes allowed",
        ),
        (
            sized(1, None),
            vec!["1", "2"],
            "invalid host name `1`: resolvers read it as an address, not as a name; begin it with a letter, e.g. `node-1`",
        ),
        (sized(1, None), vec!["a", "a"], "host name `a` is given twice"),
    ] {
        assert_eq!(group.names(&words).unwrap_err(), why, "{words:?}");
    }
    let named = Group {
        nodes: DefaultNodes::Named(vec!["kdc".into()]),
        ..sized(0, None)
    };
    assert_eq!(named.names(&["0"]).unwrap(), [""; 0]);
    assert_eq!(
        named.names(&["2"]).unwrap_err(),
        "its nodes are named, not numbered: give 2 host names"
    );
}
