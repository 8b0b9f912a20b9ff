//! The library of a cluster's topology, as it was when the cluster was started.

use super::open_topology::{self, Opened};
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::topology::cache;
use crate::topology::held::Held;
use crate::topology::plugin_process::PluginProcess;

/// Starts the plugin of the kept library with this digest.
///
/// # Errors
/// There is none, it was changed, or it cannot be loaded.
pub(super) async fn open(session: &Session<'_>, digest: &str) -> Result<PluginProcess> {
    let (config, digest) = (session.paths.config.clone(), digest.to_string());
    let read = move || {
        let library = cache::kept(&config, &digest)?;
        let held = Held::new(&library, &library.path)?;
        let manifest = open_topology::manifest_of(&library)?;
        Ok((library.identity.api, manifest.plugin, held))
    };
    // Signals do not wait until a library is read and compared.
    let read = tokio::task::spawn_blocking(read).await;
    let (api, name, library) = read.unwrap_or_else(|failure| {
        let message = "reading the library was broken off";
        Err(Error::new(Kind::Plugin, message).cause(failure))
    })?;
    let opened = Opened {
        name: &name,
        api: &api,
        library: &library,
    };
    opened.spawn(session).await
}
