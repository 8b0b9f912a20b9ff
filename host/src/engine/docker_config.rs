//! The configuration of the docker CLI, `config.json`: the current context, registry credentials, and the proxies for
//! builds. It is only read.

mod helper;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Result;
use crate::files::regular_file;

/// Reads an environment variable that is set and not empty.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Receives a sentence about what cannot be used.
pub type Warn<'a> = &'a (dyn Fn(String) + Sync);

/// The parts of `config.json` that are used here.
#[derive(Debug, Default)]
pub struct DockerConfig {
    /// The context to use if no other is named.
    pub current_context: Option<String>,
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
    proxies: BTreeMap<String, Proxies>,
}

/// Credentials in the file itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// Never shows secrets.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Proxies {
    #[serde(rename = "httpproxy")]
    http_proxy: Option<String>,
    #[serde(rename = "httpsproxy")]
    https_proxy: Option<String>,
    #[serde(rename = "noproxy")]
    no_proxy: Option<String>,
    #[serde(rename = "ftpproxy")]
    ftp_proxy: Option<String>,
    #[serde(rename = "allproxy")]
    all_proxy: Option<String>,
}

/// The ways to authenticate to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// User name and password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that an identity provider issued.
    IdentityToken(String),
    /// A token that the registry accepts as it is.
    RegistryToken(String),
}

/// Never shows secrets.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Password { user, .. } => write!(f, "Password({user})"),
            Login::IdentityToken(_) => f.write_str("IdentityToken"),
            Login::RegistryToken(_) => f.write_str("RegistryToken"),
        }
    }
}

/// The folder of Docker's configuration; `None` if there is no home folder.
pub fn folder(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&set("HOME")?).join(".docker")))
}

impl DockerConfig {
    /// Reads `config.json`. What cannot be read is skipped with a warning, as Docker does: a file that another tool
    /// broke must not stop the user's work.
    pub fn read(folder: &Path, warn: Warn<'_>) -> DockerConfig {
        let path = folder.join("config.json");
        let warn = |why: &dyn fmt::Display| {
            warn(format!(
                "Docker's configuration {} cannot be read and is ignored: {why}",
                path.display()
            ));
        };
        match regular_file::read(&path) {
            Ok(bytes) => DockerConfig::parse(&bytes, &warn),
            Err(error) if error.kind() == ErrorKind::NotFound => DockerConfig::default(),
            Err(error) => {
                warn(&error);
                DockerConfig::default()
            }
        }
    }

    /// Parses the file as Docker does: only its first value counts, and it may be empty.
    fn parse(bytes: &[u8], warn: Complain<'_>) -> DockerConfig {
        let text = String::from_utf8_lossy(bytes);
        let mut fields = match serde_json::Deserializer::from_str(&text).into_iter().next() {
            None | Some(Ok(Value::Null)) => return DockerConfig::default(),
            Some(Ok(value @ Value::Object(_))) => folded(value),
            Some(Ok(_)) => {
                warn(&"it is not a JSON object");
                return DockerConfig::default();
            }
            Some(Err(error)) => {
                warn(&error);
                return DockerConfig::default();
            }
        };
        let mut take = |name: &str| fields[&*name.to_lowercase()].take();
        DockerConfig {
            current_context: field(take("currentContext"), "currentContext", warn),
            auths: entries(take("auths"), "auths", warn),
            cred_helpers: entries(take("credHelpers"), "credHelpers", warn),
            creds_store: field(take("credsStore"), "credsStore", warn),
            proxies: entries(take("proxies"), "proxies", warn),
        }
    }

    /// The build arguments for the proxies of a build, as Docker passes them, for the engine at this address.
    pub fn proxy_arguments(&self, engine: &str) -> BTreeMap<String, String> {
        let proxies = self
            .proxies
            .get(engine)
            .or_else(|| self.proxies.get("default"));
        let Proxies {
            http_proxy,
            https_proxy,
            no_proxy,
            ftp_proxy,
            all_proxy,
        } = proxies.cloned().unwrap_or_default();
        let named = [
            ("HTTP_PROXY", http_proxy),
            ("HTTPS_PROXY", https_proxy),
            ("NO_PROXY", no_proxy),
            ("FTP_PROXY", ftp_proxy),
            ("ALL_PROXY", all_proxy),
        ];
        let set = named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        // Programs agree on these names, but not on their case.
        set.flat_map(|(name, value)| {
            [
                (name.to_lowercase(), value.clone()),
                (name.to_string(), value),
            ]
        })
        .collect()
    }

    /// The credentials for a registry: from its helper program, the default store, or the file itself. Malformed
    /// credentials in the file are skipped with a warning.
    ///
    /// # Errors
    /// [`Kind::Image`](crate::error::Kind::Image) if a helper program fails; the error names it.
    pub async fn login(&self, server: &str, warn: Warn<'_>) -> Result<Option<Login>> {
        match self.helper(server) {
            Some(helper) => helper::ask(helper, server).await,
            None => Ok(self.written(server, warn)),
        }
    }

    fn helper(&self, server: &str) -> Option<&str> {
        // An empty name selects the file, whatever the default store.
        let own = self.cred_helpers.get(server).or(self.creds_store.as_ref());
        own.map(String::as_str).filter(|helper| !helper.is_empty())
    }

    fn written(&self, server: &str, warn: Warn<'_>) -> Option<Login> {
        let exact = self.auths.get(server);
        // Old entries have a whole URL as key.
        let found = exact.or_else(|| {
            self.auths
                .iter()
                .find(|(key, _)| host_of(key) == server)
                .map(|(_, auth)| auth)
        });
        found?.login().unwrap_or_else(|why| {
            warn(format!(
                "Docker's configuration has malformed credentials for `{server}`, which are ignored: {why}; \
                 renew them: docker login {server}"
            ));
            None
        })
    }
}

/// Receives what cannot be read of the file.
type Complain<'a> = &'a dyn Fn(&dyn fmt::Display);

/// The value of a field; `None` if it is null, missing, or of another type.
fn field<T: DeserializeOwned>(value: Value, name: &str, warn: Complain<'_>) -> Option<T> {
    serde_json::from_value(value).unwrap_or_else(|error| {
        warn(&format_args!("`{name}`: {error}"));
        None
    })
}

/// The entries of a field, without those that are null or of another type.
fn entries<T: DeserializeOwned>(
    value: Value,
    name: &str,
    warn: Complain<'_>,
) -> BTreeMap<String, T> {
    let entries = field::<serde_json::Map<String, Value>>(value, name, warn).unwrap_or_default();
    let entry = |(key, value): (String, Value)| {
        let path = format!("{name}.{key}");
        Some((key, field(folded(value), &path, warn)?))
    };
    entries.into_iter().filter_map(entry).collect()
}

/// Changes the keys of an object to lowercase, since Docker ignores their case.
pub(crate) fn folded(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key.to_lowercase(), value))
            .collect(),
        other => other,
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
            return decoded(&auth)
                .map(Some)
                .ok_or("its `auth` is not the base64 of USER:PASSWORD");
        }
        let pair = set(&self.username).zip(self.password.clone());
        Ok(pair.map(|(user, password)| Login::Password { user, password }))
    }
}

fn decoded(auth: &str) -> Option<Login> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text =
        String::from_utf8(GeneralPurpose::new(&STANDARD, lenient).decode(auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login::Password {
        user: user.into(),
        password: password.trim_end_matches('\0').into(),
    })
}

/// The host of a URL, with or without a scheme.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
