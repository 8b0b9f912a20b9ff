//! The parent's end of the socket to a plugin's process. Two tasks own it, so that a call dropped half-way never leaves
//! half a frame. Messages must follow the protocol as well as the format; nothing is read after the first one that does
//! not.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusterdock_plugin_wire::Result as ApiResult;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::calls::{Answer, Call};
use super::plugin_frame::{self, Flaw, ToParent, ToPlugin};

/// Limit for pending calls of a hook: each occupies a thread of the plugin, so this is more than any needs.
const MOST_CALLS: usize = 4096;

/// The response of a plugin's process.
pub(super) enum Response {
    /// The answer to a question.
    Answer(ApiResult<String>),
    /// The reason why a message was invalid. Nothing follows.
    Malformed(String),
}

/// Messages of the plugin's process.
pub(super) struct Incoming {
    pub(super) responses: mpsc::UnboundedReceiver<Response>,
    pub(super) calls: mpsc::UnboundedReceiver<Call>,
}

/// Sends messages to the plugin's process and keeps the state of the protocol.
pub(super) struct Link {
    outgoing: mpsc::UnboundedSender<Message>,
    protocol: Arc<Mutex<Protocol>>,
    _tasks: JoinSet<()>,
}

/// A frame's head and payload.
type Message = (Vec<u8>, Vec<u8>);

impl Link {
    pub(super) fn new(reader: OwnedReadHalf, writer: OwnedWriteHalf) -> (Link, Incoming) {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let (response_sender, responses) = mpsc::unbounded_channel();
        let (call_sender, calls) = mpsc::unbounded_channel();
        let protocol = Arc::new(Mutex::new(Protocol::default()));
        let mut tasks = JoinSet::new();
        let reading = Reading {
            protocol: protocol.clone(),
            outgoing: outgoing.clone(),
            responses: response_sender,
            calls: call_sender,
        };
        tasks.spawn(reading.run(reader));
        tasks.spawn(write(writer, messages));
        (
            Link {
                outgoing,
                protocol,
                _tasks: tasks,
            },
            Incoming { responses, calls },
        )
    }

    /// Sends a message without a payload.
    pub(super) fn send(&self, message: &ToPlugin) {
        match message {
            ToPlugin::Ask(plugin_frame::Question::Hook { .. }) => lock(&self.protocol).ask(true),
            ToPlugin::Ask(_) => lock(&self.protocol).ask(false),
            _ => {}
        }
        // A message that is too long is never answered, so its deadline reports it.
        let Ok(head) = plugin_frame::head(message, &[]) else {
            return;
        };
        // Fails if the process has died, which the missing answer reports.
        self.outgoing.send((head, Vec::new())).ok();
    }
}

/// The state that decides which messages are valid.
#[derive(Debug, Default)]
struct Protocol {
    /// A question has not been answered yet.
    is_asked: bool,
    /// Some hook has run, so calls of its threads may still arrive.
    had_hook: bool,
    /// The current question is a hook.
    is_in_hook: bool,
    /// Ids of calls without an answer.
    pending: HashSet<u64>,
}

/// How to handle a valid message.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Accept,
    /// A call of a hook that has returned; the child has refused it already.
    Drop,
}

impl Protocol {
    fn ask(&mut self, is_hook: bool) {
        self.is_asked = true;
        self.had_hook |= is_hook;
        self.is_in_hook = is_hook;
        self.pending.clear();
    }

    /// Checks a message.
    ///
    /// # Errors
    /// Why it is invalid now.
    fn check(&mut self, message: &ToParent) -> Result<Next, String> {
        match message {
            ToParent::Done(_) if !self.is_asked => Err("answer without a question".into()),
            ToParent::Done(_) => {
                self.is_asked = false;
                self.is_in_hook = false;
                Ok(Next::Accept)
            }
            ToParent::Call { name, .. } if !self.had_hook => {
                Err(format!("call `{name}` outside of a hook"))
            }
            ToParent::Call { .. } if !self.is_in_hook => Ok(Next::Drop),
            ToParent::Call { .. } if self.pending.len() >= MOST_CALLS => {
                Err(format!("more than {MOST_CALLS} calls at once"))
            }
            ToParent::Call { id, name, .. } if !self.pending.insert(*id) => {
                Err(format!("call `{name}` with the id of another"))
            }
            ToParent::Call { .. } => Ok(Next::Accept),
        }
    }
}

