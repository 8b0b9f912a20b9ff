//! Prints the plan of a command that only shows what it would do.

use crate::error::Result;
use crate::plan::step::Plan;
use crate::printable;
use crate::report::{Format, Report};

/// Prints a plan: a line per step, or JSON.
///
/// # Errors
/// As [`Report::answer`].
pub fn print(report: &Report, plan: &Plan, format: Format) -> Result<()> {
    let text = match format {
        Format::Json => printable::json(&format!("{:#}\n", plan.to_json())),
        Format::Jsonl => printable::json(&format!("{}\n", plan.to_json())),
        Format::Table | Format::Wide | Format::Quiet => plan.to_string(),
    };
    report.answer(&text)
}
