//! The program, from its arguments to its exit code. Everything it touches is a parameter, so that a test can run it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::cancellation::Cancellation;
use crate::cli::environment::{self, Unread};
use crate::cli::start_args::Verb;
use crate::cli::{self, Command, Global, usage};
use crate::commands::given::Given;
use crate::commands::{
    Console, StartError, build, cp, down, env, events, exec, hook, images, inspect, lifecycle,
    list, logs, manage, port, rm, ssh, ssh_config, start, top, topology, version,
};
use crate::engine::docker::{Address, Docker};
use crate::engine::docker_config;
use crate::engine::{Engine, GuardedEngine};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::files::trust::Trust;
use crate::image::registry::Registries;
use crate::process::is_ignored;
use crate::report::{Progress, Report};
use crate::sink::{Sink, Stream};
use crate::start::session::{CompilerOutput, Paths, Session};

/// The surroundings that the program runs in.
pub struct Surroundings {
    /// Creates the report from the options that shape it.
    pub report: Box<dyn Fn(&Global) -> Report>,
    /// The engine to use. If `None`, the one that options and environment name.
    pub engine: Option<Arc<dyn Engine>>,
    /// The user's home folder, which contains `.clusterdock`.
    pub home: Option<PathBuf>,
    /// The current folder.
    pub current: PathBuf,
    /// The file of this program.
    pub executable: PathBuf,
    /// An environment variable's value.
    pub variable: fn(&str) -> Option<OsString>,
}

/// Runs the program; `argv` begins with its name.
pub async fn run(argv: Vec<OsString>, surroundings: Surroundings) -> ExitCode {
    // Clap counts options from the environment as arguments, and would report a missing command instead of printing help.
    let help = ["".into(), "help".into()];
    let given = if argv.len() == 1 { &help[..] } else { &argv };
    let command = cli::command();
    let guessed_report = || (surroundings.report)(&Global::guessed(&argv));
    let matches = match cli::first_reading::read(given) {
        Ok(matches) => matches,
        Err(Unread::Variable(error)) => return failed(&guessed_report(), &error).await,
        Err(Unread::Typed(error)) => {
            return command_line(
                &guessed_report(),
                &cli::with_tip(error, given, false),
                argv.len() == 1,
            )
            .await;
        }
    };
    let mut global = Global::from_arg_matches(&matches).unwrap_or_default();
    global.trust |= cli::start_args::trusts(&matches);
    let report = Arc::new((surroundings.report)(&global));
    for message in environment::unknown(&command, None) {
        report.event(Event::Warning { message });
    }
    let cancellation = Cancellation::new();
    let result = match Configuration::new(&global, &matches, &surroundings, &report) {
        Ok(configuration) => {
            let verbose = global.is_verbose();
            configuration
                .run(&report, &cancellation, verbose, &argv, &matches)
                .await
        }
        Err(error) => Err(error.into()),
    };
    finished(&report, &cancellation, &argv, result).await
}

