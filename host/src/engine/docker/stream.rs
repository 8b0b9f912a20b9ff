//! What an engine reports for as long as it is listened to: events and logs.

use async_trait::async_trait;
use bollard::models::EventMessage;
use bollard::query_parameters as query;
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::super::{
    Chunk, Death, EngineError, EngineResult, Fault, Happening, LogLine, LogOptions, Streams,
};
use super::Docker;
use super::fault::unreachable_by;
use super::output_frames::Frames;
use super::{from_api, usage_api};

/// What is shown of the life of containers: not the commands that run in them, nor what is copied.
const HAPPENINGS: [&str; 13] = [
    "create",
    "start",
    "die",
    "stop",
    "kill",
    "oom",
    "pause",
    "unpause",
    "restart",
    "rename",
    "health_status",
    "update",
    "destroy",
];

#[async_trait]
impl Streams for Docker {
    async fn deaths(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<Death>>> {
        Ok(self
            .container_events(&["die"], label, since)
            .await?
            .map_ok(from_api::death)
            .boxed())
    }

    async fn starts(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<String>>> {
        let id = |event: EventMessage| event.actor.unwrap_or_default().id.unwrap_or_default();
        Ok(self
            .container_events(&["start", "unpause"], label, since)
            .await?
            .map_ok(id)
            .boxed())
    }

    async fn happenings(
        &self,
        key: &str,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<BoxStream<'static, EngineResult<Happening>>> {
        let options = events_of(&HAPPENINGS, key.into(), since, until);
        let events = self
            .call(self.client.events(options))
            .await?
            .map_ok(usage_api::happening);
        // With an end, the engine ends the stream when it has come.
        let end = stream::iter(until.is_none().then(|| Err(lost())));
        Ok(events.chain(end).boxed())
    }

    async fn logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>> {
        // The client library has 32 bits for the times, until 2038; later times are filtered here.
        let window = Window::new(options);
        let (since, until) = (window.since, window.until);
        let is_beyond = i32::try_from(since).is_err() || i32::try_from(until).is_err();
        let timestamps = options.timestamps;
        let query = query::LogsOptions {
            follow: options.follow,
            stdout: true,
            stderr: true,
            since: i32::try_from(since).unwrap_or(i32::MAX),
            // To the engine, 0 means no limit.
            until: i32::try_from(until).unwrap_or_default(),
            timestamps: timestamps || is_beyond,
            tail: options.tail.map_or("all".into(), |lines| lines.to_string()),
        };
        let opened = self.call(self.client.logs(id, query)).await?;
        let lines = lines(opened.into_body());
        if !is_beyond {
            return Ok(lines.boxed());
        }
        Ok(lines
            .try_filter_map(move |line| ready(Ok(window.cut(line, timestamps))))
            .boxed())
    }
}

impl Docker {
    /// Events of containers with this label. The stream ends with an error when the connection ends.
    pub(super) async fn container_events(
        &self,
        kinds: &[&str],
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<impl Stream<Item = EngineResult<EventMessage>> + Send + use<>> {
        let label = format!("{}={}", label.0, label.1);
        let options = events_of(kinds, label, Some(since), None);
        let events = self.call(self.client.events(options)).await?;
        Ok(events.chain(stream::once(async { Err(lost()) })))
    }
}

fn lost() -> EngineError {
    EngineError::new(Fault::Unreachable, "the engine ended its events")
}

fn events_of(
    kinds: &[&str],
    label: String,
    since: Option<i64>,
    until: Option<i64>,
) -> query::EventsOptions {
    let filters = [
        ("type", vec!["container".to_string()]),
        ("event", kinds.iter().map(ToString::to_string).collect()),
        ("label", vec![label]),
    ];
    query::EventsOptions {
        since: since.map(|since| since.to_string()),
        until: until.map(|until| until.to_string()),
        filters: Some(
            filters
                .into_iter()
                .map(|(key, values)| (key.to_string(), values))
                .collect(),
        ),
    }
}

/// The frames of a log, or its lines if it is from a terminal.
fn lines(body: Incoming) -> impl Stream<Item = EngineResult<LogLine>> + Send {
    stream::unfold(Some((body, Frames::default(), None)), |log| async {
        let (mut body, mut frames, mut framed) = log?;
        loop {
            match frames.take_of_log(&mut framed) {
                Ok(Some(chunk)) => return Some((Ok(line(chunk)), Some((body, frames, framed)))),
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            match body.frame().await {
                Some(Ok(frame)) => frame
                    .into_data()
                    .map(|data| frames.buffer().extend_from_slice(&data))
                    .unwrap_or(()),
                Some(Err(error)) => return Some((Err(unreachable_by(&error)), None)),
                None => {
                    return frames
                        .rest(framed == Some(true))
                        .transpose()
                        .map(|rest| (rest.map(line), None));
                }
            }
        }
    })
}

fn line(chunk: Chunk) -> LogLine {
    match chunk {
        Chunk::Stdout(bytes) => LogLine {
            is_stderr: false,
            bytes,
        },
        Chunk::Stderr(bytes) => LogLine {
            is_stderr: true,
            bytes,
        },
    }
}

/// The time from which a log is shown, and until which, in Unix seconds.
#[derive(Debug, Clone, Copy)]
struct Window {
    since: i64,
    /// 0 for no limit.
    until: i64,
}

impl Window {
    /// A time before 1970 is the same as no limit at the beginning, and excludes everything that a log can have at the end.
    fn new(options: &LogOptions) -> Window {
        Window {
            since: options.since.unwrap_or_default().max(0),
            until: options.until.map_or(0, |until| until.max(1)),
        }
    }

    /// The line, unless its timestamp is outside; the timestamp is only kept if it was requested. A line without a
    /// readable time is kept unchanged, since it may belong to those shown.
    fn cut(self, line: LogLine, timestamps: bool) -> Option<LogLine> {
        let Some((blank, time)) = time_of(&line.bytes) else {
            return Some(line);
        };
        let bytes = if timestamps {
            line.bytes.clone()
        } else {
            line.bytes.slice(blank + 1..)
        };
        let second = time.as_second();
        // As the engine does: a line of exactly that second, and nothing of its fraction.
        let is_over = self.until > 0
            && (second > self.until || second == self.until && time.subsec_nanosecond() > 0);
        (second >= self.since && !is_over).then_some(LogLine { bytes, ..line })
    }
}

/// Where the time at the beginning of a line ends, and the time.
fn time_of(bytes: &[u8]) -> Option<(usize, jiff::Timestamp)> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(&bytes[..blank]).ok()?;
    Some((blank, time.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_a_time_beyond_2038_are_skipped() {
        let line = |text: &'static str| LogLine {
            is_stderr: true,
            bytes: text.as_bytes().into(),
        };
        let window = Window {
            since: 4_000_000_000,
            until: 0,
        };
        let shown = |text, timestamps| window.cut(line(text), timestamps).map(|line| line.bytes);
        assert_eq!(shown("2026-11-24T08:31:02.499999999Z early\n", false), None);
        assert_eq!(shown("2096-10-02T07:06:39.999999999Z early\n", true), None);
        assert_eq!(
            shown("2096-10-02T07:06:40.000000000Z late enough\n", false).unwrap(),
            "late enough\n"
        );
        let whole = "2096-10-02T07:06:40.000000000Z late enough\n";
        assert_eq!(shown(whole, true).unwrap(), whole);
        for odd in [
            "no time here\n",
            "alone\n",
            "2096-13-02T07:06:40Z no month\n",
        ] {
            assert_eq!(shown(odd, false).unwrap(), odd);
        }
    }

    #[test]
    fn lines_after_a_time_beyond_2038_are_skipped() {
        let options = LogOptions {
            until: Some(4_000_000_000),
            ..LogOptions::default()
        };
        let is_shown = |text: &'static str| {
            let line = LogLine {
                is_stderr: false,
                bytes: text.as_bytes().into(),
            };
            Window::new(&options).cut(line, false).is_some()
        };
        assert!(is_shown("2026-11-24T08:31:02.499999999Z early\n"));
        assert!(is_shown("2096-10-02T07:06:40Z in time\n"));
        assert!(!is_shown("2096-10-02T07:06:40.000000001Z late\n"));
        assert!(!is_shown("2096-10-02T07:06:41Z late\n"));
    }
}
