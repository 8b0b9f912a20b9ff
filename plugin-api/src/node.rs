//! A node of a started cluster, as a hook sees it.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use crate::calls::{self, HostRef};
use crate::{Code, Context, Edit, Error, Exec, File, Output, Port, Probe, PublishedPort, Result};

/// One node. Cheap to clone, and usable from any thread until the hook returns.
///
/// ```
/// use clusterdock_plugin_api::{Cluster, Result};
///
/// fn start(cluster: &Cluster) -> Result<()> {
///     let node = cluster.node("master")?;
///     node.write("/etc/motd", format!("This is {node}, at {}\n", node.ip_address()?))?;
///     let id = node.execute(["id", "-u"])?;
///     assert_eq!(id.text(), "0");
///     assert!(node.read_to_string("/etc/passwd")?.contains("root"));
///     Ok(())
/// }
/// ```
///
/// Its [`Display`](fmt::Display) is the FQDN. Since 1.0.
#[derive(Clone)]
pub struct Node {
    pub(crate) facts: Arc<NodeFacts>,
    pub(crate) host: HostRef,
}

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    pub(crate) hostname: String,
    pub(crate) fqdn: String,
    pub(crate) group: String,
    pub(crate) number: usize,
    pub(crate) image: String,
    pub(crate) container_id: String,
    pub(crate) ip_address: Option<IpAddr>,
    pub(crate) ports: Vec<PublishedPort>,
}

/// What is known of a node; no call to the host.
impl Node {
    /// The host name, without the domain.
    pub fn hostname(&self) -> &str {
        &self.facts.hostname
    }

    /// `HOSTNAME.DOMAIN`.
    pub fn fqdn(&self) -> &str {
        &self.facts.fqdn
    }

    /// The name of its group.
    pub fn group(&self) -> &str {
        &self.facts.group
    }

    /// Its number in its group, from 1.
    pub fn number(&self) -> usize {
        self.facts.number
    }

    /// The image's reference.
    pub fn image(&self) -> &str {
        &self.facts.image
    }

    /// The container's id.
    pub fn container_id(&self) -> &str {
        &self.facts.container_id
    }

    /// The address on the cluster's network.
    ///
    /// # Errors
    /// The node has no address because it is not running.
    pub fn ip_address(&self) -> Result<IpAddr> {
        self.facts
            .ip_address
            .context(format!("node `{self}` has no address: it does not run"))
    }

    /// All published ports.
    pub fn ports(&self) -> &[PublishedPort] {
        &self.facts.ports
    }

    /// Where the user reaches a port of this node.
    ///
    /// # Errors
    /// It is not published.
    pub fn published(&self, port: impl Into<Port>) -> Result<&PublishedPort> {
        let port = port.into();
        let is_it = |published: &&PublishedPort| {
            let found = published.port();
            (found.number(), found.protocol()) == (port.number(), port.protocol())
        };
        self.ports().iter().find(is_it).ok_or_else(|| {
            let protocol = port.protocol();
            Error::new(format!(
                "port `{port}/{protocol}` of node `{self}` is not published"
            ))
        })
    }
}

/// Calls to the host. Besides those listed, every call can fail with [`Code::Cancelled`] if the user interrupts, with
/// [`Code::Timeout`] at the deadline of the hook, and with [`Code::Closed`] after the hook has returned.
impl Node {
    /// Runs a command as root, with the environment of the node: a program with its arguments, a line for the shell, or
    /// an [`Exec`] with more settings.
    ///
    /// # Errors
    /// [`Code::Command`] if its exit code is not 0 (unless it [`may_fail`](Exec::may_fail)), with command, node, code and
    /// the last lines of its output; or it cannot be run.
    pub fn execute(&self, exec: impl Into<Exec>) -> Result<Output> {
        let mut outputs = calls::execute(slice::from_ref(self), &exec.into())?;
        outputs
            .pop()
            .ok_or_else(|| Error::with_code(Code::Host, "the host gave no output"))
    }

