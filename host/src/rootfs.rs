//! The `host` image: a root filesystem assembled from programs of the local machine, so that a first cluster needs no
//! registry, no download and no root. Everything here blocks and knows nothing of engines: the result is an archive,
//! the configuration to import it with, and a digest that identifies it.

mod data;
mod digest;
mod ld_so_conf;
mod loader;
mod login;
mod machine_root;
#[cfg(test)]
mod pretend;
mod programs;
#[cfg(test)]
mod tests;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::{Compression, GzBuilder};

use crate::error::{Error, Kind, Result};
use loader::Needs;
use machine_root::Link;
use programs::{Programs, STANDARD_FOLDERS};
use tree::Rootfs;

pub use machine_root::Machine;
pub use programs::Missing;

/// The default command of a container.
pub const COMMAND: [&str; 2] = ["sleep", "infinity"];

/// Shells, root's login shell first. An image without any is useless.
const SHELLS: [&str; 2] = ["bash", "sh"];

/// Folders that are links on many distributions. Files named through them must be found in the image too.
const LINKED_FOLDERS: [&str; 10] = [
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
];

/// A root filesystem whose entries are decided. So far only the headers of programs have been read.
#[derive(Debug)]
pub struct Recipe {
    machine: Machine,
    rootfs: Rootfs,
    missing: Vec<Missing>,
    configuration: Vec<String>,
}

impl Recipe {
    /// Resolves programs of the local machine, by name, to everything they need. Programs that cannot be included are
    /// listed in [`Recipe::missing`]; `sh` (or `bash` under that name) and `sleep` are always included.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an invalid name, [`Kind::Image`] if the machine has no shell or no `sleep`.
    pub fn resolve(programs: &[String]) -> Result<Recipe> {
        Recipe::resolve_on(Machine::local(), programs)
    }

    /// Resolves programs of `machine`.
    ///
    /// # Errors
    /// See [`Recipe::resolve`].
    pub fn resolve_on(machine: Machine, programs: &[String]) -> Result<Recipe> {
        if let Some(name) = programs
            .iter()
            .find(|name| name.is_empty() || name.contains('/'))
        {
            return Err(
                Error::new(Kind::Usage, format!("`{name}` is not a program name"))
                    .hint("list programs by command name, e.g. `ip`, without a folder"),
            );
        }
        let mut rootfs = Rootfs::default();
        add_linked_folders(&mut rootfs, &machine);
        let mut known = Programs::new(&machine);
        add_essentials(&mut rootfs, &mut known)?;
        let missing = add_programs(&mut rootfs, &mut known, programs);
        add_data(&mut rootfs, &machine, &mut known);
        add_login(&mut rootfs);
        let configuration = configuration(data::has_unicode(&machine));
        Ok(Recipe {
            machine,
            rootfs,
            missing,
            configuration,
        })
    }

    /// The requested programs that the image does not contain, in the order of the request.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The image configuration, as Dockerfile instructions.
    pub fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// Sixteen hex digits that change with every name, mode, file content and with the configuration. The files (about
    /// 25 MB) are only read if some size, time or inode is new: earlier digests are recorded in a file in the folder
    /// `cache`, which is created if missing.
    ///
    /// # Errors
    /// [`Kind::Image`] if a file cannot be read or has changed since [`Recipe::resolve`].
    pub fn digest(&self, cache: &Path) -> Result<String> {
        digest::of(
            &self.rootfs,
            &self.machine,
            &self.configuration,
            cache,
            SystemTime::now(),
        )
    }

    /// Writes the root filesystem as a tar archive. The same content always gives the same bytes.
    ///
    /// # Errors
    /// [`Kind::Image`] if a file cannot be read or has changed since [`Recipe::resolve`], or if `out` fails.
    pub fn write_tar(&self, packing: Packing, out: impl Write) -> Result<()> {
        match packing {
            Packing::Plain => self.rootfs.write_tar(&self.machine, out),
            Packing::Gzip => {
                let mut gzip = GzBuilder::new().mtime(0).write(out, Compression::fast());
                self.rootfs.write_tar(&self.machine, &mut gzip)?;
                let ended = gzip.finish().and_then(|mut out| out.flush());
                ended.map_err(|error| {
                    Error::new(Kind::Image, "cannot write the archive").cause(error)
                })
            }
        }
    }
}

