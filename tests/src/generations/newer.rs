//! What a later plugin-api adds to the JSON: a field, a value and an operation towards the host, a field towards the
//! plugin; and a plugin that uses one of them, as a test says.

use std::path::PathBuf;

use super::{Change, Generation, MANIFEST};

/// The additions, as every generation after the current one has them.
pub(super) fn changes() -> Vec<Change> {
    let change = |file, from: &'static str, added: &str| (file, from, format!("{added}{from}"));
    vec![
        change("wire/src/spec.rs", NODE_FIELD, GPUS),
        change("wire/src/probe.rs", VALUE, "Grpc(u16),\n"),
        change(
            "wire/src/probe.rs",
            SHOWN,
            "Probe::Grpc(port) => write!(f, \"grpc {port}\"),\n",
        ),
        change(
            "wire/src/ops.rs",
            OPERATION,
            "TurnGreen = \"turn-green\" -> ();\n",
        ),
        change("wire/src/ops.rs", STRUCT, TURN_GREEN),
        change("wire/src/request.rs", REQUEST_FIELD, ZONE),
    ]
}

const NODE_FIELD: &str = "    /// Settings of the container.\n    pub settings: Settings,";
const GPUS: &str = "#[serde(skip_serializing_if = \"Option::is_none\")]\npub gpus: Option<u32>,\n";
const VALUE: &str = "    /// The container's health check passes.\n    Healthy,";
const SHOWN: &str = "            Probe::Healthy => f.write_str";
const OPERATION: &str = "    Progress = \"progress\" -> ();";
const STRUCT: &str = "/// Waits, unless the user interrupts.";
const TURN_GREEN: &str = "#[derive(Debug, Clone, Serialize, Deserialize)]\n#[serde(deny_unknown_fields)]\npub struct TurnGreen {}\n";
const REQUEST_FIELD: &str = "    /// The registry that the user named, if any.";
const ZONE: &str = "#[serde(skip_serializing_if = \"String::is_empty\")]\npub zone: String,\n";

impl Generation {
    /// The library of a topology of this generation, a later one, that uses what the variable `FEATURE` names, or else
    /// the operating system of its request: `field`, `value`, `operation`; anything else is nothing new.
    pub fn newer_plugin(self) -> PathBuf {
        assert_ne!(self, Generation::Current, "it has nothing new");
        let name = format!("newer_of_{}", self.name());
        let crate_type = "[lib]\ncrate-type = [\"cdylib\"]\n";
        let needs = "serde_json = \"1\"\n";
        let files = [("src/lib.rs", PLUGIN), ("topology.toml", MANIFEST)];
        let built = self.build(&name, crate_type, needs, &files);
        let library = format!("lib{name}.so");
        let mut built = built.into_iter();
        built
            .find(|file| file.ends_with(&library))
            .expect("the crate has a library")
    }
}

const PLUGIN: &str = r#"
use std::sync::Arc;

use clusterdock_plugin_wire::ops::{TurnGreen, call};
use clusterdock_plugin_wire::*;

export_plugin!(|options| Box::new(Newer(options)), "../topology.toml");

struct Newer(Options);

fn feature(request: &Request) -> String {
    std::env::var("FEATURE").unwrap_or_else(|_| request.operating_system.clone())
}

impl Plugin for Newer {
    fn declare(&self) -> Result<String> {
        let nodes = DefaultNodes::Named(vec!["node-1".into()]);
        let group = Group { name: "nodes".into(), nodes, ..Group::default() };
        json::encode(&Declaration { groups: vec![group], hooks: vec![Hook::Start], ..Declaration::default() })
    }

    fn nodes(&self, request: &str) -> Result<String> {
        let request: Request = self.0.decode(request, "the request")?;
        let mut node = NodeSpec::new("node-1", "nodes");
        match feature(&request).as_str() {
            "field" => node.gpus = Some(1),
            "value" => node.ready.push(Probe::Grpc(80)),
            _ => {}
        }
        json::encode(&[node])
    }

    fn hook(&self, text: &str, host: Arc<dyn Host>) -> Result<String> {
        let HookCall { request, .. } = self.0.decode(text, "the call of a hook")?;
        if feature(&request) == "operation" {
            call(&*host, &TurnGreen {})?;
        }
        Ok("null".into())
    }
}
"#;
