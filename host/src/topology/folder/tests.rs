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

    fn places(&self) -> Places {
        Places { current: self.path("here"), config: self.path("config") }
    }

    /// The folder that `given` is found to be.
    fn found(&self, given: &str) -> PathBuf {
        match find(Path::new(given), &self.places()).unwrap() {
            Found::Folder(folder) => folder.path,
            Found::Library(path) => panic!("{}", path.display()),
        }
    }

    fn missing(&self, given: &str) -> Error {
        let error = find(Path::new(given), &self.places()).expect_err(given);
        assert_eq!(error.kind(), Kind::NotFound);
        error
    }
}

#[test]
fn a_path_is_taken_as_it_is() {
    let disk = Disk::new();
    disk.topology("here/some/where");
    let absolute = disk.path("here/some/where").display().to_string();
    for given in ["some/where", "./some/where/", "../here/some/where", &absolute] {
        assert_eq!(disk.found(given), disk.path("here/some/where"), "{given}");
    }
    disk.topology("here");
    assert_eq!(disk.found("."), disk.path("here"));
    disk.topology("here/topologies/x");
    disk.missing("./x");
}

#[test]
fn a_name_is_looked_up_here_then_below_topologies_then_among_the_installed() {
    let disk = Disk::new();
    // From the last place to the first, so that each new one has to come before those that are there.
    let places = [
        "config/topologies/topology_x",
        "config/topologies/x",
        "here/topology_x",
        "here/topologies/topology_x",
        "here/topologies/x",
        "here/x",
    ];
    for place in places {
        disk.topology(place);
        assert_eq!(disk.found("x"), disk.path(place));
    }
}

#[test]
fn a_folder_without_a_manifest_does_not_hide_the_topology_of_its_name() {
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
        let found = find(Path::new(given), &disk.places()).unwrap();
        assert_eq!(found, Found::Library(disk.path("here/libtopology_x.so")));
    }
    let error = disk.missing("libtopolgy_x.so");
    assert_eq!(error.next_step(), Some("did you mean `libtopology_x.so`?"));
}

#[test]
fn an_unknown_name_gets_the_places_searched_and_the_name_that_was_meant() {
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
    assert!(error.causes()[1].ends_with("/config/topologies`"), "{error}");
    assert_eq!(error.next_step(), Some("did you mean `nodebase`?"));
    let error = disk.missing("topology_nodebas");
    assert_eq!(error.causes()[0], format!("no folder `topology_nodebas` or `topologies/topology_nodebas` in `{here}`"));
    assert_eq!(error.next_step(), Some("did you mean `nodebase`?"));
}

#[test]
fn a_name_that_resembles_none_gets_those_that_there_are() {
    let disk = Disk::new();
    assert!(disk.missing("kafka").next_step().unwrap().contains("/config/topologies"));
    disk.topology("here/topologies/topology_nodebase");
    disk.topology("config/topologies/hdp");
    disk.topology("config/topologies/nodebase");
    assert_eq!(names(&disk.places()), ["hdp", "nodebase"]);
    assert_eq!(
        disk.missing("kafka").next_step(),
        Some("found by name are `hdp`, `nodebase`; any other by the path of its folder")
    );
}

#[test]
fn a_misspelt_path_gets_the_one_that_was_meant() {
    let disk = Disk::new();
    disk.topology("here/topologies/topology_nodebase");
    for given in ["topologies/topology_nodebas", "topologies/nodebase", "topologies/nodebsae"] {
        let error = disk.missing(given);
        assert_eq!(error.message(), format!("no topology at `{given}`"));
        assert_eq!(error.next_step(), Some("did you mean `topologies/topology_nodebase`?"), "{given}");
    }
    assert!(disk.missing("nowhere/x").next_step().unwrap().contains("topology.toml"));
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
fn a_folder_of_topologies_and_a_crate_are_not_topologies_but_lead_on() {
    let disk = Disk::new();
    disk.topology("here/topologies/topology_nodebase");
    let error = disk.missing("./topologies");
    assert_eq!(error.next_step(), Some("topologies below it: `./topologies/topology_nodebase`"));
    disk.write("here/plugins/nodebase/Cargo.toml", "");
    assert!(disk.missing("plugins/nodebase").next_step().unwrap().contains("`source`"));
}

#[test]
fn a_file_is_not_a_topology() {
    let disk = Disk::new();
    disk.topology("here/x");
    let error = disk.missing("x/topology.toml");
    assert_eq!(error.next_step(), Some("name its folder, `x`"));
    disk.write("here/notes.txt", "");
    assert!(disk.missing("notes.txt").causes()[0].contains("it is a file"));
}

#[test]
fn a_wrong_manifest_is_called_by_the_path_that_leads_to_it_from_here() {
    let disk = Disk::new();
    disk.write("here/topologies/topology_x/topology.toml", &MANIFEST.replace("version", "vresion"));
    for given in ["x", "topologies/topology_x"] {
        let error = find(Path::new(given), &disk.places()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.causes()[0].starts_with("topologies/topology_x/topology.toml:4:1\n"), "{error}");
    }
    fs::write(disk.path("here/topologies/topology_x/topology.toml"), b"\xff").unwrap();
    assert!(find(Path::new("x"), &disk.places()).unwrap_err().message().contains("not UTF-8"));
}

#[test]
fn a_linked_folder_finds_its_source_from_where_it_really_is() {
    let disk = Disk::new();
    disk.topology("real/x");
    fs::create_dir_all(disk.path("config/topologies")).unwrap();
    std::os::unix::fs::symlink(disk.path("real/x"), disk.path("config/topologies/x")).unwrap();
    let Found::Folder(folder) = find(Path::new("x"), &disk.places()).unwrap() else { panic!() };
    assert_eq!(folder.path, disk.path("real/x"));
    assert_eq!(folder.source(), None);
    disk.write("real/crate/Cargo.toml", "");
    assert_eq!(folder.source(), Some(disk.path("real/crate")));
}

#[test]
fn every_topology_of_this_repository_is_found_by_name_with_its_crate() {
    let places = Places { current: Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), config: "/nowhere".into() };
    let names = names(&places);
    assert!(names.contains(&"nodebase".to_owned()), "{names:?}");
    for name in names {
        let Found::Folder(folder) = find(Path::new(&name), &places).unwrap() else { panic!("{name}") };
        assert_eq!(folder.manifest.name, name);
        assert!(folder.source().is_some(), "{name}");
    }
}
