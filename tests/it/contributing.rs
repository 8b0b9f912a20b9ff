//! CONTRIBUTING.md and SECURITY.md name files, and tests that keep invariants: all of them exist.

use std::fs;
use std::path::PathBuf;

use clusterdock_tests::cargo::workspace;

/// The words in backticks outside of blocks.
fn quoted(page: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join(page)).unwrap();
    let prose = text.split("```").step_by(2);
    let words = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    words.map(str::to_string).collect()
}

/// The file of a module of this binary: `tests/it/whole/race.rs` for `whole::race`.
fn module(path: &str) -> PathBuf {
    workspace().join(format!("tests/it/{}.rs", path.replace("::", "/")))
}

#[test]
fn files_that_the_pages_name_exist() {
    let folders = ["host/", "tests/", "plugins/", "plugin-api/", "topologies/"];
    for page in ["CONTRIBUTING.md", "SECURITY.md"] {
        let words = quoted(page);
        let mut paths = words
            .iter()
            .filter(|word| folders.iter().any(|folder| word.starts_with(folder)));
        let missing = paths.find(|path| !workspace().join(path).exists());
        assert_eq!(missing, None, "named in {page}");
    }
}

#[test]
fn tests_that_keep_invariants_exist() {
    let page = fs::read_to_string(workspace().join("CONTRIBUTING.md")).unwrap();
    let (_, section) = page.split_once("\n## Invariants\n").unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut count = 0;
    for row in rows {
        let cell = row.split('|').nth(2).unwrap();
        for name in cell.split('`').skip(1).step_by(2) {
            count += 1;
            let function = name.rsplit_once("::").is_some_and(|(file, test)| {
                fs::read_to_string(module(file))
                    .is_ok_and(|text| text.contains(&format!("fn {test}(")))
            });
            assert!(function || module(name).exists(), "there is no `{name}`");
        }
    }
    assert!(count > 12, "only {count} tests are named");
}
