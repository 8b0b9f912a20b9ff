//! Translates a container's spec into the body of the engine's create call.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointIpamConfig, EndpointSettings, HealthConfig,
    HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, NetworkConnectRequest, NetworkingConfig, PortBinding, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use clusterdock_plugin_wire::{HealthCheck, Security, Settings, Volume, VolumeSource};
use serde_json::Value;

use super::super::{ContainerSpec, EngineError, EngineResult, Fault, LogBounds, VolumeMount};
use super::passthrough;

const NANO: f64 = 1e9;
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

/// The body of the create call as JSON.
///
/// # Errors
/// [`Fault::Refused`] for an invalid value.
pub fn body(spec: &ContainerSpec) -> EngineResult<Value> {
    let typed = serde_json::to_value(typed(spec)?);
    let mut body = typed.map_err(|error| EngineError::new(Fault::Other, error.to_string()))?;
    passthrough::merge(&mut body, &Value::Object(spec.settings.create.clone()));
    Ok(body)
}

/// The same in the client library's types.
pub(super) fn request(spec: &ContainerSpec) -> EngineResult<ContainerCreateBody> {
    serde_json::from_value(body(spec)?).map_err(|error| refused(spec, &error.to_string()))
}

fn typed(spec: &ContainerSpec) -> EngineResult<ContainerCreateBody> {
    let settings = &spec.settings;
    let environment = settings
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let ports = spec
        .ports
        .iter()
        .map(|port| format!("{}/{}", port.container_port, port.protocol))
        .collect();
    let anonymous = settings
        .volumes
        .iter()
        .filter(|volume| volume.source == VolumeSource::Anonymous);
    Ok(ContainerCreateBody {
        hostname: Some(spec.hostname.clone()),
        image: Some(spec.image.clone()),
        user: settings.user.clone(),
        env: Some(environment),
        cmd: settings.command.clone(),
        entrypoint: settings.entrypoint.clone(),
        working_dir: settings.working_directory.clone(),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(ports),
        stop_signal: settings.stop_signal.clone(),
        volumes: Some(anonymous.map(|volume| volume.target.clone()).collect()),
        healthcheck: settings.health_check.as_ref().map(health_check),
        host_config: Some(host_config(spec)?),
        networking_config: (!spec.network.is_empty()).then(|| networking(spec)),
        ..ContainerCreateBody::default()
    })
}

fn host_config(spec: &ContainerSpec) -> EngineResult<HostConfig> {
    let settings = &spec.settings;
    let config = HostConfig {
        init: Some(spec.init),
        network_mode: Some(if spec.network.is_empty() {
            "none".into()
        } else {
            spec.network.clone()
        }),
        extra_hosts: Some(extra_hosts(spec)),
        port_bindings: Some(port_bindings(spec)),
        mounts: Some(
            settings
                .volumes
                .iter()
                .filter_map(mount)
                .chain(spec.mounts.iter().map(own_mount))
                .collect(),
        ),
        volumes_from: Some(spec.volumes_from.clone()).filter(|names| !names.is_empty()),
        devices: Some(settings.devices.iter().map(device).collect()),
        tmpfs: Some(settings.tmpfs.clone().into_iter().collect()),
        sysctls: Some(settings.sysctls.clone().into_iter().collect()),
        ulimits: Some(ulimits(settings)),
        log_config: spec.log.as_ref().map(log_config),
        shm_size: settings.shm_size.map(|bytes| bytes as i64),
        nano_cpus: settings.cpus.map(|cpus| (cpus * NANO) as i64),
        memory: settings.memory.map(|bytes| bytes as i64),
        restart_policy: settings
            .restart
            .as_deref()
            .map(|policy| restart(spec, policy))
            .transpose()?,
        cgroupns_mode: settings
            .cgroup_namespace
            .as_deref()
            .map(|mode| cgroup_namespace(spec, mode))
            .transpose()?,
        ..HostConfig::default()
    };
    Ok(with_security(config, spec))
}

fn with_security(mut config: HostConfig, spec: &ContainerSpec) -> HostConfig {
    match spec.settings.security {
        Security::Plain => {}
        Security::Privileged => config.privileged = Some(true),
        Security::HostLike => {
            config.cap_add = Some(vec!["ALL".into()]);
            // Newer engines ignore what they lack, and refuse to drop it.
            config.cap_drop =
                Some(spec.capabilities_missing.clone()).filter(|missing| !missing.is_empty());
            config.security_opt = Some(vec![
                "seccomp=unconfined".into(),
                "apparmor=unconfined".into(),
            ]);
        }
    }
    config
}

