//! Arguments of `ps` and `ls`.

use clap::Args;

use super::templates;
use crate::cluster::filter::Condition;
use crate::report::Format;

/// Arguments of `ps`.
#[derive(Debug, Default, Args)]
pub struct Ps {
    /// Only these clusters
    #[arg(value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// Only nodes with status=STATE, name=PART, group=GROUP or cluster=CLUSTER; may be repeated
    #[arg(short, long = "filter", value_name = "KEY=VALUE", value_parser = Condition::of_nodes)]
    pub filters: Vec<Condition>,
    /// How they are shown.
    #[command(flatten)]
    pub form: Form,
}

/// Arguments of `ls`.
#[derive(Debug, Default, Args)]
pub struct Ls {
    /// Only these clusters
    #[arg(value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// Only clusters with status=STATE, name=PART, group=GROUP or cluster=CLUSTER; may be repeated
    #[arg(short, long = "filter", value_name = "KEY=VALUE", value_parser = Condition::of_clusters)]
    pub filters: Vec<Condition>,
    /// How they are shown.
    #[command(flatten)]
    pub form: Form,
}

/// How a list is shown.
#[derive(Debug, Default, Args)]
pub struct Form {
    /// Output format: table, wide, json (one object), jsonl (one object per line) or name
    #[arg(
        short = 'o',
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "table",
        value_parser = format
    )]
    format: Format,
    /// Show more columns (same as -o wide)
    #[arg(long, conflicts_with = "format")]
    wide: bool,
    /// Same as --format json
    #[arg(long, hide = true, conflicts_with_all = ["format", "wide"])]
    json: bool,
    /// Print only names
    #[arg(short, long, conflicts_with_all = ["format", "wide", "json"])]
    quiet: bool,
    /// Accepted as in docker: stopped nodes are always shown
    #[arg(short, long, hide = true)]
    all: bool,
}

impl Form {
    /// The form that the options together name.
    pub fn format(&self) -> Format {
        if self.quiet {
            Format::Quiet
        } else if self.json {
            Format::Json
        } else if self.wide {
            Format::Wide
        } else {
            self.format
        }
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Form {
        Form {
            format,
            ..Form::default()
        }
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "table" => Ok(Format::Table),
        "wide" => Ok(Format::Wide),
        "json" => Ok(Format::Json),
        "jsonl" => Ok(Format::Jsonl),
        "name" => Ok(Format::Quiet),
        _ => Err(
            templates::refusal(text, "clusterdock ps --format jsonl | jq -r .fqdn")
                .unwrap_or("expected table, wide, json, jsonl or name".into()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, command, read};
    use super::*;

    fn shown(line: &str) -> Result<Format, String> {
        let argv: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
        let matches = command()
            .try_get_matches_from(&argv)
            .map_err(|error| error.to_string())?;
        Ok(match read(&matches, &argv).unwrap().command {
            Command::Ps(args) => args.form.format(),
            Command::Ls(args) => args.form.format(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn forms_have_the_names_of_other_tools() {
        for (options, format) in [
            ("-a", Format::Table),
            ("-o wide", Format::Wide),
            ("--wide", Format::Wide),
            ("--output wide", Format::Wide),
            ("-o json", Format::Json),
            ("-ojson", Format::Json),
            ("--json", Format::Json),
            ("--format jsonl", Format::Jsonl),
            ("-q", Format::Quiet),
            ("-aq", Format::Quiet),
            ("-o name", Format::Quiet),
        ] {
            for command in ["ps", "ls", "list", "ps ux", "ls ux big"] {
                assert_eq!(
                    shown(&format!("clusterdock {command} {options}")).unwrap(),
                    format
                );
            }
        }
        shown("clusterdock ps -q --json").unwrap_err();
        shown("clusterdock ps --wide -o json").unwrap_err();
    }

    #[test]
    fn a_template_is_refused_with_what_works() {
        for command in ["ps", "ls"] {
            let error =
                shown(&format!("clusterdock {command} --format {{{{.Name}}}}")).unwrap_err();
            assert!(error.contains("templates are not supported"), "{error}");
            assert!(error.contains("jq"), "{error}");
        }
        let error = shown("clusterdock ps --format yaml").unwrap_err();
        assert!(error.contains("expected table"), "{error}");
    }
}
