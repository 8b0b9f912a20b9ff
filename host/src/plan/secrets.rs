//! Secrets in the nodes that a topology asks for: they may only be in files. Everything else is visible in the engine's
//! inspection of the container, to `clusterdock inspect` and to everyone with access to the engine.

use clusterdock_plugin_wire::{NodeSpec, Request};
use serde_json::Value;

use crate::error::{Error, Kind, Result};

/// Shorter secrets occur in other words by chance.
const SHORTEST: usize = 4;

/// Checks that no node has a secret of the request outside of its files.
///
/// # Errors
/// [`Kind::Hook`] for the first, without the secret itself.
pub fn check(request: &Request, specs: &[NodeSpec]) -> Result<()> {
    for spec in specs {
        // Names that the user chose are not secret, even if a weak secret happens to equal one.
        let visible = NodeSpec {
            hostname: String::new(),
            group: String::new(),
            image: None,
            files: Vec::new(),
            ..spec.clone()
        };
        let fields = serde_json::to_value(visible).expect("a spec is plain data");
        let paths = spec.files.iter().map(|file| &*file.path);
        for (name, secret) in request.secrets() {
            let secret = secret.expose();
            let has =
                |text: &str| text == secret || (secret.len() >= SHORTEST && text.contains(secret));
            let place = if paths.clone().any(has) {
                Some("files".into())
            } else {
                find(&fields, &has)
            };
            if let Some(place) = place.filter(|_| !secret.is_empty()) {
                return Err(visible_secret(&spec.hostname, name, &place));
            }
        }
    }
    Ok(())
}

fn visible_secret(node: &str, name: &str, place: &str) -> Error {
    Error::new(
        Kind::Hook,
        format!("the secret `--{name}` is in `{place}` of node `{node}`"),
    )
    .cause("the engine shows all settings of a container to everybody who can use it")
    .hint("let the topology put it into a file of the node, which only its owner can read")
}

/// The path of the first text or key that satisfies the condition.
fn find(value: &Value, is_wanted: &impl Fn(&str) -> bool) -> Option<String> {
    let below = |name: String, value: &Value| {
        let rest = find(value, is_wanted)?;
        Some(match rest.as_str() {
            "" => name,
            rest => format!("{name}.{rest}"),
        })
    };
    match value {
        Value::String(text) => is_wanted(text).then(String::new),
        Value::Array(items) => items.iter().find_map(|item| find(item, is_wanted)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if is_wanted(name) {
                Some("a name".into())
            } else {
                below(name.clone(), value)
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::{Contents, File, Probe, Secret, Value as ArgValue};

    use super::*;

    fn request(secret: &str) -> Request {
        let value = ArgValue::Secret(Some(Secret::new(secret)));
        Request {
            args: [("password".to_string(), value)].into(),
            ..Request::default()
        }
    }

    fn checked(spec: NodeSpec, secret: &str) -> Result<(), String> {
        check(&request(secret), &[spec]).map_err(|error| error.message().to_string())
    }

    #[test]
    fn a_secret_is_nowhere_but_in_the_contents_of_files() {
        let node = || NodeSpec::new("a", "nodes");
        let file = |path: &str| File {
            path: path.into(),
            contents: Contents::Text("password = hunter2".into()),
            mode: Some(0o600),
            owner: "0".into(),
        };
        checked(node().file(file("/etc/app")), "hunter2").unwrap();
        for (spec, place) in [
            (
                node().environment("PASSWORD", "hunter2"),
                "settings.environment.PASSWORD",
            ),
            (
                node().environment("hunter2", "x"),
                "settings.environment.a name",
            ),
            (
                node().command(["app", "--password=hunter2"]),
                "settings.command",
            ),
            (
                node().ready_when(Probe::command("check hunter2")),
                "ready.command",
            ),
            (
                node().serves_when(Probe::command("check hunter2")),
                "serves.command",
            ),
            (node().file(file("/etc/hunter2")), "files"),
        ] {
            let refused = checked(spec, "hunter2").unwrap_err();
            assert_eq!(
                refused,
                format!("the secret `--password` is in `{place}` of node `a`")
            );
        }
    }

    #[test]
    fn a_short_secret_is_looked_for_as_a_whole() {
        let node = || NodeSpec::new("a", "nodes").command(["ls", "-l"]);
        checked(node(), "l").unwrap();
        checked(node(), "").unwrap();
        checked(node(), "ls").unwrap_err();
    }
}
