//! Plans as text, one line per step with its reason, and as JSON.

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

use super::RemovalPlan;
use super::step::Plan;
use crate::printable;

impl Plan {
    /// The plan as JSON: `after` names steps by their index in the list, and `retries_ms` has the pauses after which a
    /// step is repeated.
    pub fn to_json(&self) -> Value {
        let streams = self.streams();
        let before = |id: usize| {
            let stream = streams.iter().find(|stream| stream.contains(&id))?;
            let place = stream.iter().position(|one| *one == id)?;
            Some(stream[place.checked_sub(1)?])
        };
        let steps = self.steps.iter().enumerate().map(|(id, step)| {
            let mut after = step.after.clone();
            after.extend(before(id));
            after.sort_unstable();
            after.dedup();
            let retries = step.retries.iter().map(|pause| pause.as_millis() as u64);
            let retries: Vec<u64> = retries.collect();
            json!({
                "action": step.action.verb().replace(' ', "_"),
                "subject": step.subject(),
                "reason": step.reason,
                "engine": step.engine,
                "after": after,
                "despite_failures": step.despite_failures,
                "retries_ms": retries,
            })
        });
        let steps: Vec<Value> = steps.collect();
        let notes = self.notes.iter().map(|note| {
            json!({
                "action": note.verb.replace(' ', "_"),
                "subject": note.subject,
                "reason": note.reason,
            })
        });
        let notes: Vec<Value> = notes.collect();
        json!({ "schema_version": 1, "notes": notes, "steps": steps })
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let notes = self
            .notes
            .iter()
            .map(|note| (note.verb, note.subject.as_str(), note.reason.as_str()));
        let steps = self
            .steps
            .iter()
            .map(|step| (step.action.verb(), step.subject(), step.reason.as_str()));
        let rows = notes.chain(steps).map(|(verb, subject, reason)| {
            (verb, printable::line(subject), printable::line(reason))
        });
        let rows: Vec<(&str, String, String)> = rows.collect();
        let width = rows.iter().map(|(_, subject, _)| subject.len()).max();
        let width = width.unwrap_or(0).max(24);
        rows.iter().try_for_each(|(verb, subject, reason)| {
            let row = format!("{verb:<17} {subject:<width$} {reason}");
            writeln!(f, "{}", row.trim_end())
        })
    }
}

impl Display for RemovalPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}
