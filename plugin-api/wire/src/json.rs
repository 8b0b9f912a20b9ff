//! Strict JSON: what one side does not know is refused by name, never ignored.
//!
//! Every type here denies unknown fields and variants. The rule for growth, so that plugins and hosts of all minor
//! versions work together: a field of 1.0 is always sent; a field that is appended later has a default and
//! `skip_serializing_if` it is the default. So an older peer only refuses a message if it uses a feature that the peer
//! lacks. Fields that may be ignored are documented where they are defined: [`Options`](crate::Options), the note's
//! [`Identity`](crate::note::Identity), and the number of an error's [`Code`].

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::{secret, Code, Error, Result};

/// The JSON of a message to the other side. Only this one shows secrets.
///
/// # Errors
/// The value cannot be JSON, such as a path that is not UTF-8.
pub fn encode<T: Serialize>(value: &T) -> Result<String> {
    Ok(secret::exposed(|| serde_json::to_string(value))?)
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It uses something that this side does not know, e.g. ``unknown field `files` of a node``.
    Unknown(String),
    /// It is not a message of this type, for this reason.
    Invalid(String),
}

/// Reads a message; `what` names it in errors, e.g. `the request`.
///
/// # Errors
/// See [`Flaw`].
pub fn decode<T: DeserializeOwned>(text: &str, what: &str) -> std::result::Result<T, Flaw> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| flaw(&error, what))?;
    let end = json.end();
    end.map_err(|error| Flaw::Invalid(format!("{what}: {error}")))?;
    Ok(value)
}

/// Serde reports unknown names in its text alone.
fn flaw(error: &serde_path_to_error::Error<serde_json::Error>, what: &str) -> Flaw {
    let (path, text) = (error.path().to_string(), error.inner().to_string());
    // The items of a list have the same name.
    let path = match path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start_matches('.').to_string(),
        None => path,
    };
    let unknown = ["field", "variant"].into_iter().find_map(|kind| {
        let rest = text.strip_prefix(&format!("unknown {kind} `"))?;
        let (name, _) = rest.split_once('`')?;
        Some((kind, name.to_string()))
    });
    let Some((kind, name)) = unknown else {
        let place = if matches!(path.as_str(), "" | "." | "?") {
            what.to_string()
        } else {
            format!("`{path}` of {what}")
        };
        return Flaw::Invalid(format!("{place}: {text}"));
    };
    // The path ends in the name itself.
    let owner = path.strip_suffix(&name).unwrap_or(&path);
    let owner = owner.trim_end_matches('.');
    let word = if kind == "field" { "field" } else { "value" };
    if owner.is_empty() {
        Flaw::Unknown(format!("{word} `{name}` of {what}"))
    } else {
        Flaw::Unknown(format!("{word} `{name}` of `{owner}` of {what}"))
    }
}

/// The error of a plugin for a message of the host that it cannot read.
pub(crate) fn refused(flaw: Flaw, host: &str, plugin: &str) -> Error {
    match flaw {
        Flaw::Unknown(feature) => Error::with_code(
            Code::Unsupported,
            format!(
                "clusterdock uses the {feature}, which plugin-api {plugin} of this plugin lacks"
            ),
        )
        .cause(format!(
            "clusterdock has plugin-api {host}: rebuild the plugin with it"
        )),
        Flaw::Invalid(why) => Error::with_code(Code::Host, format!("invalid {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Declaration, NodeSpec};

    fn unknown<T: DeserializeOwned + std::fmt::Debug>(text: &str, what: &str) -> String {
        match decode::<T>(text, what).unwrap_err() {
            Flaw::Unknown(feature) => feature,
            Flaw::Invalid(why) => panic!("{why}"),
        }
    }

    #[test]
    fn unknown_fields_and_variants_are_named_with_their_place() {
        let what = "a node";
        for (text, feature) in [
            (r#"{"gpus":1}"#, "field `gpus` of a node"),
            (
                r#"{"settings":{"gpus":1}}"#,
                "field `gpus` of `settings` of a node",
            ),
            (
                r#"{"ready":[{"port":1},{"grpc":2}]}"#,
                "value `grpc` of `ready[1]` of a node",
            ),
            (
                r#"{"settings":{"security":"sealed"}}"#,
                "value `sealed` of `settings.security` of a node",
            ),
            (
                r#"{"ready":[{"http":{"port":1,"path":"/","status":null,"tls":true}}]}"#,
                "field `tls` of `ready[0].http` of a node",
            ),
        ] {
            assert_eq!(unknown::<NodeSpec>(text, what), feature, "{text}");
        }
        assert_eq!(
            unknown::<Vec<NodeSpec>>(r#"[{"gpus":1}]"#, what),
            "field `gpus` of a node"
        );
        assert_eq!(
            unknown::<Declaration>(r#"{"hooks":["start","pause"]}"#, "the declaration"),
            "value `pause` of `hooks[1]` of the declaration"
        );
    }

    #[test]
    fn other_faults_are_invalid() {
        for (text, why) in [
            ("{", "a node: EOF while parsing"),
            (r#"{"hostname":1}"#, "`hostname` of a node: invalid type"),
            ("{} {}", "a node: trailing characters"),
        ] {
            match decode::<NodeSpec>(text, "a node").unwrap_err() {
                Flaw::Invalid(found) => assert!(found.starts_with(why), "{found}"),
                Flaw::Unknown(feature) => panic!("{feature}"),
            }
        }
    }
}
