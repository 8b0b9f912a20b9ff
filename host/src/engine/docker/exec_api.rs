//! Commands in containers. Each has its own connection, which the engine turns into a plain stream in both directions.

use async_trait::async_trait;
use bollard::models::ExecConfig;
use bollard::query_parameters as query;
use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::super::{
    Chunk, EngineError, EngineResult, ExecSession, ExecSpec, Execs, Fault, RunningExec,
};
use super::Docker;
use super::api::Api;
use super::client::Version;
use super::output_frames::Frames;

/// How many bytes are read at once.
const PIECE: usize = 32 * 1024;

/// From this API version on, the call that starts a command accepts the terminal's size.
const TAKES_CONSOLE_SIZE: Version = Version(1, 42);

/// The detach keys: two keys that nobody types in a row. An empty setting would mean the default ones, which swallow
/// Ctrl-P. The engine holds back the first key until the next one arrives, so it is Ctrl-@ (Ctrl-Space), which does
/// nothing visible in editors and shells; a single key would be lost. With three or more keys, Docker 20.10 to 28
/// passes the typed part of them on twice.
const NO_DETACH_KEYS: &str = "ctrl-@,ctrl-^";

#[async_trait]
impl Execs for Docker {
    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession> {
        let config = ExecConfig {
            cmd: Some(spec.command.clone()),
            user: spec.user.clone(),
            env: Some(spec.environment.clone()),
            working_dir: spec.working_directory.clone(),
            tty: Some(spec.terminal),
            attach_stdin: Some(spec.stdin),
            attach_stdout: Some(!spec.detached),
            attach_stderr: Some(!spec.detached),
            detach_keys: Some(NO_DETACH_KEYS.into()),
            ..ExecConfig::default()
        };
        let exec = self.call(self.client.create_exec(id, config)).await?.id;
        let start = async {
            if spec.detached {
                detach(&self.client, exec).await
            } else {
                attach(&self.client, exec, spec.terminal, self.console_size(spec)).await
            }
        };
        self.explained(start).await
    }

    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>> {
        let seen = self.call(self.client.inspect_exec(exec_id)).await?;
        Ok(seen.exit_code.filter(|_| seen.running != Some(true)))
    }

    async fn running_execs(&self, id: &str) -> EngineResult<Vec<RunningExec>> {
        let container = self.call(self.client.inspect_container(id)).await?;
        let mut running = Vec::new();
        for exec in container.exec_ids.unwrap_or_default() {
            let seen = self.call(self.client.inspect_exec(&exec)).await?;
            if let (Some(true), Some(pid @ 1..)) = (seen.running, seen.pid) {
                running.push(RunningExec { id: exec, pid });
            }
        }
        Ok(running)
    }

    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()> {
        let options = query::ResizeExecOptions {
            h: rows.into(),
            w: columns.into(),
        };
        self.call(self.client.resize_exec(exec_id, options)).await
    }
}

impl Docker {
    /// The terminal's size for the start call, if the engine's version accepts it.
    fn console_size(&self, spec: &ExecSpec) -> Option<(u16, u16)> {
        let info = self.info.get()?;
        spec.size
            .filter(|_| Version::parse(&info.api_version) >= Some(TAKES_CONSOLE_SIZE))
    }
}

/// Starts a created command, and connects to it.
async fn attach(
    api: &Api,
    id: String,
    terminal: bool,
    size: Option<(u16, u16)>,
) -> EngineResult<ExecSession> {
    let mut config = json!({"Detach": false, "Tty": terminal});
    if let Some((rows, columns)) = size.filter(|_| terminal) {
        config["ConsoleSize"] = json!([rows, columns]);
    }
    let upgrade = [
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("tcp")),
    ];
    let response = api.start_exec(&id, &config, upgrade).await?;
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| {
        EngineError::new(
            Fault::Other,
            format!("the engine did not open a stream for the command: {error}"),
        )
    })?;
    let (reading, writing) = tokio::io::split(TokioIo::new(upgraded));
    let output = if terminal {
        raw(reading)
    } else {
        framed(reading)
    };
    Ok(ExecSession {
        id,
        output,
        input: Box::pin(writing),
    })
}

/// Starts a created command in the background.
async fn detach(api: &Api, id: String) -> EngineResult<ExecSession> {
    api.start_exec(&id, &json!({"Detach": true}), None).await?;
    Ok(ExecSession {
        id,
        output: stream::empty().boxed(),
        input: Box::pin(tokio::io::sink()),
    })
}

/// The output of a terminal, unchanged.
fn raw(
    reading: impl AsyncRead + Send + Unpin + 'static,
) -> BoxStream<'static, EngineResult<Chunk>> {
    stream::unfold(reading, |mut reading| async {
        let mut buffer = BytesMut::with_capacity(PIECE);
        match reading.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Chunk::Stdout(buffer.freeze())), reading)),
            Err(error) => Some((Err(cut(&error)), reading)),
        }
    })
    .boxed()
}

/// The output of a command without a terminal, in frames of both streams.
fn framed(
    reading: impl AsyncRead + Send + Unpin + 'static,
) -> BoxStream<'static, EngineResult<Chunk>> {
    stream::unfold(Some((reading, Frames::default())), |state| async {
        let (mut reading, mut frames) = state?;
        loop {
            match frames.take() {
                Ok(Some(chunk)) => return Some((Ok(chunk), Some((reading, frames)))),
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            match reading.read_buf(frames.buffer()).await {
                Ok(0) => return frames.rest(true).transpose().map(|rest| (rest, None)),
                Ok(_) => {}
                Err(error) => return Some((Err(cut(&error)), None)),
            }
        }
    })
    .boxed()
}

fn cut(error: &std::io::Error) -> EngineError {
    EngineError::new(
        Fault::Other,
        format!("the command's stream was interrupted: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text.bytes());
        frame
    }

    #[tokio::test]
    async fn frames_are_reassembled_however_they_were_split() {
        let bytes = [frame(1, "out"), frame(2, "err"), frame(1, "")].concat();
        for size in [1, 3, 8, 100] {
            let (mut writing, reading) = tokio::io::duplex(size);
            let bytes = bytes.clone();
            tokio::spawn(
                async move { tokio::io::AsyncWriteExt::write_all(&mut writing, &bytes).await },
            );
            let chunks: Vec<Chunk> = framed(reading).map(Result::unwrap).collect().await;
            let expected = [
                Chunk::Stdout("out".into()),
                Chunk::Stderr("err".into()),
                Chunk::Stdout(Bytes::new()),
            ];
            assert_eq!(chunks, expected);
        }
    }

    #[tokio::test]
    async fn terminal_output_has_no_frames() {
        let bytes: &[u8] = b"\x01\x00\x00\x00\x00\x00\x00\x09abc";
        let chunks: Vec<Chunk> = raw(bytes).map(Result::unwrap).collect().await;
        assert_eq!(chunks, [Chunk::Stdout(Bytes::from_static(bytes))]);
    }
}
