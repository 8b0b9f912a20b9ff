//! Checks probes in nodes. Logs are followed; everything else is polled, with pauses that grow from 100 ms to one
//! second.

use std::time::Duration;

use clusterdock_plugin_wire::Probe;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::exec_call;
use crate::engine::{Engine, EngineResult, ExecSpec, LogOptions};

/// The pause after the first look at something that does not hold yet.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Waits until a probe holds. Never ends otherwise: the caller sets the deadline and notices if the node dies.
///
/// # Errors
/// The engine refuses to look: the container stopped or is gone.
pub fn wait<'a>(
    engine: &'a dyn Engine,
    id: &'a str,
    probe: &'a Probe,
) -> BoxFuture<'a, EngineResult<()>> {
    match probe {
        Probe::Log(text) => log_line(engine, id, text).boxed(),
        Probe::Stable { probe, for_ms } => {
            stable(engine, id, probe, Duration::from_millis(*for_ms)).boxed()
        }
        Probe::All(probes) => async move {
            for probe in probes {
                wait(engine, id, probe).await?;
            }
            Ok(())
        }
        .boxed(),
        Probe::Any(probes) if probes.is_empty() => async { Ok(()) }.boxed(),
        Probe::Any(probes) => {
            let waits = probes.iter().map(|probe| wait(engine, id, probe));
            futures_util::future::select_all(waits)
                .map(|(first, _, _)| first)
                .boxed()
        }
        _ => ask(engine, id, probe).boxed(),
    }
}

async fn ask(engine: &dyn Engine, id: &str, probe: &Probe) -> EngineResult<()> {
    let mut pause = FIRST_PAUSE;
    while !holds(engine, id, probe).await? {
        sleep(pause).await;
        pause = next_pause(pause);
    }
    Ok(())
}

/// The pause after the look that follows this one.
pub fn next_pause(pause: Duration) -> Duration {
    (pause * 3 / 2).min(LONGEST_PAUSE)
}

async fn stable(engine: &dyn Engine, id: &str, probe: &Probe, time: Duration) -> EngineResult<()> {
    loop {
        wait(engine, id, probe).await?;
        let since = Instant::now();
        loop {
            if since.elapsed() >= time {
                return Ok(());
            }
            sleep(FIRST_PAUSE.min(time)).await;
            if !holds(engine, id, probe).await? {
                break;
            }
        }
    }
}

/// Checks once.
fn holds<'a>(
    engine: &'a dyn Engine,
    id: &'a str,
    probe: &'a Probe,
) -> BoxFuture<'a, EngineResult<bool>> {
    async move {
        match probe {
            Probe::Port(port) => listens(engine, id, *port).await,
            Probe::Http { port, path, status } => answers(engine, id, *port, path, *status).await,
            Probe::Command(command) => succeeds(engine, id, &["/bin/sh", "-c", command]).await,
            Probe::File(path) => succeeds(engine, id, &["test", "-e", path]).await,
            Probe::Healthy => {
                Ok(engine.container_state(id).await?.health.as_deref() == Some("healthy"))
            }
            Probe::Log(text) => logged(engine, id, text).await,
            Probe::Stable { probe, .. } => holds(engine, id, probe).await,
            Probe::All(probes) => {
                for probe in probes {
                    if !holds(engine, id, probe).await? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Probe::Any(probes) => {
                for probe in probes {
                    if holds(engine, id, probe).await? {
                        return Ok(true);
                    }
                }
                Ok(probes.is_empty())
            }
        }
    }
    .boxed()
}

/// Whether something in the node listens on a TCP port, from the kernel's own tables: no connection is made, and it
/// works even if the node's addresses cannot be reached from this machine.
async fn listens(engine: &dyn Engine, id: &str, port: u16) -> EngineResult<bool> {
    let (_, tables) = run(engine, id, &["cat", "/proc/net/tcp", "/proc/net/tcp6"]).await?;
    Ok(has_listener(&tables, port))
}

/// Looks for a local port in state 0A (listening) in lines such as
/// `0: 00000000:1F90 00000000:0000 0A ...`.
fn has_listener(tables: &str, port: u16) -> bool {
    let local_port = format!(":{port:04X}");
    tables.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&local_port) && state == "0A"
    })
}

