//! The fields of the create call that a topology gives in the engine's own words: checked before anything is made, and
//! laid over the rest of the body.

use crate::engine::{EngineError, EngineResult, Fault};
use crate::labels;
use crate::nearest::nearest;
use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountBindOptions, MountTmpfsOptions, MountVolumeOptions, ResourcesUlimits,
};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value};
use serde_json::{Map, Value};

/// Fields that have a name of their own in a node's settings, and decisions of the host behind them.
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

/// Fields that are clusterdock's to fill in, and why.
const OWNED: [(&str, &str); 11] = [
    ("Hostname", "a node calls itself by its FQDN"),
    ("Domainname", "a node calls itself by its FQDN"),
    ("Image", "the node's own `image` says it"),
    ("MacAddress", "clusterdock gives nodes their places on the network"),
    ("NetworkDisabled", "clusterdock gives nodes their places on the network"),
    ("NetworkingConfig", "clusterdock gives nodes their places on the network"),
    ("HostConfig.NetworkMode", "clusterdock gives nodes their places on the network"),
    ("HostConfig.PortBindings", "the node's own `ports` say it, so that hooks and users are told"),
    ("HostConfig.PublishAllPorts", "the node's own `ports` say it, so that hooks and users are told"),
    ("HostConfig.AutoRemove", "clusterdock removes nodes itself, and keeps stopped ones"),
    ("HostConfig.ContainerIDFile", "it is an option of Docker's command line"),
];

/// Checks fields of the create call: each is one, has a value of the right kind, and is not clusterdock's to fill in.
///
/// # Errors
/// [`Fault::Refused`] with the field's name, and the known one that it most resembles.
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
        Err(error) => Err(refused(format!("field `{}` of the engine's create call: {error}", track.path()))),
    }
}

fn check_whose(fields: &Map<String, Value>) -> EngineResult<()> {
    let given = |path: &str| match path.split_once('.') {
        Some((outer, inner)) => fields.get(outer).is_some_and(|outer| outer.get(inner).is_some()),
        None => fields.contains_key(path),
    };
    if let Some((path, why)) = OWNED.iter().find(|(path, _)| given(path)) {
        return Err(refused(format!("field `{path}` is not a topology's to give: {why}")));
    }
    if let Some((path, name)) = NAMED.iter().find(|(path, _)| given(path)) {
        return Err(refused(format!("field `{path}` has a setting of its own")).hint(format!("give it as `{name}`")));
    }
    let labels = fields.get("Labels").and_then(Value::as_object);
    match labels.and_then(|labels| labels.keys().find(|key| key.starts_with(labels::PREFIX))) {
        Some(key) => Err(refused(format!("label `{key}` is clusterdock's own"))),
        None => Ok(()),
    }
}

fn unknown_field(path: &str) -> EngineError {
    let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
    let error = refused(format!("the engine's create call has no field `{path}`"));
    let known = fields_below(parent);
    // A slip in the case of a letter is none to the engine, and no other name differs in that alone.
    let same = known.iter().copied().find(|name| name.eq_ignore_ascii_case(field));
    match same.or_else(|| nearest(field, known.iter().copied())) {
        Some(name) if parent.is_empty() => error.hint(format!("did you mean `{name}`?")),
        Some(name) => error.hint(format!("did you mean `{parent}.{name}`?")),
        None => match place_of(field) {
            Some(place) => error.hint(format!("did you mean `{place}`?")),
            None => error.hint("fields are written as in the engine's API: {\"HostConfig\": {\"OomScoreAdj\": 500}}"),
        },
    }
}

/// Where a field belongs that is known by that name, only not where it was given.
fn place_of(field: &str) -> Option<String> {
    ["", "HostConfig"].into_iter().find_map(|parent| {
        let name = fields_below(parent).iter().find(|name| name.eq_ignore_ascii_case(field))?;
        Some(if parent.is_empty() { (*name).to_string() } else { format!("{parent}.{name}") })
    })
}

