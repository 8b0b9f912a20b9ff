//! Fields of the create call that a topology sets in the engine's API terms. They are validated before anything is
//! created, and merged into the rest of the body.

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig,
    HostConfigLogConfig, Mount, MountBindOptions, MountTmpfsOptions, MountVolumeOptions,
    ResourcesUlimits,
};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value};
use serde_json::{Map, Value};

use crate::did_you_mean::nearest;
use crate::engine::{EngineError, EngineResult, Fault, LABEL_PREFIX};

/// Fields that a node's settings cover under other names, where the host may have to act on them.
const NAMED: [(&str, &str); 14] = [
    ("Cmd", "command"),
    ("Entrypoint", "entrypoint"),
    ("User", "user"),
    ("WorkingDir", "working_directory"),
    ("Healthcheck", "health_check"),
    ("StopSignal", "stop_signal"),
    ("HostConfig.ShmSize", "shm_size"),
    ("HostConfig.NanoCpus", "cpus"),
    ("HostConfig.Memory", "memory"),
    ("HostConfig.RestartPolicy", "restart"),
    ("HostConfig.CgroupnsMode", "cgroup_namespace"),
    ("HostConfig.Init", "init"),
    ("HostConfig.Privileged", "security"),
    ("HostConfig.VolumesFrom", "volumes"),
];

/// Fields that only clusterdock sets, and why.
const OWNED: [(&str, &str); 11] = [
    ("Hostname", "a node's host name is its FQDN"),
    ("Domainname", "a node's host name is its FQDN"),
    ("Image", "set the node's `image` instead"),
    ("MacAddress", "clusterdock connects nodes to their network"),
    (
        "NetworkDisabled",
        "clusterdock connects nodes to their network",
    ),
    (
        "NetworkingConfig",
        "clusterdock connects nodes to their network",
    ),
    (
        "HostConfig.NetworkMode",
        "clusterdock connects nodes to their network",
    ),
    (
        "HostConfig.PortBindings",
        "set the node's `ports` instead, so that hooks and users see them",
    ),
    (
        "HostConfig.PublishAllPorts",
        "set the node's `ports` instead, so that hooks and users see them",
    ),
    (
        "HostConfig.AutoRemove",
        "clusterdock removes nodes itself, and keeps stopped ones",
    ),
    (
        "HostConfig.ContainerIDFile",
        "it is an option of the docker CLI",
    ),
];

/// Checks fields of the create call: each must exist, have a value of the right type, and not be reserved.
///
/// # Errors
/// [`Fault::Refused`] with the field's name, and the most similar known one.
pub fn check(fields: &Map<String, Value>) -> EngineResult<()> {
    check_whose(fields)?;
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let body = Value::Object(fields.clone());
    let read = serde_ignored::deserialize::<_, _, ContainerCreateBody>(
        serde_path_to_error::Deserializer::new(&body, &mut track),
        |path| {
            unknown.get_or_insert_with(|| path.to_string().replace(".?", ""));
        },
    );
    if let Some(path) = unknown {
        return Err(unknown_field(&path));
    }
    match read {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(format!(
            "field `{}` of the engine's create call: {error}",
            track.path()
        ))),
    }
}

fn check_whose(fields: &Map<String, Value>) -> EngineResult<()> {
    let given = |path: &str| match path.split_once('.') {
        Some((outer, inner)) => fields
            .get(outer)
            .is_some_and(|outer| outer.get(inner).is_some()),
        None => fields.contains_key(path),
    };
    if let Some((path, why)) = OWNED.iter().find(|(path, _)| given(path)) {
        return Err(refused(format!(
            "topologies cannot set field `{path}`: {why}"
        )));
    }
    if let Some((path, name)) = NAMED.iter().find(|(path, _)| given(path)) {
        return Err(refused(format!("field `{path}` has its own setting"))
            .hint(format!("set `{name}` instead")));
    }
    let labels = fields.get("Labels").and_then(Value::as_object);
    match labels.and_then(|labels| labels.keys().find(|key| key.starts_with(LABEL_PREFIX))) {
        Some(key) => Err(refused(format!(
            "label `{key}` is reserved for clusterdock"
        ))),
        None => Ok(()),
    }
}

fn unknown_field(path: &str) -> EngineError {
    let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
    let error = refused(format!("the engine's create call has no field `{path}`"));
    let known = fields_below(parent);
    // The engine ignores case, and no two names differ only in case.
    let same = known
        .iter()
        .copied()
        .find(|name| name.eq_ignore_ascii_case(field));
    match same.or_else(|| nearest(field, known.iter().copied())) {
        Some(name) if parent.is_empty() => error.hint(format!("did you mean `{name}`?")),
        Some(name) => error.hint(format!("did you mean `{parent}.{name}`?")),
        None => match place_of(field) {
            Some(place) => error.hint(format!("did you mean `{place}`?")),
            None => error.hint("write fields as in the engine's API, e.g. {\"HostConfig\": {\"OomScoreAdj\": 500}}"),
        },
    }
}

/// The correct path of a field whose name exists, but not where it was set.
fn place_of(field: &str) -> Option<String> {
    ["", "HostConfig"].into_iter().find_map(|parent| {
        let name = fields_below(parent)
            .iter()
            .find(|name| name.eq_ignore_ascii_case(field))?;
        Some(if parent.is_empty() {
            (*name).to_string()
        } else {
            format!("{parent}.{name}")
        })
    })
}