/// The lines of /etc/hosts. The engine copies everything before the last colon, so a line may have several names. The
/// FQDN comes first, since a reverse lookup of the address returns the first name.
fn extra_hosts(spec: &ContainerSpec) -> Vec<String> {
    let nodes = spec
        .extra_hosts
        .iter()
        .map(|(names, address)| format!("{names}:{address}"));
    let more = spec
        .settings
        .extra_hosts
        .iter()
        .map(|(name, address)| format!("{name}:{address}"));
    nodes.chain(more).collect()
}

fn port_bindings(spec: &ContainerSpec) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &spec.ports {
        let binding = PortBinding {
            host_ip: Some(port.host_ip.to_string()),
            host_port: Some(port.host_port.to_string()),
        };
        let key = format!("{}/{}", port.container_port, port.protocol);
        bindings
            .entry(key)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    bindings
}

fn networking(spec: &ContainerSpec) -> NetworkingConfig {
    let endpoint = endpoint(spec.address, &spec.aliases);
    NetworkingConfig {
        endpoints_config: Some(HashMap::from([(spec.network.clone(), endpoint)])),
    }
}

/// The body of the call that connects a container to a network.
pub(super) fn connection(
    id: &str,
    address: Option<Ipv4Addr>,
    aliases: &[String],
) -> NetworkConnectRequest {
    NetworkConnectRequest {
        container: id.into(),
        endpoint_config: Some(endpoint(address, aliases)),
    }
}

fn endpoint(address: Option<Ipv4Addr>, aliases: &[String]) -> EndpointSettings {
    let address = address.map(|address| EndpointIpamConfig {
        ipv4_address: Some(address.to_string()),
        ..EndpointIpamConfig::default()
    });
    EndpointSettings {
        ipam_config: address,
        aliases: Some(aliases.to_vec()),
        ..EndpointSettings::default()
    }
}

/// Anonymous volumes have their own field; volumes of an image come from a helper container.
fn mount(volume: &Volume) -> Option<Mount> {
    let (typ, source) = match &volume.source {
        VolumeSource::Bind(path) => (MountType::BIND, path),
        VolumeSource::Named(name) => (MountType::VOLUME, name),
        _ => return None,
    };
    Some(Mount {
        typ: Some(typ),
        source: Some(source.clone()),
        target: Some(volume.target.clone()),
        read_only: Some(volume.read_only),
        ..Mount::default()
    })
}

fn own_mount(mount: &VolumeMount) -> Mount {
    let options = MountVolumeOptions {
        no_copy: Some(true),
        labels: Some(mount.volume.labels.clone().into_iter().collect()),
        ..MountVolumeOptions::default()
    };
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(mount.volume.name.clone()).filter(|name| !name.is_empty()),
        target: Some(mount.path.clone()),
        volume_options: Some(options),
        ..Mount::default()
    }
}

fn log_config(log: &LogBounds) -> HostConfigLogConfig {
    let LogBounds {
        driver,
        max_size,
        max_files,
    } = log;
    let mut options = HashMap::from([
        ("max-size".to_string(), max_size.to_string()),
        ("max-file".to_string(), max_files.to_string()),
    ]);
    if *max_files == 1 {
        // Some drivers compress older files, and refuse to do so if there are none.
        options.insert("compress".into(), "false".into());
    }
    HostConfigLogConfig {
        typ: Some(driver.clone()),
        config: Some(options),
    }
}

fn device(device: &clusterdock_plugin_wire::Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.target.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    }
}

fn ulimits(settings: &Settings) -> Vec<ResourcesUlimits> {
    let limit = |limit: &clusterdock_plugin_wire::Ulimit| ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    };
    settings.ulimits.iter().map(limit).collect()
}

fn health_check(check: &HealthCheck) -> HealthConfig {
    let nanoseconds =
        |millis: Option<u64>| millis.map(|millis| millis as i64 * NANOSECONDS_PER_MILLISECOND);
    HealthConfig {
        test: (!check.command.is_empty()).then(|| vec!["CMD-SHELL".into(), check.command.clone()]),
        interval: nanoseconds(check.interval_ms),
        timeout: nanoseconds(check.timeout_ms),
        retries: check.retries.map(i64::from),
        start_period: nanoseconds(check.start_period_ms),
        ..HealthConfig::default()
    }
}

fn restart(spec: &ContainerSpec, policy: &str) -> EngineResult<RestartPolicy> {
    let (name, retries) = match policy.split_once(':') {
        Some((name, count)) => (name, Some(count)),
        None => (policy, None),
    };
    let name = match name {
        "" | "no" => RestartPolicyNameEnum::NO,
        "always" => RestartPolicyNameEnum::ALWAYS,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        _ => return Err(refused(spec, &format!("unknown restart policy `{policy}`"))),
    };
    let count = retries.map(|count| count.parse::<i64>()).transpose();
    let maximum_retry_count =
        count.map_err(|_| refused(spec, &format!("unknown restart policy `{policy}`")))?;
    Ok(RestartPolicy {
        name: Some(name),
        maximum_retry_count,
    })
}

