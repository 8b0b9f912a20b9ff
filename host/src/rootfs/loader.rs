//! Finds the libraries of a program as the dynamic loader would, without running it (or `ldd`, or `ldconfig`).
//!
//! The image has no loader cache. A library that the local loader finds only because of `/etc/ld.so.conf` therefore
//! also gets a link in the folder of the C library, which every loader searches by default.
//!
//! Why not the crate `lddtree` (0.5.1 of 2026-07-08): it applies `DT_RPATH` to direct libraries only, not to those
//! below them, walks depth first, and reads `/etc/ld.so.conf` and symbolic links of `/` even when given another root.
//! It reports neither the links on the way, nor which folder a library was found in, nor a file that cannot be read,
//! and all three decide what goes into the image. It would add goblin, memmap2, glob and fs-err beside `object`, which
//! the plugin inspection needs anyway. Neither reads `ld.so.cache` or glibc-hwcaps.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ld_so_conf;
use super::machine_root::{Found, Link, Machine};
use crate::elf::{Format, Linkage};

/// Folders that loaders search last, across distributions.
const BUILT_IN: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

/// Libraries that glibc opens by name to look up hosts and users or to end a thread, without declaring them.
const LOADED_LATER: [&str; 4] = [
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libresolv.so.2",
    "libgcc_s.so.1",
];

/// What an image must contain for a program or file to work there as on the machine.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Files to copy, each with the links that lead to it.
    pub(super) found: Vec<Found>,
    /// Links that the machine does not have.
    pub(super) links: Vec<Link>,
}

/// The dynamic loader of a machine. Each file is read once.
#[derive(Debug)]
pub(super) struct Loader<'m> {
    machine: &'m Machine,
    configured: Vec<PathBuf>,
    built_in: Vec<PathBuf>,
    objects: HashMap<PathBuf, Result<Option<Rc<Object>>, String>>,
}

/// An ELF file, under the path by which it was opened.
#[derive(Debug)]
struct Object {
    at: PathBuf,
    found: Found,
    elf: Linkage,
}

/// An object in a process, and the object that needed it.
struct Member {
    object: Rc<Object>,
    needed_by: Option<usize>,
    /// The folder it was found in, if every program searches that folder.
    shared_folder: Option<PathBuf>,
}

