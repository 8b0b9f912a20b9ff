//! Passes an archive on under another name, entry by entry.

use super::entry::{Copied, Kind, Owners, Top};
use super::read::Reader;
use super::write::Writer;
use crate::error::{Error, Kind as ErrorKind, Result};
use std::io::{self, BufRead, Write};

/// Writes what `reader` reads, with its root renamed. `told` hears of what was left out.
///
/// # Errors
/// The archive cannot be read, something in it leads out of it, or it cannot be written.
pub fn relay<R: BufRead, W: Write>(
    mut reader: Reader<R>,
    top: &Top,
    owners: Owners,
    output: W,
    told: &mut dyn FnMut(String),
) -> Result<Copied> {
    let mut writer = Writer::new(output);
    let mut copied = Copied::default();
    while let Some(mut entry) = reader.next_entry()? {
        let Some(name) = top.place(&entry.path) else { continue };
        if let Kind::Special(what) = entry.kind {
            told(format!("left out `{}`: it is {what}", name.display()));
            continue;
        }
        copied += &entry.kind;
        entry.kind = top.rename(entry.kind);
        writer.entry(&name, &owners.apply(entry)).map_err(not_written)?;
        reader.contents(|piece| writer.contents(piece).map_err(not_written))?;
    }
    writer.finish().map_err(not_written)?;
    Ok(copied)
}

fn not_written(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "the archive cannot be written").cause(error)
}