    /// The bytes of a file; a link is followed.
    ///
    /// # Errors
    /// No such file, or a folder.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        calls::read(self, path).map(|(_, bytes)| bytes)
    }

    /// The text of a file; a link is followed.
    ///
    /// # Errors
    /// See [`read`](Node::read), or it is not UTF-8.
    pub fn read_to_string(&self, path: &str) -> Result<String> {
        self.text(path, self.read(path)?)
    }

    /// Writes a file, text or bytes, with mode 644 and owned by root. Missing folders are created.
    ///
    /// # Errors
    /// The node and the cause.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.put(File::new(path, contents))
    }

    /// Copies a [`File`], which can have a mode, an owner and a local source.
    ///
    /// # Errors
    /// The node and the cause, e.g. an unknown owner or a folder at the file's path.
    pub fn put(&self, file: File) -> Result<()> {
        calls::put(slice::from_ref(self), file)
    }

    /// Copies the contents of a local folder into a folder of the node, which is created if missing:
    /// `put_folder("conf", "/etc/app")` makes `/etc/app/app.yml` of `conf/app.yml`. Everything is owned by root; for another
    /// owner, use [`put`](Node::put) with [`File::local`].
    ///
    /// # Errors
    /// See [`put`](Node::put), or the folder does not exist.
    pub fn put_folder(&self, local: impl AsRef<Path>, path: &str) -> Result<()> {
        calls::put_folder(slice::from_ref(self), local.as_ref(), path)
    }

    /// Copies the contents of a folder into a local folder, which is created if missing. Existing files there are kept,
    /// unless the node has a file of the same name. Nothing is written outside of it, whatever the node sends, and the
    /// user owns all of it.
    ///
    /// ```
    /// # use clusterdock_plugin_api::{Cluster, Result};
    /// # fn collect(cluster: &Cluster) -> Result<()> {
    /// cluster.nodes().in_parallel(|node| node.get_folder("/var/log/app", format!("logs/{}", node.hostname())))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No such folder, or it cannot be written locally.
    pub fn get_folder(&self, path: &str, local: impl AsRef<Path>) -> Result<()> {
        calls::get_folder(self, path, local.as_ref())
    }

    /// Edits a file as a kind of text, see [`Edit`]. It keeps its owner and mode, and is not written if nothing changes.
    ///
    /// ```
    /// # use clusterdock_plugin_api::{Node, Result};
    /// # fn start(node: &Node) -> Result<()> {
    /// node.edit::<String>("/etc/app.yml", |text| {
    ///     *text = text.replace("port: 80", "port: 8080");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`read_to_string`](Node::read_to_string) and [`put`](Node::put); it cannot be parsed, or `edit` fails.
    pub fn edit<E: Edit>(&self, path: &str, edit: impl FnOnce(&mut E) -> Result<()>) -> Result<()> {
        let (found, bytes) = calls::read(self, path)?;
        let before = self.text(path, bytes)?;
        let edited = E::parse(&before).and_then(|mut file| {
            edit(&mut file)?;
            Ok(file.to_text())
        });
        let after = edited.context(format!("failed to edit `{path}` on node `{self}`"))?;
        if after == before {
            return Ok(());
        }
        let (user, group) = found.owner;
        let file = File::new(found.path, after).mode(found.mode);
        self.put(file.owner(format!("{user}:{group}")))
    }

    /// Waits until a probe holds. The host polls it, and notices if the node dies.
    ///
    /// # Errors
    /// [`Code::Timeout`] with node and probe; or the node died.
    pub fn wait_for(&self, probe: &Probe, timeout: Duration) -> Result<()> {
        calls::wait_for(slice::from_ref(self), probe, timeout)
    }

    /// Commits the node to an image, `[REGISTRY/]NAMESPACE/REPOSITORY:TAG` as of
    /// [`Cluster::image_of`](crate::Cluster::image_of), and returns its id. Neither the node's keys nor its identity get
    /// into the image. `clusterdock build --push` pushes it.
    ///
    /// # Errors
    /// The reference is invalid, the node has generated a host key in `/etc/ssh`, or the engine fails.
    pub fn commit(&self, image: &str) -> Result<String> {
        calls::commit(self, image, false)
    }

    /// The same as [`commit`](Node::commit), and pushes the image to its registry in any case, with the user's credentials.
    ///
    /// # Errors
    /// Those of [`commit`](Node::commit); or the registry refuses the image.
    pub fn commit_and_push(&self, image: &str) -> Result<String> {
        calls::commit(self, image, true)
    }

    /// Stops the node.
    ///
    /// # Errors
    /// The engine fails.
    pub fn stop(&self) -> Result<()> {
        calls::stop(slice::from_ref(self))
    }

    /// Removes the node's container, running or not. Later calls on it fail.
    ///
    /// # Errors
    /// The engine fails.
    pub fn remove(&self) -> Result<()> {
        calls::remove(self)
    }

    fn text(&self, path: &str, bytes: Vec<u8>) -> Result<String> {
        String::from_utf8(bytes)
            .map_err(|_| Error::new(format!("file `{path}` on node `{self}` is not UTF-8")))
    }
}

/// The FQDN.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.fqdn())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.facts == other.facts
    }
}

impl Eq for Node {}
