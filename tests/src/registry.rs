//! Registries that the tests start: Debian's `docker-registry` on a loopback port, where engines accept plain HTTP.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::json;

use crate::dockerd::OwnEngine;
use crate::suite;

/// How long a registry may take to listen.
const DEADLINE: Duration = Duration::from_secs(60);

/// The user of a registry that requires a login.
pub const USER: &str = "tester";

/// Its password: any three bytes of it become `+` or `/` in base64, at any position.
pub const PASSWORD: &str = "?>?~~>?>?~~>";

/// Both, in the form of `htpasswd -B`.
const LOGIN: &str = "tester:$2y$05$clusterdockRegistry..u/jwyUBSCYY6yWCt9tCfA/D0xXe7/c9.\n";

/// A running registry, initially empty.
pub struct Registry {
    /// Its host and port, with which references begin.
    pub host: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// Starts a registry without a login on loopback, or returns the reason why it is unavailable.
    ///
    /// # Errors
    /// Its package is unavailable.
    ///
    /// # Panics
    /// It does not listen.
    pub fn open() -> Result<Registry, String> {
        Registry::start(Command::new("setpriv"), None)
    }

    /// The same, but only [`USER`] may log in.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn guarded() -> Result<Registry, String> {
        Registry::start(Command::new("setpriv"), Some(LOGIN))
    }

    /// The same, on the loopback of an engine.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn guarded_beside(engine: &OwnEngine) -> Result<Registry, String> {
        Registry::start(engine.inside("setpriv"), Some(LOGIN))
    }

    fn start(mut command: Command, login: Option<&str>) -> Result<Registry, String> {
        let program = suite::registry()?.join("usr/bin/docker-registry");
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let configuration = folder.path().join("config.yml");
        fs::write(&configuration, configured(folder.path(), login))
            .expect("there is room for temporary files");
        // It ends with the test's thread in any case.
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .arg("serve")
            .arg(configuration);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process =
            process.map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        let host = listening(process.stderr.take().expect("it is piped"));
        Ok(Registry {
            host,
            process,
            _folder: folder,
        })
    }

    /// Docker's configuration with credentials for this registry, as `docker login` writes it.
    pub fn login(&self, user: &str, password: &str) -> tempfile::TempDir {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        docker_config(&json!({ "auths": { &self.host: { "auth": auth } } }))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A folder for `DOCKER_CONFIG`.
pub fn docker_config(contents: &serde_json::Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    fs::write(folder.path().join("config.json"), contents.to_string())
        .expect("there is room for temporary files");
    folder
}

/// The address on which it reports to listen. The rest of its output is read as long as it runs, so that it never
/// blocks.
fn listening(log: ChildStderr) -> String {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // The receiver is gone once the address is known.
            sender.send(line).unwrap_or_default();
        }
    });
    let until = Instant::now() + DEADLINE;
    let mut output = String::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if let Some((_, address)) = line.split_once("listening on ") {
            let end = address
                .find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit())
                .unwrap_or(address.len());
            return address[..end].to_string();
        }
        output = output + &line + "\n";
    }
    panic!("the registry does not listen:\n{output}");
}

/// Its configuration; JSON is YAML too.
fn configured(folder: &Path, login: Option<&str>) -> String {
    let mut configuration = json!({
        "version": 0.1,
        "log": { "accesslog": { "disabled": true } },
        "storage": { "filesystem": { "rootdirectory": folder.join("data") } },
        "http": { "addr": "127.0.0.1:0" },
    });
    if let Some(login) = login {
        let file = folder.join("htpasswd");
        fs::write(&file, login).expect("there is room for temporary files");
        configuration["auth"] = json!({ "htpasswd": { "realm": "tests", "path": file } });
    }
    configuration.to_string()
}
