//! `topology test`: a topology's unit tests, and the whole life of a throwaway cluster on a separate network. Nothing
//! of it is left, also when it fails or is interrupted.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::phases::{Phase, Phases};
use crate::cli::lifecycle_args::{ChangeArgs, Restart};
use crate::cli::output_args::DryRunArgs;
use crate::cli::selection::SelectionArgs;
use crate::cli::topology_actions::Test;
use crate::cli::usage;
use crate::cluster::labels::{Run, RunId};
use crate::commands::Console;
use crate::commands::{StartError, hook, lifecycle, start};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::start::cargo_story::test_crate;
use crate::start::open_topology::{Topology, find};
use crate::start::transaction::{StartResult, remove_run};
use crate::topology::folder::{Folder, Found};
use crate::topology::plugin::Hook;

/// How long nodes may take to stop in a restart, and to become ready.
const GRACE: Duration = Duration::from_secs(10);

/// Tests a topology, and prints a line per phase.
///
/// # Errors
/// That of the first phase that failed, or of the removal if something is left.
pub(super) async fn test(console: &Console<'_>, args: &Test) -> Result<()> {
    let found = find(console, Path::new(&args.topology))?;
    let mut phases = Phases::new();
    if let Found::Folder(folder) = &found {
        unit_tests(console, folder, &mut phases).await;
    }
    let name = match &found {
        Found::Folder(folder) => folder.manifest.name.clone(),
        Found::Library(path) => path.display().to_string(),
    };
    if phases.failure().is_none() {
        start_and_test(console, args, &mut phases).await;
    }
    if let Some(file) = &args.junit {
        phases.write_junit(&console.paths.current.join(file), &name)?;
    }
    phases.print(console.report, &name, args.output.format)?;
    phases.into_result()
}

async fn unit_tests(console: &Console<'_>, folder: &Folder, phases: &mut Phases) {
    match folder.source() {
        Some(source) => {
            let tests = test_crate(console, &source, &folder.manifest.plugin);
            phases.run(Phase::UnitTests, tests).await;
        }
        None => phases.skip(Phase::UnitTests, "the folder has no crate"),
    }
}

/// Starts a cluster, tests it, and removes it.
async fn start_and_test(console: &Console<'_>, args: &Test, phases: &mut Phases) {
    let opened = Topology::open(console, Path::new(&args.topology));
    let Some(topology) = phases.run(Phase::Compile, opened).await else {
        return;
    };
    let id = RunId::random();
    let name = format!("test-{}", &id.as_str()[..8]);
    let started = start_cluster(console, &topology, args, &name);
    if let Some(run) = phases.run(Phase::Start, started).await {
        let command = Some(format!("clusterdock rm {name}"));
        console.event(Event::CleanUp { command });
        test_cluster(console, &topology, args, &name, phases).await;
        // Whatever has ended the command, also the user's signal.
        let removed = phases.run(Phase::Remove, remove_run(console, &run)).await;
        if removed.is_some() {
            console.event(Event::CleanUp { command: None });
        }
    }
    topology.close().await;
}

/// Starts a cluster of this name; a start that fails leaves nothing.
async fn start_cluster(
    console: &Console<'_>,
    topology: &Topology,
    args: &Test,
    name: &str,
) -> Result<Run> {
    let words = [
        "clusterdock",
        "start",
        "--cluster-name",
        name,
        "--network",
        name,
    ];
    let argv: Vec<OsString> = words
        .into_iter()
        .chain(["--update-etc-hosts", "never"])
        .map(OsString::from)
        .chain([args.topology.clone()])
        .chain(args.arguments.iter().cloned())
        .collect();
    let started = start::execute(console, topology, &argv).await;
    let done = started.map_err(|error| match error {
        StartError::CommandLine(error) => usage::error(&error),
        StartError::Failed(error) => error,
    })?;
    let run = match done {
        StartResult::Started(started) => {
            started.cluster.nodes.into_iter().find_map(|node| node.run)
        }
        StartResult::Planned(_) => None,
    };
    run.ok_or_else(|| {
        Error::new(Kind::Usage, "a test starts a cluster").hint("leave out --dry-run")
    })
}

async fn test_cluster(
    console: &Console<'_>,
    topology: &Topology,
    args: &Test,
    name: &str,
    phases: &mut Phases,
) {
    let check = async |phases: &mut Phases, phase| {
        let declared = topology.plugin().declare().await;
        if declared.is_ok_and(|declared| !declared.has(Hook::Check)) {
            return phases.skip(phase, "the topology has no check hook");
        }
        let run = hook::run(console, topology, name, Hook::Check, args.timeout);
        phases.run(phase, run).await;
    };
    check(phases, Phase::Check).await;
    let restart = Restart {
        change: ChangeArgs {
            selection: SelectionArgs {
                names: vec![name.into()],
                ..SelectionArgs::default()
            },
            dry_run: DryRunArgs::default(),
        },
        time: GRACE,
        timeout: args.timeout,
    };
    phases
        .run(Phase::Restart, lifecycle::restart(console, &restart))
        .await;
    check(phases, Phase::CheckAgain).await;
}
