//! `cp`: files and folders from this machine to a node, back, and from node to node.

use std::path::Path;

use super::Console;
use super::list;
use crate::archive::{Copied, Owners};
use crate::cli::cp_args::Cp;
use crate::error::Result;
use crate::event::Event;
use crate::report::words;
use crate::transfer::side::Side;
use crate::transfer::{Transfer, no_node};

/// Copies files and folders.
pub async fn cp(console: &Console<'_>, args: &Cp) -> Result<()> {
    if ![&args.source, &args.destination]
        .into_iter()
        .any(|typed| Side::may_be_node(typed))
    {
        return Err(no_node());
    }
    let clusters = list::clusters(console).await?;
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    let from = Side::parse(&args.source, &clusters, exists)?;
    let to = Side::parse(&args.destination, &clusters, exists)?;
    let transfer = Transfer {
        engine: console.engine,
        cancellation: console.cancellation,
        sink: console.sink,
        owners: if args.archive {
            Owners::Kept
        } else {
            Owners::OfDestination
        },
        follow: args.follow_link,
    };
    let copy = transfer.copy(&from, &to).await;
    let shown = |typed: &std::ffi::OsString| typed.to_string_lossy().into_owned();
    let (source, destination) = (shown(&args.source), shown(&args.destination));
    let copied = copy
        .map_err(|error| error.context(format!("failed to copy `{source}` to `{destination}`")))?;
    if to != Side::Pipe {
        console.event(Event::Done {
            message: format!("Copied {}.", amount(copied)),
        });
    }
    Ok(())
}

/// `3 files, 1 folder (1.2 MB)`, or the bytes alone if no counts are known.
fn amount(copied: Copied) -> String {
    let counts = [(copied.files, "file"), (copied.folders, "folder")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, noun)| words::count(count, noun))
        .collect();
    if counts.is_empty() {
        words::bytes(copied.bytes)
    } else {
        format!("{} ({})", counts.join(", "), words::bytes(copied.bytes))
    }
}
