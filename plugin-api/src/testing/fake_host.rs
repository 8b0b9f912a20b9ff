//! The host of a cluster in memory: it answers the calls of a hook, and keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::testing::{Call, FakeFile};
use crate::wire::ops::{self, FileFacts, Operation};
use crate::wire::{self, Chunk, Host, Options, Stream};
use crate::{Code, Command, Error, Exec, File, Probe, Result, Value};

/// Network and domain of the cluster.
pub(super) const DOMAIN: &str = "cluster";

/// The FQDN of a host name.
pub(super) fn fqdn(hostname: &str) -> String {
    format!("{hostname}.{DOMAIN}")
}

/// See the module.
pub(super) struct FakeHost(Mutex<State>);

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    answers: Vec<Answers>,
    never: Vec<Probe>,
    lenient: bool,
    interrupted: bool,
    /// By FQDN and path.
    files: BTreeMap<(String, String), FakeFile>,
}

/// The answers to one command, on one node or on all.
struct Answers {
    fqdn: Option<String>,
    command: Command,
    left: VecDeque<Answer>,
}

/// How a command ends.
#[derive(Clone, Default)]
pub(super) struct Answer {
    exit_code: i64,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Answer {
    pub(super) fn success(stdout: &[u8]) -> Answer {
        Answer {
            stdout: stdout.to_vec(),
            ..Answer::default()
        }
    }

    pub(super) fn failure(exit_code: i64, stderr: &[u8]) -> Answer {
        Answer {
            exit_code,
            stderr: stderr.to_vec(),
            ..Answer::default()
        }
    }
}

impl FakeHost {
    /// A host with these nodes and their files.
    pub(super) fn new(specs: &[wire::NodeSpec]) -> Result<FakeHost> {
        let host = FakeHost(Mutex::default());
        for spec in specs {
            for file in &spec.files {
                let contents = match file.contents.bytes()? {
                    Some(bytes) => bytes,
                    None => continue,
                };
                let planned = FakeFile {
                    contents,
                    mode: file.mode.unwrap_or(File::MODE),
                    owner: file.owner.clone(),
                };
                host.add_file(&fqdn(&spec.hostname), &file.path, planned);
            }
        }
        Ok(host)
    }

    pub(super) fn answer(&self, fqdn: Option<String>, command: Command, answer: Answer) {
        let mut state = self.state();
        let same = |answers: &&mut Answers| answers.fqdn == fqdn && answers.command == command;
        match state.answers.iter_mut().find(same) {
            Some(answers) => answers.left.push_back(answer),
            None => state.answers.push(Answers {
                fqdn,
                command,
                left: [answer].into(),
            }),
        }
    }

    pub(super) fn be_lenient(&self) {
        self.state().lenient = true;
    }

    pub(super) fn never(&self, probe: Probe) {
        self.state().never.push(probe);
    }

