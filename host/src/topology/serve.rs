//! The plugin's process: the same executable, started by [`plugin_process`](super::plugin_process). It loads a single
//! library and answers the questions of its parent over a socket, so that a plugin can only break its own process.
//!
//! The main thread runs the plugin's code; a second one reads the socket, so that answers reach a hook's threads while
//! the hook runs. Any thread may write. The process ends when its parent says so, when its parent dies, or when the
//! plugin ends it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RSlice, RStr, RString};
use clusterdock_plugin_wire::abi::{AbiError, Reply, Topology, WireHost, WireHost_TO};
use clusterdock_plugin_wire::{Code, Error, Result};
use rustix::process::Signal;

use super::held::Held;
use super::load;
use super::plugin_frame::{self, Question, ToParent, ToPlugin};
use crate::process::die_with;
use crate::process::is_ignored;

/// The first argument of a plugin's process, not for users.
pub(super) const ARGUMENT: &str = "__plugin";

/// Serves a plugin if these arguments (without the program name) request it. `main` calls this first and exits with the
/// returned code.
pub fn maybe_serve(arguments: &[OsString]) -> Option<ExitCode> {
    match arguments {
        [first, parent] if first == ARGUMENT => {
            let served = serve(parent);
            Some(if served.is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        _ => None,
    }
}

fn serve(parent: &OsStr) -> io::Result<()> {
    die_with(parent, Signal::KILL)?;
    outlive_signals()?;
    let socket = take_socket()?;
    let library = Held::receive(&socket)?;
    let connection = Arc::new(Connection {
        socket: Mutex::new(socket.try_clone()?),
        calls: Mutex::default(),
    });
    let (questions, asked) = mpsc::channel();
    let reader = connection.clone();
    std::thread::Builder::new()
        .name("parent".into())
        .spawn(move || reader.read(&socket, &questions))?;
    Served {
        connection,
        library,
        topology: None,
    }
    .answer(&asked)
}

/// Signals of a terminal reach all processes in the foreground. The parent decides what they mean; here they have no
/// effect. They are handled rather than ignored, since processes that the plugin starts would inherit that.
fn outlive_signals() -> io::Result<()> {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP]
        .into_iter()
        .filter(|signal| !is_ignored(*signal))
    {
        // SAFETY: the handler does nothing, which is safe in a signal handler.
        unsafe { signal_hook_registry::register(signal.as_raw(), || ()) }?;
    }
    Ok(())
}

/// Moves the socket from standard input to a close-on-exec descriptor, so that processes of the plugin do not inherit it,
/// and makes standard input empty.
fn take_socket() -> io::Result<UnixStream> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

/// The plugin that is served.
struct Served {
    connection: Arc<Connection>,
    /// Kept open as long as the library is loaded, until the process ends.
    library: Held,
    topology: Option<Topology>,
}

impl Served {
    fn answer(mut self, asked: &Receiver<Question>) -> io::Result<()> {
        // Ends when the reader does; the topology is dropped then.
        while let Ok(question) = asked.recv() {
            let result = self.answer_one(question);
            self.connection
                .send(&ToParent::Done(result), &[])
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(())
    }

    fn answer_one(&mut self, question: Question) -> Result<String> {
        if let Question::Load { options } = question {
            self.library.verify()?;
            self.topology = Some(load::load(&self.library.path(), &options)?);
            return Ok(String::new());
        }
        let topology = self
            .topology
            .as_ref()
            .ok_or_else(|| Error::new("the plugin is not loaded"))?;
        let answer = match question {
            Question::Load { .. } | Question::Declare => topology.declare(),
            Question::Nodes { request } => topology.nodes(RStr::from_str(&request)),
            Question::Hook { call } => {
                let handle = Handle {
                    connection: self.connection.clone(),
                    hook: self.connection.open(),
                };
                let host = WireHost_TO::from_value(handle, TD_Opaque);
                let answer = topology.hook(RStr::from_str(&call), host);
                self.connection.close();
                answer
            }
        };
        answer.map(RString::into_string).map_err(Error::from).into()
    }
}

/// The socket and the pending calls.
struct Connection {
    socket: Mutex<UnixStream>,
    calls: Mutex<Calls>,
}

/// Hooks run one at a time and are numbered, so that handles of earlier ones can be refused.
#[derive(Default)]
struct Calls {
    hook: u64,
    is_open: bool,
    is_cancelled: bool,
    next_id: u64,
    waiting: HashMap<u64, Sender<Result<Reply>>>,
}

impl Connection {
    /// Reads messages of the parent until it says that there are no more.
    fn read(&self, socket: &UnixStream, questions: &Sender<Question>) {
        while let Ok(Some((message, payload))) = plugin_frame::read(socket) {
            match message {
                // Fails only while the process is ending.
                ToPlugin::Ask(question) => drop(questions.send(question)),
                ToPlugin::Answer { id, result } => {
                    let reply = result.map(|json| Reply {
                        json: json.into(),
                        bytes: payload.into(),
                    });
                    // Missing if the hook has ended in the meantime.
                    if let Some(waiting) = self.calls().waiting.remove(&id) {
                        drop(waiting.send(reply));
                    }
                }
                ToPlugin::Cancel => self.cancel(),
                ToPlugin::End => return,
            }
        }
        // The parent is gone. The main thread may be running plugin code, so nothing gentler works.
        rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).ok();
    }

    fn send(&self, message: &ToParent, payload: &[u8]) -> Result<()> {
        let head = plugin_frame::head(message, payload)?;
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(plugin_frame::write(&*socket, &head, payload)?)
    }

    /// Begins a hook and returns its number.
    fn open(&self) -> u64 {
        let mut calls = self.calls();
        calls.hook += 1;
        calls.is_open = true;
        calls.hook
    }

    /// Ends the hook. Dropping the senders wakes the waiting threads.
    fn close(&self) {
        let mut calls = self.calls();
        calls.is_open = false;
        calls.waiting.clear();
    }

    fn cancel(&self) {
        let mut calls = self.calls();
        calls.is_cancelled = true;
        calls.waiting.clear();
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn check(&self, hook: u64) -> Result<()> {
        if self.hook != hook || !self.is_open {
            return Err(Error::with_code(
                Code::Closed,
                "the hook has returned, its cluster can no longer be used",
            ));
        }
        if self.is_cancelled {
            return Err(Error::with_code(
                Code::Cancelled,
                "the command was interrupted",
            ));
        }
        Ok(())
    }
}

/// The host, as seen by one hook.
struct Handle {
    connection: Arc<Connection>,
    hook: u64,
}

impl Handle {
    fn call_parent(&self, name: RStr<'_>, input: RStr<'_>, payload: &[u8]) -> Result<Reply> {
        let (sender, answer) = mpsc::channel();
        let id = {
            let mut calls = self.connection.calls();
            calls.check(self.hook)?;
            calls.next_id += 1;
            let id = calls.next_id;
            calls.waiting.insert(id, sender);
            id
        };
        let message = ToParent::Call {
            id,
            name: name.into(),
            input: input.into(),
        };
        if let Err(error) = self.connection.send(&message, payload) {
            self.connection.calls().waiting.remove(&id);
            return Err(error);
        }
        match answer.recv() {
            Ok(reply) => reply,
            // The sender was dropped: the hook was closed or cancelled, and `check` knows which.
            Err(_) => {
                self.connection.calls().check(self.hook)?;
                Err(Error::with_code(Code::Closed, "the call was dropped"))
            }
        }
    }
}

impl WireHost for Handle {
    fn call(
        &self,
        name: RStr<'_>,
        input: RStr<'_>,
        payload: RSlice<'_, u8>,
    ) -> RResult<Reply, AbiError> {
        let call = AssertUnwindSafe(|| self.call_parent(name, input, payload.as_slice()));
        let result = std::panic::catch_unwind(call).unwrap_or_else(|_| {
            Err(Error::with_code(
                Code::HostPanic,
                format!("clusterdock panicked in operation `{name}`"),
            ))
        });
        result.map_err(AbiError::from).into()
    }
}