/// Reads until the stream ends or becomes invalid.
struct Reading {
    protocol: Arc<Mutex<Protocol>>,
    outgoing: mpsc::UnboundedSender<Message>,
    responses: mpsc::UnboundedSender<Response>,
    calls: mpsc::UnboundedSender<Call>,
}

impl Reading {
    async fn run(self, mut reader: OwnedReadHalf) {
        loop {
            let (message, payload) = match plugin_frame::read_async(&mut reader).await {
                Ok(Some(frame)) => frame,
                // A stream that ends, even within a frame, means that the process died.
                Ok(None) | Err(Flaw::Broken) => return,
                Err(Flaw::Malformed(why)) => return self.end(why),
            };
            let next = lock(&self.protocol).check(&message);
            let is_received = match (next, message) {
                (Err(why), _) => return self.end(why),
                (Ok(Next::Drop), _) => true,
                (Ok(Next::Accept), ToParent::Done(result)) => {
                    self.responses.send(Response::Answer(result)).is_ok()
                }
                (Ok(Next::Accept), ToParent::Call { id, name, input }) => self
                    .calls
                    .send(Call {
                        name,
                        input,
                        payload,
                        answer: self.answer_of(id),
                    })
                    .is_ok(),
            };
            if !is_received {
                return;
            }
        }
    }

    fn end(&self, why: String) {
        // If the receiver is gone, the reason is not needed.
        self.responses.send(Response::Malformed(why)).ok();
    }

    fn answer_of(&self, id: u64) -> Answer {
        let protocol = self.protocol.clone();
        let outgoing = self.outgoing.clone();
        Box::new(move |result| {
            lock(&protocol).pending.remove(&id);
            let (result, payload) = match result {
                Ok((json, payload)) => (Ok(json), payload),
                Err(error) => (Err(error), Vec::new()),
            };
            let message = match plugin_frame::head(&ToPlugin::Answer { id, result }, &payload) {
                Ok(head) => (head, payload),
                Err(error) => {
                    let head = plugin_frame::head(
                        &ToPlugin::Answer {
                            id,
                            result: Err(error),
                        },
                        &[],
                    );
                    (head.expect("an error about a length is short"), Vec::new())
                }
            };
            // Fails if the process has died.
            outgoing.send(message).ok();
        })
    }
}

async fn write(mut writer: OwnedWriteHalf, mut messages: mpsc::UnboundedReceiver<Message>) {
    while let Some((head, payload)) = messages.recv().await {
        if writer.write_all(&head).await.is_err() || writer.write_all(&payload).await.is_err() {
            return;
        }
    }
}

fn lock(protocol: &Mutex<Protocol>) -> MutexGuard<'_, Protocol> {
    protocol.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> ToParent {
        ToParent::Done(Ok(String::new()))
    }

    fn call(id: u64) -> ToParent {
        ToParent::Call {
            id,
            name: "progress".into(),
            input: "{}".into(),
        }
    }

    #[test]
    fn only_hooks_call_and_answers_follow_questions() {
        let mut protocol = Protocol::default();
        protocol.check(&done()).unwrap_err();
        protocol.ask(false);
        assert_eq!(
            protocol.check(&call(1)).unwrap_err(),
            "call `progress` outside of a hook"
        );
        assert_eq!(protocol.check(&done()), Ok(Next::Accept));
        assert_eq!(
            protocol.check(&done()).unwrap_err(),
            "answer without a question"
        );

        protocol.ask(true);
        assert_eq!(protocol.check(&call(1)), Ok(Next::Accept));
        assert_eq!(protocol.check(&call(2)), Ok(Next::Accept));
        assert_eq!(
            protocol.check(&call(1)).unwrap_err(),
            "call `progress` with the id of another"
        );
        assert_eq!(protocol.check(&done()), Ok(Next::Accept));
        assert_eq!(
            protocol.check(&call(3)),
            Ok(Next::Drop),
            "it was sent while the hook returned"
        );
    }

    #[test]
    fn pending_calls_are_limited() {
        let mut protocol = Protocol::default();
        protocol.ask(true);
        for id in 0..MOST_CALLS as u64 {
            assert_eq!(protocol.check(&call(id)), Ok(Next::Accept));
        }
        assert_eq!(
            protocol.check(&call(MOST_CALLS as u64)).unwrap_err(),
            "more than 4096 calls at once"
        );
    }
}
