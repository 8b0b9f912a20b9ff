//! One node in a hook's hands.

use crate::ops::{self, call, call_with, FileFacts, NodeFacts};
use crate::{nodes, Code, Context, Error, Exec, File, HadoopXml, Host, Ini, Output, Properties, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// One node.
///
/// ```
/// use clusterdock_plugin_api::testing::FakeHost;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let cluster = FakeHost::new().node("masters", "master").answer("id -u", "0\n").cluster();
/// let master = cluster.node("master")?;
/// assert_eq!((master.fqdn(), master.group()), ("master.cluster", "masters"));
/// assert_eq!(master.execute("id -u")?.text(), "0");
/// master.put_file("/etc/motd", "hello\n")?;
/// assert_eq!(master.get_file("/etc/motd")?, "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    facts: Arc<NodeFacts>,
    pub(crate) host: Arc<dyn Host>,
}

impl Node {
    pub(crate) fn new(facts: NodeFacts, host: Arc<dyn Host>) -> Node {
        Node { facts: Arc::new(facts), host }
    }

    /// The host name, without the network.
    pub fn hostname(&self) -> &str {
        &self.facts.hostname
    }

    /// `HOSTNAME.NETWORK`.
    pub fn fqdn(&self) -> &str {
        &self.facts.fqdn
    }

    /// The node group.
    pub fn group(&self) -> &str {
        &self.facts.group
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
    pub fn ip_address(&self) -> &str {
        &self.facts.ip_address
    }

    /// Container ports, as `80/tcp`, to host ports.
    pub fn host_ports(&self) -> &BTreeMap<String, u16> {
        &self.facts.host_ports
    }

    /// `ADDRESS:PORT` under which the user reaches a published TCP port of this node.
    ///
    /// ```
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let cluster = FakeHost::new().node("servers", "server-1").publish("server-1", 80, 32768).cluster();
    /// let server = cluster.node("server-1")?;
    /// assert_eq!(format!("http://{}/", server.address_of(80)?), "http://127.0.0.1:32768/");
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// The port is not published.
    pub fn address_of(&self, container_port: u16) -> Result<String> {
        match self.facts.host_ports.get(&format!("{container_port}/tcp")) {
            Some(port) => Ok(format!("{}:{port}", self.facts.host_address)),
            None => Err(Error::new(format!("port `{container_port}` of node `{}` is not published", self.fqdn()))),
        }
    }

    /// Runs a command: text for `/bin/sh -c` as root, or an [`Exec`] that says more.
    ///
    /// # Errors
    /// It exited with a code other than 0 (unless [`Exec::may_fail`]), or it could not be run.
    pub fn execute(&self, exec: impl Into<Exec>) -> Result<Output> {
        let mut outputs = nodes::execute(&*self.host, std::slice::from_ref(self), exec.into())?;
        outputs.pop().ok_or_else(|| Error::with_code(Code::Host, "the host gave no output"))
    }

    /// The bytes of a file; a link is followed.
    ///
    /// # Errors
    /// No such file, or a folder.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        self.get(path).map(|(_, bytes)| bytes)
    }

    /// The text of a file; a link is followed.
    ///
    /// # Errors
    /// As [`get_bytes`](Node::get_bytes), or it is not UTF-8.
    pub fn get_file(&self, path: &str) -> Result<String> {
        self.text(path, self.get_bytes(path)?)
    }

    /// Gets what is in a folder into a folder of this machine, which is made when it is not there; what is in there
    /// already stays, unless the node has another file of that name. Nothing is written anywhere else, whatever the node
    /// sends, and all of it is the user's.
    ///
    /// ```no_run
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let cluster = FakeHost::new().node("nodes", "node-1").cluster();
    /// cluster.in_parallel(|node| node.get_folder("/var/log/app", format!("logs/{}", node.hostname())))?;
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// No such folder, or it cannot be written here.
    pub fn get_folder(&self, path: &str, local: impl AsRef<Path>) -> Result<()> {
        let local = nodes::absolute(local.as_ref())?;
        call(&*self.host, &ops::GetFolder { node: self.fqdn().into(), path: path.into(), local })
    }

