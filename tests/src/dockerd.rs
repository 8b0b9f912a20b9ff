//! Engines that the tests start: for what must not be tried on the user's engine, and for newer versions.
//!
//! Each runs in its own network, mount and process namespaces, so the kernel ends everything in it (containerd, shims,
//! containers, mounts, networks) together with the namespaces' first process. That process waits for the end of its
//! input, which comes when the engine is dropped, or when the test's process ends for whatever reason. The remaining
//! folder and cgroups are removed by the keeper, a shell outside of the namespaces. The log is locked as long as one of
//! these processes is alive: a folder whose log is not locked is left over.

mod build;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::{Value, json};

pub use build::EngineBuild;

/// How long an engine may take to become ready, and to end.
const DEADLINE: Duration = Duration::from_secs(60);

/// Prefix of the names of engines' folders; their cgroups have the folder's name.
const PREFIX: &str = "cd-engine-";

/// `$1` is the folder, `$2` the script below, followed by the engine's command line; without a command line it only
/// cleans up.
const KEEPER: &str = r#"folder=$1; inside=$2; shift 2
[ $# = 0 ] || unshare --net --mount --pid --fork --kill-child --mount-proc sh -c "$inside" inside "$@"
rm -rf "$folder"
group=${folder##*/}
find "/sys/fs/cgroup/$group" /sys/fs/cgroup/*/"$group" -depth -type d -exec rmdir {} \; 2>/dev/null
"#;

/// The first process of the namespaces. Engines keep sockets and namespaces in /run regardless of settings, so each
/// gets its own. An engine that ends is started again if a test wants it. At the end no orderly stop is needed, since
/// nothing is used again.
const INSIDE: &str = r#"mount -t tmpfs tmpfs /run && ip link set lo up || exit 1
[ "$CGROUPS" != 2 ] || { umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1; }
exec 3<&0
{ read -r end; rm -f "$RESTART"; kill -s KILL -- -1; } <&3 &
while
    "$@" 3<&- &
    wait "$!"
    [ -e "$RESTART" ]
do rm "$RESTART"; done
"#;

/// The file in an engine's folder that has it started again.
const RESTART: &str = "restart";

/// The cgroups that an engine sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cgroups {
    Machines,
    Version2,
}

/// An engine that is unavailable.
#[derive(Debug, Clone)]
pub struct Unavailable {
    /// Its build.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// A running engine.
pub struct OwnEngine {
    /// Its build.
    pub build: EngineBuild,
    folder: PathBuf,
    log: File,
    notices: UnixDatagram,
    keeper: Child,
}

impl OwnEngine {
    /// Starts an engine, and returns once it answers.
    ///
    /// # Errors
    /// Its packages are unavailable, or this user cannot start one.
    ///
    /// # Panics
    /// It does not become ready; shows its last output.
    pub fn start(build: EngineBuild) -> Result<OwnEngine, Unavailable> {
        OwnEngine::configured(build, &json!({}))
    }

    /// The same with additional configuration; `hosts` are added to its usual socket.
    ///
    /// # Errors
    /// As [`OwnEngine::start`].
    pub fn configured(build: EngineBuild, more: &Value) -> Result<OwnEngine, Unavailable> {
        let path = build.path().map_err(|reason| Unavailable {
            name: build.name(),
            reason,
        })?;
        Ok(OwnEngine::launch(
            build,
            "dockerd",
            &path,
            Cgroups::Machines,
            more,
        ))
    }

    /// The same on cgroups of version 2, regardless of the machine's. If the machine uses version 1, they have no
    /// controllers.
    ///
    /// # Errors
    /// As [`OwnEngine::start`]; or the kernel does not support them.
    ///
    /// # Panics
    /// As [`OwnEngine::start`].
    pub fn start_on_cgroups_2(build: EngineBuild) -> Result<OwnEngine, Unavailable> {
        let known = fs::read_to_string("/proc/filesystems")
            .unwrap_or_default()
            .contains("\tcgroup2\n");
        let reason = || "the kernel has no control groups of version 2".to_string();
        let path = if known { build.path() } else { Err(reason()) };
        let path = path.map_err(|reason| Unavailable {
            name: build.name(),
            reason,
        })?;
        Ok(OwnEngine::launch(
            build,
            "dockerd",
            &path,
            Cgroups::Version2,
            &json!({}),
        ))
    }

    fn launch(
        build: EngineBuild,
        program: &str,
        path: &str,
        cgroups: Cgroups,
        more: &Value,
    ) -> OwnEngine {
        sweep();
        let (folder, held) = claim().expect("there is room for an engine");
        let log = File::open(folder.join("log")).expect("the log was just made");
        let configuration = folder.join("daemon.json");
        fs::write(&configuration, configured(&folder, more)).expect("there is room for an engine");
        let notices = UnixDatagram::bind(folder.join("ready")).expect("the folder takes a socket");
        notices
            .set_nonblocking(true)
            .expect("a socket can be asked without waiting");
        let mut command = Command::new("sh");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .args([INSIDE, program, "--config-file"])
            .arg(configuration);
        command
            .env("PATH", path)
            .env("NOTIFY_SOCKET", folder.join("ready"))
            .env("RESTART", folder.join(RESTART));
        command.env(
            "CGROUPS",
            if cgroups == Cgroups::Version2 {
                "2"
            } else {
                ""
            },
        );
        command
            .stdin(Stdio::piped())
            .stdout(held.try_clone().expect("a file has two handles"))
            .stderr(held);
        // A separate process group, so that Ctrl-C reaches only the test.
        let keeper = command.process_group(0).spawn().expect("there is a shell");
        let engine = OwnEngine {
            build,
            folder,
            log,
            notices,
            keeper,
        };
        engine.await_ready();
        engine
    }

    /// Kills the engine, as a crash does, and starts it again.
    ///
    /// # Panics
    /// It does not become ready again.
    pub fn restart(&self) {
        fs::write(self.folder.join(RESTART), "").expect("there is room for a file");
        kill_process(self.process(), Signal::KILL).expect("the engine runs");
        self.await_ready();
    }

    /// Its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Runs a program inside its network, where published ports and nodes' addresses are.
    pub fn run_inside(&self, program: &str, arguments: &[&str]) -> Output {
        let output = self.inside(program).args(arguments).output();
        output.expect("`nsenter` is installed")
    }

    /// Prepares a program to run inside its network.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.process()))
            .arg(program);
        command
    }

    /// The process id of the engine.
    pub fn process(&self) -> Pid {
        let socket = UnixStream::connect(self.socket()).expect("the engine listens");
        socket_peercred(&socket)
            .expect("a socket knows its peer")
            .pid
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// The systemd protocol: the engine reports when it is ready.
    fn await_ready(&self) {
        let (ended, until) = (pidfd(&self.keeper), Instant::now() + DEADLINE);
        let mut notice = [0; 4096];
        while one_of(&[&ended, &self.notices], until) {
            match self.notices.recv(&mut notice) {
                Ok(length)
                    if notice[..length]
                        .split(|byte| *byte == b'\n')
                        .any(|line| line == b"READY=1") =>
                {
                    return;
                }
                Ok(_) => {}
                // So the keeper must have written: its report that the engine ended.
                Err(_) => break,
            }
        }
        let mut log = String::new();
        drop((&self.log).read_to_string(&mut log));
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n");
        panic!(
            "engine {} does not become ready:\n{last}",
            self.build.name()
        );
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // The engine's first process waits for the end of its input.
        drop(self.keeper.stdin.take());
        let gone = one_of(&[&pidfd(&self.keeper)], Instant::now() + DEADLINE);
        if gone {
            drop(self.keeper.wait());
        }
        assert!(
            gone || std::thread::panicking(),
            "engine {} does not end",
            self.build.name()
        );
    }
}

/// The engine of this build that all tests of this process share. It ends with the process.
///
/// # Errors
/// As [`OwnEngine::start`].
pub fn shared(build: EngineBuild) -> Result<&'static OwnEngine, Unavailable> {
    static ENGINES: [OnceLock<Result<OwnEngine, Unavailable>>; 3] = [const { OnceLock::new() }; 3];
    ENGINES[build as usize]
        .get_or_init(|| OwnEngine::start(build))
        .as_ref()
        .map_err(Clone::clone)
}

/// A folder for an engine, and its locked log. The folder has another name until then, so that no sweep removes it.
fn claim() -> std::io::Result<(PathBuf, File)> {
    let making = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(".new")
        .tempdir()?;
    let log = File::options()
        .append(true)
        .create_new(true)
        .open(making.path().join("log"))?;
    log.lock()?;
    let folder = making.path().with_extension("");
    fs::rename(making.keep(), &folder)?;
    Ok((folder, log))
}

/// Cleans up after engines whose keeper was killed too.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let folder = entry.path();
        let engines =
            entry.file_name().to_string_lossy().starts_with(PREFIX) && folder.extension().is_none();
        let held = || File::open(folder.join("log")).is_ok_and(|log| log.try_lock().is_err());
        if engines && !held() {
            drop(
                Command::new("sh")
                    .args(["-c", KEEPER, "keeper"])
                    .arg(&folder)
                    .arg(INSIDE)
                    .output(),
            );
        }
    }
}

/// The engine's configuration, all in one file, because the machine's daemon.json would clash with flags.
fn configured(folder: &Path, more: &Value) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let group = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut configuration = json!({
        "hosts": [format!("unix://{}", folder.join("docker.sock").display())],
        "data-root": folder.join("data"),
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": format!("/{group}"),
        "bip": format!("172.30.{}.1/24", number % 64),
        "default-address-pools": [{"base": format!("172.31.{}.0/18", number % 4 * 64), "size": 24}],
    });
    // The machine's storage driver, if it was configured.
    let machine = fs::read("/etc/docker/daemon.json").unwrap_or_default();
    let machine: serde_json::Value = serde_json::from_slice(&machine).unwrap_or_default();
    if let Some(driver) = machine.get("storage-driver") {
        configuration["storage-driver"] = driver.clone();
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        match (
            configuration.get_mut(key).and_then(Value::as_array_mut),
            value.as_array(),
        ) {
            (Some(has), Some(more)) => has.extend(more.iter().cloned()),
            _ => configuration[key] = value.clone(),
        }
    }
    configuration.to_string()
}

fn pidfd(child: &Child) -> rustix::fd::OwnedFd {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty())
        .expect("a child that was not awaited is there")
}

/// Waits until one of these is readable; returns false if none becomes readable in time.
fn one_of(files: &[&dyn AsFd], until: Instant) -> bool {
    let mut files: Vec<PollFd> = files
        .iter()
        .map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN))
        .collect();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("the deadline is a minute");
        match poll(&mut files, Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            answer => return answer.expect("files can be awaited") > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_exits_at_once_is_reported_with_its_log() {
        let Ok(path) = EngineBuild::Installed.path() else {
            return;
        };
        let begun = Instant::now();
        let started = std::panic::catch_unwind(|| {
            OwnEngine::launch(
                EngineBuild::Installed,
                "ls",
                &path,
                Cgroups::Machines,
                &json!({}),
            )
        });
        let words = started.err().unwrap().downcast::<String>().unwrap();
        assert!(
            words.contains("ls: unrecognized option '--config-file'"),
            "{words}"
        );
        assert!(begun.elapsed() < DEADLINE / 2);
    }
}
