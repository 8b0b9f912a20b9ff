//! Fuzz targets: for each parser of untrusted bytes, a function that accepts any bytes, must not panic, hang or use
//! unbounded memory, and checks what the parser guarantees. libFuzzer runs them (`tests/fuzz`), a plain test runs them
//! over the stored corpus, and [`mutate`] over a number of mutations of it.

pub mod mutate;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use clusterdock::archive::{Owners, Top, only_file, reader::Reader, reader::Root, relay::relay};
use clusterdock::cli;
use clusterdock::cluster::labels::{self, PREFIX};
use clusterdock::cluster::{names, record};
use clusterdock::engine::Labels;
use clusterdock::engine::docker::{Address, Transport};
use clusterdock::engine::docker_config::DockerConfig;
use clusterdock::image::ignore::Ignore;
use clusterdock::topology::inspection::inspect_bytes;
use clusterdock::topology::manifest::Manifest;
use clusterdock::topology::plugin_frame;
use clusterdock_plugin_wire::{Declaration, NodeSpec};

/// A fuzz target: its name, and a function that accepts any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 11] = [
    ("library", library),
    ("manifest", manifest),
    ("frames", frames),
    ("declaration", declaration),
    ("nodes", nodes),
    ("node_labels", node_labels),
    ("record", record),
    ("archive", archive),
    ("dockerignore", dockerignore),
    ("docker_config", docker_config),
    ("docker_context", docker_context),
];

/// A plugin's library: its ELF structure, its note, and its requirements.
pub fn library(bytes: &[u8]) {
    if let Ok(inspected) = inspect_bytes(Path::new("/x.so"), bytes.to_vec()) {
        assert_eq!(inspected.bytes(), bytes);
        assert_eq!(inspected.digest.len(), 64);
    }
}

/// A topology's manifest. Its names become part of references, file names and terminal output.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(manifest) = Manifest::parse(text, "topology.toml") else {
        return;
    };
    let words = [
        &manifest.name,
        &manifest.version,
        &manifest.plugin,
        &manifest.images.default,
    ];
    for word in words
        .into_iter()
        .chain([&manifest.description])
        .chain(manifest.images.systems.keys())
    {
        assert!(!word.contains(char::is_control), "{word:?}");
    }
    assert!(!manifest.library_name().contains('/'));
    assert!(
        !manifest
            .image_ref(None, None, &manifest.images.default)
            .contains(char::is_whitespace)
    );
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a thread can have a runtime");
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().expect("there is a temporary folder"));
}

/// What a plugin's process writes to its connection with the host.
pub fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            while let Ok(Some(_)) = plugin_frame::read_async(&mut rest).await {}
        })
    });
}

/// A plugin's declaration as JSON: refused, or turned into a command line.
pub fn declaration(bytes: &[u8]) {
    let Ok(declaration) = serde_json::from_slice::<Declaration>(bytes) else {
        return;
    };
    if declaration.check().is_err() {
        return;
    }
    for command in [
        cli::start_args::command_of(cli::start_args::Verb::Start, "x", &declaration),
        cli::build_args::command_of("x", &declaration),
    ] {
        let name = command.get_name().to_string();
        let mut command = cli::command_with(command);
        command.build();
        drop(
            command
                .find_subcommand_mut(&name)
                .expect("it was added")
                .render_help(),
        );
        drop(command.try_get_matches_from(["clusterdock", &name, "x"]));
    }
}

/// The nodes that a plugin asks for, as JSON.
pub fn nodes(bytes: &[u8]) {
    let Ok(specs) = serde_json::from_slice::<Vec<NodeSpec>>(bytes) else {
        return;
    };
    for spec in &specs {
        drop(clusterdock::engine::docker::passthrough::check(
            &spec.settings.create,
        ));
    }
    if clusterdock::plan::spec::check(&specs, "cluster").is_ok() {
        drop(clusterdock::plan::wanted_ports::wanted(
            &specs,
            "cluster",
            &[],
            true,
        ));
        drop(clusterdock::plan::wanted_ports::wanted(
            &specs,
            "cluster",
            &[],
            false,
        ));
    }
}

