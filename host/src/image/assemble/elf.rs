//! What an ELF file asks of its loader. It reads headers only, and looks for nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use object::elf::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRTAB, FileHeader32, FileHeader64, PT_LOAD};
use object::endian::Endianness;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{Error, FileKind, ReadCache, ReadRef, StringTable};

/// A program or library, as far as finding its libraries goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elf {
    /// For which processors it is.
    pub(super) format: Format,
    /// The loader that a program wants; libraries and static programs want none.
    pub(super) interpreter: Option<PathBuf>,
    /// The libraries it needs, in its order: names, seldom paths.
    pub(super) needed: Vec<PathBuf>,
    /// Where to look first; the old kind, which holds for the libraries of its libraries too.
    pub(super) rpath: Vec<String>,
    /// Where to look first; the new kind, for its own libraries only. With it the old kind counts for nothing.
    pub(super) runpath: Vec<String>,
}

/// What two ELF files must share to be loaded into one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Format {
    wide: bool,
    big_endian: bool,
    machine: u16,
}

/// Reads an ELF file; `None` when it is something else, an error when it is a broken one.
pub(super) fn read(file: File) -> Result<Option<Elf>, Error> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache) {
        Ok(FileKind::Elf32) => parse::<FileHeader32<Endianness>, _>(&cache).map(Some),
        Ok(FileKind::Elf64) => parse::<FileHeader64<Endianness>, _>(&cache).map(Some),
        _ => Ok(None),
    }
}

fn parse<'data, H, R>(data: R) -> Result<Elf, Error>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut elf = Elf {
        format: Format {
            wide: header.is_class_64(),
            big_endian: header.is_big_endian(),
            machine: header.e_machine(endian).0,
        },
        interpreter: None,
        needed: Vec::new(),
        rpath: Vec::new(),
        runpath: Vec::new(),
    };
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            elf.interpreter = Some(PathBuf::from(OsStr::from_bytes(path)));
        }
        if let Some(dynamic) = segment.dynamic(endian, data)? {
            let strings = strings::<H, R>(endian, segments, dynamic, data);
            for entry in dynamic.iter().take_while(|entry| entry.tag(endian) != DT_NULL) {
                match entry.tag(endian) {
                    DT_NEEDED => elf.needed.push(PathBuf::from(OsStr::from_bytes(entry.string(endian, strings)?))),
                    DT_RPATH => elf.rpath = folders(entry.string(endian, strings)?),
                    DT_RUNPATH => elf.runpath = folders(entry.string(endian, strings)?),
                    _ => {}
                }
            }
        }
    }
    Ok(elf)
}

/// The strings of the dynamic section. It tells only where they are in memory: the segments know where in the file.
/// A file that hides them has an empty table here, in which no string is found.
fn strings<'data, H, R>(
    endian: Endianness,
    segments: &[H::ProgramHeader],
    dynamic: &[H::Dyn],
    data: R,
) -> StringTable<'data, R>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let address = dynamic.iter().find(|entry| entry.tag(endian) == DT_STRTAB).map(|entry| entry.d_val(endian).into());
    let loaded = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
    let range = address.and_then(|address: u64| {
        loaded.into_iter().find_map(|segment| {
            let (start, size) = segment.file_range(endian);
            let inside = address.checked_sub(segment.p_vaddr(endian).into()).filter(|inside| *inside < size)?;
            Some((start.checked_add(inside)?, start.checked_add(size)?))
        })
    });
    range.map_or_else(StringTable::default, |(start, end)| StringTable::new(data, start, end))
}

fn folders(list: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(list).split(':').filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pretend::{Pretend, Shape};
    use super::*;

    fn read_back(content: impl AsRef<[u8]>) -> Result<Option<Elf>, Error> {
        let machine = Pretend::empty();
        machine.file("/file", 0o644, content);
        read(File::open(machine.on_disk("/file")).unwrap())
    }

    #[test]
    fn headers_say_loader_libraries_and_folders_whatever_the_word_size() {
        for narrow in [false, true] {
            let shape = Shape {
                narrow,
                interpreter: Some("/lib/ld.so"),
                needed: &["libz.so.1", "/opt/libx.so"],
                rpath: Some("/old:$ORIGIN/lib"),
                runpath: Some("/new"),
            };
            let elf = read_back(shape.bytes()).unwrap().unwrap();
            assert_eq!(elf.format.wide, !narrow);
            assert_eq!(elf.interpreter, Some("/lib/ld.so".into()));
            assert_eq!(elf.needed, [PathBuf::from("libz.so.1"), PathBuf::from("/opt/libx.so")]);
            assert_eq!(elf.rpath, ["/old", "$ORIGIN/lib"]);
            assert_eq!(elf.runpath, ["/new"]);
        }
    }

    #[test]
    fn what_is_not_elf_is_nothing_and_what_is_cut_off_is_an_error() {
        assert_eq!(read_back("#!/bin/sh\n"), Ok(None));
        assert_eq!(read_back(""), Ok(None));
        let whole = Shape { needed: &["libz.so.1"], ..Shape::default() }.bytes();
        assert!(read_back(&whole[..100]).is_err());
        assert!(read_back(&whole[..whole.len() - 8]).is_err());
    }

    #[test]
    fn this_very_program_needs_a_c_library() {
        let elf = read(File::open("/proc/self/exe").unwrap()).unwrap().unwrap();
        assert!(elf.needed.iter().any(|name| name.to_string_lossy().starts_with("libc.")), "{elf:?}");
    }
}
