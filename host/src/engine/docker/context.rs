//! Contexts of Docker's command line: named engines, with what their TLS needs, in files below `~/.docker`.

use super::tls::Material;
use crate::docker_config::{self, DockerConfig};
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Reads an environment variable that is set to something.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An engine that has a name.
pub(super) struct Context {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) tls: Option<Material>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: Option<String>,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl Context {
    /// The current context; none when it is the default one.
    ///
    /// # Errors
    /// [`Kind::Usage`] for one that is not there, or that names no engine.
    pub(super) fn current(set: Variable<'_>) -> Result<Option<Context>> {
        let Some(folder) = docker_config::folder(set) else { return Ok(None) };
        let named = match set("DOCKER_CONTEXT") {
            None => DockerConfig::read(&folder)?.current_context,
            named => named,
        };
        let Some(name) = named.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
        let id: String = Sha256::digest(&name).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join("contexts/meta").join(&id).join("meta.json");
        let broken = |why: &dyn Display| {
            Error::new(Kind::Usage, format!("Docker's context `{name}` cannot be used"))
                .cause(format!("{}: {why}", path.display()))
                .hint("`docker context ls` lists contexts; `docker context use default` goes back to the local engine")
        };
        let text = std::fs::read_to_string(&path).map_err(|error| broken(&error))?;
        let mut meta: Meta = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        let endpoint = meta.endpoints.remove("docker").ok_or_else(|| broken(&"it names no engine"))?;
        let url = endpoint.host.ok_or_else(|| broken(&"it names no engine"))?;
        let material = folder.join("contexts/tls").join(&id).join("docker");
        let tls = (material.is_dir() || endpoint.skip_tls_verify)
            .then(|| Material::found_in(&material, !endpoint.skip_tls_verify));
        Ok(Some(Context { name, url, tls }))
    }
}