/// The names of all fields of one object of the call, also inside lists (`HostConfig.Mounts.0`).
fn fields_below(parent: &str) -> &'static [&'static str] {
    let place: Vec<&str> = parent
        .split('.')
        .filter(|part| part.parse::<usize>().is_err())
        .collect();
    match place[..] {
        [""] => fields_of::<ContainerCreateBody>(),
        ["HostConfig"] => fields_of::<HostConfig>(),
        ["HostConfig", "Mounts"] => fields_of::<Mount>(),
        ["HostConfig", "Mounts", "BindOptions"] => fields_of::<MountBindOptions>(),
        ["HostConfig", "Mounts", "VolumeOptions"] => fields_of::<MountVolumeOptions>(),
        ["HostConfig", "Mounts", "TmpfsOptions"] => fields_of::<MountTmpfsOptions>(),
        ["HostConfig", "Devices"] => fields_of::<DeviceMapping>(),
        ["HostConfig", "DeviceRequests"] => fields_of::<DeviceRequest>(),
        ["HostConfig", "Ulimits"] => fields_of::<ResourcesUlimits>(),
        ["HostConfig", "LogConfig"] => fields_of::<HostConfigLogConfig>(),
        ["Healthcheck"] => fields_of::<HealthConfig>(),
        _ => &[],
    }
}

/// The names that a type's fields are deserialized from.
fn fields_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always fails, since there is nothing to read.
    drop(T::deserialize(Names(&mut names)));
    names
}

/// A deserializer that reads nothing, and only records which fields would have been read.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Merges `over` into `base`: objects are merged, lists are joined, anything else is replaced.
pub(super) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(over)) => base.extend(over.iter().cloned()),
        (base, over) => *base = over.clone(),
    }
}

fn refused(why: String) -> EngineError {
    EngineError::new(Fault::Refused, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn says(fields: &Value, expected: &str) {
        let said = match check(fields.as_object().unwrap()) {
            Ok(()) => "fine".to_string(),
            Err(error) => format!("{} ({})", error.message, error.hint.unwrap_or_default()),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn fields_of_the_create_call_are_accepted() {
        says(
            &json!({"HostConfig": {"OomScoreAdj": 500, "CapAdd": ["X"]}, "Tty": true, "Labels": {"a": "b"}}),
            "fine",
        );
        says(
            &json!({"ExposedPorts": {"80/tcp": {}}, "StopTimeout": 3, "Env": ["A=b"]}),
            "fine",
        );
        let mount = json!({"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"Propagation": "rslave"}});
        says(
            &json!({"HostConfig": {"Mounts": [mount], "LogConfig": {"Type": "none", "Config": {"x": "y"}}}}),
            "fine",
        );
    }

    #[test]
    fn unknown_fields_are_refused_with_a_suggestion() {
        let no = "the engine's create call has no field";
        says(
            &json!({"Hostnam": "x"}),
            &format!("{no} `Hostnam` (did you mean `Hostname`?)"),
        );
        let oom = json!({"HostConfig": {"OomScoreAdjust": 500}});
        says(
            &oom,
            &format!("{no} `HostConfig.OomScoreAdjust` (did you mean `HostConfig.OomScoreAdj`?)"),
        );
        says(
            &json!({"tty": true}),
            &format!("{no} `tty` (did you mean `Tty`?)"),
        );
        says(
            &json!({"OomScoreAdj": 1}),
            &format!("{no} `OomScoreAdj` (did you mean `HostConfig.OomScoreAdj`?)"),
        );
        let mounts = json!({"HostConfig": {"Mounts": [{"Target": "/a"}, {"Sorce": "/a"}]}});
        let meant = "(did you mean `HostConfig.Mounts.1.Source`?)";
        says(
            &mounts,
            &format!("{no} `HostConfig.Mounts.1.Sorce` {meant}"),
        );
        let hint =
            "(write fields as in the engine's API, e.g. {\"HostConfig\": {\"OomScoreAdj\": 500}})";
        says(&json!({"Colour": "red"}), &format!("{no} `Colour` {hint}"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_its_path() {
        let wrong = "field `HostConfig.OomScoreAdj` of the engine's create call: invalid type: string \"x\", expected i64";
        says(
            &json!({"HostConfig": {"OomScoreAdj": "x"}}),
            &format!("{wrong} ()"),
        );
    }

    #[test]
    fn reserved_fields_are_refused_with_the_reason() {
        let cannot = "topologies cannot set field";
        says(
            &json!({"Hostname": "x"}),
            &format!("{cannot} `Hostname`: a node's host name is its FQDN ()"),
        );
        let place = "clusterdock connects nodes to their network";
        says(
            &json!({"NetworkingConfig": {}}),
            &format!("{cannot} `NetworkingConfig`: {place} ()"),
        );
        let mode = json!({"HostConfig": {"NetworkMode": "host"}});
        says(
            &mode,
            &format!("{cannot} `HostConfig.NetworkMode`: {place} ()"),
        );
        says(
            &json!({"Cmd": ["sh"]}),
            "field `Cmd` has its own setting (set `command` instead)",
        );
        let label = json!({"Labels": {"com.clusterdock.run": "x"}});
        says(
            &label,
            "label `com.clusterdock.run` is reserved for clusterdock ()",
        );
    }

    #[test]
    fn every_reserved_field_exists() {
        for (path, _) in NAMED.iter().chain(&OWNED) {
            let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
            assert!(
                fields_below(parent).contains(&field) || *path == "MacAddress",
                "{path}"
            );
        }
    }
}
