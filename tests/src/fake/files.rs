//! Files in containers, as archives add them and extract them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use clusterdock::engine::{EngineError, EngineResult, Fault, FileKind};
use tar::{Archive, Builder, EntryType, Header};

use super::FakeEngine;
use super::state::Holdings;

/// Folders that every container has, besides the root.
const FOLDERS: [&str; 14] = [
    "bin",
    "etc",
    "home",
    "mnt",
    "opt",
    "root",
    "run",
    "srv",
    "tmp",
    "usr",
    "usr/bin",
    "usr/local",
    "var",
    "var/log",
];

/// The length of pieces of an archive: odd, so that they end at no particular place.
const PIECE: usize = 777;

/// A container's files.
#[derive(Clone)]
pub(super) struct Files {
    /// By path, the root being empty.
    held: BTreeMap<PathBuf, File>,
    /// What is returned instead of archives of these paths.
    forged: BTreeMap<PathBuf, Bytes>,
}

/// A file, folder or link.
#[derive(Clone)]
struct File {
    header: Header,
    link: Option<PathBuf>,
    contents: Vec<u8>,
}

impl Default for Files {
    fn default() -> Files {
        let mut files = Files::empty();
        for folder in FOLDERS {
            files.make_folders(Path::new(folder));
        }
        files
    }
}

impl FakeEngine {
    /// Adds a file to a container, with its parent folders.
    ///
    /// # Panics
    /// The container does not exist.
    pub fn write_file(&self, container: &str, path: &str, contents: impl AsRef<[u8]>) {
        let contents = contents.as_ref().to_vec();
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(contents.len() as u64);
        self.change(|holdings| {
            let mut files = holdings
                .files_of(container)
                .expect("a container that gets a file exists");
            files.insert(
                inside(Path::new(path)),
                File {
                    header,
                    link: None,
                    contents,
                },
            );
            holdings.set_files_of(container, files).expect("it exists");
        });
    }

    /// Returns these bytes whenever an archive of a path of a container is requested.
    ///
    /// # Panics
    /// The container does not exist.
    pub fn forge_archive(&self, container: &str, path: &str, archive: impl Into<Bytes>) {
        self.change(|holdings| {
            let held = holdings
                .container_mut(container)
                .expect("a container whose archive is forged is there");
            held.files
                .forged
                .insert(inside(Path::new(path)), archive.into());
        });
    }

    /// A file's contents; `None` if the container or the file does not exist.
    pub fn read_file(&self, container: &str, path: &str) -> Option<Vec<u8>> {
        let holdings = self.holdings();
        let mut files = holdings.files_of(container).ok()?;
        Some(files.held.remove(&inside(Path::new(path)))?.contents)
    }

    /// A container's own files by path, as an image committed from it has them: without those of its volumes.
    ///
    /// # Panics
    /// The container does not exist.
    pub fn own_files(&self, container: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let holdings = self.holdings();
        let held = &holdings
            .container(container)
            .expect("a container whose files are looked at is there")
            .files
            .held;
        held.iter()
            .map(|(path, file)| (Path::new("/").join(path), file.contents.clone()))
            .collect()
    }

    /// A file's mode, user and group, from the archive that added it.
    pub fn file_owner(&self, container: &str, path: &str) -> Option<(u32, u64, u64)> {
        let holdings = self.holdings();
        let header = holdings
            .files_of(container)
            .ok()?
            .held
            .remove(&inside(Path::new(path)))?
            .header;
        Some((header.mode().ok()?, header.uid().ok()?, header.gid().ok()?))
    }
}

impl Files {
    /// The files of an empty volume.
    pub(super) fn empty() -> Files {
        Files {
            held: BTreeMap::new(),
            forged: BTreeMap::new(),
        }
    }

