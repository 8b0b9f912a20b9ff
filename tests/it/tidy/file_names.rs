//! A file name occurs once in the host, so that its name alone opens it.

use std::collections::BTreeMap;

use super::{assert_none, is_test, shown, sources};

/// The names that occur more than once, and why.
const REPEATED: [(&str, usize, &str); 2] = [
    (
        "start.rs",
        2,
        "a command's file is called like the command, and `start/` is its use case",
    ),
    (
        "topology.rs",
        2,
        "a command's file is called like the command, and `topology/` is what it is about",
    ),
];

#[test]
fn a_file_name_occurs_once_in_the_host() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The tests of a module lie in `tests.rs` and `tests/` below it, and are called like what they test.
    let modules = sources("host/src").into_iter().map(|(path, _)| path);
    for path in modules.filter(|path| !is_test(path)) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        files.entry(name).or_default().push(shown(&path));
    }
    let mut offenders = Vec::new();
    for (name, paths) in &files {
        let allowed = REPEATED.iter().find(|(repeated, ..)| repeated == name);
        let expected = allowed.map_or(1, |(_, count, _)| *count);
        if paths.len() != expected {
            offenders.push(format!("{name}: {}", paths.join(", ")));
        }
    }
    let unknown = REPEATED
        .iter()
        .filter(|(name, ..)| !files.contains_key(*name));
    offenders.extend(unknown.map(|(name, ..)| format!("{name} does not exist")));
    assert_none(&offenders);
}
