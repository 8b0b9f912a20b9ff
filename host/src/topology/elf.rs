//! Reads of an ELF file what the dynamic loader would, without mapping or running it: machine, segments, notes and
//! version needs. It goes by the program headers alone, which the loader goes by too; section headers may be gone.
//! The bytes are not trusted: every offset may lie.

use object::Endianness;
use object::elf::{self, Dyn64, FileHeader64, ProgramHeader64, Vernaux, Verneed};
use object::pod::from_bytes;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use std::fmt;

/// A shared object of 64 bits, of which every loaded byte is there.
pub(super) struct SharedObject<'data> {
    bytes: &'data [u8],
    endian: Endianness,
    segments: &'data [ProgramHeader64<Endianness>],
}

/// Why a file is not a shared object that this machine could load.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not an ELF file of any kind.
    NotElf,
    /// For machines of 32 bits.
    Bits32,
    /// For another machine, named as Rust names it.
    Machine(String),
    /// An executable, an object file or a core dump.
    NotShared(&'static str),
    /// The file ends too early.
    Truncated { needs: u64, has: u64 },
    /// Something in it cannot be; what it is.
    Damaged(&'static str),
}

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion(pub u32, pub u32);

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl GlibcVersion {
    /// `2.36` and `2.36.1` are versions.
    pub(super) fn parse(text: &str) -> Option<GlibcVersion> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(GlibcVersion(parts.next()??, parts.next()??))
    }
}

impl<'data> SharedObject<'data> {
    pub(super) fn parse(bytes: &'data [u8]) -> Result<SharedObject<'data>, Flaw> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(Flaw::NotElf);
        }
        ends_within(bytes, size_of::<FileHeader64<Endianness>>() as u64)?;
        if bytes[4] == 1 {
            return Err(Flaw::Bits32);
        }
        let header = FileHeader64::<Endianness>::parse(bytes).map_err(|_| Flaw::Damaged("its header"))?;
        let endian = header.endian().map_err(|_| Flaw::Damaged("its header"))?;
        let machine = machine_name(header.e_machine(endian).0);
        if machine != std::env::consts::ARCH {
            return Err(Flaw::Machine(machine));
        }
        let table = u64::from(header.e_phnum(endian)) * size_of::<ProgramHeader64<Endianness>>() as u64;
        ends_within(bytes, header.e_phoff(endian).saturating_add(table))?;
        let segments = header.program_headers(endian, bytes).map_err(|_| Flaw::Damaged("its segments"))?;
        let object = SharedObject { bytes, endian, segments };
        match header.e_type(endian) {
            elf::ET_DYN if object.is_executable() => return Err(Flaw::NotShared("an executable")),
            elf::ET_DYN => {}
            elf::ET_EXEC => return Err(Flaw::NotShared("an executable")),
            elf::ET_REL => return Err(Flaw::NotShared("an object file")),
            _ => return Err(Flaw::NotShared("another kind of file")),
        }
        for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
            let (offset, size) = segment.file_range(endian);
            ends_within(bytes, offset.saturating_add(size))?;
        }
        Ok(object)
    }

    /// The contents of the first note of this owner and type.
    pub(super) fn note(&self, owner: &str, kind: u32) -> Option<&'data [u8]> {
        let notes = self.segments.iter().filter_map(|segment| segment.notes(self.endian, self.bytes).ok().flatten());
        // A damaged list of notes ends early, and what is not found is reported as not there.
        notes
            .flat_map(|list| list.map_while(Result::ok))
            .find(|note| note.name() == owner.as_bytes() && note.n_type(self.endian).0 == kind)
            .map(|note| note.desc())
    }

    /// The highest version of glibc that it needs a symbol of.
    pub(super) fn glibc(&self) -> Result<Option<GlibcVersion>, Flaw> {
        const DAMAGED: Flaw = Flaw::Damaged("its list of needed versions");
        let (Some(mut needs), Some(strings)) = (self.pointed_at(elf::DT_VERNEED), self.pointed_at(elf::DT_STRTAB))
        else {
            return Ok(None);
        };
        let mut highest = None;
        // No library needs so many; a list that runs in circles does.
        let mut left = 10_000_u32;
        loop {
            let need: &Verneed<Endianness> = from_bytes(needs).map_err(|()| DAMAGED)?.0;
            let mut entries = skip(needs, need.vn_aux.get(self.endian)).ok_or(DAMAGED)?;
            for _ in 0..need.vn_cnt.get(self.endian) {
                left = left.checked_sub(1).ok_or(DAMAGED)?;
                let entry: &Vernaux<Endianness> = from_bytes(entries).map_err(|()| DAMAGED)?.0;
                let name = skip(strings, entry.vna_name.get(self.endian)).ok_or(DAMAGED)?;
                highest = highest.max(glibc_version(name));
                entries = skip(entries, entry.vna_next.get(self.endian)).ok_or(DAMAGED)?;
            }
            if need.vn_next.get(self.endian) == 0 {
                return Ok(highest);
            }
            left = left.checked_sub(1).ok_or(DAMAGED)?;
            needs = skip(needs, need.vn_next.get(self.endian)).ok_or(DAMAGED)?;
        }
    }

    /// Programs that can be placed anywhere are shared objects by type; what gives them away is that they name an
    /// interpreter, or say so.
    fn is_executable(&self) -> bool {
        self.segments.iter().any(|segment| segment.p_type(self.endian) == elf::PT_INTERP)
            || self.dynamic(elf::DT_FLAGS_1).is_some_and(|flags| flags & elf::DF_1_PIE.0 != 0)
    }

    /// The value of an entry of the dynamic segment.
    fn dynamic(&self, tag: elf::DynamicTag) -> Option<u64> {
        let tables = self.segments.iter().filter_map(|segment| segment.dynamic(self.endian, self.bytes).ok().flatten());
        let mut entries = tables.flatten();
        entries.find(|entry: &&Dyn64<Endianness>| entry.tag(self.endian) == tag).map(|entry| entry.val(self.endian))
    }

    /// What the address in an entry of the dynamic segment points at, to the end of its segment in the file.
    fn pointed_at(&self, tag: elf::DynamicTag) -> Option<&'data [u8]> {
        let address = self.dynamic(tag)?;
        self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD).find_map(|segment| {
            let offset = address.checked_sub(segment.p_vaddr(self.endian))?;
            segment.data(self.endian, self.bytes).ok()?.get(usize::try_from(offset).ok()?..)
        })
    }
}

fn skip(bytes: &[u8], by: u32) -> Option<&[u8]> {
    bytes.get(by as usize..)
}

fn ends_within(bytes: &[u8], needs: u64) -> Result<(), Flaw> {
    let has = bytes.len() as u64;
    if needs > has { Err(Flaw::Truncated { needs, has }) } else { Ok(()) }
}

/// `GLIBC_2.36` in a table of strings that end with a zero. `GLIBC_PRIVATE` and other libraries' names are none.
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
    let name = known.iter().find(|(number, _)| number.0 == machine).map(|(_, name)| (*name).to_string());
    name.unwrap_or_else(|| format!("machine {machine}"))
}
