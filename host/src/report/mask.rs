//! Secrets that the report never shows: whatever text they come in, from a topology's message to the output of a command.

use std::sync::{Mutex, PoisonError};

use clusterdock_plugin_wire::MASK;

use crate::error::Error;
use crate::event::{Event, NodePhase};

/// Shorter ones are in too many other words to be looked for in texts.
const SHORTEST: usize = 4;

/// The secrets of a command.
#[derive(Default)]
pub(super) struct Mask(Mutex<Vec<String>>);

impl Mask {
    /// Hides this text from now on, and each of its lines.
    pub(super) fn hide(&self, secret: &str) {
        let mut hidden = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = secret.lines().map(str::trim);
        for text in [secret].into_iter().chain(lines) {
            if text.len() >= SHORTEST && !hidden.iter().any(|one| one == text) {
                hidden.push(text.into());
            }
        }
        // One that contains another is replaced first.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// The text without secrets.
    pub(super) fn apply(&self, text: &str) -> String {
        let hidden = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let replace = |text: String, secret: &String| text.replace(secret.as_str(), MASK);
        hidden.iter().fold(text.to_string(), replace)
    }

    /// The event without secrets.
    pub(super) fn event(&self, mut event: Event) -> Event {
        for text in texts(&mut event) {
            *text = self.apply(text);
        }
        event
    }

    /// The error without secrets.
    pub(super) fn error(&self, error: &Error) -> Error {
        error.map_text(|text| self.apply(text))
    }
}

/// The texts of an event that a topology or a node may have written.
fn texts(event: &mut Event) -> Vec<&mut String> {
    match event {
        Event::Progress { message }
        | Event::Notice { message }
        | Event::Warning { message }
        | Event::Debug { message }
        | Event::StillWorking { message }
        | Event::Done { message }
        | Event::Output { line: message, .. }
        | Event::Node {
            phase: NodePhase::Waiting { probe: message } | NodePhase::Failed { why: message },
            ..
        } => vec![message],
        Event::Started { closing, .. } => closing.iter_mut().collect(),
        Event::Compiling { .. }
        | Event::Image { .. }
        | Event::Starting { .. }
        | Event::Node { .. }
        | Event::Hook { .. }
        | Event::RollingBack { .. }
        | Event::Removing { .. }
        | Event::CleanUp { .. }
        | Event::Removed { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let mask = Mask::default();
        for secret in ["hunter2", "hunter2-and-more", "abc", "line one\nline two\n"] {
            mask.hide(secret);
        }
        for (text, masked) in [
            ("password=hunter2;", "password=***;"),
            ("hunter2-and-more", "***"),
            ("abc is too short", "abc is too short"),
            ("> line two", "> ***"),
        ] {
            assert_eq!(mask.apply(text), masked);
        }
        let event = mask.event(Event::Output {
            source: "a.cluster".into(),
            line: "psql: hunter2".into(),
        });
        assert_eq!(
            event,
            Event::Output {
                source: "a.cluster".into(),
                line: "psql: ***".into(),
            }
        );
    }
}
