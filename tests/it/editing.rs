//! Configuration files of any content: they are written back byte for byte, values that are set are read back, and
//! nothing else changes. And versions, which have a total order.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use clusterdock_config_edit::{HadoopXml, Ini, Properties};
use clusterdock_plugin_api::Version;
use proptest::prelude::*;

/// Pieces with a special meaning in such files, in any order.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_string()),
        Just("\r\n".to_string()),
        Just("\\\n  ".to_string()),
        Just("\\".to_string()),
        Just("[s]".to_string()),
        Just("]".to_string()),
        Just("\\u00e9".to_string()),
        "[=: \t#;!\"'\\\\]{1,3}",
        "[a-c]{1,2}",
        "[é\u{feff}😀\u{85}\u{a0}]",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn pairs_of(file: &Properties) -> BTreeMap<String, String> {
    file.keys()
        .into_iter()
        .map(|key| (key.to_string(), file.get(key).unwrap().to_string()))
        .collect()
}

fn all_of(file: &Ini) -> BTreeMap<(String, String), String> {
    let sections = std::iter::once("").chain(file.sections());
    let pairs = sections.flat_map(|section| {
        file.keys(section)
            .into_iter()
            .map(move |key| (section, key))
    });
    pairs
        .map(|(section, key)| {
            (
                (section.into(), key.into()),
                file.get(section, key).unwrap().to_string(),
            )
        })
        .collect()
}

/// A Hadoop file of these properties, with comments and white space in between.
fn xml(properties: &[(String, String)], between: &[&str]) -> String {
    let gap = |index: usize| {
        between
            .get(index % between.len().max(1))
            .copied()
            .unwrap_or_default()
    };
    let mut text = format!("<?xml version='1.0'?>{}<configuration>", gap(0));
    for (index, (name, value)) in properties.iter().enumerate() {
        let (a, b, c) = (gap(index), gap(index + 1), gap(index + 2));
        let value = value.replace('&', "&amp;").replace('<', "&lt;");
        text += &format!(
            "{a}<property>{b}<name>{name}</name>{c}<value>{value}</value>{a}</property>{b}"
        );
    }
    text + "</configuration>\n"
}

fn version() -> impl Strategy<Value = Version> {
    let parts = proptest::collection::vec(0_u64..3, 1..5);
    (parts, "(-SNAPSHOT|-rc1|)").prop_map(|(parts, specifier)| {
        let numbers: Vec<String> = parts.iter().map(u64::to_string).collect();
        format!("{}{specifier}", numbers.join(".")).parse().unwrap()
    })
}

fn hash(version: &Version) -> u64 {
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    // A failing case should become a unit test beside the code.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn editing_a_properties_file_changes_one_place(text in text(), key in any::<String>(), value in any::<String>()) {
        let Ok(mut file) = Properties::parse(&text) else { return Ok(()) };
        prop_assert_eq!(file.to_string(), text);
        let mut expected = pairs_of(&file);
        for value in [value, String::new(), " = x\\".into()] {
            file.set(&key, &value).unwrap();
            expected.insert(key.clone(), value);
            let written = file.to_string();
            file = Properties::parse(&written).unwrap();
            prop_assert_eq!(pairs_of(&file), expected.clone(), "{:?}", written);
        }
        let known = file.keys().first().map(ToString::to_string).unwrap();
        file.set(&known, "new").unwrap();
        expected.insert(known, "new".into());
        prop_assert_eq!(pairs_of(&Properties::parse(&file.to_string()).unwrap()), expected.clone());
        prop_assert!(file.remove(&key));
        expected.remove(&key);
        prop_assert_eq!(pairs_of(&Properties::parse(&file.to_string()).unwrap()), expected);
    }

    #[test]
    fn editing_an_ini_file_changes_one_place(text in text(), section in "[a-cs]{0,2}", key in "[a-c]{1,2}", value in text()) {
        let Ok(mut file) = Ini::parse(&text) else { return Ok(()) };
        prop_assert_eq!(file.to_string(), text);
        let mut expected = all_of(&file);
        for value in [value, String::new(), "#fff".into()] {
            let before = file.clone();
            match file.set(&section, &key, &value) {
                Ok(()) => drop(expected.insert((section.clone(), key.clone()), value.trim().to_string())),
                Err(_) => prop_assert_eq!(&file, &before),
            }
            let written = file.to_string();
            file = Ini::parse(&written).unwrap();
            prop_assert_eq!(all_of(&file), expected.clone(), "{:?}", written);
        }
        file.remove(&section, &key);
        expected.remove(&(section, key));
        prop_assert_eq!(all_of(&Ini::parse(&file.to_string()).unwrap()), expected);
    }

    #[test]
    fn editing_a_hadoop_file_changes_one_place(
        names in proptest::collection::vec("[a-d]{1,2}", 0..6),
        values in proptest::collection::vec("[a-z&<> ]{0,4}", 6),
        between in proptest::collection::vec(
            prop_oneof![Just("\n  "), Just("\r\n\t"), Just(""), Just("<!-- </value> -->"), Just("<?p i?>")], 1..5),
        name in "[a-d<&]{1,2}",
        value in "[ -~é\u{85}😀\n\t]{0,9}",
    ) {
        let properties: Vec<(String, String)> = names.into_iter().zip(values).collect();
        let text = xml(&properties, &between);
        let mut file = HadoopXml::parse(&text).unwrap();
        prop_assert_eq!(file.to_string(), text);
        let get = |file: &HadoopXml| -> BTreeMap<String, String> {
            file.keys().into_iter().map(|key| { let value = file.get(&key).unwrap(); (key, value) }).collect()
        };
        let mut expected: BTreeMap<String, String> =
            properties.iter().map(|(name, value)| (name.clone(), value.trim().into())).collect();
        prop_assert_eq!(get(&file), expected.clone());
        file.set(&name, &value).unwrap();
        expected.insert(name.clone(), value.trim().into());
        let written = file.to_string();
        prop_assert_eq!(get(&HadoopXml::parse(&written).unwrap()), expected.clone(), "{}", written);
        prop_assert!(file.remove(&name));
        expected.remove(&name);
        let written = file.to_string();
        prop_assert_eq!(get(&HadoopXml::parse(&written).unwrap()), expected, "{}", written);
    }

    #[test]
    fn versions_are_totally_ordered(a in version(), b in version(), c in version()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert!(!(a <= b && b <= c) || a <= c);
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert!(a != b || hash(&a) == hash(&b));
        let read: Version = a.to_string().parse().unwrap();
        prop_assert_eq!(read.parts(), a.parts());
    }
}
