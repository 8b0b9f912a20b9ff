//! The configuration of Docker's own command line, `config.json`: which engine is meant, who the user is to registries,
//! and through which proxies a build reaches others. Nothing is ever written there.

mod helper;

use crate::error::{Error, Kind, Result};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What `config.json` says, as far as it is of use here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerConfig {
    /// The context that is used where none is named.
    pub current_context: Option<String>,
    auths: Option<BTreeMap<String, Auth>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
    proxies: Option<BTreeMap<String, Proxies>>,
}

/// A login that the file itself holds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// Secrets are never shown.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Proxies {
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: Option<String>,
    ftp_proxy: Option<String>,
    all_proxy: Option<String>,
}

/// The ways to say to a registry who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// What an identity provider gave for a name and a password.
    IdentityToken(String),
    /// What the registry takes as it is.
    RegistryToken(String),
}

/// Secrets are never shown.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Password { user, .. } => write!(f, "Password({user})"),
            Login::IdentityToken(_) => f.write_str("IdentityToken"),
            Login::RegistryToken(_) => f.write_str("RegistryToken"),
        }
    }
}

/// The folder of Docker's configuration; none where there is no home either.
pub fn folder(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(Path::new(&set("HOME")?).join(".docker")))
}

impl DockerConfig {
    /// Reads it; where there is none, it says nothing.
    ///
    /// # Errors
    /// [`Kind::Usage`] for one that cannot be read or makes no sense.
    pub fn read(folder: &Path) -> Result<DockerConfig> {
        let path = folder.join("config.json");
        let broken = |why: &dyn fmt::Display| {
            Error::new(Kind::Usage, format!("Docker's configuration `{}` cannot be read", path.display()))
                .cause(why)
                .hint("mend the file, or name another folder with DOCKER_CONFIG")
        };
        match std::fs::read(&path) {
            // As Docker takes one that was emptied.
            Ok(text) if text.trim_ascii().is_empty() => Ok(DockerConfig::default()),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| broken(&error)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(DockerConfig::default())
            }
            Err(error) => Err(broken(&error)),
        }
    }

    /// The build arguments by which Docker tells builds of the proxies to use, for the engine at this address.
    pub fn proxy_arguments(&self, engine: &str) -> BTreeMap<String, String> {
        let proxies = self.proxies.as_ref().and_then(|proxies| proxies.get(engine).or_else(|| proxies.get("default")));
        let Proxies { http_proxy, https_proxy, no_proxy, ftp_proxy, all_proxy } = proxies.cloned().unwrap_or_default();
        let named = [
            ("HTTP_PROXY", http_proxy),
            ("HTTPS_PROXY", https_proxy),
            ("NO_PROXY", no_proxy),
            ("FTP_PROXY", ftp_proxy),
            ("ALL_PROXY", all_proxy),
        ];
        let set = named.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        // Programs agree on these names, not on their case.
        set.flat_map(|(name, value)| [(name.to_lowercase(), value.clone()), (name.to_string(), value)]).collect()
    }

    /// Who the user is to a registry: what its helper program, the store of all registries, or the file itself knows.
    ///
    /// # Errors
    /// [`Kind::Image`] for a helper program that fails, naming it, and for a login that makes no sense.
    pub async fn login(&self, server: &str) -> Result<Option<Login>> {
        match self.helper(server) {
            Some(helper) => helper::ask(helper, server).await,
            None => self.written(server),
        }
    }

    fn helper(&self, server: &str) -> Option<&str> {
        let own = self.cred_helpers.as_ref().and_then(|helpers| helpers.get(server));
        // One that is named empty means the file, whatever the others use.
        own.or(self.creds_store.as_ref()).map(String::as_str).filter(|helper| !helper.is_empty())
    }

    fn written(&self, server: &str) -> Result<Option<Login>> {
        let auths = self.auths.iter().flatten();
        let exact = self.auths.as_ref().and_then(|auths| auths.get(server));
        // Old ones are kept under a whole URL.
        let found = exact.or_else(|| auths.into_iter().find(|(key, _)| host_of(key) == server).map(|(_, auth)| auth));
        found.map_or(Ok(None), |auth| {
            auth.login().map_err(|why| {
                Error::new(Kind::Image, format!("Docker's login for `{server}` makes no sense"))
                    .cause(why)
                    .hint(format!("make a new one: docker login {server}"))
            })
        })
    }
}

impl Auth {
    fn login(&self) -> Result<Option<Login>, &'static str> {
        let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(token) = set(&self.registrytoken) {
            return Ok(Some(Login::RegistryToken(token)));
        }
        if let Some(token) = set(&self.identitytoken) {
            return Ok(Some(Login::IdentityToken(token)));
        }
        if let Some(auth) = set(&self.auth) {
            return decoded(&auth).map(Some).ok_or("its `auth` is not the base64 of USER:PASSWORD");
        }
        let pair = set(&self.username).zip(self.password.clone());
        Ok(pair.map(|(user, password)| Login::Password { user, password }))
    }
}

fn decoded(auth: &str) -> Option<Login> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = String::from_utf8(GeneralPurpose::new(&STANDARD, lenient).decode(auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login::Password { user: user.into(), password: password.trim_end_matches('\0').into() })
}

/// The host of a URL, or of what begins with one.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
