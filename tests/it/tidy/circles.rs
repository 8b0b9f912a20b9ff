//! Files of the host do not import each other in a circle. A module that re-exports items of its children (`pub use
//! child::Type`) does not count as an import.

use std::collections::{BTreeMap, BTreeSet};

use clusterdock_tests::cargo::workspace;

use super::{assert_none, code, sources};

/// The modules that each module imports from, by their paths: `start::transaction`.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The code of every module but the roots, without tests.
fn modules() -> BTreeMap<String, String> {
    let root = workspace().join("host/src");
    let modules = sources("host/src").into_iter().map(|(path, text)| {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        let name = inside.display().to_string().replace('/', "::");
        (name, code(&path, &text))
    });
    modules
        .filter(|(name, _)| !["lib", "main"].contains(&name.as_str()))
        .collect()
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.trim().to_string()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    let parts = parts.iter().map(|part| part.trim());
    let parts = parts.filter(|part| !part.is_empty());
    let paths = parts.flat_map(|part| expanded(&format!("{}{part}", before.trim())));
    paths.collect()
}

/// The path of a `use` from the crate's root on; `None` if it belongs to another crate.
fn absolute(module: &str, path: &str) -> Option<String> {
    if let Some(path) = path.strip_prefix("crate::") {
        return Some(path.to_string());
    }
    let mut rest = path;
    let mut place: Vec<&str> = module.split("::").collect();
    while let Some(after) = rest.strip_prefix("super::") {
        place.pop();
        rest = after;
    }
    place.push(rest);
    (rest != path).then(|| place.join("::"))
}

/// The module that a path leads into.
fn module_of<'m>(path: &str, modules: &'m BTreeMap<String, String>) -> Option<&'m String> {
    let mut path = path.trim_end_matches("::self");
    loop {
        if let Some((name, _)) = modules.get_key_value(path) {
            return Some(name);
        }
        (path, _) = path.rsplit_once("::")?;
    }
}

fn imports(modules: &BTreeMap<String, String>) -> Imports {
    let imports = modules.iter().map(|(module, code)| {
        let uses = code.split("\nuse ").skip(1);
        let uses = uses.flat_map(|rest| expanded(rest.split(';').next().unwrap()));
        let paths = uses.filter_map(|path| absolute(module, &path));
        let found = paths.filter_map(|path| module_of(&path, modules).cloned());
        (module.clone(), found.filter(|one| one != module).collect())
    });
    imports.collect()
}

/// The modules that can be reached from one.
fn reached<'m>(imports: &'m Imports, from: &'m str) -> BTreeSet<&'m str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        for next in &imports[module] {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

#[test]
fn modules_of_the_host_do_not_import_in_circles() {
    let imports = imports(&modules());
    assert!(imports["start::start_execution"].contains("start::topology_work"));
    let in_circle = imports.keys().filter_map(|module| {
        let others = &imports[module];
        let back = others
            .iter()
            .find(|one| reached(&imports, one).contains(module.as_str()))?;
        Some(format!("{module} imports {back}, which leads back"))
    });
    assert_none(&in_circle.collect::<Vec<_>>());
}
