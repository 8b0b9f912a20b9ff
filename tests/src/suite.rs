//! Newer engines from Debian's later suites, unpacked beside what is installed: nothing of the machine changes.

use crate::cargo;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that an engine consists of; its init and its container runtime are this machine's own.
const PACKAGES: [&str; 2] = ["docker.io", "containerd"];

/// The folder in which a suite's engine lies unpacked. It is fetched when it is not there; tests of other processes
/// that want it meanwhile wait.
///
/// # Errors
/// Why its packages cannot be had today.
pub fn unpacked(suite: &str) -> Result<PathBuf, String> {
    let engines = cargo::target().join("engines");
    let folder = engines.join(suite);
    let told = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&engines).map_err(told)?;
    let lock = File::create(engines.join(format!("{suite}.lock"))).map_err(told)?;
    lock.lock().map_err(told)?;
    if !folder.is_dir() {
        let work = tempfile::tempdir_in(&engines).map_err(told)?;
        fetch(suite, work.path())?;
        fs::rename(work.path().join("root"), &folder).map_err(told)?;
    }
    Ok(folder)
}

/// Fetches and unpacks into `work/root`, with lists, cache and sources of its own.
fn fetch(suite: &str, work: &Path) -> Result<(), String> {
    for folder in ["root", "lists/partial", "cache/archives/partial", "parts"] {
        fs::create_dir_all(work.join(folder)).map_err(|error| error.to_string())?;
    }
    let (mirror, keys) = mirror()?;
    let source = format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n{keys}");
    fs::write(work.join("parts/suite.sources"), source).map_err(|error| error.to_string())?;
    let options = [
        format!("Dir::State::Lists={}", work.join("lists").display()),
        format!("Dir::Cache={}", work.join("cache").display()),
        format!("Dir::Etc::SourceParts={}", work.join("parts").display()),
        "Dir::Etc::SourceList=/dev/null".into(),
        "APT::Sandbox::User=root".into(),
        "Acquire::Retries=2".into(),
        "Acquire::http::Timeout=30".into(),
    ];
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(work).args(options.iter().flat_map(|option| ["-o", option]));
        said(command.arg("-qq").args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["download"], &PACKAGES[..]].concat())?;
    for package in fs::read_dir(work).map_err(|error| error.to_string())? {
        let package = package.map_err(|error| error.to_string())?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            said(Command::new("dpkg").arg("-x").arg(&package).arg(work.join("root")))?;
        }
    }
    Ok(())
}

/// The mirror that this machine uses, and the line that names its keys, if one does.
fn mirror() -> Result<(String, String), String> {
    let targets =
        said(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    let uri = targets.lines().find(|uri| uri.ends_with("/debian/")).ok_or("apt has no Debian mirror")?;
    let sources = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let texts = sources.filter_map(|file| fs::read_to_string(file.path()).ok());
    let keys = texts
        .filter(|text| text.contains(uri.trim_end_matches('/')))
        .find_map(|text| text.lines().find(|line| line.starts_with("Signed-By:")).map(|line| format!("{line}\n")));
    Ok((uri.to_string(), keys.unwrap_or_default()))
}

/// What a command writes; its last words where it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(words.lines().last().unwrap_or("it failed without a word").to_string())
}
