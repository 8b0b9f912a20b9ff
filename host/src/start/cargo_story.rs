//! Compiles and tests plugins, with cargo's output as part of the command's story.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::ready;

use crate::error::Result;
use crate::event::Event;
use crate::sink::{self, Stream};
use crate::start::session::{CompilerOutput, Session};
use crate::topology::build_folder::BuildFolder;
use crate::topology::compile::Cargo;
use crate::topology::folder::Folder;
use crate::topology::plugin_library::{self, Event as LibraryEvent, Library};

/// How many lines of cargo and the compiler are kept for a plugin that does not compile.
const LINES_KEPT: usize = 1000;

/// Finds the library of a topology's folder, and compiles it if necessary.
pub(super) async fn find_library(session: &Session<'_>, folder: &Folder) -> Result<Library> {
    let kept = Kept::default();
    let cargo = cargo(session, &kept);
    let mut lent = None;
    let mut report = |event: LibraryEvent<'_>| match event {
        LibraryEvent::Waiting { plugin } => waiting(session, plugin),
        LibraryEvent::Compiling { plugin, .. } => {
            session.event(Event::Compiling {
                plugin: plugin.to_string(),
            });
            // The compiler writes to the terminal itself.
            lent = Some(sink::lend_terminal(session.sink.as_ref()));
        }
        LibraryEvent::Compiled { plugin, took } => {
            lent = None;
            session.event(Event::Debug {
                message: format!("compiled plugin {plugin} in {} ms", took.as_millis()),
            });
        }
    };
    let found = plugin_library::find(folder, &cargo, &mut report).await;
    drop(lent);
    if found.is_err() {
        show(session, &kept).await;
    }
    found
}

/// Runs the unit tests of the crate in `source`.
///
/// # Errors
/// They do not compile, or one fails.
pub async fn test_crate(session: &Session<'_>, source: &Path, plugin: &str) -> Result<()> {
    let kept = Kept::default();
    let cargo = cargo(session, &kept);
    let lent = sink::lend_terminal(session.sink.as_ref());
    let tests = cargo.test(source, plugin, || waiting(session, None));
    let passed = session.cancellation.wait(tests).await;
    drop(lent);
    if passed.is_err() {
        show(session, &kept).await;
    }
    passed
}

fn waiting(session: &Session<'_>, plugin: Option<&str>) {
    let what = plugin.map_or("a plugin".to_owned(), |name| format!("plugin {name}"));
    let message = format!("Waiting for another clusterdock process that compiles {what} ...");
    session.event(Event::Progress { message });
}

/// The output of cargo in a quiet story.
type Kept = Arc<Mutex<VecDeque<String>>>;

/// Shows what was kept. If that fails, the output is lost, but the error is still reported.
async fn show(session: &Session<'_>, kept: &Kept) {
    let said = said(kept);
    let shown = session.sink.stream(Stream::Stderr, said.as_bytes());
    shown.await.ok();
}

fn said(kept: &Kept) -> String {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.drain(..).collect()
}

/// Cargo, with its output where the user wants it. Output that is only shown if the plugin does not compile is added to
/// `kept`.
fn cargo(session: &Session<'_>, kept: &Kept) -> Cargo {
    let cargo = Cargo::from_environment(BuildFolder::below(&session.paths.config));
    let (sink, kept) = (session.sink.clone(), kept.clone());
    match session.compiler_output {
        CompilerOutput::Events => cargo.with_lines(Arc::new(move |line| {
            sink.event(Event::Output {
                source: "cargo".into(),
                line: line.to_string(),
            });
            let sink = sink.clone();
            async move { sink.story_room().await }.boxed()
        })),
        CompilerOutput::IfItFails => cargo.with_lines(Arc::new(move |line| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(format!("{line}\n"));
            if kept.len() > LINES_KEPT {
                kept.pop_front();
            }
            ready(()).boxed()
        })),
        CompilerOutput::Terminal => cargo,
    }
}
