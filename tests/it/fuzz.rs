//! The fuzz targets over their corpus, and over mutations of it. The second takes minutes:
//! `CLUSTERDOCK_TEST_EXECUTIONS=1000000 cargo test -p clusterdock-tests --test it -- --ignored fuzz`, and
//! `CLUSTERDOCK_TEST_TARGET=archive` before it for one of them.

use std::fs;

use clusterdock_plugin_wire::Declaration;
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::fuzz::{TARGETS, mutate};

/// The kept inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = workspace().join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_survives_its_corpus_and_a_few_mutations() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 2, "the corpus of {name} is kept");
        corpus.iter().for_each(|input| target(input));
        mutate::run(target, &corpus, 1, 500);
    }
}

#[test]
fn every_target_has_a_libfuzzer_program() {
    let manifest = fs::read_to_string(workspace().join("tests/fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program =
            fs::read_to_string(workspace().join(format!("tests/fuzz/fuzz_targets/{name}.rs")))
                .unwrap();
        assert!(
            program.contains(&format!("clusterdock_tests::fuzz::{name}(")),
            "{name}"
        );
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn the_corpus_contains_valid_inputs() {
    let library = clusterdock::topology::inspection::inspect_bytes(
        "/x.so".as_ref(),
        corpus("library").remove(0),
    );
    if cfg!(target_arch = "x86_64") {
        assert_eq!(library.unwrap().identity.name, "topology_seed");
    }
    let text = |target| String::from_utf8(corpus(target).remove(0)).unwrap();
    clusterdock::topology::manifest::Manifest::parse(&text("manifest"), "topology.toml").unwrap();
    let declaration: Declaration = serde_json::from_str(&text("declaration")).unwrap();
    declaration.check().unwrap();
    let specs: Vec<_> = serde_json::from_str(&text("nodes")).unwrap();
    clusterdock::plan::spec::check(&specs, "cluster").unwrap();
    let record = clusterdock::cluster::record::parse(text("record").as_bytes()).unwrap();
    assert!(record.request.is_some() && !record.removed.is_empty());
}

#[test]
#[ignore = "takes minutes; run it by its name"]
fn every_target_survives_many_mutations() {
    let wanted = std::env::var("CLUSTERDOCK_TEST_EXECUTIONS").ok();
    let executions = wanted.map_or(200_000, |wanted| wanted.parse().unwrap());
    let only = std::env::var("CLUSTERDOCK_TEST_TARGET").ok();
    for (name, target) in TARGETS
        .into_iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let before = std::time::Instant::now();
        mutate::run(target, &corpus(name), 2, executions);
        clusterdock_tests::scene::note(&format!(
            "{name}: {executions} executions in {:?}",
            before.elapsed()
        ));
    }
}
