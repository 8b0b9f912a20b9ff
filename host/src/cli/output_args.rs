//! Options that several commands have for the form of their answers.

use clap::Args;

use crate::report::Format;

/// `--format` of a command that has one answer.
#[derive(Debug, Clone, Args)]
pub struct FormatArgs {
    /// Output format: table or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    pub format: Format,
}

/// `--dry-run`, and the format of the plan that it prints.
#[derive(Debug, Default, Args)]
pub struct DryRunArgs {
    /// Print what would be done, and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Format of the printed plan: table or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        requires = "dry_run",
        hide_possible_values = true
    )]
    pub format: Format,
}

impl DryRunArgs {
    /// How to print the plan, if that is all that is to be done.
    pub fn format(&self) -> Option<Format> {
        self.dry_run.then_some(self.format)
    }
}