/// The labels of a container, as `KEY=VALUE` separated by zero bytes, keys without their common prefix.
pub fn node_labels(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let labels: Labels = text
        .split('\0')
        .filter_map(|label| label.split_once('='))
        .map(named)
        .collect();
    if let Ok(node) = labels::read::node(&labels) {
        names::check_cluster(&node.run.cluster).expect("a cluster's name is checked");
        names::check_hostname(&node.hostname).expect("a host name is checked");
        names::check_network(&node.network).expect("a network's name is checked");
        if node.domain != node.network {
            names::check_domain(&node.domain).expect("a domain is checked");
        }
        assert!(
            node.run
                .id
                .as_str()
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
        );
        for word in [
            &node.group,
            &node.topology,
            &node.topology_version,
            &node.plugin_digest,
        ] {
            assert!(!word.contains(char::is_control), "{word:?}");
        }
    }
    drop(labels::read::helper(&labels));
    drop(labels::read::origin(&labels));
    drop(labels::read::run(&labels));
}

fn named((key, value): (&str, &str)) -> (String, String) {
    (format!("{PREFIX}{key}"), value.into())
}

/// The JSON of a cluster's record, which every node can write.
pub fn record(bytes: &[u8]) {
    let Ok(record) = record::parse(bytes) else {
        return;
    };
    for fqdn in &record.removed {
        assert!(fqdn.len() <= names::FQDN_MAX, "{fqdn:?}");
        assert!(fqdn.bytes().all(is_of_a_name), "{fqdn:?}");
    }
    assert!(
        record
            .outputs
            .keys()
            .all(|name| record::is_output_name(name))
    );
    let Ok(archive) = record::archive(&record) else {
        return;
    };
    let file = only_file(&archive[..])
        .expect("an archive of the program's own is read")
        .expect("it has a file");
    let again = record::parse(&file.contents).expect("what was written is read");
    assert_eq!(again, record);
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
}

/// An archive from the engine: read, and relayed.
pub fn archive(bytes: &[u8]) {
    for root in [Root::Named, Root::Dot] {
        let mut reader = Reader::new(bytes, root);
        while let Ok(Some(entry)) = reader.next_entry() {
            let inside =
                |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
            assert!(entry.path.components().all(inside), "{:?}", entry.path);
            if reader.contents(|_| Ok(())).is_err() {
                break;
            }
        }
        let top = Top::Named("copy".into());
        drop(relay(
            Reader::new(bytes, root),
            &top,
            Owners::OfDestination,
            std::io::sink(),
            &mut |_| {},
        ));
    }
    drop(only_file(bytes));
}

/// Paths longer than this take long with any pattern, since each of their folders is judged.
const LONGEST_PATH: usize = 256;

/// A `.dockerignore`: the first line is a path, the others are patterns.
pub fn dockerignore(bytes: &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (path, patterns) = bytes.split_at(end);
    let path = Path::new(OsStr::from_bytes(&path[..path.len().min(LONGEST_PATH)]));
    let Ok(mut ignore) = Ignore::parse(patterns, Path::new(".dockerignore")) else {
        return;
    };
    let _ = (ignore.excludes(path), ignore.includes_within(path));
    ignore.include(path);
    assert!(
        !ignore.excludes(path) || path.as_os_str().is_empty(),
        "{path:?}"
    );
}

/// Docker's `config.json`.
pub fn docker_config(bytes: &[u8]) {
    FOLDER.with_borrow(|folder| {
        std::fs::write(folder.path().join("config.json"), bytes).expect("a file can be written");
        let config = DockerConfig::read(folder.path(), &|_| ());
        drop(config.proxy_arguments("unix:///var/run/docker.sock"));
    });
}

/// The name of the context that [`docker_context`] writes, and the folder that Docker gives it: its SHA-256.
const CONTEXT: &str = "lab";
const CONTEXT_FOLDER: &str = "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7";

/// The `meta.json` of a context of Docker.
pub fn docker_context(bytes: &[u8]) {
    FOLDER.with_borrow(|folder| {
        let meta = folder.path().join("contexts/meta").join(CONTEXT_FOLDER);
        std::fs::create_dir_all(&meta).expect("a folder can be created");
        std::fs::write(meta.join("meta.json"), bytes).expect("a file can be written");
        let variable = |name: &str| match name {
            "DOCKER_CONFIG" => Some(folder.path().into()),
            "DOCKER_CONTEXT" => Some(CONTEXT.into()),
            _ => None,
        };
        // A host becomes part of requests. A socket may have any name.
        if let Ok(Address {
            transport: Transport::Tcp(host) | Transport::Tls(host, _),
            ..
        }) = Address::choose(None, &variable, &|_| ())
        {
            let is_active = |byte: u8| byte.is_ascii_control() || byte == b' ';
            assert!(!host.bytes().any(is_active), "{host:?}");
        }
    });
}
