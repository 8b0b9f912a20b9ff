//! Cargo, called to make a plugin's library out of its sources. Where the library is put, and whether it is needed at
//! all, is decided elsewhere.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::error::{Error, Kind, Result};

/// The cargo that compiles plugins, and the environment that it runs in.
#[derive(Debug, Clone)]
pub struct Cargo {
    program: OsString,
    environment: Vec<(OsString, OsString)>,
}

/// The triple of this machine, for which plugins are compiled, and which names folders of libraries:
/// `x86_64-unknown-linux-gnu`.
pub fn target() -> String {
    let arch = match std::env::consts::ARCH {
        "riscv64" => "riscv64gc",
        "powerpc64" if cfg!(target_endian = "little") => "powerpc64le",
        arch => arch,
    };
    format!("{arch}-unknown-linux-gnu")
}

/// What a successful compilation left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The library in cargo's target folder; the next compilation replaces it.
    pub library: PathBuf,
    /// Every file that went into the library from the crate, its build script and the crates it has by path, files
    /// taken by `include_str!` among them; absolute, without what a build script generated. A build script's
    /// `rerun-if-changed` may name folders, and files that are not there.
    pub sources: Vec<PathBuf>,
}

impl Cargo {
    /// The `cargo` on PATH, in the environment of this process less what an outer cargo put there: under `cargo run`
    /// and `cargo test` it describes another crate, and names a toolchain that the plugin did not choose.
    ///
    /// What users set themselves stays (CARGO_HOME, CARGO_TARGET_DIR, CARGO_NET_*, RUSTFLAGS, RUSTC_WRAPPER, ...), but
    /// for CARGO_BUILD_TARGET: a plugin is for the machine that loads it. LD_LIBRARY_PATH stays with what an outer cargo
    /// added to it, since those libraries have names that no other toolchain looks for.
    pub fn from_environment() -> Cargo {
        Cargo::new("cargo", std::env::vars_os())
    }

    /// The cargo `program` (a name is looked up in the PATH of `environment`), run with nothing but `environment`,
    /// less what an outer cargo put there.
    pub fn new(program: impl Into<OsString>, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Cargo {
        let mut environment: Vec<_> = environment.into_iter().collect();
        let nested = environment.iter().any(|(name, _)| name == "CARGO");
        environment.retain(|(name, _)| !is_left_behind(name, nested));
        Cargo { program: program.into(), environment }
    }

    /// Compiles the crate in the folder `source` with its release profile and finds `lib<plugin>.so` among what it
    /// made. Cargo's progress and the compiler's messages go to this process's stderr as they come. It takes as long as
    /// the compiler takes, and waits for nothing else but cargo's own locks. Who drops the future ends cargo and its
    /// compilers.
    ///
    /// Errors are of [`Kind::Plugin`]; of [`Kind::Interrupted`] where SIGINT ended cargo.
    pub async fn build(&self, source: &Path, plugin: &str) -> Result<Built> {
        let made = self.cargo_build(source, plugin).await?;
        let built = made.built(source, plugin)?;
        if !built.is_behind() {
            return Ok(built);
        }
        // Cargo goes by times of modification, which a copied or unpacked file brings along from elsewhere.
        self.cargo_clean(source, plugin, &made.packages).await?;
        self.cargo_build(source, plugin).await?.built(source, plugin)
    }

    async fn cargo_build(&self, source: &Path, plugin: &str) -> Result<Made> {
        let mut command = self.command("build", source);
        command
            .arg("--message-format=json-render-diagnostics")
            // A user's configuration may have paths in dependency files cut short; nothing is below this one.
            .env("CARGO_BUILD_DEP_INFO_BASEDIR", "/dev/null")
            .stdout(Stdio::piped());
        let mut running = Running::spawn(command).map_err(|error| self.not_run(plugin, &error))?;
        let made = match running.child.stdout.take() {
            Some(stdout) => read_messages(stdout).await,
            None => Ok(Made::default()),
        };
        let status = running.end().await;
        match made.and_then(|made| Ok((made, status?))) {
            Ok((made, status)) if status.success() => Ok(made),
            Ok((_, status)) => Err(failed(source, plugin, status)),
            Err(error) => Err(Error::new(Kind::Plugin, "cargo was lost while it compiled").cause(error)),
        }
    }

    /// Makes cargo forget what it compiled of `packages`.
    async fn cargo_clean(&self, source: &Path, plugin: &str, packages: &BTreeSet<String>) -> Result<()> {
        let mut command = self.command("clean", source);
        command.arg("--quiet").args(packages.iter().flat_map(|package| ["--package", package])).stdout(Stdio::null());
        let status = match Running::spawn(command) {
            Ok(running) => running.end().await,
            Err(error) => Err(error),
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::new(Kind::Plugin, format!("plugin `{plugin}` cannot be compiled anew"))
                .cause(format!("cargo clean ended with {status}; its messages are above"))),
            Err(error) => Err(self.not_run(plugin, &error)),
        }
    }

