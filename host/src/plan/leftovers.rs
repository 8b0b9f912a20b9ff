//! What a removal has left, and why. Pure.

use super::explain::explain;
use super::outcome::Outcome;
use super::step::Plan;
use crate::error::{Error, Kind};

/// The resources that a removal plan failed to remove.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// What could not be removed, and why.
    refused: Vec<Error>,
    /// What was not tried because the work was cancelled or something else had to be removed first.
    untried: Vec<String>,
    /// Why the engine did not show what exists.
    unseen: Option<Error>,
}

impl Leftovers {
    /// The leftovers of a plan with this outcome.
    pub fn new(plan: &Plan, outcome: &Outcome) -> Leftovers {
        let refused = outcome.failures.iter();
        let untried = outcome.skipped.iter();
        Leftovers {
            refused: refused
                .map(|(id, failure)| explain(plan, *id, failure))
                .collect(),
            untried: untried
                .map(|id| plan.steps[*id].stream.to_string())
                .collect(),
            unseen: None,
        }
    }

    /// Whether everything is gone.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.untried.is_empty() && self.unseen.is_none()
    }

    /// Notes why the engine did not show what exists.
    pub fn add_unseen(&mut self, why: Error) {
        self.unseen = Some(why);
    }

    /// Adds one cause to an error for each resource that is left.
    #[must_use]
    pub fn listed(&self, error: Error) -> Error {
        let causes = self.unseen.iter().chain(&self.refused);
        let error = causes.fold(error, Error::cause);
        if self.untried.is_empty() {
            error
        } else {
            error.cause(format!("not tried: {}", self.untried.join(", ")))
        }
    }

    /// The error of a removal that left something; `reason` is why the work was cancelled, if it was.
    pub fn error(&self, reason: Option<Error>) -> Error {
        let message = match self.refused.len() + self.untried.len() {
            1 => "1 resource could not be removed".to_string(),
            count => format!("{count} resources could not be removed"),
        };
        let error = Error::new(Kind::Leftovers, message);
        let error = reason.into_iter().fold(error, Error::cause);
        self.listed(error)
            .hint("run it again; resources already removed are skipped")
    }
}
