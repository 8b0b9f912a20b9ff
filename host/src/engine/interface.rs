//! The calls to an engine, one trait per noun, so that each part of the code only sees the calls it needs. One method
//! is one call to the engine.
//!
//! Methods set no deadlines and ignore reasons to end the work: [`GuardedEngine`](super::GuardedEngine) handles both,
//! for all calls alike.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::{
    BuildSpec, Container, ContainerSpec, ContainerState, Credentials, Death, EngineInfo,
    EngineResult, ExecSession, ExecSpec, FileKind, Filter, Happening, Image, ImageProgress,
    ListedImage, LogLine, LogOptions, Network, NetworkSpec, Process, RunningExec, Usage, Volume,
};

/// A tar archive on its way to the engine.
pub type Archive = BoxStream<'static, std::io::Result<Bytes>>;

/// Called with every sign of life during a long call. A step without a status has nothing to show.
pub type Progress<'a> = &'a mut (dyn FnMut(ImageProgress) + Send);

/// The engine itself.
#[async_trait]
pub trait System: Send + Sync {
    /// Its address, as the user would write it: `unix:///var/run/docker.sock`.
    fn address(&self) -> &str;

    /// Whether it shares the network and files of the local machine.
    fn is_local(&self) -> bool;

    /// Checks fields of a node's create call that a topology sets in the engine's API terms. Calls no engine.
    fn check_create_fields(&self, fields: &Map<String, Value>) -> EngineResult<()>;

    /// Its properties.
    async fn info(&self) -> EngineResult<EngineInfo>;

    /// Capabilities (`CAP_SYS_RESOURCE`, ...) that the engine lacks and would therefore refuse to start a host-like
    /// node. Empty if the engine ignores missing capabilities by itself, or if they cannot be determined.
    async fn missing_capabilities(&self) -> EngineResult<Vec<String>>;
}

/// What the engine has: all that is needed to find clusters and to remove them.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Matching containers, including stopped ones, in no particular order.
    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>>;
    /// Matching networks.
    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>>;
    /// Matching volumes.
    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>>;
    /// The current state of a container.
    async fn container_state(&self, id: &str) -> EngineResult<ContainerState>;

    /// Removes a container and its anonymous volumes, even if it is running.
    async fn remove_container(&self, id: &str) -> EngineResult<()>;
    /// Removes a network by id. Returns [`Fault::NotFound`](super::Fault::NotFound) if it does not exist, and
    /// [`Fault::InUse`](super::Fault::InUse) while containers use it.
    async fn remove_network(&self, id: &str) -> EngineResult<()>;
    /// Removes a volume by name.
    async fn remove_volume(&self, name: &str) -> EngineResult<()>;
}

/// Creates the resources of a cluster. Each method returns once the engine has created the resource.
#[async_trait]
pub trait Creation: Send + Sync {
    /// Creates a volume and returns it. An existing one is returned unchanged, with its own labels, which is not an
    /// error: if several callers compete, the labels show whose volume it is.
    async fn create_volume(&self, spec: &Volume) -> EngineResult<Volume>;
    /// Creates a network; returns its id.
    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String>;
    /// Creates a container; returns its id. [`Fault::NameTaken`](super::Fault::NameTaken) if the name is in use.
    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String>;
    /// Connects a container to a network, both by id. Without an address, the engine assigns one when it starts the
    /// container. Replaces the connection of a stopped container to a network of the same name that may no longer
    /// exist.
    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()>;
}

/// The life of containers between creation and removal.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    /// Starts a container; returns when its command has been started.
    async fn start_container(&self, id: &str) -> EngineResult<()>;
    /// Stops a container with its stop signal and, after `grace_seconds`, SIGKILL. Not an error if it has stopped.
    async fn stop_container(&self, id: &str, grace_seconds: u32) -> EngineResult<()>;
    /// Pauses a running container.
    async fn pause_container(&self, id: &str) -> EngineResult<()>;
    /// Unpauses a paused container.
    async fn unpause_container(&self, id: &str) -> EngineResult<()>;
    /// Sends a signal, e.g. `SIGHUP`, to the command of a running container, and unpauses a paused one. With `SIGKILL`,
    /// returns once the command has ended. Returns [`Fault::WrongState`](super::Fault::WrongState) if the container is
    /// not running.
    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()>;
}

