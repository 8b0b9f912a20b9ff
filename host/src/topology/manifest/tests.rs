use super::*;
use crate::error::{Error, Kind, Result};

const WHOLE: &str = r#"
[topology]
name = "nodebase"
version = "1.0.0"
description = "A basic cluster with n nodes"
plugin = "topology_nodebase"
source = "../../plugins/nodebase"

[images]
namespace = "clusterdock"
repository = "topology_nodebase"
default = "host"

[images.host]
programs = ["bash", "/usr/bin/ls"]

[images.debian12]
context = "images/debian12"

[images."rocky9.4"]
context = "images"
dockerfile = "rocky/Dockerfile"
"#;

fn parse(text: &str) -> Result<Manifest> {
    Manifest::parse(text, "topology.toml")
}

/// The whole manifest with one piece of it replaced, which has to be refused.
fn refused(piece: &str, by: &str) -> Error {
    assert!(WHOLE.contains(piece), "{piece}");
    let error = parse(&WHOLE.replacen(piece, by, 1)).expect_err(by);
    assert_eq!(error.kind(), Kind::Usage);
    error
}

#[test]
fn every_key_of_a_complete_manifest_is_read() {
    let manifest = parse(WHOLE).unwrap();
    assert_eq!(manifest.name, "nodebase");
    assert_eq!(manifest.version, "1.0.0");
    assert_eq!(manifest.description, "A basic cluster with n nodes");
    assert_eq!(manifest.library_name(), "libtopology_nodebase.so");
    assert_eq!(manifest.source, Some("../../plugins/nodebase".into()));
    assert_eq!(manifest.images.default, "host");
    let systems: Vec<_> = manifest.images.systems.into_iter().collect();
    assert_eq!(
        systems,
        [
            (
                "debian12".to_owned(),
                System::Built {
                    context: "images/debian12".into(),
                    dockerfile: "Dockerfile".into()
                }
            ),
            (
                "host".to_owned(),
                System::Assembled {
                    programs: vec!["bash".into(), "/usr/bin/ls".into()]
                }
            ),
            (
                "rocky9.4".to_owned(),
                System::Built {
                    context: "images".into(),
                    dockerfile: "rocky/Dockerfile".into()
                }
            ),
        ]
    );
}

#[test]
fn source_and_system_tables_are_optional() {
    let text = WHOLE
        .replace("source = \"../../plugins/nodebase\"\n", "")
        .replace("\"host\"", "\"alpine3.20\"");
    let text = &text[..text.find("[images.host]").unwrap()];
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.source, None);
    assert_eq!(manifest.images.default, "alpine3.20");
    assert!(manifest.images.systems.is_empty());
}

#[test]
fn a_reference_omits_docker_hub() {
    let manifest = parse(WHOLE).unwrap();
    let hub = "clusterdock/topology_nodebase:debian12";
    assert_eq!(manifest.image_ref(None, None, "debian12"), hub);
    assert_eq!(manifest.image_ref(Some("docker.io"), None, "debian12"), hub);
    assert_eq!(
        manifest.image_ref(Some("localhost:5000"), Some("me"), "centos7"),
        "localhost:5000/me/topology_nodebase:centos7"
    );
}

/// The error for the whole manifest with one piece of it replaced, as the user reads it.
fn shown(piece: &str, by: &str) -> String {
    let error = refused(piece, by);
    assert!(
        error
            .message()
            .starts_with("invalid manifest `topology.toml:"),
        "{error}"
    );
    error.causes().join("\n")
}

#[test]
fn a_mistake_is_shown_with_its_line_and_column() {
    assert_eq!(
        shown("version =", "vresion ="),
        "TOML parse error at line 4, column 1\n  |\n4 | vresion = \"1.0.0\"\n  | ^^^^^^^\n\
         unknown field `vresion`, expected one of `name`, `version`, `description`, `plugin`, `source`"
    );
    let error = refused("version =", "vresion =");
    assert_eq!(error.message(), "invalid manifest `topology.toml:4:1`");
    assert_eq!(
        error.next_step(),
        Some("see `Write a topology` in the README for an example")
    );
}

#[test]
fn a_misspelt_key_is_shown_with_the_keys_that_exist() {
    for (piece, by, place, message) in [
        (
            "repository =",
            "repositry =",
            "line 11, column 13",
            "invalid type: string \"topology_nodebase\", expected a table such as `[images.debian12]`; the settings of \
             `[images]` are `namespace`, `repository`, `default`",
        ),
        (
            "programs =",
            "  program =",
            "line 15, column 3",
            "unknown field `program`, expected one of `programs`, `context`, `dockerfile`",
        ),
        (
            "[topology]",
            "[topolgy]",
            "line 2, column 2",
            "unknown field `topolgy`, expected `topology` or `images`",
        ),
        (
            "[images]",
            "color = \"red\"\n[images]",
            "line 9, column 1",
            "unknown field `color`, expected one of `name`",
        ),
        (
            "name = \"nodebase\"\n",
            "zzz = 1\n",
            "line 3, column 1",
            "unknown field `zzz`",
        ),
    ] {
        let shown = shown(piece, by);
        assert!(shown.contains(place) && shown.contains(message), "{shown}");
    }
}

