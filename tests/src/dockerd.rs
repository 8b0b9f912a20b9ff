//! Engines of the tests' own: for what must not be tried on somebody's, and for engines newer than the machine's.
//!
//! Each has a network namespace, folders and a socket of its own. A small shell process stands between it and the
//! test, and waits for the end of its input: that comes when the engine is dropped and also when the test's process is
//! gone, however it went; then it stops the engine and clears everything away.

use crate::suite;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long an engine may take to be ready.
const DEADLINE: Duration = Duration::from_secs(60);

/// Names of namespaces and folders begin so, followed by the process that they belong to.
const PREFIX: &str = "cd-own-";

/// `$1` the folder, `$2` the namespace, then the engine's command line. (The brackets keep `pkill` from finding the
/// keeper itself, whose command line has all of these words.)
const KEEPER: &str = r#"folder=$1 namespace=$2; shift 2
ip netns add "$namespace" && nsenter --net="/run/netns/$namespace" ip link set lo up || exit 1
nsenter --net="/run/netns/$namespace" "$@" >"$folder/log" 2>&1 &
engine=$!
read -r end
kill "$engine" 2>/dev/null
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do kill -0 "$engine" 2>/dev/null || break; sleep 1; done
kill -KILL "$engine" 2>/dev/null
wait "$engine"
pkill -KILL -f "[c]ontainerd.*$folder/" 2>/dev/null
while mount=$(grep -om1 " $folder/[^ ]*" /proc/mounts); do umount -l $mount || break; done
ip netns del "$namespace"
rm -rf "$folder"
"#;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineBuild {
    /// The one that is installed on this machine.
    Installed,
    /// That of Debian 13.
    Trixie,
    /// That of Debian's unstable suite, whatever it has today.
    Sid,
}

impl EngineBuild {
    /// All of them.
    pub const ALL: [EngineBuild; 3] = [EngineBuild::Installed, EngineBuild::Trixie, EngineBuild::Sid];

    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            EngineBuild::Installed => "installed",
            EngineBuild::Trixie => "trixie",
            EngineBuild::Sid => "sid",
        }
    }

    /// Where its programs are; none: on the PATH.
    fn programs(self) -> Result<Option<PathBuf>, Unavailable> {
        match self {
            EngineBuild::Installed => Ok(None),
            EngineBuild::Trixie | EngineBuild::Sid => match suite::unpacked(self.name()) {
                Ok(folder) => Ok(Some(folder)),
                Err(reason) => Err(Unavailable { name: self.name(), reason }),
            },
        }
    }
}

/// An engine that cannot be had here today.
#[derive(Debug, Clone)]
pub struct Unavailable {
    /// Which.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// A running engine.
pub struct OwnEngine {
    /// Which it is.
    pub build: EngineBuild,
    folder: PathBuf,
    namespace: String,
    keeper: Child,
}

impl OwnEngine {
    /// Starts an engine, and returns when it answers.
    ///
    /// # Errors
    /// Its packages cannot be had.
    ///
    /// # Panics
    /// It does not become ready; with its last words.
    pub fn start(build: EngineBuild) -> Result<OwnEngine, Unavailable> {
        let programs = build.programs()?;
        sweep();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{PREFIX}{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&namespace);
        fs::create_dir_all(folder.join("bin")).expect("there is room for an engine");
        fs::write(folder.join("daemon.json"), "{}").expect("there is room for an engine");
        let ready = UnixDatagram::bind(folder.join("ready")).expect("the folder takes a socket");
        ready.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        let keeper = keeper(&folder, &namespace, programs.as_deref(), number);
        let engine = OwnEngine { build, folder, namespace, keeper };
        engine.await_ready(&ready);
        Ok(engine)
    }

    /// Its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    /// Runs a program inside its network, where published ports and nodes' addresses are.
    pub fn run_inside(&self, program: &str, arguments: &[&str]) -> Output {
        let namespace = format!("--net=/run/netns/{}", self.namespace);
        let output = Command::new("nsenter").arg(namespace).arg(program).args(arguments).output();
        output.expect("the program is installed")
    }

    /// The systemd protocol: the engine tells when it is ready.
    fn await_ready(&self, ready: &UnixDatagram) {
        let mut message = [0; 4096];
        loop {
            match ready.recv(&mut message) {
                Ok(length) if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") => return,
                Ok(_) => {}
                Err(error) => {
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    let lines: Vec<&str> = log.lines().collect();
                    let last = lines[lines.len().saturating_sub(10)..].join("\n");
                    panic!("engine {} is not ready: {error}\n{last}", self.build.name());
                }
            }
        }
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // The end of its input is what the keeper waits for.
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// The engine of this build that all tests of this process share.
pub fn shared(build: EngineBuild) -> Result<&'static OwnEngine, &'static Unavailable> {
    static ENGINES: [OnceLock<Result<OwnEngine, Unavailable>>; 3] = [const { OnceLock::new() }; 3];
    ENGINES[build as usize].get_or_init(|| OwnEngine::start(build)).as_ref()
}

fn keeper(folder: &Path, namespace: &str, programs: Option<&Path>, number: usize) -> Child {
    let path = std::env::var("PATH").unwrap_or_default();
    let (dockerd, path) = match programs {
        None => ("dockerd".to_string(), path),
        Some(root) => {
            // The later suites' container runtime wants a newer C library: this machine's own comes first.
            for program in ["runc", "docker-init"] {
                let found = path.split(':').map(|place| Path::new(place).join(program)).find(|file| file.exists());
                let found = found.unwrap_or_else(|| panic!("{program} is not installed"));
                std::os::unix::fs::symlink(found, folder.join("bin").join(program)).expect("the folder takes links");
            }
            let root = root.display();
            let path = format!("{}:{root}/usr/bin:{root}/usr/sbin:{path}", folder.join("bin").display());
            (format!("{root}/usr/sbin/dockerd"), path)
        }
    };
    let at = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(folder).arg(namespace).arg(dockerd);
    command.args(["--config-file", &at("daemon.json"), "-H", &format!("unix://{}", at("docker.sock"))]);
    command.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")]);
    command.args(["--storage-driver", "fuse-overlayfs"]);
    command.arg("--bip").arg(format!("172.30.{}.1/24", number % 64));
    command.arg("--default-address-pool").arg(format!("base=172.31.{}.0/18,size=24", number % 4 * 64));
    command.env("PATH", path).env("NOTIFY_SOCKET", at("ready"));
    // A group of its own, so that Ctrl-C reaches the test alone.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("there is a shell")
}

/// Clears away what is left of processes whose keeper was killed too.
fn sweep() {
    let alive = |name: &str| {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        process.is_none_or(|process| Path::new("/proc").join(process).exists())
    };
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !alive(name)).collect()
    };
    for name in names(Path::new("/run/netns")) {
        drop(Command::new("ip").args(["netns", "del", &name]).output());
    }
    for name in names(&std::env::temp_dir()) {
        drop(fs::remove_dir_all(std::env::temp_dir().join(name)));
    }
}
