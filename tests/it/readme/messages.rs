//! The messages that the README's troubleshooting quotes exist in the program.

use std::fs;
use std::path::PathBuf;

use clusterdock_tests::cargo::workspace;

use super::readme;

/// The messages in the first cells of the table, without their backslashes.
fn quoted_messages() -> Vec<String> {
    let readme = readme();
    let (_, section) = readme.split_once("\n## Troubleshooting\n").unwrap();
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.split('|').nth(1).unwrap().trim().to_string())
        .map(|cell| cell.trim_matches('`').trim().to_string())
        .collect()
}

/// The string literals of the host's sources.
fn literals() -> Vec<String> {
    let mut folders: Vec<PathBuf> = vec![workspace().join("host/src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let texts = text.split('"').map(str::to_string);
                found.extend(texts.filter(|text| !text.contains('\n')));
            }
        }
    }
    found
}

/// Whether a format string can become this message: what stands between its `{..}` follows one another in it.
fn can_become(format: &str, message: &str) -> bool {
    let fixed: Vec<&str> = format
        .split('{')
        .enumerate()
        .map(|(index, part)| match index {
            0 => part,
            _ => part.split_once('}').map_or(part, |(_, after)| after),
        })
        .collect();
    let [first, .., last] = fixed[..] else {
        return format == message;
    };
    let mut rest = match message.strip_prefix(first) {
        Some(rest) => rest,
        None => return false,
    };
    for part in &fixed[1..] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    fixed.concat().trim().len() > 10 && (message.ends_with(last) || last.is_empty())
}

#[test]
fn messages_in_troubleshooting_are_the_programs() {
    let literals = literals();
    let messages = quoted_messages();
    assert!(messages.len() > 5, "{messages:?}");
    for message in messages {
        assert!(
            literals.iter().any(|literal| can_become(literal, &message)),
            "the program has no message `{message}`"
        );
    }
}

#[test]
fn a_format_becomes_a_message_with_anything_in_its_braces() {
    let format = "host port `{}` of {node:?} is in use";
    assert!(can_become(format, "host port `80` of \"a\" is in use"));
    assert!(!can_become(format, "host port `80` is in use"));
    assert!(can_become("no cluster named so", "no cluster named so"));
    assert!(!can_become("{}: {}", "a: b"));
}