/// The names of all fields of one object of the call, in lists too (`HostConfig.Mounts.0`).
fn fields_below(parent: &str) -> &'static [&'static str] {
    let place: Vec<&str> = parent.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
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

/// The names that a type's fields are read by.
fn fields_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It ends with an error on purpose: there is nothing to read.
    drop(T::deserialize(Names(&mut names)));
    names
}

/// Reads nothing, but notes what would have been read.
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

/// Lays `over` over `base`: objects are merged, lists joined, anything else is replaced.
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
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn says(fields: &Value, expected: &str) {
        let said = match check(fields.as_object().unwrap()) {
            Ok(()) => "fine".to_string(),
            Err(error) => format!("{} ({})", error.message, error.hint.unwrap_or_default()),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn fields_of_the_create_call_are_taken() {
        says(&json!({"HostConfig": {"OomScoreAdj": 500, "CapAdd": ["X"]}, "Tty": true, "Labels": {"a": "b"}}), "fine");
        says(&json!({"ExposedPorts": {"80/tcp": {}}, "StopTimeout": 3, "Env": ["A=b"]}), "fine");
        let mount = json!({"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"Propagation": "rslave"}});
        says(&json!({"HostConfig": {"Mounts": [mount], "LogConfig": {"Type": "none", "Config": {"x": "y"}}}}), "fine");
    }

    #[test]
    fn unknown_fields_are_refused_by_name_at_every_depth_with_the_nearest_known() {
        let no = "the engine's create call has no field";
        says(&json!({"Hostnam": "x"}), &format!("{no} `Hostnam` (did you mean `Hostname`?)"));
        let oom = json!({"HostConfig": {"OomScoreAdjust": 500}});
        says(&oom, &format!("{no} `HostConfig.OomScoreAdjust` (did you mean `HostConfig.OomScoreAdj`?)"));
        says(&json!({"tty": true}), &format!("{no} `tty` (did you mean `Tty`?)"));
        says(&json!({"OomScoreAdj": 1}), &format!("{no} `OomScoreAdj` (did you mean `HostConfig.OomScoreAdj`?)"));
        let mounts = json!({"HostConfig": {"Mounts": [{"Target": "/a"}, {"Sorce": "/a"}]}});
        let meant = "(did you mean `HostConfig.Mounts.1.Source`?)";
        says(&mounts, &format!("{no} `HostConfig.Mounts.1.Sorce` {meant}"));
        let hint = "(fields are written as in the engine's API: {\"HostConfig\": {\"OomScoreAdj\": 500}})";
        says(&json!({"Colour": "red"}), &format!("{no} `Colour` {hint}"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
        let wrong =
            "field `HostConfig.OomScoreAdj` of the engine's create call: invalid type: string \"x\", expected i64";
        says(&json!({"HostConfig": {"OomScoreAdj": "x"}}), &format!("{wrong} ()"));
    }

    #[test]
    fn what_is_clusterdocks_or_has_a_name_is_refused_with_why() {
        let whose = "is not a topology's to give";
        says(&json!({"Hostname": "x"}), &format!("field `Hostname` {whose}: a node calls itself by its FQDN ()"));
        let place = "clusterdock gives nodes their places on the network";
        says(&json!({"NetworkingConfig": {}}), &format!("field `NetworkingConfig` {whose}: {place} ()"));
        let mode = json!({"HostConfig": {"NetworkMode": "host"}});
        says(&mode, &format!("field `HostConfig.NetworkMode` {whose}: {place} ()"));
        says(&json!({"Cmd": ["sh"]}), "field `Cmd` has a setting of its own (give it as `command`)");
        let label = json!({"Labels": {"com.clusterdock.run": "x"}});
        says(&label, "label `com.clusterdock.run` is clusterdock's own ()");
    }

    #[test]
    fn every_field_that_is_refused_with_a_reason_is_one() {
        for (path, _) in NAMED.iter().chain(&OWNED) {
            let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
            assert!(fields_below(parent).contains(&field) || *path == "MacAddress", "{path}");
        }
    }
}
