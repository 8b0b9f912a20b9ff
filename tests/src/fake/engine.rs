//! The traits of an engine, method by method: each call is recorded under its method's name, and implemented in another
//! file.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use bytes::Bytes;
use clusterdock::engine::docker::passthrough;
use clusterdock::engine::{
    Archive, Container, ContainerSpec, ContainerState, Creation, Death, EngineInfo, EngineResult,
    ExecSession, ExecSpec, Execs, FileKind, Files, Filter, Happening, Inventory, Lifecycle,
    LogLine, LogOptions, Network, NetworkSpec, RunningExec, Streams, System, Volume,
};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::{Map, Value};

use super::image::whole;
use super::state::Holdings;
use super::{EngineGeneration, FakeEngine};

#[async_trait]
impl System for FakeEngine {
    fn address(&self) -> &str {
        &self.inner.address
    }

    fn is_local(&self) -> bool {
        self.inner.address.starts_with("unix://")
    }

    fn check_create_fields(&self, fields: &Map<String, Value>) -> EngineResult<()> {
        passthrough::check(fields)
    }

    async fn info(&self) -> EngineResult<EngineInfo> {
        self.call("info", |_| String::new(), |_| Ok(self.describe()))
            .await
    }

    async fn missing_capabilities(&self) -> EngineResult<Vec<String>> {
        let is_local = self.is_local();
        let missing = move |holdings: &mut Holdings| Ok(holdings.missing_capabilities(is_local));
        self.call("missing_capabilities", |_| String::new(), missing)
            .await
    }
}

#[async_trait]
impl Inventory for FakeEngine {
    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>> {
        self.call(
            "containers",
            |_| labels(filter),
            |holdings| Ok(holdings.list_containers(filter)),
        )
        .await
    }

    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>> {
        self.call(
            "networks",
            |_| labels(filter),
            |holdings| Ok(holdings.list_networks(filter)),
        )
        .await
    }

    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>> {
        self.call(
            "volumes",
            |_| labels(filter),
            |holdings| Ok(holdings.list_volumes(filter)),
        )
        .await
    }

    async fn container_state(&self, id: &str) -> EngineResult<ContainerState> {
        self.call(
            "container_state",
            |holdings| holdings.name_of(id),
            |holdings| holdings.container_state(id),
        )
        .await
    }

    async fn remove_container(&self, id: &str) -> EngineResult<()> {
        self.call(
            "remove_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.remove_container(id),
        )
        .await
    }

    async fn remove_network(&self, id: &str) -> EngineResult<()> {
        self.call(
            "remove_network",
            |holdings| holdings.network_name_of(id),
            |holdings| holdings.remove_network(id),
        )
        .await
    }

    async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        self.call(
            "remove_volume",
            |_| name.into(),
            |holdings| holdings.remove_volume(name),
        )
        .await
    }
}

#[async_trait]
impl Creation for FakeEngine {
    async fn create_volume(&self, spec: &Volume) -> EngineResult<Volume> {
        self.call(
            "create_volume",
            |_| spec.name.clone(),
            |holdings| Ok(holdings.create_volume(spec)),
        )
        .await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        let call = self.begin("create_network", |_| spec.name.clone()).await?;
        // Old engines check first and create later, which lets racing calls succeed.
        let early = if self.inner.generation < EngineGeneration::V26 {
            self.holdings().check_network_name(&spec.name)
        } else {
            Ok(())
        };
        match early {
            Ok(()) => {
                call.carry_out(|holdings| holdings.create_network(spec))
                    .await
            }
            Err(taken) => call.answer(Err(taken)).await,
        }
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String> {
        self.call(
            "create_container",
            |_| spec.name.clone(),
            |holdings| holdings.create_container(spec),
        )
        .await
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()> {
        let connect = self.call(
            "connect_network",
            |holdings| holdings.name_of(id),
            |holdings| holdings.connect_network(network, id, address, aliases),
        );
        connect.await
    }
}

#[async_trait]
impl Lifecycle for FakeEngine {
    async fn start_container(&self, id: &str) -> EngineResult<()> {
        self.call(
            "start_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.start_container(id),
        )
        .await
    }

    async fn stop_container(&self, id: &str, _grace_seconds: u32) -> EngineResult<()> {
        self.call(
            "stop_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.stop_container(id),
        )
        .await
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        self.call(
            "pause_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.pause_container(id),
        )
        .await
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        self.call(
            "unpause_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.unpause_container(id),
        )
        .await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        self.call(
            "kill_container",
            |holdings| holdings.name_of(id),
            |holdings| holdings.kill_container(id, signal),
        )
        .await
    }
}

#[async_trait]
impl Streams for FakeEngine {
    async fn deaths(
        &self,
        (key, value): (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<Death>>> {
        let label = (key.to_string(), value.to_string());
        let call = self.begin("deaths", |_| format!("{key}={value}")).await?;
        call.carry_out(|_| Ok(())).await?;
        Ok(self.death_stream(label, since))
    }

    async fn starts(
        &self,
        (key, value): (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<String>>> {
        let label = (key.to_string(), value.to_string());
        self.call("starts", |_| format!("{key}={value}"), |_| Ok(()))
            .await?;
        Ok(self.start_stream(label, since))
    }

    async fn happenings(
        &self,
        key: &str,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<BoxStream<'static, EngineResult<Happening>>> {
        self.call("happenings", |_| key.into(), |_| Ok(())).await?;
        Ok(self.happening_stream(key.into(), since, until))
    }

    async fn logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>> {
        let found = self
            .call(
                "logs",
                |holdings| holdings.name_of(id),
                |holdings| holdings.container_id(id),
            )
            .await?;
        Ok(self.log_stream(found, options.clone()))
    }
}

#[async_trait]
impl Execs for FakeEngine {
    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession> {
        let call = self.begin("exec", |holdings| holdings.name_of(id)).await?;
        let begun = call.arrive(|holdings| holdings.begin_exec(id, spec)).await;
        call.answer(begun.map(|exec| self.session(exec, spec)))
            .await
    }

    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>> {
        self.call(
            "exec_exit_code",
            |_| exec_id.into(),
            |holdings| holdings.exec_exit_code(exec_id),
        )
        .await
    }

    async fn running_execs(&self, id: &str) -> EngineResult<Vec<RunningExec>> {
        self.call(
            "running_execs",
            |holdings| holdings.name_of(id),
            |holdings| holdings.running_execs(id),
        )
        .await
    }

    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()> {
        self.call(
            "resize_exec",
            |_| exec_id.into(),
            |holdings| holdings.resize_exec(exec_id, rows, columns),
        )
        .await
    }
}

#[async_trait]
impl Files for FakeEngine {
    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>> {
        self.call(
            "file",
            |holdings| holdings.name_of(id),
            |holdings| holdings.file(id, path),
        )
        .await
    }

    async fn put_archive(&self, id: &str, path: &str, tar: Archive) -> EngineResult<()> {
        let call = self
            .begin("put_archive", |holdings| holdings.name_of(id))
            .await?;
        match whole(tar).await {
            Ok(archive) => {
                call.carry_out(|holdings| holdings.put_archive(id, path, &archive))
                    .await
            }
            Err(broken) => call.answer(Err(broken)).await,
        }
    }

    async fn get_archive(
        &self,
        id: &str,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        let pieces = self
            .call(
                "get_archive",
                |holdings| holdings.name_of(id),
                |holdings| holdings.get_archive(id, path),
            )
            .await?;
        Ok(stream::iter(pieces.into_iter().map(Ok)).boxed())
    }
}

fn labels(filter: &Filter) -> String {
    filter.labels.join(",")
}
