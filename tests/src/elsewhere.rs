//! Remote engines: in a separate network namespace, connected by a virtual cable, so neither loopback nor `/run` is
//! shared with them. They are reached over tcp, with or without TLS, or over ssh.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::dockerd::{EngineBuild, OwnEngine, Unavailable};
use crate::run::assert_success;
use crate::scene::Scene;
use crate::sshd::Sshd;

/// How the engine listens on its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// In plain text.
    Tcp,
    /// TLS, for clients with a certificate.
    Tls,
    /// Not at all; an sshd listens instead.
    Ssh,
}

/// A remote engine.
pub struct Elsewhere {
    /// The engine. Its own address is its socket.
    pub engine: OwnEngine,
    /// How it listens.
    pub door: Door,
    /// The address at which this machine reaches it, and for which its certificate is valid.
    pub address: Ipv4Addr,
    /// Another address of it, for which its certificate is not valid.
    pub other_address: Ipv4Addr,
    sshd: Option<Sshd>,
    files: tempfile::TempDir,
}

impl Elsewhere {
    /// Starts a remote engine.
    ///
    /// # Errors
    /// As [`OwnEngine::start`]; or no sshd is available.
    ///
    /// # Panics
    /// The cable cannot be created.
    pub fn start(build: EngineBuild, door: Door) -> Result<Elsewhere, Unavailable> {
        let files = tempfile::tempdir().expect("there is room for temporary files");
        let cable = Cable::new();
        let engine = OwnEngine::configured(build, &configured(build, door, files.path(), &cable))?;
        cable.lay(&engine);
        let sshd = match door {
            Door::Ssh => {
                let sshd = Sshd::start(engine.process(), cable.engine, files.path());
                Some(sshd.map_err(|reason| Unavailable {
                    name: "sshd",
                    reason,
                })?)
            }
            Door::Tcp | Door::Tls => None,
        };
        Ok(Elsewhere {
            engine,
            door,
            address: cable.engine,
            other_address: cable.engine_too,
            sshd,
            files,
        })
    }

    /// The address to connect to.
    pub fn url(&self) -> String {
        self.url_at(self.address)
    }

    /// The same with its other address.
    pub fn url_at(&self, address: Ipv4Addr) -> String {
        match self.door {
            Door::Tcp => format!("tcp://{address}:2375"),
            Door::Tls => format!("tcp://{address}:2376"),
            Door::Ssh => format!("ssh://root@{address}{}", self.engine.socket().display()),
        }
    }

    /// A scene on it.
    pub fn scene(&self, what: &str) -> Scene {
        let scene = Scene::on(&self.url(), what);
        match (&self.sshd, self.door) {
            (Some(sshd), _) => scene.with("PATH", sshd.path()),
            (_, Door::Tls) => scene
                .with("DOCKER_TLS_VERIFY", "1")
                .with("DOCKER_CERT_PATH", self.files("client")),
            _ => scene,
        }
    }

    /// A folder with certificates: `client` has all that is required, `anonymous` only the authority, `stranger` a
    /// certificate from another authority, and `lost` another authority.
    pub fn files(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Creates a folder on its machine.
    pub fn make_there(&self, folder: &str) {
        let target = self.engine.process().to_string();
        done(
            &Command::new("nsenter")
                .args(["--target", &target, "--mount", "mkdir", folder])
                .output(),
        );
    }

    /// Its sshd.
    pub fn sshd(&self) -> &Sshd {
        self.sshd.as_ref().expect("an sshd was wanted")
    }
}

fn configured(build: EngineBuild, door: Door, files: &Path, cable: &Cable) -> Value {
    match door {
        Door::Ssh => json!({}),
        // Newer engines require this flag for plain text; 20.10 takes it as a request for TLS.
        Door::Tcp if build == EngineBuild::Installed => json!({"hosts": ["tcp://0.0.0.0:2375"]}),
        Door::Tcp => json!({"hosts": ["tcp://0.0.0.0:2375"], "tlsverify": false}),
        Door::Tls => {
            let (authority, other) = (Authority::new("engine"), Authority::new("other"));
            for folder in ["server", "client", "anonymous", "stranger"] {
                authority.write(&files.join(folder));
            }
            other.write(&files.join("lost"));
            authority.issue(
                &files.join("server"),
                &[cable.engine.to_string(), "engine.example".into()],
            );
            authority.issue(&files.join("client"), &[]);
            authority.issue(&files.join("lost"), &[]);
            other.issue(&files.join("stranger"), &[]);
            let server = files.join("server");
            json!({
                "hosts": ["tcp://0.0.0.0:2376"],
                "tlsverify": true,
                "tlscacert": server.join("ca.pem"),
                "tlscert": server.join("cert.pem"),
                "tlskey": server.join("key.pem"),
            })
        }
    }
}

/// Creates both ends of a cable, in a subnet that the benchmarks do not use. The cable is removed with either end.
struct Cable {
    name: String,
    here: Ipv4Addr,
    engine: Ipv4Addr,
    engine_too: Ipv4Addr,
}

impl Cable {
    fn new() -> Cable {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // One of 2^14 subnets with 8 addresses each, by the process id.
        let number = (std::process::id() * 16 + COUNT.fetch_add(1, Ordering::Relaxed)) % (1 << 14);
        let address =
            |host: u32| Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number * 8 + host);
        Cable {
            name: format!("cd-{number:x}"),
            here: address(1),
            engine: address(2),
            engine_too: address(3),
        }
    }

    fn lay(&self, engine: &OwnEngine) {
        let Cable {
            name,
            here,
            engine: there,
            engine_too,
        } = self;
        let process = engine.process().to_string();
        let here_and_there = format!(
            "ip link add {name} type veth peer name uplink netns {process} && ip address add {here}/29 dev {name} && \
             ip link set {name} up"
        );
        done(&Command::new("sh").args(["-c", &here_and_there]).output());
        let inside = format!(
            "ip address add {there}/29 dev uplink && ip address add {engine_too}/29 dev uplink && ip link set uplink up"
        );
        done(&Ok(engine.run_inside("sh", &["-c", &inside])));
    }
}

fn done(output: &std::io::Result<std::process::Output>) {
    let output = output.as_ref().expect("there is a shell");
    assert_success(output);
}
