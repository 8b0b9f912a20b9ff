//! A root filesystem in the making: which entry is where, and the archive of them all. It does not know why an entry
//! is there.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::machine::{Found, Link, Machine};
use crate::error::{Error, Kind, Result};

/// Entries by absolute path, so that a folder comes before what is in it. No entry lies below a link, and the first
/// one that claims a path keeps it.
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

/// What tells apart two states of a file without reading it.
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
    /// Adds a folder, or gives one that is there this mode.
    pub(super) fn folder(&mut self, path: &Path, mode: u32) {
        self.add(path, Entry::Folder { mode });
        let landing = self.landing(path);
        if let Some(Entry::Folder { mode: current }) = self.entries.get_mut(&landing) {
            *current = mode;
        }
    }

    /// Adds a link, if nothing is there.
    pub(super) fn link(&mut self, link: &Link) {
        self.add(&link.at, Entry::Link { target: link.target.clone() });
    }

    /// Adds a file with the given text, if nothing is there.
    pub(super) fn write(&mut self, path: &Path, mode: u32, text: impl Into<String>) {
        self.add(path, Entry::Made { mode, text: text.into() });
    }

    /// Adds what was found on the machine, a file or a folder (without what is in it), with the links that lead there.
    pub(super) fn bring(&mut self, found: &Found) {
        for link in &found.links {
            self.link(link);
        }
        let mode = found.stat.mode() & 0o7777;
        match found.stat.is_dir() {
            true => self.folder(&found.real, 0o755),
            false => self.add(&found.real, Entry::Copied { mode, version: Version::of(&found.stat) }),
        }
    }

    /// Whether `path` leads to something.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        self.entries.contains_key(&self.landing(path))
    }

    /// The names of all that is not a folder.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let files = self.entries.iter().filter(|(_, entry)| !matches!(entry, Entry::Folder { .. }));
        files.filter_map(|(path, _)| path.file_name()?.to_str())
    }

    /// The latest time, in seconds, at which a file of the machine was changed.
    pub(super) fn newest(&self) -> i64 {
        let changed = |entry: &Entry| match entry {
            Entry::Copied { version, .. } => Some(version.changed.0.max(version.modified.0)),
            _ => None,
        };
        self.entries.values().filter_map(changed).max().unwrap_or_default()
    }

    /// Writes the archive, without compression: sorted, owned by root, without times, a file of several names once.
    pub(super) fn write_tar(&self, machine: &Machine, out: impl Write) -> Result<()> {
        let mut builder = Builder::new(out);
        let mut first_names = HashMap::new();
        for (path, entry) in &self.entries {
            append(&mut builder, machine, path, entry, &mut first_names).map_err(|error| {
                Error::new(Kind::Image, format!("cannot archive `{}`", path.display())).cause(error)
            })?;
        }
        builder
            .into_inner()
            .and_then(|mut out| out.flush())
            .map_err(|error| Error::new(Kind::Image, "cannot write the archive").cause(error))
    }

    fn add(&mut self, path: &Path, entry: Entry) {
        if self.entries.contains_key(path) {
            return;
        }
        let parent = self.landing(path.parent().unwrap_or(path));
        let path = path.file_name().map_or(parent.clone(), |name| parent.join(name));
        for folder in parent.ancestors() {
            if folder.parent().is_some() {
                self.entries.entry(folder.to_owned()).or_insert(Entry::Folder { mode: 0o755 });
            }
        }
        self.entries.entry(path).or_insert(entry);
    }

    /// Where `path` is once the links among the entries are followed. They never lead in a circle: each was followed to
    /// its end on the machine, or leads to something that was.
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
    builder: &mut Builder<W>,
    machine: &Machine,
    path: &Path,
    entry: &Entry,
    first_names: &mut HashMap<(u64, u64), PathBuf>,
) -> io::Result<()> {
    let name = path.strip_prefix("/").unwrap_or(path);
    match entry {
        Entry::Folder { mode } => {
            builder.append_data(&mut header(EntryType::Directory, *mode, 0), name.join(""), io::empty())
        }
        Entry::Link { target } => builder.append_link(&mut header(EntryType::Symlink, 0o777, 0), name, target),
        Entry::Made { mode, text } => {
            builder.append_data(&mut header(EntryType::Regular, *mode, text.len() as u64), name, text.as_bytes())
        }
        Entry::Copied { mode, version } => {
            if version.names > 1 {
                let first = first_names.entry((version.device, version.inode)).or_insert_with(|| name.to_owned());
                if first != name {
                    return builder.append_link(&mut header(EntryType::Link, *mode, 0), name, first);
                }
            }
            let source = Source::open(machine, path, version)?;
            builder.append_data(&mut header(EntryType::Regular, *mode, version.size), name, source)
        }
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// A file that yields exactly the bytes it had when it was looked at, or an error: an archive says the length first.
struct Source {
    file: io::Take<std::fs::File>,
}

impl Source {
    fn open(machine: &Machine, path: &Path, version: &Version) -> io::Result<Source> {
        let file = machine.open(path)?;
        match Version::of(&file.metadata()?) == *version {
            true => Ok(Source { file: file.take(version.size) }),
            false => Err(changed()),
        }
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
    io::Error::other("it was changed meanwhile; run the command again")
}
