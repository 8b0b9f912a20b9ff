use clusterdock_plugin_wire::{Settings, VolumeSource};

use super::*;
use crate::error::Kind;

/// Nodes `web-1` and `web-2` of group `web`, `db` of group `db`, `cache` of group `store`, and `store` of group `disks`.
fn nodes() -> Vec<clusterdock_plugin_wire::RequestedNode> {
    let of = |group: &str, hostname: &str| clusterdock_plugin_wire::RequestedNode {
        group: group.into(),
        number: 1,
        fqdn: format!("{hostname}.lab"),
        hostname: hostname.into(),
    };
    vec![
        of("web", "web-1"),
        of("web", "web-2"),
        of("db", "db"),
        of("store", "cache"),
        of("disks", "store"),
    ]
}

fn read(texts: &WishTexts) -> Result<Wishes> {
    let surroundings = Surroundings {
        nodes: &nodes(),
        groups: &["web", "db", "store", "disks", "idle"],
        folder: Some(std::path::Path::new("/home/ann")),
    };
    Wishes::read(texts, &surroundings)
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn with_variables(list: &[&str]) -> WishTexts {
    WishTexts {
        variables: texts(list),
        ..WishTexts::default()
    }
}

fn with_volumes(list: &[&str]) -> WishTexts {
    WishTexts {
        volumes: texts(list),
        ..WishTexts::default()
    }
}

/// The nodes after these wishes, and what is said of them.
fn applied(texts: &WishTexts, change: impl Fn(&mut Settings)) -> (Vec<NodeSpec>, Vec<String>) {
    let mut specs: Vec<NodeSpec> = nodes()
        .iter()
        .map(|node| NodeSpec::new(&*node.hostname, &*node.group).with(&change))
        .collect();
    let said = read(texts).unwrap().apply(&mut specs);
    (specs, said)
}

/// The value of variable A on each node.
fn variable(list: &[&str]) -> Vec<String> {
    let (specs, _) = applied(&with_variables(list), |_| ());
    let value = |spec: &NodeSpec| {
        let value = spec.settings.environment.get("A");
        format!("{} {}", spec.hostname, value.map_or("-", |value| value))
    };
    specs.iter().map(value).collect()
}

#[test]
fn a_scope_is_a_node_a_group_or_all() {
    let all = ["web-1 1", "web-2 1", "db 1", "cache 1", "store 1"];
    assert_eq!(variable(&["A=1"]), all);
    assert_eq!(variable(&["all=A=1"]), all);
    let group = ["web-1 1", "web-2 1", "db -", "cache -", "store -"];
    assert_eq!(variable(&["web=A=1"]), group);
    let node = ["web-1 -", "web-2 1", "db -", "cache -", "store -"];
    assert_eq!(variable(&["web-2=A=1"]), node);
    assert_eq!(variable(&["web-2.lab=A=1"]), node);
    // Of a group with one node of its name, it does not matter which is meant.
    assert_eq!(variable(&["db=A=a=b"])[2], "db a=b");
    assert_eq!(variable(&["idle=A=1"])[0], "web-1 -");
}

#[test]
fn a_node_comes_before_its_group_and_a_group_before_all() {
    let expected = [
        "web-1 node",
        "web-2 group",
        "db all",
        "cache all",
        "store all",
    ];
    let mut list = ["web-1=A=node", "web=A=group", "A=all"];
    assert_eq!(variable(&list), expected);
    list.reverse();
    assert_eq!(variable(&list), expected);
    assert_eq!(variable(&["A=1", "A=2"])[0], "web-1 2", "the later one");
}

#[test]
fn values_keep_their_equals_signs() {
    let (specs, _) = applied(&with_variables(&["JAVA_OPTS=-Da=b", "E="]), |_| ());
    let environment = &specs[0].settings.environment;
    assert_eq!(environment["JAVA_OPTS"], "-Da=b");
    assert_eq!(environment["E"], "");
}

#[track_caller]
fn refused(texts: &WishTexts) -> String {
    let error = read(texts).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    match error.next_step() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn an_ambiguous_variable_is_refused_with_both_spellings() {
    let all = "for a variable called `web` on all nodes, write all=web=VALUE";
    assert_eq!(
        refused(&with_variables(&["web=1"])),
        format!("invalid value for `--env`: `web` is a scope: expected web=NAME=VALUE; {all}")
    );
    assert_eq!(
        refused(&with_variables(&["web-9=A=1"])),
        "invalid value for `--env`: no node or group `web-9`: did you mean `web-1`?; for a variable called `web-9` on \
         all nodes, write all=web-9=VALUE"
    );
    assert_eq!(
        refused(&with_variables(&["store=A=1"])),
        "invalid value for `--env`: `store` is both a node and a group; use the FQDN `store.lab` for the node; name the \
         nodes of the group one by one: cache"
    );
    let (specs, _) = applied(&with_variables(&["all=web=1"]), |_| ());
    assert_eq!(specs[2].settings.environment["web"], "1");
}

#[test]
fn malformed_wishes_are_refused_with_their_flag() {
    for (text, expected) in [
        ("A", "`A` has no value: expected NAME=VALUE"),
        ("=1", "a variable has no name: expected NAME=VALUE"),
        ("web-1==1", "a variable has no name: expected NAME=VALUE"),
        ("A=\0", "the variable contains a zero byte"),
    ] {
        let refused = refused(&with_variables(&[text]));
        assert_eq!(refused, format!("invalid value for `--env`: {expected}"));
    }
    for (text, expected) in [
        ("data", "`data` is not an absolute path"),
        ("/a:b", "`b` is not an absolute path"),
        ("/a:/b:z", "unknown option `z`: expected ro or rw"),
        (
            "/a:/b:ro:x",
            "`/a:/b:ro:x` has too many colons: expected SOURCE:TARGET",
        ),
        (
            "a/b:/c",
            "`a/b` is neither a path nor a volume name: for a folder, write ./a/b",
        ),
        (
            "~/b:/c",
            "the shell did not expand `~/b`: write an absolute path",
        ),
        ("/a:/", "nothing can be mounted on `/`"),
        (
            "/a:/.clusterdock",
            "`/.clusterdock` is reserved for the cluster's record",
        ),
        ("", "`` is not an absolute path"),
        ("wbe=/a:/b", "no node or group `wbe`: did you mean `web`?"),
    ] {
        let refused = refused(&with_volumes(&[text]));
        assert_eq!(refused, format!("invalid value for `--volume`: {expected}"));
    }
    let label = |text: &str| WishTexts {
        labels: texts(&[text]),
        ..WishTexts::default()
    };
    assert_eq!(
        refused(&label("com.clusterdock.run=x")),
        "invalid value for `--label`: `com.clusterdock.run` is reserved for clusterdock"
    );
    let image = |text: &str| WishTexts {
        images: texts(&[text]),
        ..WishTexts::default()
    };
    assert!(refused(&image("Upper")).starts_with("invalid value for `--image`: invalid image"));
    assert_eq!(
        refused(&image("nothing=debian:12")),
        "invalid value for `--image`: no node or group `nothing`; the groups and nodes are web, db, store, disks, idle, \
         web-1, web-2, db, cache, store"
    );
}

#[test]
fn volumes_are_read_as_docker_reads_them() {
    let list = [
        "/a=b:/1",
        "web-1=./src:/2:ro",
        "data:/3",
        "web-1=/4",
        "../x:/5:rw",
    ];
    let (specs, said) = applied(&with_volumes(&list), |_| ());
    assert_eq!(said, Vec::<String>::new());
    let shown = |volume: &clusterdock_plugin_wire::Volume| {
        let mode = if volume.read_only { " ro" } else { "" };
        format!("{:?} {}{mode}", volume.source, volume.target)
    };
    let mut volumes: Vec<String> = specs[0].settings.volumes.iter().map(shown).collect();
    volumes.sort();
    let bind = |path: &str| format!("{:?}", VolumeSource::Bind(path.into()));
    assert_eq!(
        volumes,
        [
            "Anonymous /4".to_string(),
            format!("{} /5", bind("/home/ann/../x")),
            format!("{} /1", bind("/a=b")),
            format!("{} /2 ro", bind("/home/ann/src")),
            "Named(\"data\") /3".into(),
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(specs[1].settings.volumes.len(), 3);
}

#[test]
fn relative_volumes_are_refused_on_a_remote_engine() {
    let surroundings = Surroundings {
        nodes: &nodes(),
        groups: &[],
        folder: None,
    };
    let error = Wishes::read(&with_volumes(&["./a:/b"]), &surroundings).unwrap_err();
    assert!(
        error.to_string().contains("the engine is remote"),
        "{error}"
    );
}

#[test]
fn what_the_user_overrides_is_said() {
    let wishes = WishTexts {
        volumes: texts(&["/mine:/data/", "/tmp:/memory"]),
        variables: texts(&["A=mine", "B=theirs", "C=new"]),
        images: texts(&["web-1=debian:13"]),
        labels: texts(&["db=tier=mine"]),
    };
    let (specs, said) = applied(&wishes, |settings| {
        use clusterdock_plugin_wire::Volume;
        settings.volumes.push(Volume::named("theirs", "/data"));
        settings.volumes.push(Volume::of_image("data:1"));
        settings.tmpfs.insert("/memory".into(), String::new());
        for name in ["A", "B"] {
            settings.environment.insert(name.into(), "theirs".into());
        }
        settings.labels.insert("tier".into(), "theirs".into());
    });
    assert_eq!(
        said,
        [
            "--env overrides the topology's A on web-1, web-2, db, cache, store",
            "--volume overrides the topology's mount at /data on web-1, web-2, db, cache, store",
            "--volume overrides the topology's mount at /memory on web-1, web-2, db, cache, store",
            "--label overrides the topology's tier on db",
        ]
    );
    let settings = &specs[0].settings;
    let targets: Vec<&str> = settings.volumes.iter().map(|one| &*one.target).collect();
    assert_eq!(targets, ["", "/data/", "/memory"]);
    assert!(settings.tmpfs.is_empty());
    assert_eq!(specs[0].image.as_deref(), Some("debian:13"));
    assert_eq!(specs[1].image, None);
}
