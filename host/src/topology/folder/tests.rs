use super::*;

const MANIFEST: &str = r#"
[topology]
name = "x"
version = "1.0.0"
description = "A topology for a test"
plugin = "topology_x"
source = "../crate"

[images]
namespace = "clusterdock"
repository = "topology_x"
default = "host"
"#;

/// A current folder and a folder of configuration.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Disk {
        let disk = Disk(tempfile::tempdir().unwrap());
        fs::create_dir_all(disk.path("here")).unwrap();
        disk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    fn topology(&self, path: &str) {
        self.write(&format!("{path}/topology.toml"), MANIFEST);
    }

    fn paths(&self) -> SearchPaths {
        SearchPaths {
            current: self.path("here"),
            config: self.path("config"),
        }
    }

    /// The folder found for `given`.
    fn found(&self, given: &str) -> PathBuf {
        match find(Path::new(given), &self.paths()).unwrap() {
            Found::Folder(folder) => folder.path,
            Found::Library(path) => panic!("{}", path.display()),
        }
    }

    fn missing(&self, given: &str) -> Error {
        let error = find(Path::new(given), &self.paths()).expect_err(given);
        assert_eq!(error.kind(), Kind::NotFound);
        error
    }
}

#[test]
fn a_path_is_used_as_it_is() {
    let disk = Disk::new();
    disk.topology("here/some/where");
    let absolute = disk.path("here/some/where").display().to_string();
    for given in [
        "some/where",
        "./some/where/",
        "../here/some/where",
        &absolute,
    ] {
        assert_eq!(disk.found(given), disk.path("here/some/where"), "{given}");
    }
    disk.topology("here");
    assert_eq!(disk.found("."), disk.path("here"));
    disk.topology("here/topologies/x");
    disk.missing("./x");
}

#[test]
fn installed_topologies_come_before_the_current_folder() {
    let disk = Disk::new();
    // From the last place to the first, so that each new one must come before the existing ones.
    let places = [
        "here/topology_x",
        "here/topologies/topology_x",
        "here/topologies/x",
        "here/x",
        "config/topologies/topology_x",
        "config/topologies/x",
    ];
    for place in places {
        disk.topology(place);
        assert_eq!(disk.found("x"), disk.path(place));
    }
}

#[test]
fn an_installed_topology_names_the_folder_it_hides() {
    let disk = Disk::new();
    let hidden = || match find(Path::new("x"), &disk.paths()).unwrap() {
        Found::Folder(folder) => folder.hidden,
        Found::Library(path) => panic!("{}", path.display()),
    };
    disk.topology("config/topologies/x");
    assert_eq!(hidden(), None);
    fs::create_dir(disk.path("here/x")).unwrap();
    assert_eq!(hidden(), None, "a folder without a manifest is no topology");
    disk.topology("here/topologies/topology_x");
    assert_eq!(hidden(), Some("topologies/topology_x".into()));
    disk.write("here/y", "a file");
    disk.topology("config/topologies/y");
    assert_eq!(disk.found("y"), disk.path("config/topologies/y"));
}

#[test]
fn a_folder_without_a_manifest_hides_no_topology() {
    let disk = Disk::new();
    fs::create_dir(disk.path("here/x")).unwrap();
    assert_eq!(disk.missing("x").message(), "no topology at `x`");
    disk.topology("config/topologies/x");
    assert_eq!(disk.found("x"), disk.path("config/topologies/x"));
}

#[test]
fn a_lone_library_is_a_topology() {
    let disk = Disk::new();
    disk.write("here/libtopology_x.so", "");
    for given in ["libtopology_x.so", "./libtopology_x.so"] {
        let found = find(Path::new(given), &disk.paths()).unwrap();
        assert_eq!(found, Found::Library(disk.path("here/libtopology_x.so")));
    }
    let error = disk.missing("libtopolgy_x.so");
    assert_eq!(error.next_step(), Some("did you mean `libtopology_x.so`?"));
}

#[test]
fn an_unknown_name_gets_places_and_a_suggestion() {
    let disk = Disk::new();
    disk.topology("here/topologies/topology_nodebase");
    let error = disk.missing("nodebsae");
    assert_eq!(error.message(), "no topology `nodebsae`");
    let here = disk.path("here").display().to_string();
    assert_eq!(
        error.causes()[0],
        format!(
            "no folder `nodebsae`, `topologies/nodebsae`, `topologies/topology_nodebsae` or `topology_nodebsae` in \
             `{here}`"
        )
    );
    assert!(
        error.causes()[1].ends_with("/config/topologies`"),
        "{error}"
    );
    assert_eq!(error.next_step(), Some("did you mean `nodebase`?"));
    let error = disk.missing("topology_nodebas");
    assert_eq!(
        error.causes()[0],
        format!("no folder `topology_nodebas` or `topologies/topology_nodebas` in `{here}`")
    );
    assert_eq!(error.next_step(), Some("did you mean `nodebase`?"));
}

