//! ELF files as the dynamic loader reads them: by their program headers alone, since section headers may be stripped.
//! Nothing is mapped or run, and the bytes are not trusted: every offset may lie.

mod linkage;
#[cfg(test)]
pub(crate) mod sample;
mod shared_object;

use std::ops::Range;

use object::Endianness;
use object::elf::{DT_NULL, DynamicTag, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{Error, ReadRef};

pub(crate) use linkage::{Format, Linkage};
pub(crate) use shared_object::{Flaw, GlibcVersion, SharedObject};

/// The segments of an ELF file of either word size.
struct Segments<'data, H: FileHeader, R> {
    data: R,
    endian: Endianness,
    headers: &'data [H::ProgramHeader],
}

impl<'data, H, R> Segments<'data, H, R>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    fn new(header: &H, data: R) -> Result<Segments<'data, H, R>, Error> {
        let endian = header.endian()?;
        let headers = header.program_headers(endian, data)?;
        Ok(Segments {
            data,
            endian,
            headers,
        })
    }

    /// The segments that are mapped into memory.
    fn loaded(&self) -> impl Iterator<Item = &'data H::ProgramHeader> {
        let endian = self.endian;
        self.headers
            .iter()
            .filter(move |segment| segment.p_type(endian) == PT_LOAD)
    }

    /// The entries of the dynamic segment; empty if there is none.
    fn dynamic(&self) -> Result<&'data [H::Dyn], Error> {
        for segment in self.headers {
            if let Some(entries) = segment.dynamic(self.endian, self.data)? {
                let end = entries
                    .iter()
                    .position(|entry| entry.tag(self.endian) == DT_NULL);
                return Ok(&entries[..end.unwrap_or(entries.len())]);
            }
        }
        Ok(&[])
    }

    /// The part of the file that the address in an entry of the dynamic segment points to, up to the end of its
    /// segment.
    fn target(&self, dynamic: &[H::Dyn], tag: DynamicTag) -> Option<Range<u64>> {
        let entry = dynamic.iter().find(|entry| entry.tag(self.endian) == tag)?;
        let address: u64 = entry.d_val(self.endian).into();
        self.loaded().find_map(|segment| {
            let (start, size) = segment.file_range(self.endian);
            let offset = address
                .checked_sub(segment.p_vaddr(self.endian).into())
                .filter(|offset| *offset < size)?;
            Some(start.checked_add(offset)?..start.checked_add(size)?)
        })
    }
}