#[test]
fn a_missing_key_or_table_is_named() {
    let missing = shown("plugin = \"topology_nodebase\"\n", "");
    assert!(
        missing.contains("2 | [topology]") && missing.contains("missing field `plugin`"),
        "{missing}"
    );
    let missing = shown("namespace = \"clusterdock\"\n", "");
    assert!(
        missing.contains("9 | [images]") && missing.contains("missing field `namespace`"),
        "{missing}"
    );
    let error = parse("[topology]\nname = 'x'\nversion = '1'\ndescription = 'd'\nplugin = 'p'\n")
        .unwrap_err();
    assert!(
        error.causes()[0].contains("missing field `images`"),
        "{error}"
    );
    assert!(parse("").unwrap_err().causes()[0].contains("missing field `topology`"));
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (piece, by, place, message) in [
        (
            "\"1.0.0\"",
            "1.0",
            "line 4, column 11",
            "floating point `1.0`, expected a string",
        ),
        (
            "[\"bash\", \"/usr/bin/ls\"]",
            "\"bash\"",
            "line 15, column 12",
            "expected a sequence",
        ),
        (
            "\"bash\", ",
            "7, ",
            "line 15, column 13",
            "integer `7`, expected a string",
        ),
        (
            "default = \"host\"",
            "default = { a = 1 }",
            "line 12, column 11",
            "map, expected a string",
        ),
    ] {
        let shown = shown(piece, by);
        assert!(shown.contains(place) && shown.contains(message), "{shown}");
    }
}

#[test]
fn text_that_is_not_toml_is_shown_with_its_place() {
    let shown_text = shown("name = \"nodebase\"", "name = \"nodebase");
    assert!(
        shown_text.contains("line 3, ") && shown_text.contains("3 | name = \"nodebase\n"),
        "{shown_text}"
    );
    let shown_text = shown("version =", "name = 'again'\nversion =");
    assert!(
        shown_text.contains("line 4, column 1") && shown_text.ends_with("duplicate key"),
        "{shown_text}"
    );
}

#[test]
fn invalid_names_and_versions_are_refused_with_the_rule() {
    for name in ["", "Nodebase", "node base", "-x", "größe", "../x"] {
        let shown = shown("\"nodebase\"", &format!("{name:?}"));
        assert!(
            shown.contains(&format!(
                "invalid value `{name}`: {}",
                rule::NAME.expectation
            )),
            "{shown}"
        );
        assert!(shown.contains("line 3, column 8"), "{shown}");
    }
    for version in ["", "v1", "1.", ".1", "1..2", "1.0-rc1", "1.0 "] {
        let shown = shown("\"1.0.0\"", &format!("{version:?}"));
        assert!(
            shown.contains(&format!("invalid value `{version}`")),
            "{shown}"
        );
    }
    for plugin in ["", "my-topology", "libx.so", "7up", "a/b"] {
        let shown = shown(
            "plugin = \"topology_nodebase\"",
            &format!("plugin = {plugin:?}"),
        );
        assert!(shown.contains(rule::LIBRARY.expectation), "{shown}");
    }
    refused("\"A basic cluster with n nodes\"", "\"  \"");
    refused("\"../../plugins/nodebase\"", "\"\"");
    let shown = shown("\"bash\"", "\"a\\u001bb\"");
    assert!(shown.contains("invalid value `a\\u{1b}b`"), "{shown}");
}

#[test]
fn image_names_follow_dockers_grammar() {
    for repository in [
        "", "Upper", "a//b", "a.", "_a", "a..b", "a___b", "a:b", "a.-b",
    ] {
        refused(
            "repository = \"topology_nodebase\"",
            &format!("repository = {repository:?}"),
        );
    }
    for tag in ["", ".x", "a b", "a:b"] {
        refused("default = \"host\"", &format!("default = {tag:?}"));
    }
    let error = refused("[images.debian12]", "[images.\"debian 12\"]");
    assert!(error.causes()[0].contains("line 17, column 9"), "{error}");
    assert!(
        error.causes()[0].contains("invalid value `debian 12`"),
        "{error}"
    );
    let text = WHOLE
        .replace("\"clusterdock\"", "\"my--org/team__a/x.y\"")
        .replace("\"host\"", "\"_9-A.b\"");
    assert_eq!(
        parse(&text).unwrap().images.namespace,
        "my--org/team__a/x.y"
    );
}

#[test]
fn a_system_is_either_assembled_or_built() {
    for (piece, by, header, message) in [
        (
            "programs = [",
            "context = \"x\"\nprograms = [",
            "14 | [images.host]",
            "both `programs` and `context` are set",
        ),
        (
            "context = \"images/debian12\"\n",
            "",
            "17 | [images.debian12]",
            "missing `programs`",
        ),
        (
            "programs = [",
            "dockerfile = \"x\"\nprograms = [",
            "14 | [images.host]",
            "`dockerfile` requires `context`",
        ),
        (
            "[\"bash\", \"/usr/bin/ls\"]",
            "[]",
            "14 | [images.host]",
            "`programs` is empty",
        ),
    ] {
        let shown = shown(piece, by);
        assert!(shown.contains(header) && shown.contains(message), "{shown}");
    }
}

#[test]
fn a_damaged_manifest_is_an_error() {
    for cut in 0..WHOLE.len() {
        for piece in ["", "\0", "\"", "\n", "[", "ß", "= "] {
            let text = format!("{}{piece}{}", &WHOLE[..cut], &WHOLE[cut + 1..]);
            if let Err(error) = parse(&text) {
                assert_eq!(error.kind(), Kind::Usage);
                assert!(error.message().contains("topology.toml"), "{error}");
                assert!(error.causes()[0].starts_with("TOML parse error"), "{error}");
            }
        }
    }
}
