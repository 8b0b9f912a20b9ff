//! Passes an archive on under another name, entry by entry.

use std::io::{self, BufRead, Write};

use super::archive_entry::{Copied, Kind, Owners, Top};
use super::reader::Reader;
use super::writer::Writer;
use crate::error::{Error, Kind as ErrorKind, Result};

/// Copies an archive entry by entry with its root renamed. `on_skip` receives a message for every entry left out.
///
/// # Errors
/// The archive cannot be read, an entry leads out of it, or it cannot be written.
pub fn relay<R: BufRead, W: Write>(
    mut reader: Reader<R>,
    top: &Top,
    owners: Owners,
    output: W,
    on_skip: &mut dyn FnMut(String),
) -> Result<Copied> {
    let mut writer = Writer::new(output);
    let mut copied = Copied::default();
    while let Some(mut entry) = reader.next_entry()? {
        let Some(name) = top.place(&entry.path) else {
            continue;
        };
        if let Kind::Special(what) = entry.kind {
            on_skip(format!("skipped `{}`: it is {what}", name.display()));
            continue;
        }
        copied += &entry.kind;
        entry.kind = top.rename(entry.kind);
        writer
            .entry(&name, &owners.apply(entry))
            .map_err(not_written)?;
        reader.contents(|piece| writer.contents(piece).map_err(not_written))?;
    }
    writer.finish().map_err(not_written)?;
    Ok(copied)
}

fn not_written(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "cannot write the archive").cause(error)
}
