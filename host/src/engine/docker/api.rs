//! The endpoints of the engine's API, in the terms of its specification: paths, parameters, bodies and answers. The
//! client library's types are used for these, but not its client, which puts names into paths unchecked and reads
//! answers without a bound.

use bollard::models;
use bollard::query_parameters as query;
use futures_util::stream::Stream;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::{Archive, EngineResult};
use super::answer;
use super::file_api::PathStat;
use super::request_target::Target;
use super::wire::{self, Body, Wire};

/// The name and value of a header.
pub(super) type Header = (HeaderName, HeaderValue);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");

/// The engine's API.
#[derive(Clone)]
pub(super) struct Api {
    wire: Wire,
}

impl Api {
    pub(super) fn new(wire: Wire) -> Api {
        Api { wire }
    }

    pub(super) async fn version(&self) -> EngineResult<models::SystemVersion> {
        self.get(Target::fixed("/version")).await
    }

    pub(super) async fn info(&self) -> EngineResult<models::SystemInfo> {
        self.get(Target::fixed("/info")).await
    }

    pub(super) async fn events(
        &self,
        options: query::EventsOptions,
    ) -> EngineResult<impl Stream<Item = EngineResult<models::EventMessage>> + Send + use<>> {
        Ok(answer::messages(
            self.open(Target::fixed("/events").query(options)?).await?,
        ))
    }

    pub(super) async fn list_containers(
        &self,
        options: query::ListContainersOptions,
    ) -> EngineResult<Vec<models::ContainerSummary>> {
        self.get(Target::fixed("/containers/json").query(options)?)
            .await
    }

    pub(super) async fn create_container(
        &self,
        options: query::CreateContainerOptions,
        body: models::ContainerCreateBody,
    ) -> EngineResult<models::ContainerCreateResponse> {
        self.post(Target::fixed("/containers/create").query(options)?, &body)
            .await
    }

    pub(super) async fn inspect_container(
        &self,
        id: &str,
    ) -> EngineResult<models::ContainerInspectResponse> {
        self.get(Target::container(id, "/json")?).await
    }

    pub(super) async fn top_processes(
        &self,
        id: &str,
        options: query::TopOptions,
    ) -> EngineResult<models::ContainerTopResponse> {
        self.get(Target::container(id, "/top")?.query(options)?)
            .await
    }

    /// A single measurement, or a first one without the one before it.
    pub(super) async fn stats(
        &self,
        id: &str,
        options: query::StatsOptions,
    ) -> EngineResult<models::ContainerStatsResponse> {
        self.get(Target::container(id, "/stats")?.query(options)?)
            .await
    }

    pub(super) async fn start_container(&self, id: &str) -> EngineResult<()> {
        self.act(Target::container(id, "/start")?).await
    }

    pub(super) async fn stop_container(
        &self,
        id: &str,
        options: query::StopContainerOptions,
    ) -> EngineResult<()> {
        self.act(Target::container(id, "/stop")?.query(options)?)
            .await
    }

    pub(super) async fn kill_container(
        &self,
        id: &str,
        options: query::KillContainerOptions,
    ) -> EngineResult<()> {
        self.act(Target::container(id, "/kill")?.query(options)?)
            .await
    }

    pub(super) async fn pause_container(&self, id: &str) -> EngineResult<()> {
        self.act(Target::container(id, "/pause")?).await
    }

