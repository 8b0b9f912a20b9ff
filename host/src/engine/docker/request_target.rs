//! Paths of the engine's API. All requests use these, and only our own literals get into one unchecked: a name such as
//! `../../containers/json?all=1#` would reach another endpoint.

use serde::Serialize;

use super::super::reference;
use super::super::{EngineError, EngineResult, Fault};

/// Longer than any name that an engine accepts.
const LONGEST_NAME: usize = 255;

/// How many characters of an invalid name are shown.
const SHOWN: usize = 60;

/// A path of the API without a version, and its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target(String);

impl Target {
    /// A path without any name.
    pub(super) fn fixed(path: &'static str) -> Target {
        Target(path.into())
    }

    /// The path of a container, by id or name.
    pub(super) fn container(id: &str, call: &'static str) -> EngineResult<Target> {
        named("containers", "container", id, call)
    }

    /// The path of a network, by id.
    pub(super) fn network(id: &str, call: &'static str) -> EngineResult<Target> {
        named("networks", "network", id, call)
    }

    /// The path of a volume, by name.
    pub(super) fn volume(name: &str) -> EngineResult<Target> {
        named("volumes", "volume", name, "")
    }

    /// The path of a command in a container.
    pub(super) fn exec(id: &str, call: &'static str) -> EngineResult<Target> {
        named("exec", "command", id, call)
    }

    /// The path of an image, by reference or id.
    pub(super) fn image(reference: &str, call: &'static str) -> EngineResult<Target> {
        reference::check_image(reference).map_err(|why| {
            let mut error = invalid("image reference", reference);
            error.message = format!("{}: {why}", error.message);
            error
        })?;
        // The brackets of an IPv6 address are the only characters of a reference that must be escaped in a path.
        let reference = reference.replace('[', "%5B").replace(']', "%5D");
        Ok(Target(format!("/images/{reference}{call}")))
    }

    /// Adds query parameters.
    pub(super) fn query(self, parameters: impl Serialize) -> EngineResult<Target> {
        let query = serde_urlencoded::to_string(parameters);
        let query = query.map_err(|error| EngineError::new(Fault::Refused, error.to_string()))?;
        Ok(if query.is_empty() {
            self
        } else {
            Target(format!("{}?{query}", self.0))
        })
    }

    /// The text for the request.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn named(collection: &str, kind: &str, name: &str, call: &str) -> EngineResult<Target> {
    if is_name(name) {
        Ok(Target(format!("/{collection}/{name}{call}")))
    } else {
        Err(invalid(&format!("{kind} id"), name))
    }
}

/// Docker's rule for names of containers and volumes, which ids of all kinds satisfy too.
fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.len() <= LONGEST_NAME
        && name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(rest)
}

fn invalid(kind: &str, text: &str) -> EngineError {
    let shown: String = text.chars().take(SHOWN).collect();
    let rest = if shown.len() < text.len() { " ..." } else { "" };
    EngineError::new(Fault::Refused, format!("invalid {kind} `{shown}`{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 16] = [
        "",
        ".",
        "..",
        "../../containers/json?all=1#",
        "a/../b",
        "a/b",
        "a?all=1",
        "a#",
        "a%2e%2e",
        "-a",
        ".a",
        "a b",
        "a\r\nHost: b",
        "a\0",
        "ä",
        "a\\b",
    ];

    #[test]
    fn only_valid_names_reach_a_url_path() {
        for text in HOSTILE {
            assert_eq!(
                Target::container(text, "/json").unwrap_err().fault,
                Fault::Refused,
                "{text:?}"
            );
            assert!(Target::network(text, "").is_err(), "{text:?}");
            assert!(Target::volume(text).is_err(), "{text:?}");
            assert!(Target::exec(text, "/start").is_err(), "{text:?}");
        }
        assert!(Target::container(&"a".repeat(256), "").is_err());
        assert_eq!(
            Target::container("node-1.lab_2", "/json").unwrap().as_str(),
            "/containers/node-1.lab_2/json"
        );
    }

    #[test]
    fn only_image_references_and_ids_reach_a_url_path() {
        for text in HOSTILE.into_iter().filter(|text| *text != "a/b").chain([
            "sha256:",
            "a:b:c",
            "A/B",
            "a@sha256:1",
            "a:b/c/D",
        ]) {
            assert!(Target::image(text, "/json").is_err(), "{text:?}");
        }
        let id = "0f".repeat(32);
        for text in [
            "a",
            "a:1",
            "r.example:5000/a/b:1",
            "sha256:0123abcd",
            "0123abcd",
            &id,
        ] {
            assert_eq!(
                Target::image(text, "/json").unwrap().as_str(),
                format!("/images/{text}/json")
            );
        }
        assert_eq!(
            Target::image("[::1]:5000/a", "").unwrap().as_str(),
            "/images/%5B::1%5D:5000/a"
        );
    }

    #[test]
    fn parameters_are_encoded() {
        let target = Target::container("a", "/archive")
            .unwrap()
            .query([("path", "/x?y=1&z#ä")])
            .unwrap();
        assert_eq!(
            target.as_str(),
            "/containers/a/archive?path=%2Fx%3Fy%3D1%26z%23%C3%A4"
        );
    }
}
