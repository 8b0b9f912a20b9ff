//! `cp`: files and folders from this machine to a node, back, and from node to node.

use super::list;
use crate::archive::{Copied, Owners};
use crate::cli::cp::Cp;
use crate::error::Result;
use crate::event::Event;
use crate::report::words;
use crate::session::Session;
use crate::transfer::side::Side;
use crate::transfer::{Transfer, no_node};
use std::path::Path;

/// Copies.
pub async fn cp(session: &Session<'_>, args: &Cp) -> Result<()> {
    if ![&args.source, &args.destination].into_iter().any(|typed| Side::may_be_node(typed)) {
        return Err(no_node());
    }
    let clusters = list::clusters(session).await?;
    let is_here = |path: &Path| path.symlink_metadata().is_ok();
    let from = Side::parse(&args.source, &clusters, is_here)?;
    let to = Side::parse(&args.destination, &clusters, is_here)?;
    let transfer = Transfer {
        engine: session.engine,
        stop: session.stop,
        report: session.report,
        owners: if args.archive { Owners::Kept } else { Owners::OfDestination },
        follow: args.follow_link,
    };
    let copy = transfer.copy(&from, &to).await;
    let shown = |typed: &std::ffi::OsString| typed.to_string_lossy().into_owned();
    let (source, destination) = (shown(&args.source), shown(&args.destination));
    let copied = copy.map_err(|error| error.context(format!("failed to copy `{source}` to `{destination}`")))?;
    if to != Side::Pipe {
        session.event(Event::Done { message: format!("Copied {}.", amount(copied)) });
    }
    Ok(())
}

/// `3 files, 1 folder (1.2 MB)`, as far as it is known.
fn amount(copied: Copied) -> String {
    let counts = [(copied.files, "file"), (copied.folders, "folder")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, noun)| words::count(count, noun)).collect();
    match counts.is_empty() {
        true => words::bytes(copied.bytes),
        false => format!("{} ({})", counts.join(", "), words::bytes(copied.bytes)),
    }
}
