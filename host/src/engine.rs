//! The engine seen through our trait: Docker as clusterdock needs it, and nothing more.
//!
//! Two implementations exist: Docker ([`docker`]) and an in-memory fake among the tests that counts calls and fails
//! or stalls any of them. Only `docker` names the client library; no type here shows it. Nothing here decides what
//! is to be done: that is the plan's.
//!
//! One method is one call to the engine. A method that makes something returns when the engine has it; dropping its
//! future leaves open whether it does, so execution lets calls under way finish before it undoes anything.

pub mod container;
pub mod docker;
pub mod error;
pub mod exec;
pub mod file;
pub mod image;
pub mod network;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use container::{
    Container, ContainerSpec, ContainerState, Death, Endpoint, LogLine, LogOptions, PublishedPort, State,
};
pub use error::{EngineError, Fault};
pub use exec::{Chunk, ExecSession, ExecSpec};
pub use file::FileKind;
pub use image::{BuildSpec, Credentials, Image, ImageProgress, Login};
pub use network::{Network, NetworkSpec};

/// What the engine's methods return.
pub type EngineResult<T> = Result<T, EngineError>;

/// The labels of a container, network or volume.
pub type Labels = BTreeMap<String, String>;

/// An engine that containers run on.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Where it is reached, as the user would write it: `unix:///var/run/docker.sock`.
    fn address(&self) -> &str;

    /// Whether it shares this machine's network and files.
    fn is_local(&self) -> bool;

    /// What it is and can do.
    async fn info(&self) -> EngineResult<EngineInfo>;

    /// Capabilities (`CAP_SYS_RESOURCE`, ...) that the engine lacks and would refuse a host-like node's start for.
    /// None where it can leave them out by itself, or where nobody can tell.
    async fn missing_capabilities(&self) -> EngineResult<Vec<String>>;

    /// Containers that match, stopped ones included, in no order.
    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>>;
    /// Networks that match.
    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>>;
    /// Volumes that match.
    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>>;

    /// An image by reference or id; none when the engine has none.
    async fn image(&self, reference: &str) -> EngineResult<Option<Image>>;
    /// Makes an image of a root file system: a tar, plain or gzip'd. `changes` are Dockerfile instructions.
    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> EngineResult<()>;
    /// Pulls an image from its registry, without a login where there are no credentials. Ends with an error when the
    /// engine's last word was one: [`Fault::NotFound`] where the registry has no such image, [`Fault::Unauthorized`]
    /// where it wants another login, [`Fault::Registry`] where the engine cannot talk to it.
    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()>;
    /// Pushes an image, by its reference with a tag, to its registry. Ends as [`Engine::pull_image`].
    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()>;

    /// Builds an image of a Dockerfile and its context, a tar. Ends with an error when a step fails.
    async fn build_image(
        &self,
        spec: &BuildSpec,
        context: BoxStream<'static, std::io::Result<Bytes>>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()>;
    /// Makes an image `REPOSITORY:TAG` of a container; gives the image's id.
    async fn commit_container(&self, id: &str, repository: &str, tag: &str) -> EngineResult<String>;

    /// Makes a network; gives its id.
    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String>;
    /// Removes a network by id. [`Fault::NotFound`] when it is gone, [`Fault::InUse`] while containers use it.
    async fn remove_network(&self, id: &str) -> EngineResult<()>;
    /// Puts a container on a network, both by id; without an address the engine chooses one at its start. The place of
    /// one that does not run on a network of the same name, which may be gone, is replaced.
    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()>;

    /// Makes a volume.
    async fn create_volume(&self, spec: &Volume) -> EngineResult<()>;
    /// Removes a volume by name.
    async fn remove_volume(&self, name: &str) -> EngineResult<()>;

    /// Makes a container; gives its id. [`Fault::NameTaken`] when the name is in use.
    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String>;
    /// Starts a container; returns when its command has been started.
    async fn start_container(&self, id: &str) -> EngineResult<()>;
    /// Stops a container: its stop signal, then, after `grace_seconds`, SIGKILL. No error when it has stopped.
    async fn stop_container(&self, id: &str, grace_seconds: u32) -> EngineResult<()>;
    /// Removes a container and its anonymous volumes, running or not.
    async fn remove_container(&self, id: &str) -> EngineResult<()>;
    /// Freezes a running container.
    async fn pause_container(&self, id: &str) -> EngineResult<()>;
    /// Lets a frozen container go on.
    async fn unpause_container(&self, id: &str) -> EngineResult<()>;
    /// Sends a signal, such as `SIGHUP`, to the command of a running container, which goes on if it was frozen. With
    /// `SIGKILL` it returns when the command has ended. [`Fault::WrongState`] when it does not run.
    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()>;
    /// How a container is now.
    async fn container_state(&self, id: &str) -> EngineResult<ContainerState>;

    /// Deaths of containers that carry the label `key=value`, from `since` (Unix seconds) on. The stream ends with
    /// an error when the connection does.
    async fn deaths(&self, label: (&str, &str), since: i64) -> EngineResult<BoxStream<'static, EngineResult<Death>>>;
    /// Ids of containers with that label that are started or unpaused, from `since` on. Ends as [`Engine::deaths`].
    async fn starts(&self, label: (&str, &str), since: i64) -> EngineResult<BoxStream<'static, EngineResult<String>>>;
    /// The log of a container.
    async fn logs(&self, id: &str, options: &LogOptions) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>>;

    /// Starts a command in a running container.
    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession>;
    /// The exit code of a command; none while it runs.
    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>>;
    /// Tells a command's terminal its size.
    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()>;

    /// What is at a path of a container, running or not; none when nothing is, or one of its folders is a file. Links
    /// above its last part are followed. [`put_archive`](Engine::put_archive) and
    /// [`get_archive`](Engine::get_archive) tell whether the container itself is there.
    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>>;
    /// Unpacks a tar in a folder of a container, running or not. A folder never takes the place of a file, nor a file
    /// that of a folder.
    async fn put_archive(
        &self,
        id: &str,
        path: &str,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> EngineResult<()>;
    /// A path of a container as tar. Its root has the path's last name, or is a dot when the path ends in `/.`.
    async fn get_archive(&self, id: &str, path: &str) -> EngineResult<BoxStream<'static, std::io::Result<Bytes>>>;
}

/// The address under which the user of this machine reaches ports that an engine published at `bind`.
pub fn user_address(engine: &dyn Engine, bind: std::net::IpAddr) -> String {
    match engine.is_local() || !bind.is_unspecified() {
        true if bind.is_unspecified() => "127.0.0.1".into(),
        true => bind.to_string(),
        false => remote_host(engine.address()).unwrap_or("127.0.0.1").into(),
    }
}

/// `HOST` of `tcp://HOST:PORT`, `ssh://USER@HOST`, ...
fn remote_host(address: &str) -> Option<&str> {
    let rest = address.split_once("://")?.1;
    let host = rest.split('/').next()?.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    }
}

/// What an engine is and can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its release, such as `20.10.24`.
    pub version: String,
    /// The API version that calls are made with.
    pub api_version: String,
    /// Of its machine: 1 or 2.
    pub cgroup_version: u8,
    /// Its machine's operating system, for people.
    pub operating_system: String,
    /// Processor, as `x86_64`.
    pub architecture: String,
}

/// Which objects a list is about. The default matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Each a label's key, or `key=value`; all must hold.
    pub labels: Vec<String>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Filter {
        Filter::default()
    }

    /// Objects with this label, whatever its value.
    pub fn has(key: &str) -> Filter {
        Filter { labels: vec![key.into()] }
    }

    /// Objects with this label and value.
    pub fn is(key: &str, value: &str) -> Filter {
        Filter { labels: vec![format!("{key}={value}")] }
    }

    /// Whether labels match.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.labels.iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        })
    }
}

/// A volume, wanted or seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Unique in the engine.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}
