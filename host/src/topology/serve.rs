//! The plugin's process: the same executable, started by [`process`](super::process), which loads one library and
//! does what its parent asks over a socket. What the plugin breaks here, it breaks for nobody else.
//!
//! The main thread runs the plugin's code; a second one reads the socket, so that answers reach a hook's threads while
//! the hook runs. Any thread may write. The process ends when its parent says so, when its parent dies, or by
//! whatever the plugin does to it.

use super::frame::{self, Question, ToParent, ToPlugin};
use super::load;
use crate::machine::parent::die_with;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RSlice, RStr, RString};
use clusterdock_plugin_api::wire::{AbiError, Reply, Topology, WireHost, WireHost_TO};
use clusterdock_plugin_api::{Code, Error, Result};
use rustix::process::Signal;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first argument of a plugin's process. Not for users.
pub(super) const ARGUMENT: &str = "__plugin";

/// Serves a plugin when that is what these arguments (those after the program's name) ask for. `main` calls this
/// before anything else and ends with what it returns.
pub fn maybe_serve(arguments: &[OsString]) -> Option<ExitCode> {
    match arguments {
        [first, parent, library] if first == ARGUMENT => {
            let served = serve(parent, Path::new(library));
            Some(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => None,
    }
}

fn serve(parent: &OsStr, library: &Path) -> io::Result<()> {
    die_with(parent, Signal::KILL)?;
    outlive_signals()?;
    let socket = take_socket()?;
    let connection = Arc::new(Connection { socket: Mutex::new(socket.try_clone()?), calls: Mutex::default() });
    let (questions, asked) = mpsc::channel();
    let reader = connection.clone();
    std::thread::Builder::new().name("parent".into()).spawn(move || reader.read(&socket, &questions))?;
    Served { connection, library: library.into(), topology: None }.answer(&asked)
}

/// A terminal's signals reach every process in front. The parent decides what they mean; here they do nothing. They
/// are handled, not ignored: what a plugin starts would inherit the ignoring.
fn outlive_signals() -> io::Result<()> {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        // SAFETY: the handler does nothing, which is safe in a signal's context.
        unsafe { signal_hook_registry::register(signal.as_raw(), || ()) }?;
    }
    Ok(())
}

/// The socket comes as standard input, which needs no agreement on numbers. It moves to where nothing that the plugin
/// starts inherits it, and standard input becomes empty.
fn take_socket() -> io::Result<UnixStream> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

/// The plugin, and what it answers.
struct Served {
    connection: Arc<Connection>,
    library: PathBuf,
    topology: Option<Topology>,
}

impl Served {
    fn answer(mut self, asked: &Receiver<Question>) -> io::Result<()> {
        // Ends when the reader is told that there is nothing more; the topology is dropped then.
        while let Ok(question) = asked.recv() {
            let result = self.answer_one(question);
            self.connection.send(&ToParent::Done(result), &[]).map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(())
    }

    fn answer_one(&mut self, question: Question) -> Result<String> {
        if let Question::Load { options } = question {
            self.topology = Some(load::load(&self.library, &options)?);
            return Ok(String::new());
        }
        let topology = self.topology.as_ref().ok_or_else(|| Error::new("the plugin is not loaded"))?;
        let answer = match question {
            Question::Load { .. } | Question::Declare => topology.declare(),
            Question::Nodes { request } => topology.nodes(RStr::from_str(&request)),
            Question::Hook { name, cluster, request } => {
                let handle = Handle { connection: self.connection.clone(), hook: self.connection.open() };
                let host = WireHost_TO::from_value(handle, TD_Opaque);
                let answer = topology.hook(RStr::from_str(&name), (&*cluster).into(), (&*request).into(), host);
                self.connection.close();
                answer
            }
        };
        answer.map(RString::into_string).map_err(Error::from).into()
    }
}

/// The socket, and the calls that wait for an answer on it.
struct Connection {
    socket: Mutex<UnixStream>,
    calls: Mutex<Calls>,
}

/// One hook runs at a time, and hooks are numbered: handles of earlier ones are closed.
#[derive(Default)]
struct Calls {
    hook: u64,
    open: bool,
    cancelled: bool,
    next_id: u64,
    waiting: HashMap<u64, Sender<Result<Reply>>>,
}

impl Connection {
    /// Reads what the parent says until it has nothing more to say.
    fn read(&self, socket: &UnixStream, questions: &Sender<Question>) {
        while let Ok(Some((message, payload))) = frame::read(socket) {
            match message {
                ToPlugin::Ask(question) => drop(questions.send(question)),
                ToPlugin::Answer { id, result } => {
                    let reply = result.map(|json| Reply { json: json.into(), bytes: payload.into() });
                    // Not there when the hook has ended meanwhile.
                    if let Some(waiting) = self.calls().waiting.remove(&id) {
                        drop(waiting.send(reply));
                    }
                }
                ToPlugin::Cancel => self.cancel(),
                ToPlugin::End => return,
            }
        }
        // The parent is gone. The main thread may be anywhere, so nothing gentler is of use.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    }

    fn send(&self, message: &ToParent, payload: &[u8]) -> Result<()> {
        let head = frame::head(message, payload)?;
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(frame::write(&*socket, &head, payload)?)
    }

    /// Begins a hook; gives its number.
    fn open(&self) -> u64 {
        let mut calls = self.calls();
        calls.hook += 1;
        calls.open = true;
        calls.hook
    }

    /// Ends the hook. Dropping the senders wakes those who wait.
    fn close(&self) {
        let mut calls = self.calls();
        calls.open = false;
        calls.waiting.clear();
    }

    fn cancel(&self) {
        let mut calls = self.calls();
        calls.cancelled = true;
        calls.waiting.clear();
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn usable(&self, hook: u64) -> Result<()> {
        if self.hook != hook || !self.open {
            return Err(Error::with_code(Code::Closed, "the hook has returned, its cluster can no longer be used"));
        }
        if self.cancelled {
            return Err(Error::with_code(Code::Cancelled, "the command was interrupted"));
        }
        Ok(())
    }
}

/// The host as one hook has it.
struct Handle {
    connection: Arc<Connection>,
    hook: u64,
}

impl Handle {
    fn call_parent(&self, name: RStr<'_>, input: RStr<'_>, payload: &[u8]) -> Result<Reply> {
        let (sender, answer) = mpsc::channel();
        let id = {
            let mut calls = self.connection.calls();
            calls.usable(self.hook)?;
            calls.next_id += 1;
            let id = calls.next_id;
            calls.waiting.insert(id, sender);
            id
        };
        let message = ToParent::Call { id, name: name.into(), input: input.into() };
        if let Err(error) = self.connection.send(&message, payload) {
            self.connection.calls().waiting.remove(&id);
            return Err(error);
        }
        match answer.recv() {
            Ok(reply) => reply,
            // The sender was dropped: the hook was closed or cancelled, which `usable` tells apart.
            Err(_) => {
                self.connection.calls().usable(self.hook)?;
                Err(Error::with_code(Code::Closed, "the call was dropped"))
            }
        }
    }
}

impl WireHost for Handle {
    fn call(&self, name: RStr<'_>, input: RStr<'_>, payload: RSlice<'_, u8>) -> RResult<Reply, AbiError> {
        let call = AssertUnwindSafe(|| self.call_parent(name, input, payload.as_slice()));
        let result = std::panic::catch_unwind(call).unwrap_or_else(|_| {
            Err(Error::with_code(Code::HostPanic, format!("clusterdock panicked in operation `{name}`")))
        });
        result.map_err(AbiError::from).into()
    }
}
