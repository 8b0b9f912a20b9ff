//! What an ELF file requires of its loader: interpreter, libraries and folders to search. It only reads headers.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, FileHeader32, FileHeader64};
use object::endian::Endianness;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{Error, FileKind, ReadCache, ReadRef, StringTable};

use super::Segments;

/// How a program or library is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linkage {
    /// The processors it is for.
    pub(crate) format: Format,
    /// The loader of a program; `None` for libraries and static programs.
    pub(crate) interpreter: Option<PathBuf>,
    /// The libraries it needs, in order: names, rarely paths.
    pub(crate) needed: Vec<PathBuf>,
    /// `DT_RPATH`, the older kind of search folders, which also apply to the libraries of its libraries.
    pub(crate) rpath: Vec<String>,
    /// `DT_RUNPATH`, the newer kind, which apply to its own libraries only and override `rpath`.
    pub(crate) runpath: Vec<String>,
}

/// What two ELF files must have in common to be loaded into one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Format {
    is_64_bit: bool,
    is_big_endian: bool,
    machine: u16,
}

impl Linkage {
    /// Reads an ELF file; `None` if it is something else, an error if it is a damaged one.
    pub(crate) fn read(file: File) -> Result<Option<Linkage>, Error> {
        let cache = ReadCache::new(file);
        match FileKind::parse(&cache) {
            Ok(FileKind::Elf32) => parse::<FileHeader32<Endianness>, _>(&cache).map(Some),
            Ok(FileKind::Elf64) => parse::<FileHeader64<Endianness>, _>(&cache).map(Some),
            _ => Ok(None),
        }
    }
}

fn parse<'data, H, R>(data: R) -> Result<Linkage, Error>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data)?;
    let segments = Segments::new(header, data)?;
    let endian = segments.endian;
    let mut linkage = Linkage {
        format: Format {
            is_64_bit: header.is_class_64(),
            is_big_endian: header.is_big_endian(),
            machine: header.e_machine(endian).0,
        },
        interpreter: None,
        needed: Vec::new(),
        rpath: Vec::new(),
        runpath: Vec::new(),
    };
    for segment in segments.headers {
        if let Some(path) = segment.interpreter(endian, data)? {
            linkage.interpreter = Some(PathBuf::from(OsStr::from_bytes(path)));
        }
    }
    let dynamic = segments.dynamic()?;
    // A file that hides its strings gets an empty table, in which no string is found.
    let strings = segments
        .target(dynamic, DT_STRTAB)
        .map_or_else(StringTable::default, |range| {
            StringTable::new(data, range.start, range.end)
        });
    for entry in dynamic {
        match entry.tag(endian) {
            DT_NEEDED => linkage.needed.push(PathBuf::from(OsStr::from_bytes(
                entry.string(endian, strings)?,
            ))),
            DT_RPATH => linkage.rpath = folders(entry.string(endian, strings)?),
            DT_RUNPATH => linkage.runpath = folders(entry.string(endian, strings)?),
            _ => {}
        }
    }
    Ok(linkage)
}

fn folders(list: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(list)
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn read_back(content: impl AsRef<[u8]>) -> Result<Option<Linkage>, Error> {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, content.as_ref()).unwrap();
        Linkage::read(file)
    }

    #[test]
    fn headers_of_both_word_sizes_are_read() {
        for is_32_bit in [false, true] {
            let sample = Sample {
                is_32_bit,
                interpreter: Some("/lib/ld.so"),
                needed: &["libz.so.1", "/opt/libx.so"],
                rpath: Some("/old:$ORIGIN/lib"),
                runpath: Some("/new"),
            };
            let linkage = read_back(sample.bytes()).unwrap().unwrap();
            assert_eq!(linkage.format.is_64_bit, !is_32_bit);
            assert_eq!(linkage.interpreter, Some("/lib/ld.so".into()));
            assert_eq!(
                linkage.needed,
                [PathBuf::from("libz.so.1"), PathBuf::from("/opt/libx.so")]
            );
            assert_eq!(linkage.rpath, ["/old", "$ORIGIN/lib"]);
            assert_eq!(linkage.runpath, ["/new"]);
        }
    }

    #[test]
    fn other_files_are_none_and_truncated_ones_an_error() {
        assert_eq!(read_back("#!/bin/sh\n"), Ok(None));
        assert_eq!(read_back(""), Ok(None));
        let whole = Sample {
            needed: &["libz.so.1"],
            ..Sample::default()
        }
        .bytes();
        assert!(read_back(&whole[..100]).is_err());
        assert!(read_back(&whole[..whole.len() - 8]).is_err());
    }

    #[test]
    fn this_test_program_needs_a_c_library() {
        let linkage = Linkage::read(File::open("/proc/self/exe").unwrap())
            .unwrap()
            .unwrap();
        assert!(
            linkage
                .needed
                .iter()
                .any(|name| name.to_string_lossy().starts_with("libc.")),
            "{linkage:?}"
        );
    }
}
