//! Docker contexts: named engines and their TLS files, below `~/.docker`.

use std::fmt::Display;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tls::Material;
use crate::engine::docker_config::{self, DockerConfig, Variable, Warn, folded};
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// A named engine.
pub(super) struct Context {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) tls: Option<Material>,
}

/// Keys are in lowercase, since their case does not matter in Docker's configuration.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    host: Option<String>,
    #[serde(rename = "skiptlsverify")]
    skip_tls_verify: Option<bool>,
}

impl Context {
    /// The current context; `None` if it is the default one.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it does not exist or has no engine.
    pub(super) fn current(set: Variable<'_>, warn: Warn<'_>) -> Result<Option<Context>> {
        let Some(folder) = docker_config::folder(set) else {
            return Ok(None);
        };
        let named = match set("DOCKER_CONTEXT").map(|name| name.to_string_lossy().into_owned()) {
            None => DockerConfig::read(&folder, warn).current_context,
            named => named,
        };
        let Some(name) = named.filter(|name| !name.is_empty() && name != "default") else {
            return Ok(None);
        };
        let id: String = Sha256::digest(&name)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = folder.join("contexts/meta").join(&id).join("meta.json");
        let broken = |why: &dyn Display| {
            Error::new(Kind::Usage, format!("Docker's context `{name}` cannot be used"))
                .cause(format!("{}: {why}", path.display()))
                .hint("`docker context ls` lists contexts; `docker context use default` switches back to the local engine")
        };
        let text = regular_file::read_to_string(&path).map_err(|error| broken(&error))?;
        let meta: Value = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        let endpoint = serde_json::from_value(folded(member(member(meta, "endpoints"), "docker")));
        let endpoint: Option<Endpoint> = endpoint.map_err(|error| broken(&error))?;
        let Endpoint {
            host,
            skip_tls_verify,
        } = endpoint.unwrap_or_default();
        let url = host
            .filter(|host| !host.is_empty())
            .ok_or_else(|| broken(&"it has no engine"))?;
        let skip_tls_verify = skip_tls_verify.unwrap_or_default();
        let material = folder.join("contexts/tls").join(&id).join("docker");
        let tls = (material.is_dir() || skip_tls_verify)
            .then(|| Material::found_in(&material, !skip_tls_verify));
        Ok(Some(Context { name, url, tls }))
    }
}

/// The member of an object by name; null if it is missing, or if the value is not an object.
fn member(value: Value, name: &str) -> Value {
    match folded(value) {
        Value::Object(mut fields) => fields.remove(name).unwrap_or_default(),
        _ => Value::Null,
    }
}
