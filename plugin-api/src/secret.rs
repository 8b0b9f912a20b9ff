//! Values that nobody may see by accident.

use std::fmt;

use crate::{Error, Result};

/// A password, key or token. Neither [`Display`](fmt::Display) nor [`Debug`] shows it, so it can stand in a message; to
/// use it, [`expose`](Secret::expose) it. clusterdock shows the value of an argument of this type nowhere: no dry run,
/// record, event, log or process argument has it.
///
/// ```
/// use clusterdock_plugin_api::{File, Secret};
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let password = Secret::new("xyzzy");
/// assert_eq!(format!("{password} {password:?}"), "*** ***");
/// File::new("/etc/app/password", password.expose()?).owner("app").mode(0o600);
/// # Ok(())
/// # }
/// ```
///
/// Hand it to a node in a file or as the input of a command. The environment and the arguments of a process can be read
/// by others: a secret of the user in a node's settings, or in an output, is refused. That goes by its text, so a secret
/// that is a word of the topology, such as `postgres`, is refused as well; its users choose another one.
///
/// Since 1.0.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Option<String>);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Some(text.into()))
    }

    /// The value of an argument of a cluster that was started before: it is not kept.
    pub(crate) fn forgotten() -> Secret {
        Secret(None)
    }

    /// The text.
    ///
    /// # Errors
    /// It is the value of an argument in a hook that is called after the start of its cluster: secrets are not kept. If
    /// it is needed later, keep it in a file of a node that only its user may read.
    pub fn expose(&self) -> Result<&str> {
        self.0.as_deref().ok_or_else(|| {
            Error::new("the secret is not kept with the cluster: it is only known at the start")
        })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
