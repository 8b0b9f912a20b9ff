//! Docker as an implementation of the engine's traits: the only module that names its client library.
//!
//! The first call asks for the engine's API version; every path uses the lower of that version and the newest one that
//! the library's types match. Every answer is bounded, and names are only put into paths after a check ([`request_target`]).

mod address;
mod address_form;
mod answer;
mod api;
mod capability;
mod client;
mod context;
mod create;
mod exec_api;
mod fault;
mod file_api;
mod from_api;
mod image_api;
mod output_frames;
pub mod passthrough;
mod request_target;
pub mod ssh_tunnel;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod usage_api;
mod wire;

pub use address::{Address, Transport};
pub use client::Docker;
pub use create::body as create_body;
pub use tls::Material;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use async_trait::async_trait;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters as query;
use serde_json::{Map, Value};

use super::{
    Container, ContainerSpec, ContainerState, Creation, EngineInfo, EngineResult, Filter,
    Inventory, Lifecycle, Network, NetworkSpec, System, Volume, id_word,
};
use client::{Version, architecture};

/// From this API version on, the engine ignores capabilities that it lacks when asked for all.
const LEAVES_OUT_CAPABILITIES: Version = Version(1, 42);
#[async_trait]
impl System for Docker {
    fn address(&self) -> &str {
        &self.address.url
    }

    fn is_local(&self) -> bool {
        matches!(self.address.transport, Transport::Unix(_))
    }

    fn check_create_fields(&self, fields: &Map<String, Value>) -> EngineResult<()> {
        passthrough::check(fields)
    }

    async fn info(&self) -> EngineResult<EngineInfo> {
        let greeted = self.greeted().await?.clone();
        let seen = self.call(self.client.info()).await?;
        let cgroup = seen.cgroup_version.map(|version| version.to_string());
        Ok(EngineInfo {
            id: id_word(
                &seen.id.unwrap_or_default(),
                &seen.docker_root_dir.unwrap_or_default(),
                self.address(),
            ),
            operating_system: seen.operating_system.unwrap_or_default(),
            logging_driver: seen.logging_driver.unwrap_or_default(),
            architecture: architecture(&seen.architecture.unwrap_or(greeted.architecture)).into(),
            cgroup_version: if cgroup.as_deref() == Some("2") { 2 } else { 1 },
            ..greeted
        })
    }

    async fn missing_capabilities(&self) -> EngineResult<Vec<String>> {
        let api = Version::parse(&self.greeted().await?.api_version);
        if api < Some(LEAVES_OUT_CAPABILITIES) {
            Ok(capability::missing(&self.address.transport))
        } else {
            Ok(Vec::new())
        }
    }
}

#[async_trait]
impl Inventory for Docker {
    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>> {
        let options = query::ListContainersOptions {
            all: true,
            filters: filters(filter),
            ..Default::default()
        };
        let seen = self.call(self.client.list_containers(options)).await?;
        Ok(seen.into_iter().map(from_api::container).collect())
    }

    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>> {
        let options = query::ListNetworksOptions {
            filters: filters(filter),
        };
        let seen = self.call(self.client.list_networks(options)).await?;
        Ok(seen.into_iter().map(from_api::network).collect())
    }

    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>> {
        let options = query::ListVolumesOptions {
            filters: filters(filter),
        };
        let seen = self.call(self.client.list_volumes(options)).await?;
        Ok(seen
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(from_api::volume)
            .collect())
    }

    async fn container_state(&self, id: &str) -> EngineResult<ContainerState> {
        let seen = self.call(self.client.inspect_container(id)).await?;
        Ok(from_api::state(seen))
    }

    async fn remove_container(&self, id: &str) -> EngineResult<()> {
        let options = query::RemoveContainerOptions {
            force: true,
            v: true,
            ..Default::default()
        };
        self.call(self.client.remove_container(id, options)).await
    }

    async fn remove_network(&self, id: &str) -> EngineResult<()> {
        self.call(self.client.remove_network(id)).await
    }

    async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        self.call(self.client.remove_volume(name)).await
    }
}

#[async_trait]
impl Creation for Docker {
    async fn create_volume(&self, spec: &Volume) -> EngineResult<Volume> {
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            labels: Some(labels(&spec.labels)),
            ..VolumeCreateRequest::default()
        };
        self.call(self.client.create_volume(request))
            .await
            .map(from_api::volume)
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
            ipam: Some(Ipam {
                config: Some(vec![config]),
                ..Ipam::default()
            }),
            labels: Some(labels(&spec.labels)),
            ..NetworkCreateRequest::default()
        };
        Ok(self.call(self.client.create_network(request)).await?.id)
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String> {
        let options = query::CreateContainerOptions {
            name: Some(spec.name.clone()),
            ..Default::default()
        };
        let create = self
            .client
            .create_container(options, create::request(spec)?);
        let created = self.call(create).await;
        Ok(created.map_err(|error| self.of_another_machine(error))?.id)
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()> {
        let request = create::connection(id, address, aliases);
        self.call(self.client.connect_network(network, request))
            .await
    }
}

#[async_trait]
impl Lifecycle for Docker {
    async fn start_container(&self, id: &str) -> EngineResult<()> {
        self.call(self.client.start_container(id)).await
    }

    async fn stop_container(&self, id: &str, grace_seconds: u32) -> EngineResult<()> {
        let options = query::StopContainerOptions {
            t: i32::try_from(grace_seconds).ok(),
            ..Default::default()
        };
        self.call(self.client.stop_container(id, options)).await
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        self.call(self.client.pause_container(id)).await
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        self.call(self.client.unpause_container(id)).await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        let options = query::KillContainerOptions {
            signal: signal.into(),
        };
        self.call(self.client.kill_container(id, options)).await
    }
}

fn filters(filter: &Filter) -> Option<HashMap<String, Vec<String>>> {
    (!filter.labels.is_empty())
        .then(|| HashMap::from([("label".to_string(), filter.labels.clone())]))
}

fn labels(labels: &super::Labels) -> HashMap<String, String> {
    labels.clone().into_iter().collect()
}