    pub(super) fn interrupt(&self) {
        self.state().interrupted = true;
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub(super) fn file(&self, fqdn: &str, path: &str) -> Option<FakeFile> {
        self.state().files.get(&(fqdn.into(), path.into())).cloned()
    }

    pub(super) fn add_file(&self, fqdn: &str, path: &str, file: FakeFile) {
        self.state().files.insert((fqdn.into(), path.into()), file);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Reply = Result<(String, Vec<u8>)>;

impl Host for FakeHost {
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Reply {
        let mut state = self.state();
        if state.interrupted {
            let interrupted = "the command was interrupted";
            return Err(Error::with_code(Code::Cancelled, interrupted));
        }
        match name {
            ops::ExecOn::NAME => state.exec(&parse(input)?, payload),
            ops::PutFile::NAME => state.put_file(parse(input)?, payload),
            ops::PutLocal::NAME => state.put_local(parse(input)?),
            ops::GetFile::NAME => state.get_file(parse(input)?),
            ops::WaitFor::NAME => state.wait_for(parse(input)?),
            ops::Log::NAME => reply(&()),
            other => state.note(other, input),
        }
    }
}

impl State {
    /// One answer per node; all of them are looked up before the call counts.
    fn exec(&mut self, on: &ops::ExecOn, stdin: &[u8]) -> Reply {
        let exec = Exec::from_wire(&on.exec, stdin);
        let (mut outputs, mut bytes) = (Vec::new(), Vec::new());
        for node in &on.nodes {
            let answer = self.take_answer(node, &exec.command)?;
            let chunk = |stream, text: &[u8]| Chunk {
                stream,
                length: text.len() as u64,
            };
            outputs.push(wire::Output {
                node: node.clone(),
                exit_code: answer.exit_code,
                chunks: vec![
                    chunk(Stream::Stdout, &answer.stdout),
                    chunk(Stream::Stderr, &answer.stderr),
                ],
            });
            bytes.extend(answer.stdout);
            bytes.extend(answer.stderr);
        }
        let nodes = hostnames(&on.nodes);
        self.calls.push(Call::Execute { nodes, exec });
        Ok((wire::json::encode(&outputs)?, bytes))
    }

    fn take_answer(&mut self, fqdn: &str, command: &Command) -> Result<Answer> {
        let of = |answers: &&mut Answers, own: bool| {
            let place = answers.fqdn.as_deref();
            answers.command == *command
                && if own {
                    place == Some(fqdn)
                } else {
                    place.is_none()
                }
        };
        let own = self
            .answers
            .iter()
            .any(|answers| answers.command == *command && answers.fqdn.as_deref() == Some(fqdn));
        match self.answers.iter_mut().find(|answers| of(answers, own)) {
            Some(answers) => {
                let next = match answers.left.len() {
                    0 | 1 => answers.left.front().cloned(),
                    _ => answers.left.pop_front(),
                };
                Ok(next.unwrap_or_default())
            }
            None if self.lenient => Ok(Answer::default()),
            None => Err(Error::with_code(
                Code::Host,
                format!("the test has no answer to `{command}` on node `{fqdn}`"),
            )
            .cause(
                "give one with `Fake::answer`, or let all commands succeed with `Fake::lenient`",
            )),
        }
    }

    fn put_file(&mut self, put: ops::PutFile, contents: &[u8]) -> Reply {
        let file = File::new(&*put.path, contents)
            .mode(put.mode)
            .owner(&*put.owner);
        self.keep(&put.nodes, &put.path, put.mode, &put.owner, contents);
        let nodes = hostnames(&put.nodes);
        self.calls.push(Call::Put { nodes, file });
        reply(&())
    }

    fn put_local(&mut self, put: ops::PutLocal) -> Reply {
        let mut file = File::local(&put.local, &*put.path).owner(&*put.owner);
        if let Some(mode) = put.mode {
            file = file.mode(mode);
        }
        if put.local.is_file() {
            let contents = fs::read(&put.local)?;
            let mode = put.mode.unwrap_or(File::MODE);
            self.keep(&put.nodes, &put.path, mode, &put.owner, &contents);
        }
        let nodes = hostnames(&put.nodes);
        self.calls.push(Call::Put { nodes, file });
        reply(&())
    }

    fn keep(&mut self, nodes: &[String], path: &str, mode: u32, owner: &str, contents: &[u8]) {
        for node in nodes {
            let file = FakeFile {
                contents: contents.to_vec(),
                mode,
                owner: owner.into(),
            };
            self.files.insert((node.clone(), path.into()), file);
        }
    }

    fn get_file(&mut self, get: ops::GetFile) -> Reply {
        let ops::GetFile { node, path } = get;
        let missing = || Error::with_code(Code::Host, format!("no file `{path}` on node `{node}`"));
        let file = self
            .files
            .get(&(node.clone(), path.clone()))
            .cloned()
            .ok_or_else(missing)?;
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let mut owner = file.owner.split(':');
        let user: u64 = number(owner.next()).unwrap_or_default();
        let facts = FileFacts {
            path: path.clone(),
            mode: file.mode,
            owner: (user, number(owner.next()).unwrap_or(user)),
        };
        let node = hostname(&node);
        self.calls.push(Call::Read { node, path });
        Ok((wire::json::encode(&facts)?, file.contents))
    }

    fn wait_for(&mut self, wait: ops::WaitFor) -> Reply {
        let probe = Probe::from_wire(wait.probe);
        let timeout = Duration::from_millis(wait.timeout_ms);
        let nodes = hostnames(&wait.nodes);
        self.calls.push(Call::WaitFor {
            nodes,
            probe: probe.clone(),
            timeout,
        });
        if self.never.contains(&probe) {
            let late = format!("{probe} did not hold within {timeout:?}");
            return Err(Error::with_code(Code::Timeout, late));
        }
        reply(&())
    }

    fn commit(&mut self, commit: ops::Commit) -> Reply {
        let ops::Commit { node, image, push } = commit;
        let node = hostname(&node);
        self.calls.push(Call::Commit { node, image, push });
        reply(&format!("sha256:{:064x}", self.calls.len()))
    }

    /// The operations that are only recorded.
    fn note(&mut self, name: &str, input: &str) -> Reply {
        let call = match name {
            ops::GetFolder::NAME => {
                let ops::GetFolder { node, path, local } = parse(input)?;
                let node = hostname(&node);
                Call::GetFolder { node, path, local }
            }
            ops::Pause::NAME => {
                let pause: ops::Pause = parse(input)?;
                Call::Pause {
                    time: Duration::from_millis(pause.time_ms),
                    waiting_for: pause.waiting_for.unwrap_or_default(),
                }
            }
            ops::Stop::NAME => {
                let ops::Stop { nodes } = parse(input)?;
                let nodes = hostnames(&nodes);
                Call::Stop { nodes }
            }
            ops::Remove::NAME => {
                let ops::Remove { nodes } = parse(input)?;
                let nodes = hostnames(&nodes);
                Call::Remove { nodes }
            }
            ops::Commit::NAME => return self.commit(parse(input)?),
            ops::OutputValue::NAME => {
                let ops::OutputValue { name, value } = parse(input)?;
                let value = Value(value);
                Call::Output { name, value }
            }
            ops::Progress::NAME => {
                let ops::Progress { message } = parse(input)?;
                Call::Progress { message }
            }
            ops::Closing::NAME => {
                let ops::Closing { message } = parse(input)?;
                Call::Closing { message }
            }
            other => {
                let unknown = format!("the test kit does not know the operation `{other}`");
                return Err(Error::with_code(Code::Unsupported, unknown));
            }
        };
        self.calls.push(call);
        reply(&())
    }
}

fn parse<T: DeserializeOwned>(input: &str) -> Result<T> {
    Options::default().decode(input, "the call")
}

fn reply(value: &impl Serialize) -> Reply {
    Ok((wire::json::encode(value)?, Vec::new()))
}

fn hostnames(fqdns: &[String]) -> Vec<String> {
    fqdns.iter().map(|fqdn| hostname(fqdn)).collect()
}

fn hostname(fqdn: &str) -> String {
    fqdn.split('.').next().unwrap_or_default().into()
}
