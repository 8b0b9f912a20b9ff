//! Arguments of `version`.

use clap::Args;

use super::templates;
use crate::report::Format;

/// Arguments of `version`.
#[derive(Debug, Default, Args)]
pub struct Version {
    /// Output format: table, json or jsonl
    #[arg(
        short,
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
            templates::refusal(text, "clusterdock version -f json | jq -r .client.version")
                .unwrap_or("expected table, json or jsonl".into()),
        ),
    }
}
