use super::*;
use crate::error::{Error, Kind};

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
fn every_key_of_a_whole_manifest_is_read() {
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
                System::Built { context: "images/debian12".into(), dockerfile: "Dockerfile".into() }
            ),
            ("host".to_owned(), System::Assembled { programs: vec!["bash".into(), "/usr/bin/ls".into()] }),
            ("rocky9.4".to_owned(), System::Built { context: "images".into(), dockerfile: "rocky/Dockerfile".into() }),
        ]
    );
}

#[test]
fn source_and_system_tables_may_be_left_out_and_the_default_pulled() {
    let text = WHOLE.replace("source = \"../../plugins/nodebase\"\n", "").replace("\"host\"", "\"alpine3.20\"");
    let text = &text[..text.find("[images.host]").unwrap()];
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.source, None);
    assert_eq!(manifest.images.default, "alpine3.20");
    assert!(manifest.images.systems.is_empty());
}

#[test]
fn a_reference_leaves_docker_hub_out_and_takes_what_the_user_names() {
    let manifest = parse(WHOLE).unwrap();
    let hub = "clusterdock/topology_nodebase:debian12";
    assert_eq!(manifest.image_ref(None, None, "debian12"), hub);
    assert_eq!(manifest.image_ref(Some("docker.io"), None, "debian12"), hub);
    assert_eq!(
        manifest.image_ref(Some("localhost:5000"), Some("me"), "centos7"),
        "localhost:5000/me/topology_nodebase:centos7"
    );
}

#[test]
fn a_misspelt_key_is_shown_with_its_place_and_the_key_that_was_meant() {
    let error = refused("version =", "vresion =");
    assert_eq!(error.message(), "unknown key `vresion` in `[topology]`");
    assert_eq!(error.causes(), ["topology.toml:4:1\n4 | vresion = \"1.0.0\"\n  | ^^^^^^^"]);
    assert_eq!(error.next_step(), Some("did you mean `version`?"));
}

#[test]
fn a_misspelt_setting_among_the_images_is_not_taken_for_an_operating_system() {
    let error = refused("repository =", "repositry =");
    assert_eq!(error.message(), "unknown key `repositry` in `[images]`");
    assert_eq!(error.causes(), ["topology.toml:11:1\n11 | repositry = \"topology_nodebase\"\n   | ^^^^^^^^^"]);
    assert_eq!(error.next_step(), Some("did you mean `repository`?"));
}

#[test]
fn a_misspelt_key_of_an_operating_system_is_shown() {
    let error = refused("programs =", "  program =");
    assert_eq!(error.message(), "unknown key `program` in `[images.host]`");
    assert_eq!(error.causes(), ["topology.toml:15:3\n15 |   program = [\"bash\", \"/usr/bin/ls\"]\n   |   ^^^^^^^"]);
    assert_eq!(error.next_step(), Some("did you mean `programs`?"));
}

#[test]
fn a_misspelt_table_is_shown() {
    let error = refused("[topology]", "[topolgy]");
    assert_eq!(error.message(), "unknown key `topolgy` in the manifest");
    assert_eq!(error.causes(), ["topology.toml:2:2\n2 | [topolgy]\n  |  ^^^^^^^"]);
    assert_eq!(error.next_step(), Some("did you mean `topology`?"));
}

#[test]
fn a_key_that_resembles_none_gets_those_that_there_are() {
    let error = refused("[images]", "color = \"red\"\n[images]");
    assert_eq!(error.next_step(), Some("the keys here are `name`, `version`, `description`, `plugin`, `source`"));
}

#[test]
fn the_first_unknown_key_is_the_one_that_is_shown() {
    let error = refused("name = \"nodebase\"\n", "zzz = 1\nyyy = 2\n");
    assert_eq!(error.message(), "unknown key `zzz` in `[topology]`");
}

#[test]
fn a_missing_key_is_named_with_the_table_it_belongs_to() {
    let error = refused("plugin = \"topology_nodebase\"\n", "");
    assert_eq!(error.message(), "`[topology]` has no `plugin`");
    assert_eq!(error.causes(), ["topology.toml:2:1\n2 | [topology]\n  | ^^^^^^^^^^"]);
    assert_eq!(error.next_step(), Some("add a line `plugin = \"...\"`"));
}

#[test]
fn a_missing_table_is_named() {
    let error = parse("[topology]\nname = 'x'\nversion = '1'\ndescription = 'd'\nplugin = 'p'\n").unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Usage, "the manifest has no table `[images]`"));
    assert_eq!(error.causes(), ["topology.toml"]);
    assert!(parse("").unwrap_err().message().contains("`[topology]`"));
}

