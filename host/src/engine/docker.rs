//! Docker behind the engine's trait: the only place that names its client library.
//!
//! The client library sends requests without an API version, so the engine would answer at its newest, whatever was
//! negotiated. Here the version is asked once, with the first call, and every path gets the lower of the engine's
//! version and the newest that the library knows. Every call has a deadline.

mod address;
mod capability;
mod client;
mod context;
mod create;
mod exec;
mod fault;
mod file;
mod image;
pub mod passthrough;
mod seen;
pub mod ssh;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use address::{Address, Transport};
pub use client::Docker;
pub use create::body as create_body;
pub use tls::Material;

use super::{
    BuildSpec, Container, ContainerSpec, ContainerState, Credentials, Death, Engine, EngineInfo, EngineResult,
    ExecSession, ExecSpec, FileKind, Filter, Image, ImageProgress, LogLine, LogOptions, Network, NetworkSpec, Volume,
};
use async_trait::async_trait;
use bollard::exec::CreateExecOptions;
use bollard::models::{EventMessage, Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters as query;
use bytes::Bytes;
use client::{BUILD, CHANGE, IMAGE, LOOK, TRANSFER, Version, architecture};
use fault::fault;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use image::split_tag;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// From here on an engine that is asked for all capabilities leaves out what it lacks.
const LEAVES_OUT_CAPABILITIES: Version = Version(1, 42);
/// From here on a terminal's size may come with the start of a command.
const TAKES_CONSOLE_SIZE: Version = Version(1, 42);

/// Two keys that nobody types one after the other: an empty setting means the default ones, which swallow Ctrl-P.
/// The engine holds the first back until it knows the next, so it is Ctrl-@ (Ctrl-Space), which does nothing visible
/// by itself in any editor or shell; a single key would be lost. Three or more are no choice: what then is typed of
/// them is given to the command twice, by Docker 20.10 to 28.
const NO_DETACH_KEYS: &str = "ctrl-@,ctrl-^";

#[async_trait]
impl Engine for Docker {
    fn address(&self) -> &str {
        &self.address.url
    }

    fn is_local(&self) -> bool {
        matches!(self.address.transport, Transport::Unix(_))
    }

    async fn info(&self) -> EngineResult<EngineInfo> {
        let greeted = self.greeted().await?.clone();
        let seen = self.call("describe itself", LOOK, self.client.info()).await?;
        let cgroup = seen.cgroup_version.map(|version| version.to_string());
        Ok(EngineInfo {
            operating_system: seen.operating_system.unwrap_or_default(),
            architecture: architecture(&seen.architecture.unwrap_or(greeted.architecture)).into(),
            cgroup_version: if cgroup.as_deref() == Some("2") { 2 } else { 1 },
            ..greeted
        })
    }

    async fn missing_capabilities(&self) -> EngineResult<Vec<String>> {
        let api = Version::parse(&self.greeted().await?.api_version);
        match api < Some(LEAVES_OUT_CAPABILITIES) {
            true => Ok(capability::missing(&self.address.transport)),
            false => Ok(Vec::new()),
        }
    }

    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>> {
        let options = query::ListContainersOptions { all: true, filters: filters(filter), ..Default::default() };
        let seen = self.call("list containers", LOOK, self.client.list_containers(Some(options))).await?;
        Ok(seen.into_iter().map(seen::container).collect())
    }

    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>> {
        let options = query::ListNetworksOptions { filters: filters(filter) };
        let seen = self.call("list networks", LOOK, self.client.list_networks(Some(options))).await?;
        Ok(seen.into_iter().map(seen::network).collect())
    }

    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>> {
        let options = query::ListVolumesOptions { filters: filters(filter) };
        let seen = self.call("list volumes", LOOK, self.client.list_volumes(Some(options))).await?;
        Ok(seen.volumes.unwrap_or_default().into_iter().map(seen::volume).collect())
    }

    async fn image(&self, reference: &str) -> EngineResult<Option<Image>> {
        match self.call("inspect an image", LOOK, self.client.inspect_image(reference)).await {
            Ok(image) => Ok(Some(seen::image(image))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> EngineResult<()> {
        let (repository, tag) = split_tag(reference);
        let options = query::CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(repository.into()),
            tag: Some(tag.into()),
            changes: changes.to_vec(),
            ..Default::default()
        };
        let import = self.client.create_image(Some(options), Some(bollard::body_try_stream(tar)), None);
        self.call("import an image", IMAGE, import.try_for_each(|_| async { Ok(()) })).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()> {
        self.pull(reference, credentials, progress).await
    }

    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()> {
        self.push(reference, credentials, progress).await
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        context: BoxStream<'static, std::io::Result<Bytes>>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> EngineResult<()> {
        self.build(spec, context, progress).await
    }

    async fn commit_container(&self, id: &str, repository: &str, tag: &str) -> EngineResult<String> {
        let options = query::CommitContainerOptions {
            container: Some(id.into()),
            repo: Some(repository.into()),
            tag: Some(tag.into()),
            ..Default::default()
        };
        let commit = self.client.commit_container(options, bollard::models::ContainerConfig::default());
        Ok(self.call("commit a container", IMAGE, commit).await?.id)
    }

    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        let config = IpamConfig {
            subnet: Some(spec.subnet.to_string()),
            ip_range: Some(spec.engine_range.to_string()),
            gateway: Some(spec.gateway.to_string()),
            auxiliary_addresses: None,
        };
        let request = NetworkCreateRequest {
            name: spec.name.clone(),
            driver: Some("bridge".into()),
            enable_ipv6: Some(false),
            ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
            labels: Some(labels(&spec.labels)),
            ..NetworkCreateRequest::default()
        };
        Ok(self.call("create a network", CHANGE, self.client.create_network(request)).await?.id)
    }

    async fn remove_network(&self, id: &str) -> EngineResult<()> {
        self.call("remove a network", CHANGE, self.client.remove_network(id)).await
    }

    async fn create_volume(&self, spec: &Volume) -> EngineResult<()> {
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            labels: Some(labels(&spec.labels)),
            ..VolumeCreateRequest::default()
        };
        self.call("create a volume", CHANGE, self.client.create_volume(request)).await.map(drop)
    }

    async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        let options = None::<query::RemoveVolumeOptions>;
        self.call("remove a volume", CHANGE, self.client.remove_volume(name, options)).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String> {
        let options = query::CreateContainerOptions { name: Some(spec.name.clone()), ..Default::default() };
        let create = self.client.create_container(Some(options), create::request(spec)?);
        let created = self.call("create a container", CHANGE, create).await;
        Ok(created.map_err(|error| self.of_another_machine(error))?.id)
    }

    async fn start_container(&self, id: &str) -> EngineResult<()> {
        let options = None::<query::StartContainerOptions>;
        self.call("start a container", CHANGE, self.client.start_container(id, options)).await
    }

    async fn stop_container(&self, id: &str, grace_seconds: u32) -> EngineResult<()> {
        let options = query::StopContainerOptions { t: i32::try_from(grace_seconds).ok(), ..Default::default() };
        let deadline = CHANGE + Duration::from_secs(grace_seconds.into());
        self.call("stop a container", deadline, self.client.stop_container(id, Some(options))).await
    }

    async fn remove_container(&self, id: &str) -> EngineResult<()> {
        let options = query::RemoveContainerOptions { force: true, v: true, ..Default::default() };
        self.call("remove a container", CHANGE, self.client.remove_container(id, Some(options))).await
    }

    async fn container_state(&self, id: &str) -> EngineResult<ContainerState> {
        let options = None::<query::InspectContainerOptions>;
        let seen = self.call("inspect a container", LOOK, self.client.inspect_container(id, options)).await?;
        Ok(seen::state(seen))
    }

    async fn deaths(&self, label: (&str, &str), since: i64) -> EngineResult<BoxStream<'static, EngineResult<Death>>> {
        Ok(self.events(&["die"], label, since).await?.map_ok(seen::death).boxed())
    }

    async fn starts(&self, label: (&str, &str), since: i64) -> EngineResult<BoxStream<'static, EngineResult<String>>> {
        let id = |event: EventMessage| event.actor.unwrap_or_default().id.unwrap_or_default();
        Ok(self.events(&["start", "unpause"], label, since).await?.map_ok(id).boxed())
    }

    async fn logs(&self, id: &str, options: &LogOptions) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>> {
        self.log(id, options).await
    }

    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession> {
        let options = CreateExecOptions {
            cmd: Some(spec.command.clone()),
            user: spec.user.clone(),
            env: Some(spec.environment.clone()),
            working_dir: spec.working_directory.clone(),
            tty: Some(spec.terminal),
            attach_stdin: Some(spec.stdin),
            attach_stdout: Some(!spec.detached),
            attach_stderr: Some(!spec.detached),
            detach_keys: Some(NO_DETACH_KEYS.into()),
            ..CreateExecOptions::default()
        };
        let exec = self.call("create a command", CHANGE, self.client.create_exec(id, options)).await?.id;
        let start = async {
            match spec.detached {
                true => Ok(exec::detach(&self.wire, exec).await),
                false => Ok(exec::attach(&self.wire, exec, spec.terminal, self.console_size(spec)).await),
            }
        };
        self.bounded("start a command", CHANGE, start).await?
    }

    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>> {
        let seen = self.call("inspect a command", LOOK, self.client.inspect_exec(exec_id)).await?;
        Ok(seen.exit_code.filter(|_| seen.running != Some(true)))
    }

    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()> {
        let options = query::ResizeExecOptions { h: rows.into(), w: columns.into() };
        self.call("resize a terminal", LOOK, self.client.resize_exec(exec_id, options)).await
    }

    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>> {
        let options = query::ContainerArchiveInfoOptions { path: path.into() };
        let look = self.client.get_container_archive_info(id, Some(options));
        match self.call("look at a file", LOOK, look).await {
            Ok(seen) => Ok(Some(file::kind(seen))),
            Err(error) if error.is_not_found() => Ok(None),
            // The answer has no text, but the one to the like question has.
            Err(error) if fault::is_wordless(&error) => match self.get_archive(id, path).await {
                Err(told) if told.message.contains("not a directory") => Ok(None),
                Err(told) => Err(told),
                Ok(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn put_archive(
        &self,
        id: &str,
        path: &str,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> EngineResult<()> {
        let options = query::UploadToContainerOptions {
            path: path.into(),
            no_overwrite_dir_non_dir: Some("true".into()),
            ..Default::default()
        };
        let upload = self.client.upload_to_container(id, Some(options), bollard::body_try_stream(tar));
        self.call("unpack files", TRANSFER, upload).await
    }

    async fn get_archive(&self, id: &str, path: &str) -> EngineResult<BoxStream<'static, std::io::Result<Bytes>>> {
        self.greeted().await?;
        let options = query::DownloadFromContainerOptions { path: path.into() };
        let mut pieces = self.client.download_from_container(id, Some(options)).boxed();
        // The first piece comes with the answer's head, which tells whether there is anything at that path.
        let first = self.bounded("pack files", CHANGE, pieces.try_next()).await?;
        let rest = pieces.map_err(|error| std::io::Error::other(fault(error)));
        Ok(futures_util::stream::iter(first.map(Ok)).chain(rest).boxed())
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        self.call("pause a container", CHANGE, self.client.pause_container(id)).await
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        self.call("unpause a container", CHANGE, self.client.unpause_container(id)).await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        let options = query::KillContainerOptions { signal: signal.into() };
        self.call("signal a container", CHANGE, self.client.kill_container(id, Some(options))).await
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()> {
        let request = create::connection(id, address, aliases);
        self.call("connect a network", CHANGE, self.client.connect_network(network, request)).await
    }
}

impl Docker {
    /// The terminal's size for the start call, where the engine's version takes it.
    fn console_size(&self, spec: &ExecSpec) -> Option<(u16, u16)> {
        let api = self.info.get().and_then(|info| Version::parse(&info.api_version));
        spec.size.filter(|_| api >= Some(TAKES_CONSOLE_SIZE))
    }
}

fn filters(filter: &Filter) -> Option<HashMap<String, Vec<String>>> {
    (!filter.labels.is_empty()).then(|| HashMap::from([("label".to_string(), filter.labels.clone())]))
}

fn labels(labels: &super::Labels) -> HashMap<String, String> {
    labels.clone().into_iter().collect()
}