    pub(super) async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        self.act(Target::container(id, "/unpause")?).await
    }

    pub(super) async fn remove_container(
        &self,
        id: &str,
        options: query::RemoveContainerOptions,
    ) -> EngineResult<()> {
        self.delete(Target::container(id, "")?.query(options)?)
            .await
    }

    pub(super) async fn logs(
        &self,
        id: &str,
        options: query::LogsOptions,
    ) -> EngineResult<Response<Incoming>> {
        self.open(Target::container(id, "/logs")?.query(options)?)
            .await
    }

    pub(super) async fn commit_container(
        &self,
        options: query::CommitContainerOptions,
        config: models::ContainerConfig,
    ) -> EngineResult<models::IdResponse> {
        self.post(Target::fixed("/commit").query(options)?, &config)
            .await
    }

    pub(super) async fn get_container_archive_info(
        &self,
        id: &str,
        options: query::ContainerArchiveInfoOptions,
    ) -> EngineResult<PathStat> {
        let target = Target::container(id, "/archive")?.query(options)?;
        PathStat::of_answer(&self.send(Method::HEAD, target, None, wire::empty()).await?)
    }

    pub(super) async fn download_from_container(
        &self,
        id: &str,
        options: query::DownloadFromContainerOptions,
    ) -> EngineResult<Response<Incoming>> {
        self.open(Target::container(id, "/archive")?.query(options)?)
            .await
    }

    pub(super) async fn upload_to_container(
        &self,
        id: &str,
        options: query::UploadToContainerOptions,
        tar: Archive,
    ) -> EngineResult<()> {
        let target = Target::container(id, "/archive")?.query(options)?;
        answer::nothing(
            self.send(
                Method::PUT,
                target,
                Some((CONTENT_TYPE, TAR)),
                wire::streamed(tar),
            )
            .await?,
        )
        .await
    }

    pub(super) async fn create_exec(
        &self,
        id: &str,
        config: models::ExecConfig,
    ) -> EngineResult<models::IdResponse> {
        self.post(Target::container(id, "/exec")?, &config).await
    }

    pub(super) async fn inspect_exec(&self, id: &str) -> EngineResult<models::ExecInspectResponse> {
        self.get(Target::exec(id, "/json")?).await
    }

    pub(super) async fn resize_exec(
        &self,
        id: &str,
        options: query::ResizeExecOptions,
    ) -> EngineResult<()> {
        self.act(Target::exec(id, "/resize")?.query(options)?).await
    }

    /// The answer turns into the command's stream if `headers` ask for an upgrade.
    pub(super) async fn start_exec(
        &self,
        id: &str,
        config: &impl Serialize,
        headers: impl IntoIterator<Item = Header>,
    ) -> EngineResult<Response<Incoming>> {
        let headers = headers.into_iter().chain([(CONTENT_TYPE, JSON)]);
        self.send(
            Method::POST,
            Target::exec(id, "/start")?,
            headers,
            wire::json(config)?,
        )
        .await
    }

    pub(super) async fn list_images(&self) -> EngineResult<Vec<models::ImageSummary>> {
        self.get(Target::fixed("/images/json")).await
    }

    pub(super) async fn inspect_image(
        &self,
        reference: &str,
    ) -> EngineResult<models::ImageInspect> {
        self.get(Target::image(reference, "/json")?).await
    }

    /// Pulls an image, or imports an archive.
    pub(super) async fn create_image(
        &self,
        options: query::CreateImageOptions,
        archive: Option<Archive>,
        header: Option<Header>,
    ) -> EngineResult<impl Stream<Item = EngineResult<models::CreateImageInfo>> + Send + use<>>
    {
        let target = Target::fixed("/images/create").query(options)?;
        let body = archive.map_or_else(wire::empty, wire::streamed);
        Ok(answer::messages(
            self.send(Method::POST, target, header, body).await?,
        ))
    }

    pub(super) async fn push_image(
        &self,
        repository: &str,
        options: query::PushImageOptions,
        header: Header,
    ) -> EngineResult<impl Stream<Item = EngineResult<models::PushImageInfo>> + Send + use<>> {
        let target = Target::image(repository, "/push")?.query(options)?;
        Ok(answer::messages(
            self.send(Method::POST, target, Some(header), wire::empty())
                .await?,
        ))
    }

    pub(super) async fn build_image(
        &self,
        options: query::BuildImageOptions,
        header: Header,
        context: Archive,
    ) -> EngineResult<impl Stream<Item = EngineResult<models::BuildInfo>> + Send + use<>> {
        let target = Target::fixed("/build").query(options)?;
        let headers = [header, (CONTENT_TYPE, TAR)];
        Ok(answer::messages(
            self.send(Method::POST, target, headers, wire::streamed(context))
                .await?,
        ))
    }

    pub(super) async fn list_networks(
        &self,
        options: query::ListNetworksOptions,
    ) -> EngineResult<Vec<models::Network>> {
        self.get(Target::fixed("/networks").query(options)?).await
    }

    pub(super) async fn create_network(
        &self,
        request: models::NetworkCreateRequest,
    ) -> EngineResult<models::NetworkCreateResponse> {
        self.post(Target::fixed("/networks/create"), &request).await
    }

    pub(super) async fn connect_network(
        &self,
        id: &str,
        request: models::NetworkConnectRequest,
    ) -> EngineResult<()> {
        let target = Target::network(id, "/connect")?;
        let body = wire::json(&request)?;
        answer::nothing(
            self.send(Method::POST, target, Some((CONTENT_TYPE, JSON)), body)
                .await?,
        )
        .await
    }

    pub(super) async fn remove_network(&self, id: &str) -> EngineResult<()> {
        self.delete(Target::network(id, "")?).await
    }

    pub(super) async fn list_volumes(
        &self,
        options: query::ListVolumesOptions,
    ) -> EngineResult<models::VolumeListResponse> {
        self.get(Target::fixed("/volumes").query(options)?).await
    }

    pub(super) async fn create_volume(
        &self,
        request: models::VolumeCreateRequest,
    ) -> EngineResult<models::Volume> {
        self.post(Target::fixed("/volumes/create"), &request).await
    }

    pub(super) async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        self.delete(Target::volume(name)?).await
    }
}

/// The HTTP methods.
impl Api {
    async fn get<T: DeserializeOwned>(&self, target: Target) -> EngineResult<T> {
        answer::value(self.open(target).await?).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        target: Target,
        body: &impl Serialize,
    ) -> EngineResult<T> {
        let body = wire::json(body)?;
        answer::value(
            self.send(Method::POST, target, Some((CONTENT_TYPE, JSON)), body)
                .await?,
        )
        .await
    }

    async fn act(&self, target: Target) -> EngineResult<()> {
        answer::nothing(
            self.send(
                Method::POST,
                target,
                Some((CONTENT_TYPE, JSON)),
                wire::empty(),
            )
            .await?,
        )
        .await
    }

    async fn delete(&self, target: Target) -> EngineResult<()> {
        answer::nothing(
            self.send(Method::DELETE, target, None, wire::empty())
                .await?,
        )
        .await
    }

    async fn open(&self, target: Target) -> EngineResult<Response<Incoming>> {
        self.send(Method::GET, target, None, wire::empty()).await
    }

    async fn send(
        &self,
        method: Method,
        target: Target,
        headers: impl IntoIterator<Item = Header>,
        body: Body,
    ) -> EngineResult<Response<Incoming>> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        request.headers_mut().extend(headers);
        answer::accepted(self.wire.send(target, request).await?).await
    }
}
