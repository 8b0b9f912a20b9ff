//! Secrets in the nodes that a topology asks for: they may only be in files. Everything else is visible in the engine's
//! inspection of the container, to `clusterdock inspect` and to everyone with access to the engine.

use clusterdock_plugin_wire::{NodeSpec, Request, Secret};
use serde_json::Value;

use crate::error::{Error, Kind, Result};

/// Shorter secrets occur in other words by chance.
const SHORTEST: usize = 4;

/// Settings whose keys are the topology's. All other keys are names of settings.
const MAPS: [&str; 5] = ["create", "environment", "labels", "sysctls", "tmpfs"];

/// Checks that no node has a secret of the request outside of its files.
///
/// # Errors
/// [`Kind::Hook`] for the first, without the secret itself.
pub fn check(request: &Request, specs: &[NodeSpec]) -> Result<()> {
    for spec in specs {
        // Names that the user chose are not secret, even if a weak secret happens to equal one; and ports are numbers.
        let visible = NodeSpec {
            hostname: String::new(),
            group: String::new(),
            image: None,
            files: Vec::new(),
            ports: Vec::new(),
            ..spec.clone()
        };
        let mut fields = serde_json::to_value(visible).expect("a spec is plain data");
        // A word that clusterdock itself uses.
        fields["settings"]["security"] = Value::Null;
        let paths = spec.files.iter().map(|file| &*file.path);
        for (name, secret) in request.secrets() {
            let place = if paths.clone().any(|path| is_in(path, secret)) {
                Some("files".into())
            } else {
                find_in(&fields, secret, false)
            };
            if let Some(place) = place {
                return Err(visible_secret(&spec.hostname, name, &place));
            }
        }
    }
    Ok(())
}

/// Whether a text gives a secret away.
pub fn is_in(text: &str, secret: &Secret) -> bool {
    let secret = secret.expose();
    let is_same = text == secret && !secret.is_empty();
    is_same || (secret.len() >= SHORTEST && text.contains(secret))
}

fn visible_secret(node: &str, name: &str, place: &str) -> Error {
    Error::new(
        Kind::Hook,
        format!("the secret `--{name}` is in `{place}` of node `{node}`"),
    )
    .cause("the engine shows all settings of a container to everybody who can use it")
    .hint(format!(
        "choose another `--{name}` if it is a common word; otherwise the topology has to put it into a file of the node"
    ))
}

/// The path of the first text, or key, that gives a secret away; empty for a text by itself.
pub fn find(value: &Value, secret: &Secret) -> Option<String> {
    find_in(value, secret, true)
}

fn find_in(value: &Value, secret: &Secret, own_keys: bool) -> Option<String> {
    let below = |name: &String, value: &Value| {
        let own_keys = own_keys || MAPS.contains(&name.as_str());
        let rest = find_in(value, secret, own_keys)?;
        Some(match rest.as_str() {
            "" => name.clone(),
            rest => format!("{name}.{rest}"),
        })
    };
    match value {
        Value::String(text) => is_in(text, secret).then(String::new),
        Value::Array(items) => {
            let mut items = items.iter();
            items.find_map(|item| find_in(item, secret, own_keys))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if own_keys && is_in(name, secret) {
                Some("a name".into())
            } else {
                below(name, value)
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::{Contents, File, Port, Probe, Value as ArgValue, Volume};

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

    #[test]
    fn names_of_settings_are_no_secrets() {
        let node = || {
            NodeSpec::new("a", "nodes")
                .port(Port::tcp(80))
                .ready_when(Probe::http(80, "/"))
                .environment("NAME", "x")
                .volume(Volume::bind("/x", "/y"))
        };
        for secret in [
            "image", "user", "port", "http", "path", "settings", "host", "tcp", "NAM",
        ] {
            checked(node(), secret).unwrap();
        }
        for secret in ["NAME", "AME="] {
            checked(node().environment("NAME=", "x"), secret).unwrap_err();
        }
    }

    #[test]
    fn a_weak_secret_may_be_a_word_of_the_topology() {
        let node = NodeSpec::new("a", "nodes").command(["postgres", "-D", "/data"]);
        let error = check(&request("postgres"), &[node]).unwrap_err();
        let hint = error.next_step().unwrap();
        assert!(
            hint.starts_with("choose another `--password` if it is a common word"),
            "{hint}"
        );
    }
}