    /// Shows a volume's files at this path, hiding anything else.
    pub(super) fn mount(&mut self, path: &Path, volume: &Files) {
        self.held.retain(|found, _| !found.starts_with(path));
        self.make_folders(path);
        self.held.extend(
            volume
                .held
                .iter()
                .map(|(inner, file)| (path.join(inner), file.clone())),
        );
    }

    /// Removes and returns the files below a volume's path.
    pub(super) fn unmount(&mut self, path: &Path) -> Files {
        let below = self
            .held
            .extract_if(.., |found, _| found.starts_with(path))
            .collect::<Vec<_>>();
        let inner = |(found, file): (PathBuf, File)| {
            Some((found.strip_prefix(path).ok()?.to_path_buf(), file))
        };
        let held = below
            .into_iter()
            .filter_map(inner)
            .filter(|(inner, _)| !inner.as_os_str().is_empty())
            .collect();
        Files {
            held,
            forged: BTreeMap::new(),
        }
    }

    /// Path and size of every file that is not one of the folders all containers have.
    pub(super) fn brought(&self) -> Vec<String> {
        let own = self
            .held
            .iter()
            .filter(|(path, _)| !FOLDERS.iter().any(|folder| Path::new(folder) == *path));
        own.map(|(path, file)| format!("/{}:{}", path.display(), file.contents.len()))
            .collect()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.as_os_str().is_empty()
            || self
                .held
                .get(path)
                .is_some_and(|file| file.header.entry_type().is_dir())
    }

    fn insert(&mut self, path: PathBuf, file: File) {
        if let Some(parent) = path.parent() {
            self.make_folders(parent);
        }
        self.held.insert(path, file);
    }

    fn make_folders(&mut self, path: &Path) {
        for folder in path
            .ancestors()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            self.held
                .entry(folder.to_path_buf())
                .or_insert_with(File::folder);
        }
    }

    fn unpack(&mut self, folder: &Path, archive: &[u8]) -> io::Result<()> {
        for entry in Archive::new(archive).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            if path.components().any(|part| part == Component::ParentDir) {
                return Err(io::Error::other(format!(
                    "{} is outside of the folder",
                    path.display()
                )));
            }
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents)?;
            let link = entry.link_name()?.map(std::borrow::Cow::into_owned);
            let path = folder.join(inside(&path));
            let folder_comes = entry.header().entry_type().is_dir();
            if self.held.contains_key(&path) && self.is_folder(&path) != folder_comes {
                let (old, new) = if folder_comes {
                    ("non-directory", "directory")
                } else {
                    ("directory", "non-directory")
                };
                return Err(io::Error::other(format!(
                    "cannot overwrite {old} {path:?} with {new}"
                )));
            }
            if !path.as_os_str().is_empty() {
                self.insert(
                    path,
                    File {
                        header: entry.header().clone(),
                        link,
                        contents,
                    },
                );
            }
        }
        Ok(())
    }

    /// A path as an archive whose names begin with `top`, byte for byte as Docker writes them: `./bin`, `bin/`.
    fn pack(&self, path: &Path, top: &str) -> io::Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        if path.as_os_str().is_empty() {
            append(&mut builder, &File::folder(), top)?;
        }
        for (found, file) in self
            .held
            .iter()
            .filter(|(found, _)| found.starts_with(path))
        {
            let rest = found.strip_prefix(path).map_err(io::Error::other)?;
            let name = if rest.as_os_str().is_empty() {
                top.into()
            } else {
                format!("{top}/{}", rest.display())
            };
            append(&mut builder, file, &name)?;
        }
        builder.into_inner()
    }
}

impl File {
    fn folder() -> File {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        File {
            header,
            link: None,
            contents: Vec::new(),
        }
    }
}

