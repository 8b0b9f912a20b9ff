//! The entries of a root filesystem and the archive of them. It does not know why an entry was added.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::machine_root::{Found, Link, Machine};
use crate::archive::writer::Writer;
use crate::archive::{Entry as Archived, EntryKind};
use crate::error::{Error, Kind, Result};

/// Entries by absolute path, so that a folder comes before its contents. No entry lies below a link, and the first
/// entry at a path wins.
#[derive(Debug, Default)]
pub(super) struct Rootfs {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug)]
enum Entry {
    Folder { mode: u32 },
    Link { target: PathBuf },
    Made { mode: u32, text: String },
    Copied { mode: u32, version: Version },
}

/// Tells two states of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    names: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    fn of(stat: &Metadata) -> Version {
        Version {
            device: stat.dev(),
            inode: stat.ino(),
            names: stat.nlink(),
            size: stat.size(),
            modified: (stat.mtime(), stat.mtime_nsec()),
            changed: (stat.ctime(), stat.ctime_nsec()),
        }
    }
}

impl Rootfs {
    /// Adds a folder, or changes the mode of an existing one.
    pub(super) fn folder(&mut self, path: &Path, mode: u32) {
        self.add(path, Entry::Folder { mode });
        let landing = self.landing(path);
        if let Some(Entry::Folder { mode: current }) = self.entries.get_mut(&landing) {
            *current = mode;
        }
    }

    /// Adds a link unless the path is in use.
    pub(super) fn link(&mut self, link: &Link) {
        self.add(
            &link.at,
            Entry::Link {
                target: link.target.clone(),
            },
        );
    }

    /// Adds a file with the given text unless the path is in use.
    pub(super) fn write(&mut self, path: &Path, mode: u32, text: impl Into<String>) {
        self.add(
            path,
            Entry::Made {
                mode,
                text: text.into(),
            },
        );
    }

    /// Adds a file or folder of the machine, without the folder's contents, and the links that lead to it.
    pub(super) fn copy(&mut self, found: &Found) {
        for link in &found.links {
            self.link(link);
        }
        let mode = found.stat.mode() & 0o7777;
        if found.stat.is_dir() {
            self.folder(&found.real, 0o755);
        } else {
            self.add(
                &found.real,
                Entry::Copied {
                    mode,
                    version: Version::of(&found.stat),
                },
            );
        }
    }

    /// Whether there is an entry at `path`, links followed.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.entries.contains_key(&self.landing(path))
    }

    /// The names of all entries that are not folders.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let files = self
            .entries
            .iter()
            .filter(|(_, entry)| !matches!(entry, Entry::Folder { .. }));
        files.filter_map(|(path, _)| path.file_name()?.to_str())
    }

    /// The time, in seconds, of the latest change to a copied file.
    pub(super) fn newest(&self) -> i64 {
        let changed = |entry: &Entry| match entry {
            Entry::Copied { version, .. } => Some(version.changed.0.max(version.modified.0)),
            _ => None,
        };
        self.entries
            .values()
            .filter_map(changed)
            .max()
            .unwrap_or_default()
    }

    /// Writes the uncompressed archive: sorted, owned by root, without times, hard-linked files once.
    pub(super) fn write_tar(&self, machine: &Machine, out: impl Write) -> Result<()> {
        let mut writer = Writer::new(out);
        let mut first_names = HashMap::new();
        for (path, entry) in &self.entries {
            append(&mut writer, machine, path, entry, &mut first_names).map_err(|error| {
                Error::new(Kind::Image, format!("cannot archive `{}`", path.display())).cause(error)
            })?;
        }
        writer
            .finish()
            .map_err(|error| Error::new(Kind::Image, "cannot write the archive").cause(error))
    }

    fn add(&mut self, path: &Path, entry: Entry) {
        if self.entries.contains_key(path) {
            return;
        }
        let parent = self.landing(path.parent().unwrap_or(path));
        let path = path
            .file_name()
            .map_or(parent.clone(), |name| parent.join(name));
        for folder in parent.ancestors() {
            if folder.parent().is_some() {
                self.entries
                    .entry(folder.to_owned())
                    .or_insert(Entry::Folder { mode: 0o755 });
            }
        }
        self.entries.entry(path).or_insert(entry);
    }

    /// Where `path` leads once the links among the entries are followed. They never form a loop: each was followed to
    /// its end on the machine, or leads to an entry that was.
    fn landing(&self, path: &Path) -> PathBuf {
        let mut landing = PathBuf::from("/");
        for step in path.components() {
            match step {
                Component::ParentDir => {
                    landing.pop();
                }
                Component::Normal(name) => match self.entries.get(&landing.join(name)) {
                    Some(Entry::Link { target }) => landing = self.landing(&landing.join(target)),
                    _ => landing.push(name),
                },
                _ => {}
            }
        }
        landing
    }
}

fn append<W: Write>(
    writer: &mut Writer<W>,
    machine: &Machine,
    path: &Path,
    entry: &Entry,
    first_names: &mut HashMap<(u64, u64), PathBuf>,
) -> io::Result<()> {
    let name = path.strip_prefix("/").unwrap_or(path);
    let mut add = |kind, mode| {
        let entry = Archived {
            path: name.into(),
            kind,
            mode,
            owner: (0, 0),
            modified: 0,
            attributes: Vec::new(),
        };
        writer.entry(name, &entry)
    };
    match entry {
        Entry::Folder { mode } => add(EntryKind::Folder, *mode),
        Entry::Link { target } => add(EntryKind::Link(target.clone()), 0o777),
        Entry::Made { mode, text } => {
            add(EntryKind::File(text.len() as u64), *mode)?;
            writer.contents(text.as_bytes())
        }
        Entry::Copied { mode, version } => {
            if version.names > 1 {
                let first = first_names
                    .entry((version.device, version.inode))
                    .or_insert_with(|| name.to_owned());
                if first != name {
                    return add(EntryKind::HardLink(first.clone()), *mode);
                }
            }
            let mut source = Source::open(machine, path, version)?;
            add(EntryKind::File(version.size), *mode)?;
            io::copy(&mut source, writer).map(drop)
        }
    }
}

/// A file that yields exactly the bytes of the recorded version, or an error: an archive states the length first.
struct Source {
    file: io::Take<std::fs::File>,
}

impl Source {
    fn open(machine: &Machine, path: &Path, version: &Version) -> io::Result<Source> {
        let file = machine.open(path)?;
        if Version::of(&file.metadata()?) != *version {
            return Err(changed());
        }
        Ok(Source {
            file: file.take(version.size),
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer)? {
            0 if self.file.limit() > 0 && !buffer.is_empty() => Err(changed()),
            read => Ok(read),
        }
    }
}

fn changed() -> io::Error {
    io::Error::other("it has changed in the meantime; run the command again")
}