impl<'m> Loader<'m> {
    pub(super) fn new(machine: &'m Machine) -> Loader<'m> {
        let built_in = BUILT_IN.map(PathBuf::from).to_vec();
        Loader {
            machine,
            configured: ld_so_conf::folders(machine),
            built_in: ld_so_conf::real_folders(machine, built_in),
            objects: HashMap::new(),
        }
    }

    /// Adds the loader and the libraries of the ELF file at `path`. Returns `Ok(false)` if it is not ELF; an error names
    /// what is missing.
    pub(super) fn gather(&mut self, path: &Path, needs: &mut Needs) -> Result<bool, String> {
        let Some(program) = self.object(path)? else {
            return Ok(false);
        };
        let mut folders = self.configured.clone();
        if let Some(interpreter) = &program.elf.interpreter {
            let loader = self
                .object(interpreter)?
                .ok_or_else(|| missing("its loader", interpreter))?;
            folders.extend(loader.found.real.parent().map(Path::to_owned));
            needs.found.push(loader.found.clone());
        }
        folders.extend(self.built_in.iter().cloned());
        let members = self.load(program, &folders)?;
        needs.links.extend(shared_links(&members));
        needs.found.extend(
            members
                .into_iter()
                .map(|member| member.object.found.clone()),
        );
        Ok(true)
    }

    /// The program and its libraries, breadth first like the loader.
    fn load(&mut self, program: Rc<Object>, folders: &[PathBuf]) -> Result<Vec<Member>, String> {
        let mut seen = HashSet::new();
        let mut members = vec![Member {
            object: program,
            needed_by: None,
            shared_folder: None,
        }];
        let mut next = 0;
        while let Some(member) = members.get(next) {
            let object = Rc::clone(&member.object);
            for name in object
                .elf
                .needed
                .iter()
                .filter(|name| seen.insert(name.to_path_buf()))
            {
                let member = self.search(&members, next, name, folders)?;
                members.push(member.ok_or_else(|| missing("its library", name))?);
            }
            if is_c_library(&object.at) {
                for name in LOADED_LATER.map(Path::new) {
                    if let Some(member) = self.search(&members, next, name, folders)?
                        && seen.insert(name.to_owned())
                    {
                        members.push(member);
                    }
                }
            }
            next += 1;
        }
        Ok(members)
    }

    /// The library `name` as the loader finds it for `members[by]`.
    fn search(
        &mut self,
        members: &[Member],
        by: usize,
        name: &Path,
        folders: &[PathBuf],
    ) -> Result<Option<Member>, String> {
        let format = members[by].object.elf.format;
        let member = |object, shared_folder| Member {
            object,
            needed_by: Some(by),
            shared_folder,
        };
        if name.components().count() > 1 {
            return Ok(self
                .object_of(format, name)?
                .map(|object| member(object, None)));
        }
        for folder in own_folders(members, by) {
            if let Some(object) = self.object_of(format, &folder.join(name))? {
                return Ok(Some(member(object, None)));
            }
        }
        for folder in folders {
            if let Some(object) = self.object_of(format, &folder.join(name))? {
                return Ok(Some(member(object, Some(folder.clone()))));
            }
        }
        Ok(None)
    }

    fn object_of(&mut self, format: Format, path: &Path) -> Result<Option<Rc<Object>>, String> {
        Ok(self
            .object(path)?
            .filter(|object| object.elf.format == format))
    }

    fn object(&mut self, path: &Path) -> Result<Option<Rc<Object>>, String> {
        if let Some(known) = self.objects.get(path) {
            return known.clone();
        }
        let object = self.read(path);
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn read(&self, path: &Path) -> Result<Option<Rc<Object>>, String> {
        let unreadable =
            |cause: &dyn std::fmt::Display| format!("`{}` cannot be read: {cause}", path.display());
        let found = match self.machine.follow(path) {
            Ok(found) if found.stat.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        let file = self
            .machine
            .open(&found.real)
            .map_err(|error| unreadable(&error))?;
        let elf = Linkage::read(file).map_err(|error| unreadable(&error))?;
        Ok(elf.map(|elf| {
            Rc::new(Object {
                at: path.to_owned(),
                found,
                elf,
            })
        }))
    }
}

/// The folders that `members[by]` names itself. With `DT_RPATH`, the objects that needed it add theirs.
fn own_folders(members: &[Member], by: usize) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if members[by].object.elf.runpath.is_empty() {
        let mut next = Some(by);
        while let Some(member) = next.map(|index| &members[index]) {
            if member.object.elf.runpath.is_empty() {
                folders.extend(member.expand(&member.object.elf.rpath));
            }
            next = member.needed_by;
        }
    }
    folders.extend(members[by].expand(&members[by].object.elf.runpath));
    folders
}

impl Member {
    /// Replaces `$ORIGIN` with the folder of the object; for the program that is its real folder, as the kernel reports
    /// it.
    fn expand(&self, folders: &[String]) -> Vec<PathBuf> {
        let path = if self.needed_by.is_none() {
            &self.object.found.real
        } else {
            &self.object.at
        };
        let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
        let expand = |folder: &String| {
            folder
                .replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin)
        };
        folders
            .iter()
            .map(expand)
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .collect()
    }
}

/// Links next to the C library for libraries in folders that only the configuration of the local machine names.
fn shared_links(members: &[Member]) -> Vec<Link> {
    let c_library = members
        .iter()
        .find(|member| is_c_library(&member.object.at));
    let Some(home) = c_library.and_then(|member| member.shared_folder.as_deref()) else {
        return Vec::new();
    };
    let built_in = [home.to_owned(), usr_counterpart(home)];
    let mut links = Vec::new();
    for member in members {
        if let Some(folder) = &member.shared_folder
            && !built_in.contains(folder)
            && let Some(name) = member.object.at.file_name()
        {
            links.push(Link {
                at: home.join(name),
                target: member.object.at.clone(),
            });
        }
    }
    links
}

/// Loaders search a folder and its counterpart with or without `/usr`.
fn usr_counterpart(folder: &Path) -> PathBuf {
    match folder.strip_prefix("/usr") {
        Ok(rest) => Path::new("/").join(rest),
        Err(_) => Path::new("/usr").join(folder.strip_prefix("/").unwrap_or(folder)),
    }
}

fn is_c_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libc.so.") || name.starts_with("libc.musl-")
}

fn is_not_found(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

fn missing(what: &str, path: &Path) -> String {
    format!("{what} `{}` is missing", path.display())
}

#[cfg(test)]
mod tests;
