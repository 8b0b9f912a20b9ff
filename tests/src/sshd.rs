//! An sshd inside the namespaces of a test's engine, with which it ends. The machine's ssh settings are neither used
//! nor changed.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;

use crate::suite;

/// A running sshd.
pub struct Sshd {
    folder: PathBuf,
    process: Child,
}

impl Sshd {
    /// Starts an sshd in the namespaces of this process; its files go into the folder. The owner of those namespaces
    /// ends it.
    ///
    /// # Errors
    /// No sshd is available.
    ///
    /// # Panics
    /// It does not listen; shows its last output.
    pub fn start(process: Pid, address: Ipv4Addr, folder: &Path) -> Result<Sshd, String> {
        let root = suite::sshd()?;
        write_client(folder, address)?;
        write_server(folder);
        let libraries = ["usr/lib", "lib"].map(|place| {
            root.join(place)
                .join(format!("{}-linux-gnu", std::env::consts::ARCH))
                .display()
                .to_string()
        });
        let script = format!(
            "mkdir -p /run/sshd && mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow && \
             exec {root}/usr/sbin/sshd -D -e -f {folder}/sshd_config",
            folder = folder.display(),
            root = root.display()
        );
        let mut sshd = Command::new("nsenter")
            .args([
                "--target",
                &process.to_string(),
                "--net",
                "--mount",
                "--pid",
                "sh",
                "-c",
                &script,
            ])
            .env("LD_LIBRARY_PATH", libraries.join(":"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(sshd.stderr.take().expect("it was just made")).lines();
        let mut printed = Vec::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.starts_with("Server listening on") => break,
                Some(Ok(line)) => printed.push(line),
                _ => panic!("the sshd does not listen:\n{}", printed.join("\n")),
            }
        }
        // It would block if its output were not read.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Sshd {
            folder: folder.into(),
            process: sshd,
        })
    }

    /// A PATH on which `ssh` reaches it with a key that it accepts.
    pub fn path(&self) -> OsString {
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{}:{path}", self.folder.join("bin").display()).into()
    }

    /// What ssh is configured with; for what a user may have got wrong.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // `nsenter` waits for it, and ends with it: by now the engine's end has taken it along, or does so soon.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Keys, and a `ssh` that uses them.
fn write_client(folder: &Path, address: Ipv4Addr) -> Result<(), String> {
    let message = |error: std::io::Error| error.to_string();
    for key in ["host_key", "key"] {
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(folder.join(key));
        let made = command
            .output()
            .map_err(|error| format!("ssh-keygen: {error}"))?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
    }
    let host_key = fs::read_to_string(folder.join("host_key.pub")).map_err(message)?;
    fs::write(folder.join("known_hosts"), format!("{address} {host_key}")).map_err(message)?;
    let shown = folder.display();
    let configuration = format!(
        "Host elsewhere\n  HostName {address}\nHost *\n  IdentityFile {shown}/key\n  IdentitiesOnly yes\n  \
         UserKnownHostsFile {shown}/known_hosts\n  StrictHostKeyChecking yes\n"
    );
    fs::write(folder.join("ssh_config"), configuration).map_err(message)?;
    fs::create_dir(folder.join("bin")).map_err(message)?;
    let ssh = folder.join("bin/ssh");
    fs::write(
        &ssh,
        format!("#!/bin/sh\nexec /usr/bin/ssh -F {shown}/ssh_config \"$@\"\n"),
    )
    .map_err(message)?;
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).map_err(message)
}

/// What the server accepts, and users as it requires them.
fn write_server(folder: &Path) {
    let shown = folder.display();
    let path = std::env::var("PATH").unwrap_or_default();
    let configuration = format!(
        "HostKey {shown}/host_key\nAuthorizedKeysFile {shown}/key.pub\nStrictModes no\nUsePAM no\nPidFile none\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nSetEnv PATH={path}\n"
    );
    let mut users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if !users.lines().any(|line| line.starts_with("sshd:")) {
        users.push_str("sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n");
    }
    for (name, text) in [
        ("sshd_config", &*configuration),
        ("passwd", &users),
        ("shadow", "root:*:19000:0:99999:7:::\n"),
    ] {
        fs::write(folder.join(name), text).expect("files can be written");
    }
}