    /// Changes a file of text; it keeps its owner and its mode, and is left alone when nothing changes.
    ///
    /// ```
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let host = FakeHost::new().node("nodes", "node-1").with_file("node-1", "/etc/app.yml", "port: 80\n");
    /// # let cluster = host.cluster();
    /// let node = cluster.node("node-1")?;
    /// node.edit_text("/etc/app.yml", |text| Ok(text.replace("port: 80", "port: 8080")))?;
    /// # assert_eq!(host.file("node-1", "/etc/app.yml").unwrap(), b"port: 8080\n");
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`get_file`](Node::get_file) and [`put_file`](Node::put_file), or `edit` refuses.
    pub fn edit_text(&self, path: &str, edit: impl FnOnce(&str) -> Result<String>) -> Result<()> {
        let (FileFacts { path: own_path, mode, owner: (user, group) }, bytes) = self.get(path)?;
        let before = self.text(path, bytes)?;
        let failed = || format!("failed to edit `{path}` on node `{}`", self.fqdn());
        let after = edit(&before).context(failed())?;
        if after == before {
            return Ok(());
        }
        self.put(File::new(own_path, after).mode(mode).owner(format!("{user}:{group}")))
    }

    /// Changes a Java properties file: see [`Properties`].
    ///
    /// ```
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let host = FakeHost::new().node("brokers", "broker-1").with_file("broker-1", "/etc/broker.properties", "");
    /// # let cluster = host.cluster();
    /// # let (node, id) = (cluster.node("broker-1")?, 1);
    /// node.edit_properties("/etc/broker.properties", |file| {
    ///     file.set("broker.id", id)?;
    ///     file.set("zookeeper.connect", "node-1.cluster:2181")
    /// })?;
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`edit_text`](Node::edit_text), or it cannot be read as such a file.
    pub fn edit_properties(&self, path: &str, edit: impl FnOnce(&mut Properties) -> Result<()>) -> Result<()> {
        self.edit_text(path, |text| {
            let mut file = Properties::parse(text)?;
            edit(&mut file).map(|()| file.to_string())
        })
    }

    /// Changes an ini file: see [`Ini`].
    ///
    /// ```
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let host = FakeHost::new().node("nodes", "node-1").with_file("node-1", "/etc/agent.ini", "[agent]\n");
    /// # let cluster = host.cluster();
    /// cluster.node("node-1")?.edit_ini("/etc/agent.ini", |file| file.set("agent", "server_host", "node-1.cluster"))?;
    /// # assert_eq!(host.file("node-1", "/etc/agent.ini").unwrap(), b"[agent]\nserver_host = node-1.cluster\n");
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`edit_text`](Node::edit_text), or it cannot be read as such a file.
    pub fn edit_ini(&self, path: &str, edit: impl FnOnce(&mut Ini) -> Result<()>) -> Result<()> {
        self.edit_text(path, |text| {
            let mut file = Ini::parse(text)?;
            edit(&mut file).map(|()| file.to_string())
        })
    }

    /// Changes a Hadoop configuration file: see [`HadoopXml`].
    ///
    /// ```
    /// # use clusterdock_plugin_api::testing::FakeHost;
    /// # let host = FakeHost::new().node("nodes", "node-1").with_file("node-1", "/etc/core-site.xml", "<configuration/>");
    /// # let cluster = host.cluster();
    /// cluster.node("node-1")?.edit_xml("/etc/core-site.xml", |file| file.set("fs.defaultFS", "hdfs://node-1:8020"))?;
    /// # Ok::<(), clusterdock_plugin_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`edit_text`](Node::edit_text), or it cannot be read as such a file.
    pub fn edit_xml(&self, path: &str, edit: impl FnOnce(&mut HadoopXml) -> Result<()>) -> Result<()> {
        self.edit_text(path, |text| {
            let mut file = HadoopXml::parse(text)?;
            edit(&mut file).map(|()| file.to_string())
        })
    }

    /// Makes an image `REPOSITORY:TAG` of the node, and pushes it when asked, with the login that Docker has for its
    /// registry. Gives the image's id. `clusterdock build --push` pushes what was not pushed here.
    ///
    /// # Errors
    /// What the engine or the registry said.
    pub fn commit(&self, repository: &str, tag: &str, push: bool) -> Result<String> {
        let (repository, tag) = (repository.into(), tag.into());
        call(&*self.host, &ops::Commit { node: self.fqdn().into(), repository, tag, push })
    }

    /// Stops the node, and removes its container when asked.
    ///
    /// # Errors
    /// What the engine said.
    pub fn stop(&self, remove: bool) -> Result<()> {
        call(&*self.host, &ops::StopNodes { nodes: vec![self.fqdn().into()], remove })
    }

    fn get(&self, path: &str) -> Result<(FileFacts, Vec<u8>)> {
        call_with(&*self.host, &ops::GetFile { node: self.fqdn().into(), path: path.into() }, &[])
    }

    fn text(&self, path: &str, bytes: Vec<u8>) -> Result<String> {
        String::from_utf8(bytes).map_err(|_| Error::new(format!("file `{path}` on `{}` is not UTF-8", self.fqdn())))
    }
}