/// Appends a file under exactly this name, which `tar` would normalize.
fn append(builder: &mut Builder<Vec<u8>>, file: &File, name: &str) -> io::Result<()> {
    let slash = if file.header.entry_type().is_dir() {
        "/"
    } else {
        ""
    };
    let name = format!("{name}{slash}");
    let mut header = file.header.clone();
    let field = header.as_old_mut().name.len();
    if name.len() > field {
        let mut long = Header::new_gnu();
        long.set_entry_type(EntryType::GNULongName);
        long.set_size(name.len() as u64);
        put_name(&mut long, "././@LongLink");
        builder.append(&long, name.as_bytes())?;
    }
    if let Some(link) = &file.link {
        header.set_link_name_literal(link.as_os_str().as_encoded_bytes())?;
    }
    put_name(&mut header, &name);
    builder.append(&header, file.contents.as_slice())
}

/// Writes as much of a name as fits into a header.
fn put_name(header: &mut Header, name: &str) {
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    let room = name.len().min(field.len());
    field[..room].copy_from_slice(&name.as_bytes()[..room]);
    header.set_cksum();
}

impl Holdings {
    pub(super) fn file(&self, key: &str, path: &str) -> EngineResult<Option<FileKind>> {
        // The answer to a HEAD request does not show whether the container exists.
        let Ok(files) = self.files_of(key) else {
            return Ok(None);
        };
        let path = inside(Path::new(path));
        if files.is_folder(&path) {
            return Ok(Some(FileKind::Folder));
        }
        Ok(files.held.get(&path).map(|file| match &file.link {
            Some(target) => FileKind::Link(led_to(&path, target)),
            None if file.header.entry_type().is_file() => FileKind::File,
            None => FileKind::Special,
        }))
    }

    pub(super) fn put_archive(
        &mut self,
        key: &str,
        path: &str,
        archive: &[u8],
    ) -> EngineResult<()> {
        // On a copy, so that a broken archive changes nothing.
        let mut files = self.files_of(key)?;
        let folder = inside(Path::new(path));
        if !files.is_folder(&folder) {
            return Err(if files.held.contains_key(&folder) {
                EngineError::new(Fault::Other, "extraction point is not a directory")
            } else {
                no_file(path, key)
            });
        }
        let broken =
            |error| EngineError::new(Fault::Other, format!("Error processing tar file: {error}"));
        files.unpack(&folder, archive).map_err(broken)?;
        self.set_files_of(key, files)
    }

    /// A path of a container as an archive, in pieces.
    pub(super) fn get_archive(&self, key: &str, path: &str) -> EngineResult<Vec<Bytes>> {
        let files = self.files_of(key)?;
        let wanted = inside(Path::new(path));
        let is_folder = files.is_folder(&wanted);
        let is_there = is_folder || files.held.contains_key(&wanted);
        // A slash at the end requires a folder.
        if !is_there || (path.ends_with('/') && !is_folder) {
            return Err(no_file(path, key));
        }
        let contents_only = path.ends_with("/.") || wanted.as_os_str().is_empty();
        if let Some(forged) = files.forged.get(&wanted) {
            return Ok(vec![forged.clone()]);
        }
        let last = wanted
            .file_name()
            .map(|name| name.to_string_lossy())
            .filter(|_| !contents_only);
        let top = last.unwrap_or(".".into());
        let broken =
            |error| EngineError::new(Fault::Other, format!("failed to pack {path}: {error}"));
        let archive = Bytes::from(files.pack(&wanted, &top).map_err(broken)?);
        Ok((0..archive.len())
            .step_by(PIECE)
            .map(|from| archive.slice(from..archive.len().min(from + PIECE)))
            .collect())
    }
}

/// A path within a container, normalized.
fn inside(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// The target of a link, seen from the container's root.
fn led_to(link: &Path, target: &Path) -> String {
    let mut path = link.parent().map(Path::to_path_buf).unwrap_or_default();
    if target.is_absolute() {
        path.clear();
    }
    for part in target.components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => drop(path.pop()),
            _ => {}
        }
    }
    format!("/{}", path.display())
}

fn no_file(path: &str, container: &str) -> EngineError {
    EngineError::new(
        Fault::NotFound,
        format!("Could not find the file {path} in container {container}"),
    )
}
