//! The builds of engines that tests start.

use std::path::Path;

use rustix::process::geteuid;

use crate::suite;

/// The builds of engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineBuild {
    /// The one installed on this machine.
    Installed,
    /// The one in Debian 13.
    Trixie,
    /// The one in Debian's unstable suite, as of the day it was fetched.
    Sid,
}

impl EngineBuild {
    /// All builds.
    pub const ALL: [EngineBuild; 3] = [
        EngineBuild::Installed,
        EngineBuild::Trixie,
        EngineBuild::Sid,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            EngineBuild::Installed => "installed",
            EngineBuild::Trixie => "trixie",
            EngineBuild::Sid => "sid",
        }
    }

    /// A PATH that begins with its programs. The container runtime and the init are always the machine's.
    pub(super) fn path(self) -> Result<String, String> {
        if !geteuid().is_root() {
            return Err("only root can start one".into());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        match self {
            EngineBuild::Installed
                if path
                    .split(':')
                    .any(|place| Path::new(place).join("dockerd").exists()) =>
            {
                Ok(path)
            }
            EngineBuild::Installed => Err("no `dockerd` is on the PATH".into()),
            EngineBuild::Trixie | EngineBuild::Sid => {
                let root = suite::unpacked(self.name())?;
                Ok(format!(
                    "{root}/usr/bin:{root}/usr/sbin:{path}",
                    root = root.display()
                ))
            }
        }
    }
}
