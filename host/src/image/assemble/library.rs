//! Which libraries a program gets: the search of the dynamic loader, without running it (or `ldd`, or `ldconfig`).
//!
//! The image has no loader cache. So a library that this machine's loader finds only because of `/etc/ld.so.conf`
//! also gets a link in the folder of the C library, which every loader looks into by itself.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::elf::{self, Elf, Format};
use super::machine::{Found, Link, Machine};

const CONFIGURATION: &str = "/etc/ld.so.conf";

/// Where loaders look in the end, whatever their distribution.
const BUILT_IN: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

/// What the GNU C library loads by name when asked for a host, a user or the end of a thread, without declaring it.
const LOADED_LATER: [&str; 4] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1"];

/// What has to be in an image for something to work there as it does on the machine.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Files to take along, each with the links that lead to it.
    pub(super) found: Vec<Found>,
    /// Links that the machine does without.
    pub(super) links: Vec<Link>,
}

/// The dynamic loader of a machine. It reads each file once.
#[derive(Debug)]
pub(super) struct Loader<'m> {
    machine: &'m Machine,
    configured: Vec<PathBuf>,
    built_in: Vec<PathBuf>,
    objects: HashMap<PathBuf, Result<Option<Rc<Object>>, String>>,
}

/// An ELF file under the path by which it was opened.
#[derive(Debug)]
struct Object {
    at: PathBuf,
    found: Found,
    elf: Elf,
}

/// An object in a process, and the one that needed it.
struct Member {
    object: Rc<Object>,
    needed_by: Option<usize>,
    /// The folder, if it was one that holds for every program.
    general: Option<PathBuf>,
}

