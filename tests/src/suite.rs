//! Newer engines from later Debian suites, and a registry from the machine's suite, unpacked beside what is installed:
//! nothing of the machine changes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;

/// The packages of an engine; its init and its container runtime come from this machine.
const ENGINE: [&str; 2] = ["docker.io", "containerd"];

/// The package of a registry.
const REGISTRY: [&str; 1] = ["docker-registry"];

/// The packages of an sshd, with the one library of its that other programs do not use.
const SSHD: [&str; 2] = ["openssh-server", "libwrap0"];

/// The folder in which a suite's engine lies unpacked. It is fetched when it is not there; tests of other processes
/// that want it meanwhile wait.
///
/// # Errors
/// Why its packages are unavailable.
pub fn unpacked(suite: &str) -> Result<PathBuf, String> {
    unpacked_as(suite, suite, &ENGINE)
}

/// The folder of an unpacked registry from the machine's suite, fetched like an engine.
///
/// # Errors
/// Why its package is unavailable.
pub fn registry() -> Result<PathBuf, String> {
    unpacked_as("registry", &codename()?, &REGISTRY)
}

/// The folder of an unpacked sshd from the machine's suite.
///
/// # Errors
/// Why its packages are unavailable.
pub fn sshd() -> Result<PathBuf, String> {
    unpacked_as("sshd", &codename()?, &SSHD)
}

fn unpacked_as(name: &str, suite: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let engines = cargo::target().join("engines");
    let folder = engines.join(name);
    let message = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&engines).map_err(message)?;
    let lock = File::create(engines.join(format!("{name}.lock"))).map_err(message)?;
    lock.lock().map_err(message)?;
    if !folder.is_dir() {
        let work = tempfile::tempdir_in(&engines).map_err(message)?;
        fetch(suite, packages, work.path())?;
        fs::rename(work.path().join("root"), &folder).map_err(message)?;
    }
    Ok(folder)
}

/// Fetches and unpacks into `work/root`, with separate lists, cache and sources.
fn fetch(suite: &str, packages: &[&str], work: &Path) -> Result<(), String> {
    let message = |error: std::io::Error| error.to_string();
    for folder in [
        "root",
        "lists/partial",
        "cache/archives/partial",
        "parts",
        "nothing",
    ] {
        fs::create_dir_all(work.join(folder)).map_err(message)?;
    }
    let (mirror, keys) = mirror()?;
    let source = format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nTargets: Packages\n{keys}"
    );
    fs::write(work.join("parts/suite.sources"), source).map_err(message)?;
    fs::write(work.join("apt.conf"), configured(work)).map_err(message)?;
    let apt = |arguments: &[&str]| {
        // The machine's mirror may be slow, but a test that hangs shows nothing.
        let mut command = Command::new("timeout");
        output_of(
            command
                .current_dir(work)
                .args(["300", "apt-get", "-c", "apt.conf", "-qq"])
                .args(arguments),
        )
    };
    apt(&["update"])?;
    apt(&[&["download"], packages].concat())?;
    for package in fs::read_dir(work).map_err(message)? {
        let package = package.map_err(message)?.path();
        if package
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            output_of(
                Command::new("dpkg")
                    .arg("-x")
                    .arg(&package)
                    .arg(work.join("root")),
            )?;
        }
    }
    Ok(())
}

/// What differs from the machine's settings for apt: the places, and nothing that they want done after an update, which
/// would clear away the machine's own downloads.
fn configured(work: &Path) -> String {
    let work = work.display();
    format!(
        r##"#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Dir::State::Lists "{work}/lists";
Dir::State::Status "/dev/null";
Dir::Cache "{work}/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{work}/parts";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{work}/nothing";
"##
    )
}

/// The mirror that this machine uses, and the line that names its keys, if one does.
fn mirror() -> Result<(String, String), String> {
    let codename = codename()?;
    // What an update would ask for, also before there has been one.
    let asked = output_of(Command::new("apt-get").args(["update", "--print-uris"]))?;
    let uri = mirror_of(&codename, &asked).ok_or(format!("apt has no source for {codename}"))?;
    let sources = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    let texts = sources.filter_map(|file| fs::read_to_string(file.path()).ok());
    let keys = texts.filter(|text| text.contains(&uri)).find_map(|text| {
        text.lines()
            .find(|line| line.starts_with("Signed-By:"))
            .map(|line| format!("{line}\n"))
    });
    Ok((uri, keys.unwrap_or_default()))
}

/// The suite of this machine.
fn codename() -> Result<String, String> {
    let release = fs::read_to_string("/etc/os-release")
        .map_err(|error| format!("/etc/os-release: {error}"))?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename
        .ok_or("/etc/os-release names no Debian suite")?
        .to_string())
}

/// The first address from which a suite's `main` comes. (Others' sources call their suites so too, not their parts.)
fn mirror_of(codename: &str, asked: &str) -> Option<String> {
    let main = format!("/dists/{codename}/main/");
    asked.lines().find_map(|line| {
        Some(
            line.trim_start_matches('\'')
                .split_once(&main)?
                .0
                .to_string(),
        )
    })
}

/// What a command writes; its last words where it fails.
fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(words
        .lines()
        .last()
        .unwrap_or("it failed without a word")
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_machines_own_suite() {
        let asked = "\
            'https://shop.example/linux/debian/dists/bookworm/InRelease' shop.example_InRelease 0 \n\
            'https://shop.example/linux/debian/dists/bookworm/stable/binary-amd64/Packages.xz' shop.example 0 \n\
            'http://mirror.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' s 0 \n\
            'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' m 0 \n";
        assert_eq!(
            mirror_of("bookworm", asked).as_deref(),
            Some("http://mirror.example/debian")
        );
        assert_eq!(mirror_of("trixie", asked), None);
    }

    #[test]
    fn an_unavailable_suite_is_refused_and_leaves_nothing() {
        let reason = unpacked("no-such-suite").unwrap_err();
        assert!(
            !reason.is_empty() && !cargo::target().join("engines/no-such-suite").exists(),
            "{reason}"
        );
    }
}
