//! Arguments of `top`, `stats`, `events` and `images`, which look at what runs.

use clap::Args;

use super::lifecycle_args::{Since, since};
use super::selection::SelectionArgs;
use super::templates;
use crate::cluster::select::Selection;
use crate::report::Format;

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How they are shown.
    #[command(flatten)]
    pub form: WatchForm,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
#[command(after_help = "Without a name, all running nodes of all clusters are measured.")]
pub struct Stats {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Accepted as in docker: the nodes are measured once
    #[arg(long, hide = true)]
    pub no_stream: bool,
    /// How they are shown.
    #[command(flatten)]
    pub form: WatchForm,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a name, events of all nodes are shown. A node is known while its container exists: what happened before to one that \
has been removed is not shown. With --until, the command ends; without, it goes on until it is interrupted.")]
pub struct Events {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Also events since a time, e.g. 2026-11-24T08:30:00 or 2026-11-24, or for the last e.g. 10m
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Since>,
    /// Only events until a time, in the same forms
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub until: Option<Since>,
    /// How they are shown.
    #[command(flatten)]
    pub form: WatchForm,
}

/// Arguments of `images`.
#[derive(Debug, Args)]
pub struct Images {
    /// How they are shown.
    #[command(flatten)]
    pub form: WatchForm,
    /// Print only references
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}

impl Images {
    /// The output format, `-q` included.
    pub fn format(&self) -> Format {
        if self.quiet {
            Format::Quiet
        } else {
            self.form.format
        }
    }
}

/// How the answer is shown.
#[derive(Debug, Default, Args)]
pub struct WatchForm {
    /// Output format: table, json or jsonl (one object per line)
    #[arg(
        short = 'o',
        long,
        value_name = "FORMAT",
        default_value = "table",
        value_parser = format
    )]
    pub format: Format,
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        "jsonl" => Ok(Format::Jsonl),
        _ => Err(
            templates::refusal(text, "clusterdock stats --format jsonl | jq -r .node")
                .unwrap_or("expected table, json or jsonl".into()),
        ),
    }
}

/// What is selected; everything if nothing is named.
pub fn selection_or_all(args: &SelectionArgs) -> Selection<'_> {
    let named = args.selection();
    Selection {
        all: named.is_empty() || named.all,
        ..named
    }
}