impl<'m> Loader<'m> {
    pub(super) fn new(machine: &'m Machine) -> Loader<'m> {
        let mut configured = Vec::new();
        read_configuration(machine, Path::new(CONFIGURATION), &mut configured);
        let built_in = BUILT_IN.map(PathBuf::from).to_vec();
        Loader {
            machine,
            configured: real_folders(machine, configured),
            built_in: real_folders(machine, built_in),
            objects: HashMap::new(),
        }
    }

    /// Adds what the ELF file at `path` has to find to run: loader and libraries. `Ok(false)` when it is not ELF; an
    /// error says what is missing.
    pub(super) fn gather(&mut self, path: &Path, needs: &mut Needs) -> Result<bool, String> {
        let Some(program) = self.object(path)? else { return Ok(false) };
        let mut folders = self.configured.clone();
        if let Some(interpreter) = &program.elf.interpreter {
            let loader = self.object(interpreter)?.ok_or_else(|| not_there("its loader", interpreter))?;
            folders.extend(loader.found.real.parent().map(Path::to_owned));
            needs.found.push(loader.found.clone());
        }
        folders.extend(self.built_in.iter().cloned());
        let members = self.load(program, &folders)?;
        needs.links.extend(general_links(&members));
        needs.found.extend(members.into_iter().map(|member| member.object.found.clone()));
        Ok(true)
    }

    /// The program and its libraries, breadth first as the loader takes them.
    fn load(&mut self, program: Rc<Object>, folders: &[PathBuf]) -> Result<Vec<Member>, String> {
        let mut seen = HashSet::new();
        let mut members = vec![Member { object: program, needed_by: None, general: None }];
        let mut next = 0;
        while let Some(member) = members.get(next) {
            let object = Rc::clone(&member.object);
            for name in object.elf.needed.iter().filter(|name| seen.insert(name.to_path_buf())) {
                let member = self.search(&members, next, name, folders)?;
                members.push(member.ok_or_else(|| not_there("its library", name))?);
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
        let member = |object, general| Member { object, needed_by: Some(by), general };
        if name.components().count() > 1 {
            return Ok(self.object_of(format, name)?.map(|object| member(object, None)));
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
        Ok(self.object(path)?.filter(|object| object.elf.format == format))
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
        let unreadable = |cause: &dyn std::fmt::Display| format!("`{}` cannot be read: {cause}", path.display());
        let found = match self.machine.follow(path) {
            Ok(found) if found.stat.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        let file = self.machine.open(&found.real).map_err(|error| unreadable(&error))?;
        let elf = elf::read(file).map_err(|error| unreadable(&error))?;
        Ok(elf.map(|elf| Rc::new(Object { at: path.to_owned(), found, elf })))
    }
}

/// The folders that `members[by]` names itself, and with the old kind of names also those who needed it.
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
    /// Puts the folder of the object in the place of `$ORIGIN`: for the program its real one, as the kernel says it.
    fn expand(&self, folders: &[String]) -> Vec<PathBuf> {
        let path = if self.needed_by.is_none() { &self.object.found.real } else { &self.object.at };
        let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
        let expand = |folder: &String| folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
        folders.iter().map(expand).map(PathBuf::from).filter(|folder| folder.is_absolute()).collect()
    }
}

/// Links beside the C library for what lies in folders that only this machine's configuration knows.
fn general_links(members: &[Member]) -> Vec<Link> {
    let c_library = members.iter().find(|member| is_c_library(&member.object.at));
    let Some(home) = c_library.and_then(|member| member.general.as_deref()) else { return Vec::new() };
    let built_in = [home.to_owned(), other_half(home)];
    let mut links = Vec::new();
    for member in members {
        if let Some(folder) = &member.general
            && !built_in.contains(folder)
            && let Some(name) = member.object.at.file_name()
        {
            links.push(Link { at: home.join(name), target: member.object.at.clone() });
        }
    }
    links
}

/// Loaders look into a folder and into the one of the same name with or without `/usr`.
fn other_half(folder: &Path) -> PathBuf {
    match folder.strip_prefix("/usr") {
        Ok(rest) => Path::new("/").join(rest),
        Err(_) => Path::new("/usr").join(folder.strip_prefix("/").unwrap_or(folder)),
    }
}

fn is_c_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libc.so.") || name.starts_with("libc.musl-")
}

/// Collects the folders of `ld.so.conf`. Files that cannot be read count for nothing, as for the loader.
fn read_configuration(machine: &Machine, file: &Path, folders: &mut Vec<PathBuf>) {
    for line in machine.text(file).unwrap_or_default().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include").filter(|rest| rest.starts_with(char::is_whitespace)) {
            let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern.trim());
            for included in matching(machine, &pattern) {
                read_configuration(machine, &included, folders);
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
}

/// The files of a pattern with at most one `*`, in its last part: what `include` is used with.
fn matching(machine: &Machine, pattern: &Path) -> Vec<PathBuf> {
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else { return vec![pattern.to_owned()] };
    let fits = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let names = machine.names(folder).unwrap_or_default();
    names.iter().filter(|name| fits(name)).map(|name| folder.join(name)).collect()
}

/// Those folders that are there, by their real paths, each once.
fn real_folders(machine: &Machine, folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let real = folders.into_iter().filter_map(|folder| machine.follow(&folder).ok());
    real.filter(|found| found.stat.is_dir()).map(|found| found.real).filter(|real| seen.insert(real.clone())).collect()
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

fn not_there(what: &str, path: &Path) -> String {
    format!("{what} `{}` is not there", path.display())
}

#[cfg(test)]
mod tests {
    use super::super::pretend::{Pretend, Shape};
    use super::*;

    /// The real paths of all that `path` needs, without the loader and the C library, and the links.
    fn gathered(machine: &Pretend, path: &str) -> Result<(Vec<String>, Vec<Link>), String> {
        let machine = machine.machine();
        let mut needs = Needs::default();
        assert!(Loader::new(&machine).gather(Path::new(path), &mut needs)?, "`{path}` is not ELF");
        let real = needs.found.iter().map(|found| found.real.to_string_lossy().into_owned());
        let usual = ["/usr/lib64/ld-linux.so.2", "/usr/lib64/libc.so.6", path];
        Ok((real.filter(|real| !usual.contains(&real.as_str())).collect(), needs.links))
    }

    fn files(machine: &Pretend, path: &str) -> Vec<String> {
        gathered(machine, path).unwrap().0
    }

    #[test]
    fn libraries_of_libraries_come_along_and_each_once() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/tool", &["liba.so", "libb.so"]);
        machine.elf("/usr/lib/liba.so", &Shape { needed: &["libb.so", "libc.so.6"], ..Shape::default() });
        machine.elf("/usr/lib/libb.so", &Shape { needed: &["liba.so"], ..Shape::default() });
        assert_eq!(files(&machine, "/usr/bin/tool"), ["/usr/lib/liba.so", "/usr/lib/libb.so"]);
    }

    #[test]
    fn a_missing_library_or_loader_is_named() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/tool", &["libgone.so.1"]);
        assert_eq!(gathered(&machine, "/usr/bin/tool").unwrap_err(), "its library `libgone.so.1` is not there");
        machine.elf("/usr/bin/tool", &Shape { interpreter: Some("/lib/ld-gone.so"), ..Shape::default() });
        assert_eq!(gathered(&machine, "/usr/bin/tool").unwrap_err(), "its loader `/lib/ld-gone.so` is not there");
    }

    #[test]
    fn a_library_for_other_processors_is_passed_over() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/tool", &["liba.so"]);
        machine.elf("/usr/lib64/liba.so", &Shape { narrow: true, ..Shape::default() });
        machine.elf("/usr/lib/liba.so", &Shape::default());
        assert_eq!(files(&machine, "/usr/bin/tool"), ["/usr/lib/liba.so"]);
    }

    #[test]
    fn origin_is_the_real_folder_of_a_program() {
        let machine = Pretend::usual();
        let shape = Shape { needed: &["liba.so"], runpath: Some("$ORIGIN/../lib"), ..Shape::default() };
        machine.elf("/opt/tool/bin/tool", &shape);
        machine.link("/usr/bin/tool", "/opt/tool/bin/tool");
        machine.elf("/opt/tool/lib/liba.so", &Shape::default());
        assert_eq!(files(&machine, "/usr/bin/tool"), ["/opt/tool/bin/tool", "/opt/tool/lib/liba.so"]);
    }

    #[test]
    fn the_old_kind_of_folders_holds_for_libraries_of_libraries_and_the_new_kind_does_not() {
        let machine = Pretend::usual();
        machine.elf("/opt/lib/liba.so", &Shape { needed: &["libb.so"], ..Shape::default() });
        machine.elf("/opt/lib/libb.so", &Shape::default());
        let old = Shape { needed: &["liba.so"], rpath: Some("/opt/lib"), ..Shape::default() };
        machine.elf("/usr/bin/old", &old);
        assert_eq!(files(&machine, "/usr/bin/old"), ["/opt/lib/liba.so", "/opt/lib/libb.so"]);
        let new = Shape { needed: &["liba.so"], runpath: Some("/opt/lib"), ..Shape::default() };
        machine.elf("/usr/bin/new", &new);
        assert_eq!(gathered(&machine, "/usr/bin/new").unwrap_err(), "its library `libb.so` is not there");
    }

    #[test]
    fn a_library_that_only_the_configuration_leads_to_gets_a_link_beside_the_c_library() {
        let machine = Pretend::usual();
        machine.file("/etc/ld.so.conf", 0o644, "# ours\ninclude ld.so.conf.d/*.conf\n");
        machine.file("/etc/ld.so.conf.d/opt.conf", 0o644, "/opt/lib # and no more\n");
        machine.file("/etc/ld.so.conf.d/opt.conf.disabled", 0o644, "/opt/other\n");
        machine.program("/usr/bin/tool", &["liba.so", "libc.so.6"]);
        machine.elf("/opt/lib/liba.so", &Shape::default());
        machine.elf("/usr/lib/liba.so", &Shape::default());
        let (found, links) = gathered(&machine, "/usr/bin/tool").unwrap();
        assert_eq!(found, ["/opt/lib/liba.so"]);
        assert_eq!(links, [Link { at: "/usr/lib64/liba.so".into(), target: "/opt/lib/liba.so".into() }]);
        machine.program("/usr/bin/tool", &["libb.so"]);
        machine.elf("/opt/other/libb.so", &Shape::default());
        assert!(gathered(&machine, "/usr/bin/tool").is_err());
    }

    #[test]
    fn what_the_c_library_loads_later_comes_along_if_it_is_there() {
        let machine = Pretend::usual();
        machine.elf("/usr/lib64/libnss_dns.so.2", &Shape { needed: &["libresolv.so.2"], ..Shape::default() });
        machine.elf("/usr/lib64/libresolv.so.2", &Shape::default());
        let wanted = ["/usr/lib64/libnss_dns.so.2", "/usr/lib64/libresolv.so.2"];
        assert_eq!(files(&machine, "/usr/bin/bash"), wanted);
    }
}
