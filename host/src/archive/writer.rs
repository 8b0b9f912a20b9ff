//! Writes an archive entry by entry.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::archive_entry::{Entry, Kind, Special};

/// The longest link target that fits into a header.
const LONGEST_SHORT_LINK: usize = 100;

const BLOCK: u64 = 512;

/// Writes an archive.
pub struct Writer<W: Write> {
    tar: Builder<Gate<W>>,
    /// Bytes of the current entry's contents still to come.
    rest: u64,
    /// Bytes that fill their last block.
    padding: u64,
}

impl<W: Write> Writer<W> {
    /// Starts an archive.
    pub fn new(output: W) -> Writer<W> {
        Writer {
            tar: Builder::new(Gate {
                output,
                is_open: true,
            }),
            rest: 0,
            padding: 0,
        }
    }

    /// Writes an entry under this name. The contents of a file follow with [`contents`](Writer::contents).
    ///
    /// # Errors
    /// The archive cannot be written, or contents of the previous entry are missing.
    pub fn entry(&mut self, name: &Path, entry: &Entry) -> io::Result<()> {
        self.end_contents()?;
        let mut header = Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_uid(entry.owner.0);
        header.set_gid(entry.owner.1);
        header.set_mtime(u64::try_from(entry.modified).unwrap_or_default());
        header.set_size(0);
        if entry.kind == Kind::Special(Special::Socket) {
            return Err(io::Error::other("sockets cannot be archived"));
        }
        // The fields of a header have no room for times before 1970.
        let before_1970 = (entry.modified < 0).then(|| entry.modified.to_string());
        let records = entry
            .attributes
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()));
        let records = records.chain(before_1970.iter().map(|time| ("mtime", time.as_bytes())));
        self.tar.append_pax_extensions(records)?;
        match &entry.kind {
            Kind::Special(special) => self.special(header, *special, name),
            Kind::Folder => {
                header.set_entry_type(EntryType::Directory);
                self.tar
                    .append_data(&mut header, name.join(""), io::empty())
            }
            Kind::File(size) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(*size);
                self.rest = *size;
                self.padding = size.next_multiple_of(BLOCK) - size;
                self.tar.append_data(&mut header, name, io::empty())
            }
            Kind::Link(target) => self.link(header, EntryType::Symlink, name, target),
            Kind::HardLink(target) => self.link(header, EntryType::Link, name, target),
        }
    }

    /// Writes a piece of the current file's contents.
    ///
    /// # Errors
    /// The archive cannot be written, or the declared size is exceeded.
    pub fn contents(&mut self, piece: &[u8]) -> io::Result<()> {
        let length = piece.len() as u64;
        self.rest = self
            .rest
            .checked_sub(length)
            .ok_or_else(|| io::Error::other("more bytes than declared"))?;
        self.tar.get_mut().write_all(piece)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// See [`entry`](Writer::entry).
    pub fn finish(&mut self) -> io::Result<()> {
        self.end_contents()?;
        self.tar.finish()?;
        self.tar.get_mut().flush()
    }

    fn end_contents(&mut self) -> io::Result<()> {
        if self.rest > 0 {
            return Err(io::Error::other("fewer bytes than declared"));
        }
        let padding = std::mem::take(&mut self.padding);
        self.tar
            .get_mut()
            .write_all(&[0; BLOCK as usize][..padding as usize])
    }

    fn special(&mut self, mut header: Header, special: Special, name: &Path) -> io::Result<()> {
        header.set_entry_type(EntryType::Fifo);
        if let Special::Device {
            is_block,
            number: (major, minor),
        } = special
        {
            header.set_entry_type(if is_block {
                EntryType::Block
            } else {
                EntryType::Char
            });
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        self.tar.append_data(&mut header, name, io::empty())
    }

    /// Writes a link with exactly this target: the crate would normalize a short one.
    fn link(
        &mut self,
        mut header: Header,
        entry_type: EntryType,
        name: &Path,
        target: &Path,
    ) -> io::Result<()> {
        header.set_entry_type(entry_type);
        let bytes = target.as_os_str().as_bytes();
        if bytes.len() > LONGEST_SHORT_LINK {
            return self.tar.append_link(&mut header, name, target);
        }
        header.set_link_name_literal(bytes)?;
        self.tar.append_data(&mut header, name, io::empty())
    }
}

/// Writes the current file's contents.
impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.contents(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tar.get_mut().flush()
    }
}

