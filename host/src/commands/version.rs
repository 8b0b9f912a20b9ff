//! `version`: what runs here, what topologies are written against, and the engine.

use clusterdock_plugin_wire::export::API_VERSION;
use serde::Serialize;

use super::Console;
use crate::cli::version_args::Version;
use crate::engine::{EngineInfo, System};
use crate::error::Result;
use crate::report::Facts;

#[derive(Serialize)]
struct Answer<'a> {
    client: Client,
    /// Null if it cannot be reached.
    engine: Option<Engine<'a>>,
}

#[derive(Serialize)]
struct Client {
    version: &'static str,
    plugin_api: &'static str,
    target: String,
}

#[derive(Serialize)]
struct Engine<'a> {
    address: &'a str,
    version: &'a str,
    api_version: &'a str,
    operating_system: &'a str,
    architecture: &'a str,
    cgroup_version: u8,
}

/// Prints versions: what is known here also if the engine cannot be reached, which is an error.
pub async fn version(console: &Console<'_>, args: &Version) -> Result<()> {
    let engine = console.guarded();
    let info = engine.info().await;
    let answer = Answer {
        client: Client {
            version: env!("CARGO_PKG_VERSION"),
            plugin_api: API_VERSION,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
        engine: info.as_ref().ok().map(|info| seen(engine.address(), info)),
    };
    console
        .report
        .facts(&facts(&answer), &answer, args.format)?;
    info?;
    Ok(())
}

fn seen<'a>(address: &'a str, info: &'a EngineInfo) -> Engine<'a> {
    Engine {
        address,
        version: &info.version,
        api_version: &info.api_version,
        operating_system: &info.operating_system,
        architecture: &info.architecture,
        cgroup_version: info.cgroup_version,
    }
}

fn facts(answer: &Answer<'_>) -> Facts {
    let Client {
        version,
        plugin_api,
        target,
    } = &answer.client;
    let mut facts = vec![
        ("clusterdock", format!("{version} ({target})")),
        ("plugin-api", plugin_api.to_string()),
    ];
    if let Some(engine) = &answer.engine {
        facts.extend([
            (
                "engine",
                format!("{} (API {})", engine.version, engine.api_version),
            ),
            ("address", engine.address.to_string()),
            (
                "system",
                format!(
                    "{}, {}, cgroup v{}",
                    engine.operating_system, engine.architecture, engine.cgroup_version
                ),
            ),
        ]);
    }
    facts
}