/// Images.
#[async_trait]
pub trait Images: Send + Sync {
    /// All images that have a reference, in no particular order.
    async fn images(&self) -> EngineResult<Vec<ListedImage>>;
    /// An image by reference or id; `None` if the engine has none.
    async fn image(&self, reference: &str) -> EngineResult<Option<Image>>;
    /// Creates an image from a root filesystem, as a plain or gzipped tar. `changes` are Dockerfile instructions.
    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: Archive,
    ) -> EngineResult<()>;
    /// Pulls an image from its registry, anonymously without credentials. Fails if the engine's last step was an error:
    /// [`Fault::NotFound`](super::Fault::NotFound) if the registry has no such image,
    /// [`Fault::Unauthorized`](super::Fault::Unauthorized) if it requires other credentials,
    /// [`Fault::Registry`](super::Fault::Registry) if the engine cannot communicate with it.
    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()>;
    /// Pushes an image to its registry, by its reference with a tag. Fails like [`Images::pull_image`].
    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()>;
    /// Builds an image from a build context, as a tar with its Dockerfile. Fails if a step fails.
    async fn build_image(
        &self,
        spec: &BuildSpec,
        context: Archive,
        progress: Progress<'_>,
    ) -> EngineResult<()>;
    /// Commits a container as image `REPOSITORY:TAG`, which inherits its labels; `changes` are additional Dockerfile
    /// instructions. Returns the image's id.
    async fn commit_container(
        &self,
        id: &str,
        repository: &str,
        tag: &str,
        changes: &[String],
    ) -> EngineResult<String>;
}

/// What the engine reports for as long as it is listened to.
#[async_trait]
pub trait Streams: Send + Sync {
    /// Deaths of containers with the label `key=value`, from `since` (Unix seconds) on. The stream ends with an error
    /// when the connection ends.
    async fn deaths(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<Death>>>;
    /// Ids of containers with that label when they are started or unpaused, from `since` on. Ends like
    /// [`Streams::deaths`].
    async fn starts(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<String>>>;
    /// What happens to containers with the label `key`, from `since` or else from now on, until `until` or else for as
    /// long as it is listened to (Unix seconds). Without `until`, it ends like [`Streams::deaths`].
    async fn happenings(
        &self,
        key: &str,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<BoxStream<'static, EngineResult<Happening>>>;
    /// The log of a container.
    async fn logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>>;
}

/// What runs in containers, and what it uses.
#[async_trait]
pub trait Usages: Send + Sync {
    /// The processes of a running container.
    async fn processes(&self, id: &str) -> EngineResult<Vec<Process>>;
    /// What a running container uses, measured for about a second.
    async fn usage(&self, id: &str) -> EngineResult<Usage>;
}

/// Commands in running containers.
#[async_trait]
pub trait Execs: Send + Sync {
    /// Starts a command in a running container.
    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession>;
    /// The exit code of a command; `None` while it runs.
    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>>;
    /// The commands that are running in a container, including those of other programs.
    async fn running_execs(&self, id: &str) -> EngineResult<Vec<RunningExec>>;
    /// Sets the size of a command's terminal.
    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()>;
}

/// Files of containers, running or not.
#[async_trait]
pub trait Files: Send + Sync {
    /// The kind of file at a path of a container; `None` if nothing exists there, or if a parent is a file. Links are
    /// followed, except for the last part. Whether the container exists is checked by
    /// [`put_archive`](Files::put_archive) and [`get_archive`](Files::get_archive).
    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>>;
    /// Unpacks a tar archive in a folder of a container. A folder never replaces a file, nor a file a folder.
    async fn put_archive(&self, id: &str, path: &str, tar: Archive) -> EngineResult<()>;
    /// Archives a path of a container as tar. Its root is the last name of the path, or a dot if the path ends in `/.`.
    async fn get_archive(
        &self,
        id: &str,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>>;
}

/// An engine that runs containers: all its calls.
pub trait Engine:
    System + Inventory + Creation + Lifecycle + Images + Streams + Usages + Execs + Files
{
}

impl<T> Engine for T where
    T: System + Inventory + Creation + Lifecycle + Images + Streams + Usages + Execs + Files
{
}