/// The output, until the archive is dropped. The crate would complete a dropped archive, so that an abandoned one would
/// look complete.
struct Gate<W> {
    output: W,
    is_open: bool,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open {
            self.output.write(bytes)
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        self.tar.get_mut().is_open = false;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::reader::{Reader, Root};
    use super::*;

    fn entry(path: impl Into<PathBuf>, kind: Kind) -> Entry {
        Entry {
            path: path.into(),
            kind,
            mode: 0o751,
            owner: (7, 8),
            modified: 1_000_000,
            attributes: Vec::new(),
        }
    }

    #[test]
    fn written_entries_are_read_back() {
        let long: PathBuf = [
            "x".repeat(150),
            "y".repeat(150),
            "\u{fc}\n \u{1f30d}".into(),
        ]
        .iter()
        .collect();
        let mut entries = vec![
            entry("", Kind::Folder),
            entry(long.parent().unwrap().parent().unwrap(), Kind::Folder),
            entry(long.parent().unwrap(), Kind::Folder),
            entry(&long, Kind::File(5)),
            entry("short", Kind::Link("a//b/./c/".into())),
            entry("long", Kind::Link(long.clone())),
            entry("hard", Kind::HardLink(long.clone())),
            entry("empty", Kind::File(0)),
            entry("pipe", Kind::Special(Special::Pipe)),
        ];
        for (entry, time) in
            entries
                .iter_mut()
                .zip([0, -1, -5_000_000_000, 8_589_934_592, i64::MAX, 1])
        {
            entry.modified = time;
        }
        entries[3].attributes = vec![(
            "SCHILY.xattr.security.capability".into(),
            b"\x01\n\x02=\n".to_vec(),
        )];
        entries[3].owner = (3_000_000_000, 4);
        let mut tar = Vec::new();
        let mut writer = Writer::new(&mut tar);
        for entry in &entries {
            let mut named = entry.clone();
            if let Kind::HardLink(target) = &mut named.kind {
                *target = Path::new("top").join(&target);
            }
            writer
                .entry(&Path::new("top").join(&entry.path), &named)
                .unwrap();
            if entry.kind == Kind::File(5) {
                writer.contents(b"12").unwrap();
                writer.contents(b"345").unwrap();
            }
        }
        writer.finish().unwrap();
        drop(writer);
        let mut reader = Reader::new(&tar[..], Root::Named);
        let mut read = Vec::new();
        let mut contents = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            read.push(entry);
            reader
                .contents(|piece| {
                    contents.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(read, entries);
        assert_eq!(contents, b"12345");
    }

    #[test]
    fn contents_must_have_the_declared_size() {
        let mut tar = Vec::new();
        let mut writer = Writer::new(&mut tar);
        writer
            .entry(Path::new("a"), &entry("a", Kind::File(2)))
            .unwrap();
        writer.contents(b"123").unwrap_err();
        writer.contents(b"1").unwrap();
        writer
            .entry(Path::new("b"), &entry("b", Kind::File(0)))
            .unwrap_err();
        writer.finish().unwrap_err();
    }

    #[test]
    fn an_abandoned_archive_stays_incomplete() {
        let mut tar = Vec::new();
        Writer::new(&mut tar)
            .entry(Path::new("a"), &entry("a", Kind::File(0)))
            .unwrap();
        assert_eq!(tar.len(), 512);
    }
}