#[test]
fn a_version_without_quotes_gets_the_quotes_as_a_hint() {
    let error = refused("\"1.0.0\"", "1.0");
    assert_eq!(error.message(), "`version` in `[topology]` has to be a string, not float");
    assert_eq!(error.causes(), ["topology.toml:4:11\n4 | version = 1.0\n  |           ^^^"]);
    assert_eq!(error.next_step(), Some("write it in quotes: `\"1.0\"`"));
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    assert_eq!(
        refused("[\"bash\", \"/usr/bin/ls\"]", "\"bash\"").message(),
        "`programs` in `[images.host]` has to be a list of strings, not string"
    );
    assert!(refused("\"bash\", ", "7, ").message().contains("has to be a string, not integer"));
    let error = refused("default = \"host\"", "default = { a = 1 }");
    assert_eq!(error.message(), "`default` in `[images]` has to be a string, not table");
}

#[test]
fn text_that_is_not_toml_is_shown_with_its_place() {
    let error = refused("name = \"nodebase\"", "name = \"nodebase");
    assert_eq!(error.message(), "the manifest is not valid TOML");
    assert!(error.causes()[1].starts_with("topology.toml:3:"), "{error}");
    assert!(error.causes()[1].contains("3 | name = \"nodebase\n"), "{error}");
    let error = refused("version =", "name = 'again'\nversion =");
    assert_eq!(error.causes()[0], "duplicate key");
    assert!(error.causes()[1].starts_with("topology.toml:4:1\n"), "{error}");
}

#[test]
fn names_and_versions_that_can_never_work_are_refused_with_the_rule() {
    for name in ["", "Nodebase", "node base", "-x", "größe", "../x"] {
        let error = refused("\"nodebase\"", &format!("{name:?}"));
        assert_eq!(error.message(), format!("`name` cannot be `{name}`"));
        assert_eq!(error.next_step(), Some(NAME.says));
    }
    for version in ["", "v1", "1.", ".1", "1..2", "1.0-rc1", "1.0 "] {
        assert_eq!(refused("\"1.0.0\"", &format!("{version:?}")).message(), format!("`version` cannot be `{version}`"));
    }
    for plugin in ["", "my-topology", "libx.so", "7up", "a/b"] {
        let error = refused("plugin = \"topology_nodebase\"", &format!("plugin = {plugin:?}"));
        assert_eq!(error.next_step(), Some(LIBRARY.says));
    }
    refused("\"A basic cluster with n nodes\"", "\"  \"");
    refused("\"../../plugins/nodebase\"", "\"\"");
}

#[test]
fn image_names_follow_dockers_grammar() {
    for repository in ["", "Upper", "a//b", "a.", "_a", "a..b", "a___b", "a:b", "a.-b"] {
        refused("repository = \"topology_nodebase\"", &format!("repository = {repository:?}"));
    }
    for tag in ["", ".x", "a b", "a:b"] {
        refused("default = \"host\"", &format!("default = {tag:?}"));
    }
    let error = refused("[images.debian12]", "[images.\"debian 12\"]");
    assert_eq!(error.message(), "an operating system cannot be called `debian 12`");
    assert!(error.causes()[0].starts_with("topology.toml:17:9\n"), "{error}");
    let text = WHOLE.replace("\"clusterdock\"", "\"my--org/team__a/x.y\"").replace("\"host\"", "\"_9-A.b\"");
    assert_eq!(parse(&text).unwrap().images.namespace, "my--org/team__a/x.y");
}

#[test]
fn an_operating_system_is_made_in_exactly_one_way() {
    let both = refused("programs = [", "context = \"x\"\nprograms = [");
    assert_eq!(both.message(), "image `host` has both `programs` and `context`");
    assert!(both.causes()[0].starts_with("topology.toml:14:1\n14 | [images.host]\n"), "{both}");
    let neither = refused("context = \"images/debian12\"\n", "");
    assert_eq!(neither.message(), "image `debian12` does not say how it is made");
    let mixed = refused("programs = [", "dockerfile = \"x\"\nprograms = [");
    assert_eq!(mixed.message(), "image `host` has `programs` and a `dockerfile`");
    let empty = refused("[\"bash\", \"/usr/bin/ls\"]", "[]");
    assert_eq!(empty.message(), "`programs` is empty");
}

#[test]
fn a_damaged_manifest_is_an_error_wherever_it_is_damaged() {
    for cut in 0..WHOLE.len() {
        for piece in ["", "\0", "\"", "\n", "[", "ß", "= "] {
            let text = format!("{}{piece}{}", &WHOLE[..cut], &WHOLE[cut + 1..]);
            if let Err(error) = parse(&text) {
                assert_eq!(error.kind(), Kind::Usage);
                assert!(error.causes().iter().any(|cause| cause.starts_with("topology.toml")), "{error}");
            }
        }
    }
}