/// Asks with curl, or else with bash's network device: a node needs only one of them.
async fn answers(
    engine: &dyn Engine,
    id: &str,
    port: u16,
    path: &str,
    status: Option<u16>,
) -> EngineResult<bool> {
    const ASK: &str = r#"if command -v curl >/dev/null 2>&1; then
  exec curl -s -o /dev/null -m 5 -w 'HTTP/1.1 %{http_code}' "http://127.0.0.1:$0$1"
fi
exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$1" >&3 &&
  read -t 5 -r line <&3 && printf %s "$line"' "$0" "$1""#;
    let (_, answer) = run(engine, id, &["/bin/sh", "-c", ASK, &port.to_string(), path]).await?;
    let code = answer
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse::<u16>().ok());
    Ok(code.is_some_and(|code| status.map_or((200..400).contains(&code), |wanted| wanted == code)))
}

async fn succeeds(engine: &dyn Engine, id: &str, command: &[&str]) -> EngineResult<bool> {
    Ok(run(engine, id, command).await?.0 == 0)
}

/// Runs a command as root; returns its exit code and standard output.
async fn run(engine: &dyn Engine, id: &str, command: &[&str]) -> EngineResult<(i64, String)> {
    let command = command.iter().map(ToString::to_string).collect();
    let spec = ExecSpec {
        command,
        user: Some("0".into()),
        ..ExecSpec::default()
    };
    let outcome = exec_call::ask(engine, id, &spec).await?;
    Ok((
        outcome.exit_code,
        String::from_utf8_lossy(&outcome.stdout()).into_owned(),
    ))
}

async fn log_line(engine: &dyn Engine, id: &str, text: &str) -> EngineResult<()> {
    if follow_log(engine, id, text, true).await? {
        return Ok(());
    }
    // The log ended, so the container did; its death is noticed elsewhere.
    std::future::pending().await
}

async fn logged(engine: &dyn Engine, id: &str, text: &str) -> EngineResult<bool> {
    follow_log(engine, id, text, false).await
}

/// Looks for a text in the log of the container's present run: what an earlier one wrote does not count.
async fn follow_log(engine: &dyn Engine, id: &str, text: &str, follow: bool) -> EngineResult<bool> {
    let earlier = engine.container_state(id).await?.ended;
    let since = earlier.map(|ended| ended.as_second());
    let options = LogOptions {
        follow,
        since,
        timestamps: earlier.is_some(),
        ..LogOptions::default()
    };
    let mut lines = engine.logs(id, &options).await?;
    let mut line = Vec::new();
    while let Some(piece) = lines.next().await {
        let piece = piece?.bytes;
        let Some(written) = earlier.map_or(Some(&piece[..]), |ended| written_after(&piece, ended))
        else {
            continue;
        };
        line.extend_from_slice(written);
        if String::from_utf8_lossy(&line).contains(text) {
            return Ok(true);
        }
        if let Some(end) = line.iter().rposition(|byte| *byte == b'\n') {
            line.drain(..=end);
        }
    }
    Ok(false)
}

/// A piece of a log without the time in front; `None` if it is older than `then`, since the engine only compares
/// seconds.
fn written_after(piece: &[u8], then: Timestamp) -> Option<&[u8]> {
    let blank = piece.iter().position(|byte| *byte == b' ')?;
    let time: Timestamp = std::str::from_utf8(&piece[..blank]).ok()?.parse().ok()?;
    (time > then).then(|| &piece[blank + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_an_earlier_run_does_not_count() {
        let ended = "2026-11-24T08:31:02.5Z".parse().unwrap();
        assert_eq!(
            written_after(b"2026-11-24T08:31:02.499999999Z ready\n", ended),
            None
        );
        assert_eq!(
            written_after(b"2026-11-24T08:31:02.500000001Z ready\n", ended),
            Some(&b"ready\n"[..])
        );
    }

    #[test]
    fn listeners_are_read_from_the_kernels_tables() {
        let tables = "  sl  local_address rem_address   st tx_queue
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000
   1: 0100007F:0050 0200007F:C350 01 00000000:00000000 00:00000000";
        assert!(has_listener(tables, 8080));
        assert!(!has_listener(tables, 80), "connected is not listening");
        assert!(!has_listener(tables, 50000));
    }
}
