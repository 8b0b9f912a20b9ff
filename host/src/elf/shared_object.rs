//! A plugin's library as the dynamic loader will see it: machine, segments, notes and the versions it needs.

use std::fmt;

use object::Endianness;
use object::elf::{self, FileHeader64, ProgramHeader64, Vernaux, Verneed};
use object::pod::from_bytes;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use super::Segments;

type Header = FileHeader64<Endianness>;

/// A 64-bit shared object for this machine whose loaded segments are complete.
pub(crate) struct SharedObject<'data> {
    segments: Segments<'data, Header, &'data [u8]>,
}

/// Why a file is not a shared object that this machine could load.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Not an ELF file of any kind.
    NotElf,
    /// Built for 32 bits.
    Bits32,
    /// Built for another machine, named as in Rust's `std::env::consts::ARCH`.
    Machine(String),
    /// An executable, an object file or a core dump.
    NotShared(&'static str),
    /// The file ends too early.
    Truncated { needs: u64, has: u64 },
    /// The part of the file that is invalid.
    Damaged(&'static str),
}

/// Major and minor version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion(pub u32, pub u32);

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl GlibcVersion {
    /// Parses `2.36` or `2.36.1`.
    pub(crate) fn parse(text: &str) -> Option<GlibcVersion> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(GlibcVersion(parts.next()??, parts.next()??))
    }
}

impl<'data> SharedObject<'data> {
    pub(crate) fn parse(bytes: &'data [u8]) -> Result<SharedObject<'data>, Flaw> {
        SharedObject::parse_for(bytes, Some(std::env::consts::ARCH))
    }

    /// One for any 64-bit machine, which can be described at least.
    pub(crate) fn parse_foreign(bytes: &'data [u8]) -> Result<SharedObject<'data>, Flaw> {
        SharedObject::parse_for(bytes, None)
    }

    fn parse_for(bytes: &'data [u8], wanted: Option<&str>) -> Result<SharedObject<'data>, Flaw> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(Flaw::NotElf);
        }
        check_length(bytes, size_of::<Header>() as u64)?;
        if bytes[4] == 1 {
            return Err(Flaw::Bits32);
        }
        let header = Header::parse(bytes).map_err(|_| Flaw::Damaged("header"))?;
        let endian = header.endian().map_err(|_| Flaw::Damaged("header"))?;
        let machine = machine_name(header.e_machine(endian).0);
        if wanted.is_some_and(|wanted| machine != wanted) {
            return Err(Flaw::Machine(machine));
        }
        let table =
            u64::from(header.e_phnum(endian)) * size_of::<ProgramHeader64<Endianness>>() as u64;
        check_length(bytes, header.e_phoff(endian).saturating_add(table))?;
        let segments = Segments::new(header, bytes).map_err(|_| Flaw::Damaged("segments"))?;
        let object = SharedObject { segments };
        match header.e_type(endian) {
            elf::ET_DYN if object.is_executable() => return Err(Flaw::NotShared("an executable")),
            elf::ET_DYN => {}
            elf::ET_EXEC => return Err(Flaw::NotShared("an executable")),
            elf::ET_REL => return Err(Flaw::NotShared("an object file")),
            _ => return Err(Flaw::NotShared("another kind of file")),
        }
        for segment in object.segments.loaded() {
            let (offset, size) = segment.file_range(endian);
            check_length(bytes, offset.saturating_add(size))?;
        }
        Ok(object)
    }

    /// The contents of the first note of this owner and type.
    pub(crate) fn note(&self, owner: &str, kind: u32) -> Option<&'data [u8]> {
        let Segments {
            data,
            endian,
            headers,
        } = self.segments;
        // A damaged list of notes ends early; a note that is not found is reported as missing.
        headers
            .iter()
            .filter_map(|segment| segment.notes(endian, data).ok().flatten())
            .flat_map(|list| list.map_while(Result::ok))
            .find(|note| note.name() == owner.as_bytes() && note.n_type(endian).0 == kind)
            .map(|note| note.desc())
    }

