//! The program from its arguments to its exit code. All that it touches is a parameter.

use crate::cli::{self, Cli, Command, Global};
use crate::commands::start::StartError;
use crate::commands::{build, cp, env, exec, inspect, lifecycle, list, logs, manage, rm, ssh, ssh_config, start};
use crate::docker_config;
use crate::engine::Engine;
use crate::engine::docker::{Address, Docker};
use crate::error::{Error, Kind, Result};
use crate::execution::Stop;
use crate::image::registry::Registries;
use crate::report::{Report, Stream};
use crate::session::{Places, Session};
use clap::{ArgMatches, FromArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use tokio::signal::unix::{SignalKind, signal};

/// What the program runs in.
pub struct Surroundings {
    /// Makes the report from the options that shape it.
    pub report: Box<dyn Fn(&Global) -> Report>,
    /// The engine to use; none: the one that options and environment name.
    pub engine: Option<Arc<dyn Engine>>,
    /// The user's home, where `.clusterdock` is.
    pub home: Option<PathBuf>,
    /// The current folder.
    pub current: PathBuf,
    /// This program's file.
    pub executable: PathBuf,
    /// An environment variable's value.
    pub variable: fn(&str) -> Option<String>,
}

/// Runs the program: `argv` begins with its name.
pub async fn run(argv: Vec<OsString>, surroundings: Surroundings) -> ExitCode {
    // Clap takes options that the environment sets for arguments, and would complain of what is missing instead.
    let help = ["".into(), "help".into()];
    let given = if argv.len() == 1 { &help[..] } else { &argv };
    let matches = match cli::command().try_get_matches_from(given) {
        Err(error) if argv.len() == 1 => {
            command_line_help(&(surroundings.report)(&Global::default()), &error);
            return ExitCode::from(Kind::Usage.exit_code());
        }
        Ok(matches) => matches,
        Err(error) => {
            let error = cli::with_tip(error, given);
            return command_line(&(surroundings.report)(&Global::default()), &error);
        }
    };
    let global = Global::from_arg_matches(&matches).unwrap_or_default();
    let report = Arc::new((surroundings.report)(&global));
    let code = match Prepared::new(&global, &surroundings) {
        Ok(prepared) => prepared.run(&report, global.verbose, &argv, &matches).await,
        Err(error) => Err(error.into()),
    };
    report.finish();
    match code {
        Ok(code) => ExitCode::from(code),
        Err(StartError::CommandLine(error)) => command_line(&report, &error),
        Err(StartError::Failed(error)) => {
            report.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// The engine and the places, from options and environment.
struct Prepared {
    engine: Arc<dyn Engine>,
    places: Places,
}

impl Prepared {
    fn new(global: &Global, surroundings: &Surroundings) -> Result<Prepared> {
        let engine: Arc<dyn Engine> = match &surroundings.engine {
            Some(engine) => engine.clone(),
            None => {
                let address = Address::choose(global.host.as_deref(), &surroundings.variable)?;
                Arc::new(Docker::connect(address, &surroundings.executable)?)
            }
        };
        let config = match (&global.clusterdock_config_directory, &surroundings.home) {
            (Some(given), _) => std::path::absolute(given).map_err(|error| {
                Error::new(Kind::Usage, format!("invalid folder `{}`", given.display())).cause(error)
            })?,
            (None, Some(home)) => home.join(".clusterdock"),
            (None, None) => {
                return Err(Error::new(Kind::Usage, "there is no folder for clusterdock's own files")
                    .cause("HOME is not set")
                    .hint("name one with --clusterdock-config-directory"));
            }
        };
        let places = Places {
            config,
            hosts_file: "/etc/hosts".into(),
            docker_config: docker_config::folder(&surroundings.variable),
            current: surroundings.current.clone(),
            executable: surroundings.executable.clone(),
        };
        Ok(Prepared { engine, places })
    }

    async fn run(
        &self,
        report: &Arc<Report>,
        verbose: bool,
        argv: &[OsString],
        matches: &ArgMatches,
    ) -> Result<u8, StartError> {
        let (stop, clean_up) = (Stop::new(), Mutex::new(None));
        let session = Session {
            engine: &*self.engine,
            report,
            stop: &stop,
            verbose,
            places: &self.places,
            registries: Registries::new(self.places.docker_config.as_deref()),
            clean_up: &clean_up,
        };
        // Signals first: they are to be ours before anything begins.
        tokio::select! {
            biased;
            error = signals(&stop, &clean_up) => Err(error.into()),
            result = command(&session, argv, matches) => result,
        }
    }
}

async fn command(session: &Session<'_>, argv: &[OsString], matches: &ArgMatches) -> Result<u8, StartError> {
    if let Some((name @ ("start" | "build"), args)) = matches.subcommand() {
        return match (args.get_one::<OsString>("topology"), name) {
            (Some(topology), "start") => start::start(session, topology, argv).await.map(|()| 0),
            (Some(topology), _) => build::build(session, topology, argv).await.map(|()| 0),
            (None, _) => {
                let mut help = cli::command();
                // Options of every command are among its own only then.
                help.build();
                let help = help.find_subcommand_mut(name).expect("it is there").render_help();
                session.report.answer(&session.report.styled(Stream::Stdout, &help))?;
                Ok(0)
            }
        };
    }
    let cli = Cli::from_arg_matches(matches).map_err(StartError::CommandLine)?;
    match &cli.command {
        Command::Ps(args) => list::ps(session, args).await?,
        Command::Ls(args) => list::ls(session, args).await?,
        Command::Ssh(args) => return Ok(ssh::ssh(session, args).await?),
        Command::Exec(args) => return Ok(exec::exec(session, args).await?),
        Command::Logs(args) => logs::logs(session, args).await?,
        Command::Wait(args) => lifecycle::wait(session, args).await?,
        Command::Stop(args) => lifecycle::stop(session, args).await?,
        Command::Resume(args) => lifecycle::resume(session, args).await?,
        Command::Restart(args) => lifecycle::restart(session, args).await?,
        Command::Pause(args) => lifecycle::pause(session, args).await?,
        Command::Unpause(args) => lifecycle::unpause(session, args).await?,
        Command::Kill(args) => lifecycle::kill(session, args).await?,
        Command::Inspect(args) => inspect::inspect(session, args).await?,
        Command::Env(args) => env::env(session, args).await?,
        Command::SshConfig(args) => ssh_config::ssh_config(session, args).await?,
        Command::Cp(args) => cp::cp(session, args).await?,
        Command::Rm(args) => rm::rm(session, args).await?,
        Command::Manage(args) => manage::manage(session, args).await?,
    }
    Ok(0)
}

/// Passes signals on: the first ends the command, which cleans up; a second one leaves at once.
async fn signals(stop: &Stop, clean_up: &Mutex<Option<String>>) -> Error {
    let why = next_signal().await;
    stop.stop(why.clone());
    next_signal().await;
    match clean_up.lock().expect("nobody panics with it").take() {
        Some(command) => why.cause("left before everything was cleaned up").hint(format!("clean up: {command}")),
        None => why,
    }
}

async fn next_signal() -> Error {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        // Without handlers a signal ends the process, as it would any program.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Error::new(Kind::Interrupted, "interrupted"),
        _ = terminate.recv() => Error::new(Kind::Terminated, "terminated"),
        _ = hang_up.recv() => Error::new(Kind::Terminated, "the terminal was closed"),
    }
}

/// Shows help to somebody who gave no arguments, which is no answer to anything.
fn command_line_help(report: &Report, help: &clap::Error) {
    let text = report.styled(Stream::Stderr, &help.render());
    // Where even standard error cannot be written, nobody can be told.
    drop(report.stream(Stream::Stderr, text.as_bytes()));
}

/// Shows what clap has to say: help is an answer, anything else an error.
fn command_line(report: &Report, error: &clap::Error) -> ExitCode {
    let stream = if error.use_stderr() { Stream::Stderr } else { Stream::Stdout };
    match report.stream(stream, report.styled(stream, &error.render()).as_bytes()) {
        Ok(_) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1)),
        Err(_) => ExitCode::FAILURE,
    }
}