    fn command(&self, verb: &str, source: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([verb, "--release", "--manifest-path"])
            .arg(source.join("Cargo.toml"))
            // Where rustup looks for `rust-toolchain.toml`, and cargo for `.cargo/config.toml`.
            .current_dir(source)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .process_group(0);
        command
    }

    fn not_run(&self, plugin: &str, error: &io::Error) -> Error {
        let program = self.program.display();
        if error.kind() != io::ErrorKind::NotFound {
            return Error::new(Kind::Plugin, format!("`{program}` cannot be run")).cause(error);
        }
        let missing = Error::new(Kind::Plugin, format!("plugin `{plugin}` has to be compiled, but there is no cargo"))
            .cause(format!("`{program}` is not on PATH"));
        let home = self.environment.iter().find(|(name, _)| name == "HOME");
        match home.map(|(_, home)| Path::new(home).join(".cargo/bin")).filter(|bin| bin.join("cargo").is_file()) {
            Some(bin) => missing.hint(format!("there is one in `{0}`: run `export PATH={0}:$PATH`", bin.display())),
            None => missing.hint(format!(
                "install Rust (https://rustup.rs), or put a prebuilt library into the topology's folder as \
                 `lib/{}/lib{plugin}.so`",
                target()
            )),
        }
    }
}

/// Whether cargo (or the rustup before it) sets `name` for the programs that it runs. Of RUSTUP_TOOLCHAIN, which a user
/// may set too, the presence of an outer cargo decides.
fn is_left_behind(name: &OsStr, nested: bool) -> bool {
    const NAMES: &[&str] = &[
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_BUILD_TARGET",
        "CARGO_CRATE_NAME",
        "CARGO_MAKEFLAGS",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
        "RUST_RECURSION_COUNT",
        "RUSTUP_TOOLCHAIN_SOURCE",
    ];
    const PREFIXES: &[&str] = &["CARGO_BIN_EXE_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_"];
    let name = name.to_string_lossy();
    NAMES.contains(&&*name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (nested && name == "RUSTUP_TOOLCHAIN")
}

/// The messages of cargo that matter here; there are more, and more to come.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
        filenames: Vec<PathBuf>,
    },
    BuildScriptExecuted {
        out_dir: PathBuf,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// What cargo said that it made.
#[derive(Default)]
struct Made {
    artifacts: Vec<(Target, Vec<PathBuf>)>,
    generated: Vec<PathBuf>,
    /// Those with their sources on this machine, as arguments of `--package`.
    packages: BTreeSet<String>,
}

/// Cargo under way, in a process group of its own with the compilers that it starts. Dropping it ends them all.
struct Running {
    child: Child,
}

impl Running {
    fn spawn(mut command: Command) -> io::Result<Running> {
        Ok(Running { child: command.spawn()? })
    }

    async fn end(mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // No id: it has ended and was waited for.
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended meanwhile, which is all that is wanted.
            kill_process_group(group, Signal::TERM).ok();
        }
    }
}

async fn read_messages(stdout: ChildStdout) -> io::Result<Made> {
    let mut made = Made::default();
    let mut lines = BufReader::new(stdout).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        // Build scripts may print between the messages.
        match serde_json::from_slice(&line) {
            Ok(Message::CompilerArtifact { package_id, target, filenames }) => {
                if package_id.contains("path+file:") {
                    // Before 1.77 `name version (source)`, since then a specification as a whole.
                    made.packages.extend(package_id.split(' ').next().map(str::to_owned));
                }
                made.artifacts.push((target, filenames));
            }
            Ok(Message::BuildScriptExecuted { out_dir }) => made.generated.push(out_dir),
            Ok(Message::Other) | Err(_) => {}
        }
    }
    Ok(made)
}

impl Built {
    /// Whether a source came to be what it is after the library was linked; the time of an inode's last change, unlike
    /// that of a file's modification, cannot be set to another.
    fn is_behind(&self) -> bool {
        let Ok(linked) = fs::metadata(&self.library).map(|library| (library.mtime(), library.mtime_nsec())) else {
            return true;
        };
        let mut files = self.sources.iter().filter_map(|file| fs::metadata(file).ok()).filter(fs::Metadata::is_file);
        files.any(|file| (file.ctime(), file.ctime_nsec()) > linked)
    }
}

impl Made {
    fn built(&self, source: &Path, plugin: &str) -> Result<Built> {
        let library = self.library(source, plugin)?;
        let sources = self.sources(&library)?;
        Ok(Built { library, sources })
    }

