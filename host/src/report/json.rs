//! The story for programs: one JSON object per line.

use serde::Serialize;

use super::clock::Clock;
use super::failure::kind_word;
use crate::error::Error;
use crate::event::Event;
use crate::printable;

/// The version of all JSON that clusterdock prints. Additions do not change it.
pub(super) const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Stamped<T> {
    schema_version: u32,
    time: String,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Failure<'a> {
    event: &'static str,
    kind: &'static str,
    exit_code: u8,
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
}

/// The line of an event, without its end.
pub(super) fn event(event: &Event, clock: &Clock) -> String {
    line(clock, event)
}

/// The line of an error, without its end. It is the last line of a story.
pub(super) fn failure(error: &Error, clock: &Clock) -> String {
    line(
        clock,
        Failure {
            event: "error",
            kind: kind_word(error.kind()),
            exit_code: error.kind().exit_code(),
            message: error.message(),
            causes: error.causes(),
            hint: error.next_step(),
        },
    )
}

fn line(clock: &Clock, what: impl Serialize) -> String {
    let stamped = Stamped {
        schema_version: SCHEMA_VERSION,
        time: clock.utc(),
        what,
    };
    printable::json(&serde_json::to_string(&stamped).expect("strings and numbers are JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::event::{ImagePhase, NodePhase};

    fn clock() -> Clock {
        Clock::stopped(
            "2026-11-24T08:31:02.004Z".parse().unwrap(),
            jiff::tz::TimeZone::UTC,
        )
    }

    fn assert_shows(what: Event, fields: &str) {
        let stamp = r#"{"schema_version":1,"time":"2026-11-24T08:31:02.004Z","#;
        assert_eq!(event(&what, &clock()), format!("{stamp}{fields}}}"));
    }

    #[test]
    fn every_event_is_a_flat_object_with_its_name() {
        assert_shows(
            Event::Starting {
                cluster: "c".into(),
                network: "nw".into(),
                nodes: vec!["a.nw".into()],
            },
            r#""event":"starting","cluster":"c","network":"nw","nodes":["a.nw"]"#,
        );
        assert_shows(
            Event::Node {
                node: "a.nw".into(),
                phase: NodePhase::Waiting {
                    probe: "port 22".into(),
                },
            },
            r#""event":"node","node":"a.nw","phase":"waiting","probe":"port 22""#,
        );
        assert_shows(
            Event::Image {
                image: "i".into(),
                phase: ImagePhase::Progress {
                    part: "ab".into(),
                    status: "Downloading".into(),
                    current: Some(1),
                    total: None,
                },
            },
            r#""event":"image","image":"i","phase":"progress","part":"ab","status":"Downloading","current":1,"total":null"#,
        );
        assert_shows(
            Event::Started {
                cluster: "c".into(),
                total_ms: 1621,
                closing: vec!["http://localhost".into()],
            },
            r#""event":"started","cluster":"c","total_ms":1621,"closing":["http://localhost"]"#,
        );
    }

    #[test]
    fn an_error_is_an_event_with_its_exit_code() {
        let error = Error::new(Kind::Conflict, "cluster `c` exists")
            .cause("it runs")
            .hint("choose another name");
        assert_eq!(
            failure(&error, &clock()),
            concat!(
                r#"{"schema_version":1,"time":"2026-11-24T08:31:02.004Z","event":"error","kind":"conflict","#,
                r#""exit_code":4,"message":"cluster `c` exists","causes":["it runs"],"hint":"choose another name"}"#
            )
        );
    }
}