fn cgroup_namespace(spec: &ContainerSpec, mode: &str) -> EngineResult<HostConfigCgroupnsModeEnum> {
    match mode {
        "private" => Ok(HostConfigCgroupnsModeEnum::PRIVATE),
        "host" => Ok(HostConfigCgroupnsModeEnum::HOST),
        _ => Err(refused(
            spec,
            &format!("unknown cgroup namespace `{mode}`: private or host"),
        )),
    }
}

fn refused(spec: &ContainerSpec, why: &str) -> EngineError {
    EngineError::new(Fault::Refused, format!("container `{}`: {why}", spec.name))
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::Settings;
    use serde_json::json;

    use super::*;
    use crate::engine;

    fn spec(settings: Settings) -> ContainerSpec {
        ContainerSpec {
            name: "node-1.cluster".into(),
            hostname: "node-1.cluster".into(),
            network: "cluster".into(),
            address: Some("10.1.0.2".parse().unwrap()),
            extra_hosts: vec![("node-1.cluster node-1".into(), "10.1.0.2".parse().unwrap())],
            settings,
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn a_node_is_host_like_and_names_its_network_twice() {
        let body = body(&spec(Settings::default())).unwrap();
        assert_eq!(body["HostConfig"]["CapAdd"], json!(["ALL"]));
        assert!(body["HostConfig"].get("CapDrop").is_none());
        assert_eq!(body["HostConfig"]["NetworkMode"], "cluster");
        assert_eq!(
            body["HostConfig"]["ExtraHosts"],
            json!(["node-1.cluster node-1:10.1.0.2"])
        );
        let endpoint = &body["NetworkingConfig"]["EndpointsConfig"]["cluster"];
        assert_eq!(endpoint["IPAMConfig"]["IPv4Address"], "10.1.0.2");
    }

    #[test]
    fn a_mounted_volume_has_labels_and_is_not_prefilled() {
        let volume = engine::Volume {
            name: "data".into(),
            labels: [("a".to_string(), "1".to_string())].into(),
        };
        let mounts = vec![VolumeMount {
            volume,
            path: "/data".into(),
        }];
        let create = json!({"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x"}]}});
        let settings = Settings {
            create: create.as_object().unwrap().clone(),
            ..Settings::default()
        };
        let body = body(&ContainerSpec {
            mounts,
            ..spec(settings)
        })
        .unwrap();
        let mounts = body["HostConfig"]["Mounts"].as_array().unwrap();
        let options = json!({"NoCopy": true, "Labels": {"a": "1"}});
        let mount = json!({"Type": "volume", "Source": "data", "Target": "/data", "VolumeOptions": options});
        assert_eq!(mounts[0], mount);
        assert_eq!(mounts[1]["Target"], "/x");
    }

    #[test]
    fn other_fields_of_the_create_call_are_merged() {
        let with = |create: Value| Settings {
            create: create.as_object().unwrap().clone(),
            ..Settings::default()
        };
        let body = |create| body(&spec(with(create)));
        let merged =
            body(json!({"HostConfig": {"OomScoreAdj": 500, "CapAdd": ["X"]}, "StopTimeout": 3}))
                .unwrap();
        assert_eq!(merged["HostConfig"]["OomScoreAdj"], 500);
        assert_eq!(merged["HostConfig"]["CapAdd"], json!(["ALL", "X"]));
        assert_eq!(merged["StopTimeout"], 3);
    }

    #[test]
    fn logs_are_bounded_if_the_spec_says_so() {
        let with = |max_files| ContainerSpec {
            log: Some(LogBounds {
                driver: "local".into(),
                max_size: 10 << 20,
                max_files,
            }),
            ..spec(Settings::default())
        };
        let log = |spec: &ContainerSpec| body(spec).unwrap()["HostConfig"]["LogConfig"].clone();
        let expected =
            json!({"Type": "local", "Config": {"max-size": "10485760", "max-file": "5"}});
        assert_eq!(log(&with(5)), expected);
        assert_eq!(log(&with(1))["Config"]["compress"], "false");
        assert_eq!(log(&spec(Settings::default())), Value::Null);
    }

    #[test]
    fn an_unknown_restart_policy_is_refused() {
        let settings = Settings {
            restart: Some("sometimes".into()),
            ..Settings::default()
        };
        assert_eq!(body(&spec(settings)).unwrap_err().fault, Fault::Refused);
    }
}
