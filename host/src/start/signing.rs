//! Signs where a cluster comes from, with a key of the config directory, and checks it when a hook is run again.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clusterdock_plugin_wire::Request;
use ed25519_compact::{KeyPair, Seed, Signature};

use super::order::Order;
use crate::cluster::labels::{Run, RunId};
use crate::cluster::provenance::Provenance;
use crate::error::{Error, Kind, Result};
use crate::files::{own_folder, regular_file};

/// The key's file in the config directory.
const KEY: &str = "provenance.key";

/// The signed origin of a start's cluster.
pub(super) fn signed(config: &Path, run: &Run, order: &Order<'_>) -> Result<Provenance> {
    let request = order.request.without_secrets();
    let mut provenance = Provenance {
        topology: order.topology.path.clone(),
        request: serde_json::to_string(&request).expect("a request is plain data"),
        signature: String::new(),
        options: Some(order.options.clone()),
    };
    let digest = &order.topology.plugin_digest;
    let keys = keys(config).map_err(|error| unusable(config, &error))?;
    let signature = keys.sk.sign(provenance.message(&run.id, digest), None);
    provenance.signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(provenance)
}

/// The request of a cluster, if a start with this config directory, and the library of this digest, has signed it.
///
/// # Errors
/// [`Kind::Conflict`] if it has not; [`Kind::Other`] if the request was written by another version.
pub fn verified(
    config: &Path,
    run: &RunId,
    cluster: &str,
    provenance: &Provenance,
    digest: &str,
) -> Result<Request> {
    let keys = keys(config).map_err(|error| unusable(config, &error))?;
    let is_signed = bytes_of(&provenance.signature)
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .is_some_and(|signature| {
            keys.pk
                .verify(provenance.message(run, digest), &signature)
                .is_ok()
        });
    if !is_signed {
        let message = format!("cluster `{cluster}` was started elsewhere");
        return Err(Error::new(Kind::Conflict, message)
            .cause("no start with this config directory has signed which topology it is")
            .hint("run this as the user who started the cluster, on the same machine"));
    }
    serde_json::from_str(&provenance.request).map_err(|error| {
        let message = format!("the arguments of cluster `{cluster}` cannot be read");
        Error::new(Kind::Other, message)
            .cause(error)
            .hint("use the clusterdock that started the cluster")
    })
}

/// The keys of a config directory, generated if missing. Several processes may do this at the same time.
fn keys(config: &Path) -> io::Result<KeyPair> {
    let path = config.join(KEY);
    if !path.exists() {
        own_folder::create(config)?;
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(config)?;
        file.write_all(&*Seed::generate())?;
        match file.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error.error);
            }
            _ => {}
        }
    }
    let seed = regular_file::read(&path)?;
    let seed = Seed::from_slice(&seed).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(KeyPair::from_seed(seed))
}

fn unusable(config: &Path, error: &io::Error) -> Error {
    let path = config.join(KEY);
    Error::new(
        Kind::Other,
        format!("cannot use the key `{}`", path.display()),
    )
    .cause(error)
    .hint("remove it; it is generated again")
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
