//! The `host` image: a root filesystem assembled from programs of this machine, so that a first cluster needs no
//! registry, no download and no root. All of it is blocking, and nothing here knows of an engine: what comes out is
//! one archive, the configuration to import it with, and a digest to know it by.

mod data;
mod digest;
mod elf;
mod library;
mod login;
mod machine;
#[cfg(test)]
mod pretend;
mod program;
mod rootfs;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::{Compression, GzBuilder};

pub use machine::Machine;
pub use program::Missing;

use crate::error::{Error, Kind, Result};
use library::Needs;
use machine::Link;
use program::{Programs, STANDARD_FOLDERS};
use rootfs::Rootfs;

/// What a container of the image runs when it is told nothing else.
pub const COMMAND: [&str; 2] = ["sleep", "infinity"];

/// Shells, the one for root's login first. An image without any is of no use.
const SHELLS: [&str; 2] = ["bash", "sh"];

/// Folders that many distributions have as links: what names a file by them has to find it.
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

/// A root filesystem with every entry decided and no file read yet, apart from the headers of programs.
#[derive(Debug)]
pub struct Recipe {
    machine: Machine,
    rootfs: Rootfs,
    missing: Vec<Missing>,
    configuration: Vec<String>,
}

impl Recipe {
    /// Decides what the programs of these names need, on this machine. Programs that cannot be taken along are left
    /// out and listed in [`Recipe::missing`]; `sh` (or, without it, `bash` under that name) and `sleep` always come.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what is not a name, [`Kind::Image`] when the machine has no shell or no `sleep`.
    pub fn resolve(programs: &[String]) -> Result<Recipe> {
        Recipe::resolve_on(Machine::local(), programs)
    }

    /// The same with the programs of `machine`.
    ///
    /// # Errors
    /// As [`Recipe::resolve`].
    pub fn resolve_on(machine: Machine, programs: &[String]) -> Result<Recipe> {
        if let Some(name) = programs.iter().find(|name| name.is_empty() || name.contains('/')) {
            return Err(Error::new(Kind::Usage, format!("`{name}` is not a program's name"))
                .hint("list programs as they are called in a shell, for example `ip`, without a folder"));
        }
        let mut rootfs = Rootfs::default();
        add_linked_folders(&mut rootfs, &machine);
        let mut known = Programs::new(&machine);
        add_essentials(&mut rootfs, &mut known)?;
        let missing = add_programs(&mut rootfs, &mut known, programs);
        add_data(&mut rootfs, &machine, &mut known);
        add_login(&mut rootfs);
        let configuration = configuration(data::has_unicode(&machine));
        Ok(Recipe { machine, rootfs, missing, configuration })
    }

    /// The programs that the image goes without, in the order in which they were asked for.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// What to import the archive with, as lines of a Dockerfile.
    pub fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// Sixteen hex digits that change whenever a name, a mode, the content of a file or the configuration does. Only
    /// when some file's size, time or inode is new are the files read (some 25 MB): what came out last is noted in a
    /// file in `cache`, a folder which is made if need be.
    ///
    /// # Errors
    /// [`Kind::Image`] when a file cannot be read, or was changed since [`Recipe::resolve`].
    pub fn digest(&self, cache: &Path) -> Result<String> {
        digest::of(&self.rootfs, &self.machine, &self.configuration, cache, SystemTime::now())
    }

    /// Writes the root filesystem as a tar archive, the same bytes for the same content.
    ///
    /// # Errors
    /// [`Kind::Image`] when a file cannot be read or was changed since [`Recipe::resolve`], or `out` fails.
    pub fn write_tar(&self, packing: Packing, out: impl Write) -> Result<()> {
        match packing {
            Packing::Plain => self.rootfs.write_tar(&self.machine, out),
            Packing::Gzip => {
                let mut gzip = GzBuilder::new().mtime(0).write(out, Compression::fast());
                self.rootfs.write_tar(&self.machine, &mut gzip)?;
                let ended = gzip.finish().and_then(|mut out| out.flush());
                ended.map_err(|error| Error::new(Kind::Image, "cannot write the archive").cause(error))
            }
        }
    }
}

/// Whether the archive is compressed. The digest is of what is in it, and the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Quickest into an engine on this machine that stores layers unpacked: 46 MB are written in 0.05 s and imported
    /// in 0.3 s.
    Plain,
    /// Half the size, written in 0.3 s and imported in 0.5 s: for engines far away, and for those that keep layers
    /// compressed and would do it themselves.
    Gzip,
}

fn add_linked_folders(rootfs: &mut Rootfs, machine: &Machine) {
    let folders = LINKED_FOLDERS.iter().filter_map(|folder| machine.follow(Path::new(folder)).ok());
    for found in folders.filter(|found| found.stat.is_dir()) {
        rootfs.bring(&found);
    }
}

/// A shell, since hardly anything works without one, and what keeps a node running.
fn add_essentials(rootfs: &mut Rootfs, known: &mut Programs) -> Result<()> {
    let without = |what: &str, reason: String| {
        Error::new(Kind::Image, format!("the `host` image cannot be made without {what}")).cause(reason)
    };
    let shell = known.needs("sh").or_else(|_| known.needs("bash"));
    let shell = shell.map_err(|reason| {
        without("a shell", format!("neither `sh` nor `bash` can be taken: {reason}"))
            .hint("install bash, or choose another image with `--operating-system`")
    })?;
    let command = known.needs(COMMAND[0]).map_err(|reason| {
        without(&format!("`{}`", COMMAND[0]), reason)
            .hint("install coreutils, or choose another image with `--operating-system`")
    })?;
    add(rootfs, &shell);
    add(rootfs, &command);
    Ok(())
}

fn add_programs(rootfs: &mut Rootfs, known: &mut Programs, names: &[String]) -> Vec<Missing> {
    let mut missing = Vec::new();
    for name in names {
        match known.needs(name) {
            Ok(needs) => add(rootfs, &needs),
            // Where bash is the only shell, `add_login` gives it this name.
            Err(_) if name == "sh" => {}
            Err(reason) => missing.push(Missing { program: name.clone(), reason }),
        }
    }
    missing
}

fn add_data(rootfs: &mut Rootfs, machine: &Machine, known: &mut Programs) {
    for path in data::wanted(machine, rootfs.names()) {
        match known.needs_of_data(&path) {
            Ok(needs) => add(rootfs, &needs),
            Err(reason) => log::debug!("the host image goes without `{}`: {reason}", path.display()),
        }
    }
}

fn add_login(rootfs: &mut Rootfs) {
    let in_folders = |name| STANDARD_FOLDERS.iter().map(move |folder| Path::new(folder).join(name));
    if let Some(shell) = SHELLS.into_iter().flat_map(in_folders).find(|path| rootfs.reaches(path)) {
        rootfs.link(&Link { at: PathBuf::from("/bin/sh"), target: shell.clone() });
        login::furnish(rootfs, &shell);
    }
}

fn add(rootfs: &mut Rootfs, needs: &Needs) {
    needs.found.iter().for_each(|found| rootfs.bring(found));
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
