//! What real systems cost: lines of a topology that are not blank, of its Rust without tests and of every file that it
//! includes with `include_str!`. The manifest and the image are data that any topology has.

use std::fs;
use std::path::Path;

use clusterdock_tests::cargo::workspace;

/// The width that lines are formatted to.
const COLUMNS: usize = 100;

#[track_caller]
fn assert_size(plugin: &str, most: usize) {
    let source = workspace().join("plugins").join(plugin).join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut files = vec![code.to_string()];
    for rest in code.split("include_str!(\"").skip(1) {
        let path = rest.split('"').next().unwrap();
        let included = source.parent().unwrap_or(Path::new("")).join(path);
        files.push(fs::read_to_string(included).unwrap());
    }
    assert!(!code.contains("\nmod "), "all of it is in one file");
    let lines: Vec<&str> = files.iter().flat_map(|file| file.lines()).collect();
    let wide: Vec<&&str> = lines
        .iter()
        .filter(|line| line.chars().count() > COLUMNS)
        .collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let count = lines.iter().filter(|line| !line.trim().is_empty()).count();
    assert!(count <= most, "{plugin} has {count} lines, at most {most}");
}

#[test]
fn etcd_takes_45_lines() {
    assert_size("etcd", 45);
}

#[test]
fn postgresql_with_standbys_takes_90_lines() {
    assert_size("postgres", 90);
}