/// Shows how the command ended, and waits for a reader of that.
async fn finished(
    report: &Report,
    cancellation: &Cancellation,
    argv: &[OsString],
    result: Result<u8, StartError>,
) -> ExitCode {
    report.finish();
    match result {
        Ok(code) => {
            close(report, cancellation.reason().is_some()).await;
            ExitCode::from(code)
        }
        Err(StartError::CommandLine(error)) => {
            command_line(report, &cli::with_tip(error, argv, true), false).await
        }
        Err(StartError::Failed(error)) => {
            report.error(&error);
            close(report, cancellation.reason().is_some() || is_urgent(&error)).await;
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// How long to wait for a reader of the last output: only briefly if the user or a deadline has ended the command.
const PATIENCE: Duration = Duration::from_secs(2);
const BRIEF_PATIENCE: Duration = Duration::from_millis(300);

async fn failed(report: &Report, error: &Error) -> ExitCode {
    report.error(error);
    close(report, is_urgent(error)).await;
    ExitCode::from(error.kind().exit_code())
}

/// Whether the user or a deadline has ended the command.
fn is_urgent(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Interrupted | Kind::Terminated | Kind::Timeout
    )
}

/// Waits until the last output is written, for a while if nobody reads it; a signal ends the wait.
async fn close(report: &Report, is_urgent: bool) {
    let patience = if is_urgent { BRIEF_PATIENCE } else { PATIENCE };
    tokio::select! {
        biased;
        _ = next_signal() => {}
        () = report.close(patience) => {}
    }
}

/// What options and environment determine.
struct Configuration {
    engine: Arc<dyn Engine>,
    paths: Paths,
    trust: Trust,
}

impl Configuration {
    fn new(
        global: &Global,
        matches: &ArgMatches,
        surroundings: &Surroundings,
        report: &Report,
    ) -> Result<Configuration> {
        let engine = match &surroundings.engine {
            Some(engine) => engine.clone(),
            None => connect(global, matches, surroundings, report)?,
        };
        let config = config_folder(global, surroundings)?;
        let trust = Trust::new(global.trust, |name| {
            (surroundings.variable)(name)?.into_string().ok()
        });
        trust.check_own(&config).map_err(|exposed| {
            let subject = format!("config folder `{}`", config.display());
            exposed.error(Kind::Other, &subject)
        })?;
        let paths = Paths {
            config,
            hosts_file: "/etc/hosts".into(),
            docker_config: docker_config::folder(&surroundings.variable),
            current: surroundings.current.clone(),
            executable: surroundings.executable.clone(),
        };
        Ok(Configuration {
            engine,
            paths,
            trust,
        })
    }

    async fn run(
        &self,
        report: &Arc<Report>,
        cancellation: &Cancellation,
        verbose: bool,
        argv: &[OsString],
        matches: &ArgMatches,
    ) -> Result<u8, StartError> {
        let sink: Arc<dyn Sink> = report.clone();
        let warnings = sink.clone();
        let warn = Arc::new(move |message| warnings.event(Event::Warning { message }));
        let session = Session {
            // Deadlines bound all calls, including those of work that the user's signals do not end.
            engine: GuardedEngine::new(&*self.engine),
            sink: &sink,
            cancellation,
            verbose,
            compiler_output: compiler_output(report.progress()),
            paths: &self.paths,
            trust: &self.trust,
            registries: Registries::new(self.paths.docker_config.as_deref(), warn),
            engine_info: Default::default(),
        };
        let console = Console { session, report };
        // Signals first, so that they are handled before the work begins.
        tokio::select! {
            biased;
            error = signals(cancellation, report) => Err(error.into()),
            result = delivered(&console, command(&console, argv, matches)) => result,
        }
    }
}

/// The engine that options and environment name.
fn connect(
    global: &Global,
    matches: &ArgMatches,
    surroundings: &Surroundings,
    report: &Report,
) -> Result<Arc<dyn Engine>> {
    let warn = |message| report.event(Event::Warning { message });
    let named_by = if matches.value_source("host") == Some(ValueSource::EnvVariable) {
        "CLUSTERDOCK_HOST"
    } else {
        "--host"
    };
    let option = global.host.as_deref().map(|url| (url, named_by));
    let address = Address::choose(option, &surroundings.variable, &warn)?;
    Ok(Arc::new(Docker::connect(
        address,
        &surroundings.executable,
    )?))
}

/// The folder for the files of clusterdock.
fn config_folder(global: &Global, surroundings: &Surroundings) -> Result<PathBuf> {
    if let Some(given) = &global.clusterdock_config_directory {
        return std::path::absolute(given).map_err(|error| {
            Error::new(Kind::Usage, format!("invalid folder `{}`", given.display())).cause(error)
        });
    }
    match &surroundings.home {
        Some(home) => Ok(home.join(".clusterdock")),
        None => Err(Error::new(Kind::Usage, "no config folder")
            .cause("HOME is not set")
            .hint("set one with --clusterdock-config-directory")),
    }
}

/// Runs a command, and waits until its answer is written.
async fn delivered(
    console: &Console<'_>,
    command: impl Future<Output = Result<u8, StartError>>,
) -> Result<u8, StartError> {
    let code = command.await?;
    // A reader that has gone is not an error.
    console
        .cancellation
        .wait(console.report.delivered())
        .await
        .map(drop)?;
    Ok(code)
}

async fn command(
    console: &Console<'_>,
    argv: &[OsString],
    matches: &ArgMatches,
) -> Result<u8, StartError> {
    if let Some((name, args)) = matches.subcommand()
        && let Some(verb) = Verb::from_name(name)
    {
        match Given::new(console, verb, args, argv)? {
            Some(given) if verb == Verb::Build => build::build(console, &given).await?,
            Some(given) => start::start(console, &given).await?,
            None => help(console, name)?,
        }
        return Ok(0);
    }
    let cli = cli::read(matches, argv).map_err(StartError::CommandLine)?;
    match &cli.command {
        Command::Ps(args) => list::ps(console, args).await?,
        Command::Ls(args) => list::ls(console, args).await?,
        Command::Ssh(args) => return Ok(ssh::ssh(console, args).await?),
        Command::Exec(args) => return Ok(exec::exec(console, args).await?),
        Command::Logs(args) => logs::logs(console, args).await?,
        Command::Wait(args) => lifecycle::wait(console, args).await?,
        Command::Stop(args) => lifecycle::stop(console, args).await?,
        Command::Resume(args) => lifecycle::resume(console, args).await?,
        Command::Restart(args) => lifecycle::restart(console, args).await?,
        Command::Pause(args) => lifecycle::pause(console, args).await?,
        Command::Unpause(args) => lifecycle::unpause(console, args).await?,
        Command::Kill(args) => lifecycle::kill(console, args).await?,
        Command::Inspect(args) => inspect::inspect(console, args).await?,
        Command::Top(args) => top::top(console, args).await?,
        Command::Stats(args) => top::stats(console, args).await?,
        Command::Events(args) => events::events(console, args).await?,
        Command::Images(args) => images::images(console, args).await?,
        Command::Port(args) => port::port(console, args).await?,
        Command::Env(args) => env::env(console, args).await?,
        Command::SshConfig(args) => ssh_config::ssh_config(console, args).await?,
        Command::Cp(args) => cp::cp(console, args).await?,
        Command::Rm(args) => rm::rm(console, args).await?,
        Command::Down(args) => down::down(console, args).await?,
        Command::Manage(args) => manage::manage(console, args).await?,
        Command::Hook(args) => hook::hook(console, args).await?,
        Command::Topology(args) => topology::topology(console, args).await?,
        Command::Version(args) => version::version(console, args).await?,
    }
    Ok(0)
}

/// Answers with the help of a subcommand that has no topology to ask.
fn help(console: &Console<'_>, name: &str) -> Result<()> {
    let mut command = cli::command();
    // Only a built command has the global options among its own.
    command.build();
    let help = command
        .find_subcommand_mut(name)
        .expect("clap found the subcommand")
        .render_help();
    let report = console.report;
    report.answer(&report.styled(Stream::Stdout, &help))
}

/// Where cargo's output goes, in a story of this form.
fn compiler_output(progress: Progress) -> CompilerOutput {
    match progress {
        Progress::Json => CompilerOutput::Events,
        Progress::Quiet => CompilerOutput::IfItFails,
        Progress::Auto | Progress::Tty | Progress::Plain => CompilerOutput::Terminal,
    }
}

/// Handles signals: the first ends the command, which cleans up; the second exits at once.
async fn signals(cancellation: &Cancellation, report: &Report) -> Error {
    let why = next_signal().await;
    cancellation.cancel(why.clone());
    next_signal().await;
    match report.clean_up() {
        Some(command) => why
            .cause("exited before cleanup finished")
            .hint(format!("clean up with `{command}`")),
        None => why,
    }
}

async fn next_signal() -> Error {
    tokio::select! {
        () = received(Signal::INT) => Error::new(Kind::Interrupted, "interrupted"),
        () = received(Signal::TERM) => Error::new(Kind::Terminated, "terminated"),
        () = received(Signal::HUP) => Error::new(Kind::Terminated, "the terminal was closed"),
    }
}

/// Waits for a signal, unless the program was started to ignore it. If no handler can be installed, the signal ends the
/// process, as it does any program.
async fn received(wanted: Signal) {
    if !is_ignored(wanted)
        && let Ok(mut handled) = signal(SignalKind::from_raw(wanted.as_raw()))
        && handled.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

/// Shows clap's help or error. Help is an answer if it was requested, and an error if no arguments were given.
async fn command_line(report: &Report, error: &clap::Error, has_no_arguments: bool) -> ExitCode {
    let is_error = has_no_arguments || error.use_stderr();
    if is_error && report.progress() == Progress::Json {
        return failed(report, &usage::error(error)).await;
    }
    let code = if has_no_arguments {
        Kind::Usage.exit_code()
    } else {
        u8::try_from(error.exit_code()).unwrap_or(1)
    };
    let stream = if is_error {
        Stream::Stderr
    } else {
        Stream::Stdout
    };
    show(report, stream, error, code).await
}

/// Shows clap's text on a stream, with colours if the stream shows them.
async fn show(report: &Report, stream: Stream, text: &clap::Error, code: u8) -> ExitCode {
    let text = report.styled(stream, &text.render());
    let written = async {
        report.stream(stream, text.as_bytes()).await.map(drop)?;
        report.delivered().await
    };
    // Nothing else ends the wait for a reader that has stopped reading.
    let written = tokio::select! {
        biased;
        why = next_signal() => Err(why),
        written = written => written,
    };
    match written {
        Ok(_) => ExitCode::from(code),
        Err(error) => failed(report, &error).await,
    }
}
