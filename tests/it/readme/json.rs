//! The README's tables of JSON fields against what the program prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clusterdock::event::{Event, ImagePhase, NodePhase};
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::scene::{NODEBASE, Scene};
use serde_json::Value;

use super::readme;

type Names = BTreeSet<String>;

/// The rows of the first table after a heading: what the first cell names, and the fields that the second one lists.
fn table(heading: &str) -> BTreeMap<String, Names> {
    let readme = readme();
    let (_, section) = readme.split_once(&format!("\n{heading}\n")).unwrap();
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        let name = quoted(cells[1]).collect::<Vec<_>>().join(" ");
        (name, quoted(cells[2]).collect())
    };
    rows.map(row).collect()
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_string)
}

fn keys(value: &Value) -> Names {
    value.as_object().unwrap().keys().cloned().collect()
}

fn names<'a>(words: impl IntoIterator<Item = &'a str>) -> Names {
    words.into_iter().map(str::to_string).collect()
}

/// An event of every kind, and of every phase.
fn events() -> Vec<Event> {
    let text = String::new;
    let image = |phase| Event::Image {
        image: text(),
        phase,
    };
    let node = |phase| Event::Node {
        node: text(),
        phase,
    };
    vec![
        Event::Compiling { plugin: text() },
        image(ImagePhase::Assembling),
        image(ImagePhase::Building),
        image(ImagePhase::Pulling),
        image(ImagePhase::Pushing),
        image(ImagePhase::Progress {
            part: text(),
            status: text(),
            current: None,
            total: None,
        }),
        image(ImagePhase::Ready { took_ms: 1 }),
        image(ImagePhase::Pushed { took_ms: 1 }),
        Event::Starting {
            cluster: text(),
            network: text(),
            nodes: Vec::new(),
        },
        node(NodePhase::Creating),
        node(NodePhase::Starting),
        node(NodePhase::Resuming),
        node(NodePhase::Waiting { probe: text() }),
        node(NodePhase::Ready),
        node(NodePhase::Stopping),
        node(NodePhase::Stopped),
        node(NodePhase::Failed { why: text() }),
        Event::Hook {
            hook: text(),
            topology: text(),
        },
        Event::Progress { message: text() },
        Event::Output {
            source: text(),
            line: text(),
        },
        Event::Notice { message: text() },
        Event::Warning { message: text() },
        Event::Debug { message: text() },
        Event::StillWorking { message: text() },
        Event::RollingBack { cluster: text() },
        Event::Removing {
            what: text(),
            containers: Vec::new(),
        },
        Event::Removed {
            kind: "container",
            name: text(),
        },
        Event::Started {
            cluster: text(),
            total_ms: 1,
            closing: Vec::new(),
        },
        Event::Done { message: text() },
    ]
}

/// The variants of the events' enums, counted in their source.
fn variants() -> usize {
    let source = fs::read_to_string(workspace().join("host/src/event.rs")).unwrap();
    source
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .count()
}

#[test]
fn the_table_of_events_has_every_event_with_its_fields() {
    let mut table = table("### Events");
    let error = table.remove("error").unwrap();
    let expected = ["kind", "exit_code", "message", "causes", "hint"];
    assert_eq!(error, names(expected));
    // `Image` and `Node` are listed by their phases instead, and `CleanUp` is never printed as an event.
    assert_eq!(events().len(), variants() - 3, "`events` lacks one");
    let mut unused: Names = table.keys().cloned().collect();
    for event in events() {
        let event = serde_json::to_value(event).unwrap();
        let mut fields = keys(&event);
        fields.remove("event");
        let name = event["event"].as_str().unwrap().to_string();
        let mut row = table.get(&name).cloned().unwrap_or_default();
        unused.remove(&name);
        if let Some(phase) = event.get("phase") {
            let name = format!("{name} {}", phase.as_str().unwrap());
            row.extend(table.get(&name).cloned().unwrap_or_default());
            assert!(unused.remove(&name), "no row for `{name}`");
        }
        assert_eq!(fields, row, "row of event `{name}`");
    }
    assert_eq!(unused, Names::new(), "rows of no event");
}

#[test]
fn the_table_of_answers_has_the_fields_that_are_printed() {
    let Some(scene) = Scene::new("fields") else {
        return;
    };
    let cluster = scene.name.as_str();
    let answer = |arguments: &[&str]| -> Value {
        let ran = scene.run(arguments).run();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let port = "node-1:80";
    let start = answer(&[
        "start", "--format", "json", "-c", cluster, "-n", cluster, "-p", port, NODEBASE,
    ]);
    let ps = answer(&["ps", "--format", "json"]);
    let ls = answer(&["ls", "--format", "json"]);
    let whole_cluster = answer(&["inspect", cluster]);
    let (first, second) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let whole_node = answer(&["inspect", &first]);
    let several = answer(&["inspect", "--brief", &first, &second]);
    let port = answer(&["port", &first, "--format", "json"]);
    let top = answer(&["top", cluster, "--format", "json"]);
    let stats = answer(&["stats", cluster, "--format", "json"]);
    let images = answer(&["images", "--format", "json"]);
    let version = answer(&["version", "--format", "json"]);
    let soon = (jiff::Timestamp::now().as_second() + 1).to_string();
    let events = scene.run([
        "events", cluster, "--since", "10m", "--until", &soon, "-o", "json",
    ]);
    let events = events.succeeds().stdout;
    let event = serde_json::from_str(events.lines().next().unwrap()).unwrap();

    let table = table("### Answers");
    let shown = |row: &str| table.get(row).unwrap_or_else(|| panic!("no row `{row}`"));
    let with = |row: &str, more: &[&str]| {
        let more = names(more.iter().copied());
        shown(row).union(&more).cloned().collect::<Names>()
    };
    for (row, answer) in [
        ("start", &start),
        ("ps", &ps),
        ("ls", &ls),
        ("inspect CLUSTER", &whole_cluster),
        ("inspect NODE", &whole_node),
        ("inspect NAME NAME", &several),
        ("port NODE", &port),
        ("top", &top),
        ("stats", &stats),
        ("events", &event),
        ("images", &images),
        ("version", &version),
    ] {
        assert_eq!(with(row, &["schema_version"]), keys(answer), "{row}");
    }
    let started = &start["cluster"];
    assert_eq!(&keys(started), shown("cluster"));
    assert_eq!(&keys(&started["nodes"][0]), shown("node"));
    assert_eq!(&keys(&started["nodes"][0]["ports"][0]), shown("port"));
    let inspected = &whole_node["node"];
    let more: Names = keys(inspected).difference(shown("node")).cloned().collect();
    assert_eq!(&more, shown("node inspect"));
    assert_eq!(keys(inspected), keys(&whole_cluster["cluster"]["nodes"][0]));
    assert_eq!(&keys(&several["items"][1]["node"]), shown("node"));
    assert_eq!(with("port", &["address"]), keys(&port["ports"][0]));
    assert_eq!(&keys(&top["nodes"][0]), shown("node top"));
    assert_eq!(&keys(&top["nodes"][0]["processes"][0]), shown("process"));
    assert_eq!(&keys(&stats["nodes"][0]), shown("node stats"));
    assert_eq!(&keys(&images["images"][0]), shown("image"));
    assert_eq!(table.len(), 20, "a row is compared with nothing");
}