    fn library(&self, source: &Path, plugin: &str) -> Result<PathBuf> {
        let wanted = format!("lib{plugin}.so");
        let libraries: Vec<&PathBuf> = self
            .artifacts
            .iter()
            .filter(|(target, _)| target.crate_types.iter().any(|made| made == "cdylib"))
            .flat_map(|(_, files)| files)
            .filter(|file| file.extension() == Some(OsStr::new("so")))
            .collect();
        let named = |file: &&&PathBuf| file.file_name() == Some(OsStr::new(&wanted));
        if let Some(library) = libraries.iter().find(named) {
            return Ok(library.to_path_buf());
        }
        let manifest = source.join("Cargo.toml");
        let error = Error::new(Kind::Plugin, format!("crate `{}` does not make `{wanted}`", manifest.display()));
        // Before 1.80 cargo called libraries by the name of their package, with its hyphens.
        let made_otherwise = self.artifacts.iter().find(|(target, _)| target.name.replace('-', "_") == plugin);
        let other = libraries.iter().filter_map(|file| file.file_stem()?.to_str()?.strip_prefix("lib")).next();
        Err(match (made_otherwise, other) {
            (Some((target, _)), _) => error
                .cause(format!("`{}` is compiled as {}", target.name, target.crate_types.join(", ")))
                .hint("write `crate-type = [\"cdylib\"]` under `[lib]` in its Cargo.toml"),
            (None, Some(other)) => error.cause(format!("it makes `lib{other}.so`")).hint(format!(
                "write `plugin = \"{other}\"` in topology.toml, or `name = \"{plugin}\"` under `[lib]` in Cargo.toml"
            )),
            (None, None) => error.cause("it makes no library that could be loaded").hint(format!(
                "write `name = \"{plugin}\"` and `crate-type = [\"cdylib\"]` under `[lib]` in Cargo.toml"
            )),
        })
    }

    /// What the dependency file beside `library` lists.
    fn sources(&self, library: &Path) -> Result<Vec<PathBuf>> {
        let list = library.with_extension("d");
        let text = fs::read_to_string(&list).map_err(|error| {
            Error::new(Kind::Plugin, format!("cargo's list of sources `{}` cannot be read", list.display()))
                .cause(error)
        })?;
        let mut sources = prerequisites(&text);
        sources.retain(|file| !self.generated.iter().any(|folder| file.starts_with(folder)));
        Ok(sources)
    }
}

/// The files right of the colons in a dependency file, where a space in a name is written `\ `.
fn prerequisites(text: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, files)| {
            let files = files.replace("\\ ", "\0");
            files.split(' ').map(|file| PathBuf::from(file.replace('\0', " "))).collect::<Vec<_>>()
        })
        .collect();
    files.sort();
    files.dedup();
    files
}

fn failed(source: &Path, plugin: &str, status: ExitStatus) -> Error {
    if status.signal() == Some(rustix::process::Signal::INT.as_raw()) {
        return Error::new(Kind::Interrupted, format!("interrupted while plugin `{plugin}` was being compiled"));
    }
    let again = format!("cargo build --release --manifest-path {}", source.join("Cargo.toml").display());
    Error::new(Kind::Plugin, format!("plugin `{plugin}` does not compile"))
        .cause(format!("cargo ended with {status}; its messages are above"))
        .hint(format!("correct it and try again, or look closer with `{again}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(environment: &[&str]) -> Vec<String> {
        let environment = environment.iter().map(|name| (OsString::from(name), OsString::from("x")));
        Cargo::new("cargo", environment).environment.into_iter().map(|(name, _)| name.into_string().unwrap()).collect()
    }

    #[test]
    fn what_an_outer_cargo_left_is_not_passed_on_and_what_the_user_set_is() {
        let left = ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_BIN_EXE_clusterdock", "OUT_DIR"];
        let users = ["PATH", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "RUSTFLAGS"];
        assert_eq!(kept(&[&left[..], &users[..]].concat()), users);
    }

    #[test]
    fn the_toolchain_of_an_outer_cargo_is_not_passed_on_and_one_that_the_user_chose_is() {
        assert_eq!(kept(&["RUSTUP_TOOLCHAIN"]), ["RUSTUP_TOOLCHAIN"]);
        assert!(kept(&["RUSTUP_TOOLCHAIN", "CARGO"]).is_empty());
    }

    #[test]
    fn a_plugin_is_not_compiled_for_another_machine() {
        assert!(kept(&["CARGO_BUILD_TARGET"]).is_empty());
    }

    #[test]
    fn an_interrupted_compilation_is_not_taken_for_a_wrong_source() {
        let ended = |raw| failed(Path::new("/crate"), "tiny", ExitStatus::from_raw(raw)).kind();
        assert_eq!(ended(rustix::process::Signal::INT.as_raw()), Kind::Interrupted);
        assert_eq!(ended(101 << 8), Kind::Plugin);
    }

    #[test]
    fn a_dependency_file_is_read_with_spaces_in_names_and_without_its_targets() {
        let text =
            "/t/libx.rlib: /a/other\\ file.txt /a/src/lib.rs\n\n/t/my\\ x.so: /a/src/lib.rs /b/c.rs\n/a/lib.rs:\n";
        let expected: Vec<PathBuf> = ["/a/other file.txt", "/a/src/lib.rs", "/b/c.rs"].map(PathBuf::from).into();
        assert_eq!(prerequisites(text), expected);
    }
}