    /// The highest glibc version among the symbols it needs.
    pub(crate) fn glibc(&self) -> Result<Option<GlibcVersion>, Flaw> {
        const DAMAGED: Flaw = Flaw::Damaged("list of needed versions");
        let endian = self.segments.endian;
        let needs = self.target(elf::DT_VERNEED);
        let strings = self.target(elf::DT_STRTAB);
        let (Some(mut needs), Some(strings)) = (needs, strings) else {
            return Ok(None);
        };
        let mut highest = None;
        // No library needs this many; only a list that loops does.
        let mut entries_left = 10_000_u32;
        loop {
            let need: &Verneed<Endianness> = from_bytes(needs).map_err(|()| DAMAGED)?.0;
            let mut entries = skip(needs, need.vn_aux.get(endian)).ok_or(DAMAGED)?;
            for _ in 0..need.vn_cnt.get(endian) {
                entries_left = entries_left.checked_sub(1).ok_or(DAMAGED)?;
                let entry: &Vernaux<Endianness> = from_bytes(entries).map_err(|()| DAMAGED)?.0;
                let name = skip(strings, entry.vna_name.get(endian)).ok_or(DAMAGED)?;
                highest = highest.max(glibc_version(name));
                entries = skip(entries, entry.vna_next.get(endian)).ok_or(DAMAGED)?;
            }
            if need.vn_next.get(endian) == 0 {
                return Ok(highest);
            }
            entries_left = entries_left.checked_sub(1).ok_or(DAMAGED)?;
            needs = skip(needs, need.vn_next.get(endian)).ok_or(DAMAGED)?;
        }
    }

    /// Position-independent executables have the type of shared objects; an interpreter or the PIE flag tells them
    /// apart.
    fn is_executable(&self) -> bool {
        let endian = self.segments.endian;
        let has_interpreter = self
            .segments
            .headers
            .iter()
            .any(|segment| segment.p_type(endian) == elf::PT_INTERP);
        let has_pie_flag = self
            .dynamic()
            .iter()
            .find(|entry| entry.tag(endian) == elf::DT_FLAGS_1)
            .is_some_and(|entry| entry.val(endian) & elf::DF_1_PIE.0 != 0);
        has_interpreter || has_pie_flag
    }

    /// The entries of the dynamic segment. A damaged segment counts as absent: the loader refuses such a library with
    /// its own message.
    fn dynamic(&self) -> &'data [elf::Dyn64<Endianness>] {
        self.segments.dynamic().unwrap_or_default()
    }

    /// The bytes that an entry of the dynamic segment points to, up to the end of their segment.
    fn target(&self, tag: elf::DynamicTag) -> Option<&'data [u8]> {
        let range = self.segments.target(self.dynamic(), tag)?;
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        self.segments.data.get(start..end)
    }
}

fn skip(bytes: &[u8], by: u32) -> Option<&[u8]> {
    bytes.get(by as usize..)
}

fn check_length(bytes: &[u8], needs: u64) -> Result<(), Flaw> {
    let has = bytes.len() as u64;
    if needs > has {
        Err(Flaw::Truncated { needs, has })
    } else {
        Ok(())
    }
}

/// The version in a NUL-terminated `GLIBC_2.36`; `None` for `GLIBC_PRIVATE` and the names of other libraries.
fn glibc_version(name: &[u8]) -> Option<GlibcVersion> {
    let name = name.split(|byte| *byte == 0).next()?;
    GlibcVersion::parse(std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?)
}

fn machine_name(machine: u16) -> String {
    let known = [
        (elf::EM_X86_64, "x86_64"),
        (elf::EM_AARCH64, "aarch64"),
        (elf::EM_RISCV, "riscv64"),
        (elf::EM_PPC64, "powerpc64"),
        (elf::EM_S390, "s390x"),
        (elf::EM_LOONGARCH, "loongarch64"),
    ];
    let name = known
        .iter()
        .find(|(number, _)| number.0 == machine)
        .map(|(_, name)| (*name).to_string());
    name.unwrap_or_else(|| format!("machine {machine}"))
}