#[test]
fn an_unknown_name_without_a_match_gets_the_known_names() {
    let disk = Disk::new();
    assert!(
        disk.missing("kafka")
            .next_step()
            .unwrap()
            .contains("/config/topologies")
    );
    disk.topology("here/topologies/topology_nodebase");
    disk.topology("config/topologies/hdp");
    disk.topology("config/topologies/nodebase");
    assert_eq!(names(&disk.paths()), ["hdp", "nodebase"]);
    assert_eq!(
        disk.missing("kafka").next_step(),
        Some("known by name: `hdp`, `nodebase`; others are given by path")
    );
}

#[test]
fn a_misspelt_path_gets_a_suggestion() {
    let disk = Disk::new();
    disk.topology("here/topologies/topology_nodebase");
    for given in [
        "topologies/topology_nodebas",
        "topologies/nodebase",
        "topologies/nodebsae",
    ] {
        let error = disk.missing(given);
        assert_eq!(error.message(), format!("no topology at `{given}`"));
        assert_eq!(
            error.next_step(),
            Some("did you mean `topologies/topology_nodebase`?"),
            "{given}"
        );
    }
    assert!(
        disk.missing("nowhere/x")
            .next_step()
            .unwrap()
            .contains("topology.toml")
    );
}

#[test]
fn a_folder_of_the_python_project_is_recognised() {
    let disk = Disk::new();
    disk.write("here/topology_nodebase/topology.yaml", "name: nodebase");
    for given in ["nodebase", "./topology_nodebase"] {
        let error = disk.missing(given);
        assert!(error.causes()[1].contains("Python"), "{error}");
        assert!(error.next_step().unwrap().contains("port it"));
    }
}

#[test]
fn a_folder_of_topologies_and_a_crate_get_a_hint() {
    let disk = Disk::new();
    disk.topology("here/topologies/topology_nodebase");
    let error = disk.missing("./topologies");
    assert_eq!(
        error.next_step(),
        Some("it contains topologies: `./topologies/topology_nodebase`")
    );
    disk.write("here/plugins/nodebase/Cargo.toml", "");
    assert!(
        disk.missing("plugins/nodebase")
            .next_step()
            .unwrap()
            .contains("`source`")
    );
}

#[test]
fn a_file_is_not_a_topology() {
    let disk = Disk::new();
    disk.topology("here/x");
    let error = disk.missing("x/topology.toml");
    assert_eq!(error.next_step(), Some("name its folder: `x`"));
    disk.write("here/notes.txt", "");
    assert!(disk.missing("notes.txt").causes()[0].contains("it is neither a folder"));
}

#[test]
fn an_invalid_manifest_is_named_by_its_relative_path() {
    let disk = Disk::new();
    disk.write(
        "here/topologies/topology_x/topology.toml",
        &MANIFEST.replace("version", "vresion"),
    );
    for given in ["x", "topologies/topology_x"] {
        let error = find(Path::new(given), &disk.paths()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(
            error.message(),
            "invalid manifest `topologies/topology_x/topology.toml:4:1`"
        );
        assert!(error.causes()[0].contains("line 4, column 1"), "{error}");
    }
    fs::write(
        disk.path("here/topologies/topology_x/topology.toml"),
        b"\xff",
    )
    .unwrap();
    assert!(
        find(Path::new("x"), &disk.paths())
            .unwrap_err()
            .message()
            .contains("not UTF-8")
    );
}

#[test]
fn a_linked_folder_finds_its_source_from_its_real_path() {
    let disk = Disk::new();
    disk.topology("real/x");
    fs::create_dir_all(disk.path("config/topologies")).unwrap();
    std::os::unix::fs::symlink(disk.path("real/x"), disk.path("config/topologies/x")).unwrap();
    let Found::Folder(folder) = find(Path::new("x"), &disk.paths()).unwrap() else {
        panic!()
    };
    assert_eq!(folder.path, disk.path("real/x"));
    assert_eq!(folder.source(), None);
    disk.write("real/crate/Cargo.toml", "");
    assert_eq!(folder.source(), Some(disk.path("real/crate")));
}

#[test]
fn every_topology_of_this_repository_is_found_by_name() {
    let paths = SearchPaths {
        current: Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
        config: "/nowhere".into(),
    };
    let names = names(&paths);
    assert!(names.contains(&"nodebase".to_owned()), "{names:?}");
    for name in names {
        let Found::Folder(folder) = find(Path::new(&name), &paths).unwrap() else {
            panic!("{name}")
        };
        assert_eq!(folder.manifest.name, name);
        assert!(folder.source().is_some(), "{name}");
    }
}