/// Whether the archive is compressed. The digest covers its contents, so it is the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Fastest for a local engine that stores layers unpacked: 46 MB are written in 0.05 s and imported in 0.3 s.
    Plain,
    /// Half the size, written in 0.3 s and imported in 0.5 s: for remote engines, and for those that store layers
    /// compressed and would compress it themselves.
    Gzip,
}

fn add_linked_folders(rootfs: &mut Rootfs, machine: &Machine) {
    let folders = LINKED_FOLDERS
        .iter()
        .filter_map(|folder| machine.follow(Path::new(folder)).ok());
    for found in folders.filter(|found| found.stat.is_dir()) {
        rootfs.copy(&found);
    }
}

/// Adds a shell, since hardly anything works without one, and the command that keeps a node running.
fn add_essentials(rootfs: &mut Rootfs, known: &mut Programs) -> Result<()> {
    let missing = |what: &str, reason: String, package: &str| {
        Error::new(Kind::Image, format!("the `host` image requires {what}"))
            .cause(reason)
            .hint(format!(
                "install {package}, or choose another image with `--operating-system`"
            ))
    };
    let shell = known.needs("sh").or_else(|_| known.needs("bash"));
    let shell = shell.map_err(|reason| {
        let reason = format!("neither `sh` nor `bash` can be used: {reason}");
        missing("a shell", reason, "bash")
    })?;
    let command = known
        .needs(COMMAND[0])
        .map_err(|reason| missing(&format!("`{}`", COMMAND[0]), reason, "coreutils"))?;
    add(rootfs, &shell);
    add(rootfs, &command);
    Ok(())
}

fn add_programs(rootfs: &mut Rootfs, known: &mut Programs, names: &[String]) -> Vec<Missing> {
    let mut missing = Vec::new();
    for name in names {
        match known.needs(name) {
            Ok(needs) => add(rootfs, &needs),
            // If bash is the only shell, `add_login` links it to this name.
            Err(_) if name == "sh" => {}
            Err(reason) => missing.push(Missing {
                program: name.clone(),
                reason,
            }),
        }
    }
    missing
}

fn add_data(rootfs: &mut Rootfs, machine: &Machine, known: &mut Programs) {
    for path in data::wanted(machine, rootfs.names()) {
        match known.needs_of_data(&path) {
            Ok(needs) => add(rootfs, &needs),
            Err(reason) => {
                log::debug!(
                    "the host image does not contain `{}`: {reason}",
                    path.display()
                )
            }
        }
    }
}

fn add_login(rootfs: &mut Rootfs) {
    let shell = SHELLS
        .into_iter()
        .flat_map(|name| STANDARD_FOLDERS.map(|folder| Path::new(folder).join(name)))
        .find(|path| rootfs.contains(path));
    if let Some(shell) = shell {
        rootfs.link(&Link {
            at: PathBuf::from("/bin/sh"),
            target: shell.clone(),
        });
        login::add_files(rootfs, &shell);
    }
}

fn add(rootfs: &mut Rootfs, needs: &Needs) {
    needs.found.iter().for_each(|found| rootfs.copy(found));
    needs.links.iter().for_each(|link| rootfs.link(link));
}

fn configuration(has_unicode: bool) -> Vec<String> {
    let mut lines = vec![
        format!("CMD {COMMAND:?}"),
        format!("ENV PATH={}", STANDARD_FOLDERS.join(":")),
        "WORKDIR /root".to_owned(),
    ];
    if has_unicode {
        lines.push("ENV LANG=C.UTF-8".to_owned());
    }
    lines
}
