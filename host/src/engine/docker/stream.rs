//! What an engine tells for as long as it lasts: events, and logs.

use super::super::{EngineError, EngineResult, Fault, LogLine, LogOptions};
use super::client::Docker;
use super::fault::fault;
use bollard::container::LogOutput;
use bollard::models::EventMessage;
use bollard::query_parameters as query;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};

impl Docker {
    /// The log of a container.
    pub(super) async fn log(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>> {
        self.greeted().await?;
        let query = query::LogsOptions {
            follow: options.follow,
            stdout: true,
            stderr: true,
            since: options.since.and_then(|since| i32::try_from(since).ok()).unwrap_or_default(),
            timestamps: options.timestamps,
            tail: options.tail.map_or("all".into(), |lines| lines.to_string()),
            ..Default::default()
        };
        let line = |output: LogOutput| match output {
            LogOutput::StdErr { message } => LogLine { is_stderr: true, bytes: message },
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                LogLine { is_stderr: false, bytes: message }
            }
        };
        Ok(self.opening().logs(id, Some(query)).map(move |output| output.map(line).map_err(fault)).boxed())
    }

    /// Events of containers that carry a label; ends with an error when the connection does.
    pub(super) async fn events(
        &self,
        kinds: &[&str],
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<impl Stream<Item = EngineResult<EventMessage>> + Send + use<>> {
        self.greeted().await?;
        let filters = [
            ("type", vec!["container".to_string()]),
            ("event", kinds.iter().map(ToString::to_string).collect()),
            ("label", vec![format!("{}={}", label.0, label.1)]),
        ];
        let options = query::EventsOptions {
            since: Some(since.to_string()),
            filters: Some(filters.into_iter().map(|(key, values)| (key.to_string(), values)).collect()),
            ..Default::default()
        };
        let lost = EngineError::new(Fault::Unreachable, "the engine ended its events");
        let events = self.opening().events(Some(options)).map_err(fault);
        Ok(events.chain(futures_util::stream::once(async { Err(lost) })))
    }
}
