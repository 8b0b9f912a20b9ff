//! Clap's errors as errors of the host, for `--progress json`: clap itself writes whole screens.

use clap::error::ErrorKind;

use crate::error::{Error, Kind};

/// Converts clap's error: its sentence becomes the message, its usage the cause, and its tips the hint.
pub fn error(error: &clap::Error) -> Error {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        return Error::new(Kind::Usage, "no command given")
            .hint("`clusterdock --help` lists the commands");
    }
    let text = error.render().to_string();
    let mut paragraphs = text
        .split("\n\n")
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let sentence = paragraphs.next().unwrap_or_default();
    let mut shown = Error::new(
        Kind::Usage,
        sentence.strip_prefix("error: ").unwrap_or(&sentence),
    );
    let mut tips = Vec::new();
    for paragraph in paragraphs.filter(|paragraph| !paragraph.is_empty()) {
        match paragraph.strip_prefix("tip: ") {
            Some(tip) => tips.push(tip.replace(" tip: ", "; ")),
            None if paragraph.starts_with("For more information") => {}
            None => shown = shown.cause(paragraph),
        }
    }
    if tips.is_empty() {
        shown
    } else {
        shown.hint(tips.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(words: &str) -> Error {
        error(
            &crate::cli::command()
                .try_get_matches_from(words.split(' '))
                .unwrap_err(),
        )
    }

    #[test]
    fn clap_errors_are_taken_apart() {
        let unknown = error_of("clusterdock strat");
        assert_eq!(
            (unknown.kind(), unknown.message()),
            (Kind::Usage, "unrecognized subcommand 'strat'")
        );
        assert!(
            unknown.next_step().unwrap().contains("'start'"),
            "{unknown:?}"
        );
        assert_eq!(unknown.causes(), ["Usage: clusterdock [OPTIONS] <COMMAND>"]);
        assert_eq!(error_of("clusterdock").message(), "no command given");
        assert!(
            error_of("clusterdock ls --format x")
                .message()
                .contains("invalid value 'x' for '--format <FORMAT>'")
        );
    }
}
